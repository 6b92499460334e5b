"""The cluster's own rules, asked before there is a cluster: CEL over what a preview knows.

What is not known yet stands for itself as a value that no function of CEL takes. So an answer that depends on it is an
error, and one that doesn't is none: CEL's own `&&`, `||`, `all` and `exists` see to that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from cel_expr_python import cel
from cel_expr_python.ext import ext_optional, ext_strings
from pulumi_policy.proxy import UnknownValueError

NOT_KNOWN = b"not known yet"


def evaluate(expression: str, **bound: Any) -> Any:
    """What an expression says, or `NOT_KNOWN`."""
    result = _compiled(expression).eval(data=bound)
    value = None if result.type() == cel.Type.ERROR else result.plain_value()
    return NOT_KNOWN if result.type() == cel.Type.ERROR or value == NOT_KNOWN else value


def plain(value: Any) -> Any:
    """A resource's inputs as CEL takes them; whole numbers come over the wire as fractions."""
    if isinstance(value, Mapping):
        return {key: _item(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_item(value, position) for position in range(len(value))]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _item(value: Any, key: Any) -> Any:
    try:
        return plain(value[key])
    except UnknownValueError:
        return NOT_KNOWN


@cache
def _environment() -> cel.Env:
    return cel.NewEnv(
        variables=dict.fromkeys(("object", "variables", "it"), cel.Type.DYN),
        extensions=[ext_optional.ExtOptional(), ext_strings.ExtStrings()],
    )


@cache
def _compiled(expression: str) -> cel.Expression:
    return _environment().compile(expression)
