"""The annotation `pulumi.com/waitFor`: a condition or a JSONPath of the user's choice, or a JSON list of them."""

from __future__ import annotations

import json
import re

from offline.plugins.provider import ProviderError

from ..changes import parse, value_at
from ..cluster import Cluster
from ..objects import Json, Manifest
from .verdict import Verdict, Wait, condition

_JSONPATH = re.compile(r"^jsonpath=\{\.?(?P<path>[^{}?*@]+)\}(?:=(?P<value>.*))?$")


def wait_for(annotation: str) -> Wait:
    """What to wait for, as the annotation says; raises where it can't be read."""
    try:
        listed = json.loads(annotation)
    except ValueError:
        listed = annotation
    expressions = [str(entry) for entry in listed] if isinstance(listed, list) else [annotation]
    if not expressions:
        raise ProviderError("pulumi.com/waitFor: at least one condition must be specified")
    for expression in expressions:
        _holds({}, expression)

    def look(_cluster: Cluster, live: Manifest, _age: float) -> Verdict:
        missing = [expression for expression in expressions if not _holds(live, expression)]
        return Verdict(not missing, f"Waiting for {', '.join(missing)}", [f"not fulfilled: {text}" for text in missing])

    return Wait(look)


def _holds(live: Manifest, expression: str) -> bool:
    if expression.startswith("condition="):
        kind, _, status = expression.removeprefix("condition=").partition("=")
        return str(condition(live, kind).get("status", "")).lower() == (status or "true").lower()
    match = _JSONPATH.match(expression)
    if match:
        found = value_at(live, parse(match["path"].replace("['", '["').replace("']", '"]')))
        wanted = match["value"]
        return found is not None if wanted is None else found is not None and _text(found) == wanted
    raise ProviderError(
        'pulumi.com/waitFor: expected "condition=<type>[=<status>]" or "jsonpath={.a.b}[=<value>]", '
        f'got "{expression}"'
    )


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)
