"""CEL evaluated at preview, where some values are unknown.

An unknown value is represented by one that no CEL function accepts, so a result that depends on it is an error. CEL's
`&&`, `||`, `all` and `exists` ignore errors that don't affect the result.
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
    """The value of an expression, or `NOT_KNOWN`."""
    result = _compiled(expression).eval(data=bound)
    value = None if result.type() == cel.Type.ERROR else result.plain_value()
    return NOT_KNOWN if result.type() == cel.Type.ERROR or value == NOT_KNOWN else value


def plain(value: Any) -> Any:
    """A resource's inputs as CEL values; integers arrive as floats."""
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
