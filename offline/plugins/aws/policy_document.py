"""`aws.iam.get_policy_document`: statements as a policy's JSON text, spelled as the official plugin spells it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

from offline.plugins.marshal import Bag
from offline.plugins.provider import ProviderError

_LISTS = {"actions": "Action", "notActions": "NotAction", "resources": "Resource", "notResources": "NotResource"}
_PRINCIPALS = {"principals": "Principal", "notPrincipals": "NotPrincipal"}
_ORDER = ("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition")
_ESCAPES = {"&": "\\u0026", "<": "\\u003c", ">": "\\u003e"}
VERSION = "2012-10-17"


def policy_document(args: Bag) -> Bag:
    """The function's result: the text, indented and minified, and its checksum as the id."""
    sources = [json.loads(text) for text in args.get("sourcePolicyDocuments") or [] if text]
    overrides = [json.loads(text) for text in args.get("overridePolicyDocuments") or [] if text]
    own = [_statement(statement) for statement in args.get("statements") or []]
    statements = _combined([*_statements(sources), *own])
    for statement in _statements(overrides):
        statements = _overridden(statements, statement)
    named = {"Id": args["policyId"]} if args.get("policyId") else {}
    document = {"Version": args.get("version") or VERSION, **named, "Statement": statements}
    text = _escaped(json.dumps(document, indent=2, ensure_ascii=False))
    minified = _escaped(json.dumps(document, separators=(",", ":"), ensure_ascii=False))
    return {**args, "version": document["Version"], "json": text, "minifiedJson": minified, "id": str(_checksum(text))}


def _statements(documents: list[Bag]) -> list[Bag]:
    found: list[Bag] = []
    for document in documents:
        inner = document.get("Statement", [])
        found += inner if isinstance(inner, list) else [inner]
    return found


def _combined(statements: list[Bag]) -> list[Bag]:
    named = [statement["Sid"] for statement in statements if statement.get("Sid")]
    twice = next((sid for sid in named if named.count(sid) > 1), None)
    if twice:
        raise ProviderError(f"duplicate Sid ({twice}): each statement's sid must be unique")
    return statements


def _overridden(statements: list[Bag], statement: Bag) -> list[Bag]:
    """A statement with the same Sid takes the other's place; one without is added."""
    sid = statement.get("Sid")
    if sid and any(other.get("Sid") == sid for other in statements):
        return [statement if other.get("Sid") == sid else other for other in statements]
    return [*statements, statement]


def _statement(statement: Bag) -> Bag:
    made: Bag = {"Sid": statement.get("sid"), "Effect": statement.get("effect") or "Allow"}
    for key, member in _LISTS.items():
        made[member] = _one_or_sorted(statement.get(key) or [])
    for key, member in _PRINCIPALS.items():
        made[member] = _principals(statement.get(key) or [])
    made["Condition"] = _conditions(statement.get("conditions") or [])
    return {key: made[key] for key in _ORDER if made.get(key)}


def _one_or_sorted(items: list[Any]) -> Any:
    texts = sorted((_interpolated(item) for item in items), reverse=True)
    return texts[0] if len(texts) == 1 else texts


def _principals(entries: list[Bag]) -> Any:
    found: dict[str, list[str]] = {}
    for entry in entries:
        found.setdefault(entry["type"], []).extend(entry.get("identifiers") or [])
    if found == {"*": ["*"]}:
        return "*"
    return {kind: _one_or_sorted(identifiers) for kind, identifiers in sorted(found.items())}


def _conditions(entries: list[Bag]) -> Mapping[str, Any]:
    found: dict[str, dict[str, list[str]]] = {}
    for entry in entries:
        values = [_interpolated(value) for value in entry.get("values") or []]
        found.setdefault(entry["test"], {}).setdefault(entry["variable"], []).extend(values)
    return {
        test: {name: values[0] if len(values) == 1 else values for name, values in sorted(variables.items())}
        for test, variables in sorted(found.items())
    }


def _interpolated(text: Any) -> str:
    """`&{aws:username}` stands for IAM's own `${aws:username}`."""
    return str(text).replace("&{", "${")


def _escaped(text: str) -> str:
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return text


def _checksum(text: str) -> int:
    return zlib.crc32(text.encode())
