"""Every IAM policy and trust that a program makes, read as IAM reads them, and what is wrong with one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.unit.components.recorder import Recorder

_PROPERTIES = ("assumeRolePolicy", "policy")
_NOT_IAM = ("LifecyclePolicy",)
_TRUST = "assumeRolePolicy"
_NAMED_ONE_BY_ONE = {"iam", "kms", "secretsmanager", "sts"}
_UNPINNABLE = {"ec2.amazonaws.com", "s3.amazonaws.com"}
"""They send no account; only this account can give its roles to its instances and buckets."""


@dataclass(frozen=True)
class Document:
    """One policy of one resource."""

    type: str
    name: str
    trust: bool
    statements: tuple[Mapping[str, Any], ...]


def documents(recorder: Recorder) -> list[Document]:
    """All of them, whatever resource they belong to."""
    return [
        _document(each.type, each.name, each.inputs[key], key == _TRUST)
        for each in recorder.resources
        for key in _PROPERTIES
        if each.type.startswith("aws:") and key in each.inputs and not each.type.endswith(_NOT_IAM)
    ]


def document(text: str, trust: bool = False) -> Document:
    """One that a test made up."""
    return _document("", "made up", text, trust)


def _document(type_: str, name: str, text: str, trust: bool) -> Document:
    return Document(type_, name, trust, tuple(json.loads(text)["Statement"]))


def faults(document: Document) -> list[str]:
    """Why it should not be."""
    allowing = [statement for statement in document.statements if statement["Effect"] == "Allow"]
    return [fault for statement in allowing for fault in _faults(statement, document.trust)]


def _faults(statement: Mapping[str, Any], trust: bool) -> Iterator[str]:
    principals = _principals(statement)
    if "NotAction" in statement:
        yield "allows every action"
    actions = listed(statement.get("Action", []))
    if not (actions == ["kms:*"] and list(principals) == ["AWS"] and principals["AWS"][0].endswith(":root")):
        yield from _wide(actions, statement)
    of_account = "aws:PrincipalAccount" in statement.get("Condition", {}).get("StringEquals", {})
    if (any("*" in names for names in principals.values()) and not of_account) or "NotPrincipal" in statement:
        yield "lets everybody in"
    if trust:
        yield from _open_trust(principals, statement.get("Condition", {}).get("StringEquals", {}))


def _wide(actions: list[str], statement: Mapping[str, Any]) -> Iterator[str]:
    """A service as a whole is for those whose names or whose region hold it; what decides who may what, for nobody."""
    for action in actions:
        service, _, name = action.partition(":")
        if "*" in service:
            yield "allows every action"
        elif service in _NAMED_ONE_BY_ONE and "*" in name:
            yield f"allows a pattern of {service}'s actions"
        elif set(name) == {"*"} and "*" in listed(statement.get("Resource")) and "Condition" not in statement:
            yield f"allows all of {service}"


def _open_trust(principals: Mapping[str, list[str]], pinned: Mapping[str, Any]) -> Iterator[str]:
    """Equality only: a pattern would let in whoever fits it."""
    keys = {key for key, value in pinned.items() if not any("*" in each for each in listed(value))}
    for provider in principals.get("Federated", []):
        issuer = provider.partition("oidc-provider/")[2]
        if not {f"{issuer}:aud", f"{issuer}:sub"} <= keys:
            yield "does not pin audience and subject"
    for service in principals.get("Service", []):
        if service == "pods.eks.amazonaws.com":
            tags = {"eks-cluster-arn", "kubernetes-namespace", "kubernetes-service-account"}
            if not {f"aws:RequestTag/{tag}" for tag in tags} <= keys:
                yield "does not pin cluster, namespace and service account"
        elif service not in _UNPINNABLE and "aws:SourceAccount" not in keys:
            yield "does not pin the account"
    if principals.get("AWS"):
        yield "trusts a whole account"


def admits(document: Document, request: Mapping[str, str]) -> bool:
    """Whether a trust lets a request with this context in; a key that the request lacks equals nothing."""
    return any(
        all(request.get(key) in listed(value) for key, value in statement["Condition"]["StringEquals"].items())
        for statement in document.statements
    )


def _principals(statement: Mapping[str, Any]) -> dict[str, list[str]]:
    principal = statement.get("Principal", {})
    named = principal if isinstance(principal, Mapping) else {"*": principal}
    return {kind: listed(names) for kind, names in named.items()}


def listed(value: Any) -> list[Any]:
    """IAM takes one for a list of one."""
    return value if isinstance(value, list) else [value]
