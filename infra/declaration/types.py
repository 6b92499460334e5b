"""Quantities, durations, names: text with a meaning, and what to write when it has none.

Plain functions; values stay as short text in the declaration and become numbers where they are compared.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

_CPU = re.compile(r"^(\d+(?:\.\d{1,3})?|\d+m)$")
_MEMORY = re.compile(r"^(\d+)(Ki|Mi|Gi|Ti)$")
_DURATION = re.compile(r"^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$")
_DNS_LABEL = re.compile(r"^[a-z]([-a-z0-9]*[a-z0-9])?$")
_LABEL_VALUE = re.compile(r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$")
_LABEL_KEY = re.compile(
    r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$",
)
_TAINT = re.compile(r"^([^=:]+)(?:=([^=:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)$")
_MEMORY_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def written(text: str) -> Any:
    """A default as a person would write it: the type's validator makes what is kept of it, as of any other value."""
    return text


def cpu_millis(quantity: str) -> int:
    """How many thousandths of a core: `500m` is 500, `1.5` is 1500."""
    return int(quantity[:-1]) if quantity.endswith("m") else int(Decimal(quantity) * 1000)


def memory_bytes(quantity: str) -> int:
    """How many bytes: `1Ki` is 1024."""
    return int(quantity[:-2]) * _MEMORY_UNITS[quantity[-2:]]


def _cpu(value: object) -> str:
    text = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _CPU.match(text) or cpu_millis(text) == 0:
        raise ValueError(f"{value!r} is no amount of CPU; write cores such as 2 or 0.5, or thousandths such as 500m")
    return text


def _memory(value: object) -> str:
    if not isinstance(value, str) or not _MEMORY.match(value) or memory_bytes(value) == 0:
        raise ValueError(f"{value!r} is no amount of memory; write a number with Ki, Mi, Gi or Ti, such as 512Mi")
    return value


def _seconds(value: object) -> int:
    match = _DURATION.match(value) if isinstance(value, str) and value else None
    hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0)
    total = hours * 3600 + minutes * 60 + seconds
    if total == 0:
        raise ValueError(f"{value!r} is no duration; write hours, minutes and seconds such as 90s, 3m or 1h30m")
    return total


def _name(longest: int) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not _DNS_LABEL.match(value):
            raise ValueError(
                f"{value!r} is no name that Kubernetes takes; write lower-case letters, digits and '-', "
                f"beginning with a letter and not ending with '-'"
            )
        if len(value) > longest:
            raise ValueError(f"{value!r} has {len(value)} characters; write a name of at most {longest}")
        return value

    return check


def _label_key(value: str) -> str:
    if not _LABEL_KEY.match(value):
        raise ValueError(f"{value!r} is no label key that Kubernetes takes; write one such as example.com/purpose")
    return value


def _label_value(value: str) -> str:
    if not _LABEL_VALUE.match(value):
        raise ValueError(
            f"{value!r} is no label value that Kubernetes takes; write at most 63 letters, digits, '-', '_' and '.'"
        )
    return value


def parse_taint(text: str) -> tuple[str, str, str]:
    """Splits `key=value:Effect` (the kubelet's notation) into its three parts."""
    match = _TAINT.match(text)
    key, value, effect = match.groups("") if match else ("", "", "")
    if not _LABEL_KEY.match(key) or not _LABEL_VALUE.match(value):
        raise ValueError(
            f"{text!r} is no taint; write key=value:Effect with the effect NoSchedule, PreferNoSchedule or NoExecute"
        )
    return key, value, effect


def _taint(value: str) -> str:
    parse_taint(value)
    return value


_NAME_SCHEMA = {"type": "string", "pattern": _DNS_LABEL.pattern}

Cpu = Annotated[
    str,
    BeforeValidator(_cpu),
    WithJsonSchema({"type": ["string", "number"], "pattern": _CPU.pattern, "examples": [2, "500m"]}),
]
Memory = Annotated[
    str,
    BeforeValidator(_memory),
    WithJsonSchema({"type": "string", "pattern": _MEMORY.pattern, "examples": ["512Mi", "2Gi"]}),
]
Seconds = Annotated[
    int,
    BeforeValidator(_seconds),
    WithJsonSchema({"type": "string", "pattern": _DURATION.pattern, "examples": ["90s", "1h30m"]}),
]
"""Written as a duration (`3m`), kept as seconds."""

Name = Annotated[str, AfterValidator(_name(63)), WithJsonSchema({**_NAME_SCHEMA, "maxLength": 63})]
"""A DNS label: the name of a namespace, a Deployment, a Service."""

ShortName = Annotated[str, AfterValidator(_name(50)), WithJsonSchema({**_NAME_SCHEMA, "maxLength": 50})]
"""A DNS label with room for a suffix: a Job carries a fingerprint behind its name, a node its number."""

LabelKey = Annotated[str, AfterValidator(_label_key)]
LabelValue = Annotated[str, AfterValidator(_label_value)]
Taint = Annotated[
    str,
    AfterValidator(_taint),
    WithJsonSchema(
        {"type": "string", "pattern": _TAINT.pattern, "examples": ["example.com/purpose=training:NoSchedule"]}
    ),
]
