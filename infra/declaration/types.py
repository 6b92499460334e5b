"""The base class of all models, and the types of settings: quantities, durations, names, labels, taints.

Quantities stay text in the declaration, as in Kubernetes, and become numbers where they are compared.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Annotated, Any, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from infra.declaration.problems import bare

_CPU = re.compile(r"^(\d{1,12}(?:\.\d{1,3})?|\d{1,12}m)$", re.ASCII)
_MEMORY = re.compile(r"^(\d{1,20})(Ki|Mi|Gi|Ti)$", re.ASCII)
_DURATION = re.compile(r"^(?:(\d{1,12})h)?(?:(\d{1,12})m)?(?:(\d{1,12})s)?$", re.ASCII)
BUCKET = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"
"""The name of a bucket in an object store."""
_PERCENTAGE = re.compile(r"^(\d{1,3}(?:\.\d{1,3})?)%$", re.ASCII)
_DNS_LABEL = re.compile(r"^[a-z]([-a-z0-9]*[a-z0-9])?$")
_LABEL_VALUE = re.compile(r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$")
_LABEL_KEY = re.compile(
    r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$",
)
_TAINT = re.compile(r"^([^=:]+)(?:=([^=:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)$")
_LARGEST_INTEGER = 2**31 - 1
_MOST_CORES, _MOST_MEMORY, _LONGEST_DURATION = 1_000_000, 2**60, 8760
_MEMORY_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


class Settings(BaseModel):
    """Frozen and strict: an unknown key or a wrong type is an error, never a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel, validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _fill_emptied_sections(cls, raw: Any) -> Any:
        """A section that is written with nothing under it is like `{}`."""
        if not isinstance(raw, Mapping):
            return raw
        types = {field.alias: field.annotation for field in cls.model_fields.values()}
        return {key: _filled(value, types.get(key)) for key, value in raw.items()}

    @field_validator("*")
    @classmethod
    def _is_in_reason(cls, value: Any) -> Any:
        """An empty text means something to one tool and nothing to another; Kubernetes' numbers have 32 bits."""
        if isinstance(value, str) and not value.strip():
            raise ValueError("is empty; write a value, or remove the setting to use its default")
        if isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
            raise ValueError(f"{value} is out of range; write at most {_LARGEST_INTEGER}")
        return value


def _filled(value: Any, annotation: object) -> Any:
    """With empty mappings and lists where nothing is written, in the entries of a mapping too."""
    annotation = bare(annotation)
    kind = get_origin(annotation) or annotation
    if value is None and isinstance(kind, type) and issubclass(kind, Settings | dict):
        return {}
    if value is None and kind is tuple:
        return []
    if kind is dict and isinstance(value, Mapping):
        return {key: _filled(entry, get_args(annotation)[1]) for key, entry in value.items()}
    return value


def matching(pattern: str, what: str, write: str, flags: int = re.ASCII) -> Callable[[str], str]:
    """A validator: the whole value matches, or is not `what`, and the user should `write` something else."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value, flags):
            raise ValueError(f"{value!r} is not {what}; write {write}")
        return value

    return check


def written(text: str | int) -> Any:
    """A default as it is written in the file; the type's validator converts it like any other value."""
    return text


def cpu_millis(quantity: str) -> int:
    """Thousandths of a core: `500m` is 500, `1.5` is 1500."""
    return int(quantity[:-1]) if quantity.endswith("m") else int(Decimal(quantity) * 1000)


def memory_bytes(quantity: str) -> int:
    """Bytes: `1Ki` is 1024."""
    return int(quantity[:-2]) * _MEMORY_UNITS[quantity[-2:]]


def _cpu(value: object) -> str:
    text = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _CPU.fullmatch(text) or cpu_millis(text) == 0:
        raise ValueError(f"{value!r} is not a CPU quantity; write cores such as 2 or 0.5, or thousandths such as 500m")
    if cpu_millis(text) > _MOST_CORES * 1000:
        raise ValueError(f"{value!r} is out of range; write at most {_MOST_CORES} cores")
    return text


def _memory(value: object) -> str:
    if not isinstance(value, str) or not _MEMORY.fullmatch(value) or memory_bytes(value) == 0:
        raise ValueError(f"{value!r} is not a size; write a number with Ki, Mi, Gi or Ti, such as 512Mi")
    if memory_bytes(value) > _MOST_MEMORY:
        raise ValueError(f"{value!r} is out of range; write at most {_MOST_MEMORY // 2**40}Ti")
    return value


def _or_zero(units: str, zero: str, check: Callable[[object], str]) -> Callable[[object], str]:
    """A validator of limits, which may be 0."""

    def checked(value: object) -> str:
        return zero if re.fullmatch(f"0(?:{units})?", str(value), re.ASCII) else check(value)

    return checked


def _seconds(value: object) -> int:
    match = _DURATION.fullmatch(value) if isinstance(value, str) and value else None
    hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0)
    total = hours * 3600 + minutes * 60 + seconds
    if total == 0:
        raise ValueError(f"{value!r} is not a duration; write hours, minutes and seconds such as 90s, 3m or 1h30m")
    if total > _LONGEST_DURATION * 3600:
        raise ValueError(f"{value!r} is out of range; write at most {_LONGEST_DURATION}h")
    return total


def _percentage(value: object) -> float:
    match = _PERCENTAGE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a percentage; write a number with its sign, such as 5%")
    return float(match[1])


def _part(value: object) -> float:
    number = _percentage(value)
    if not 0 < number < 100:
        raise ValueError(f"{value} is out of range; write a percentage above 0% and below 100%")
    return number


def _increase(value: object) -> float:
    number = _percentage(value)
    if not number:
        raise ValueError(f"{value} is out of range; write a percentage above 0%, at most 999%")
    return number


def _name(longest: int) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not _DNS_LABEL.fullmatch(value):
            raise ValueError(
                f"{value!r} is not a valid Kubernetes name; write lower-case letters, digits and '-', "
                f"with a letter first and no '-' at the end"
            )
        if len(value) > longest:
            raise ValueError(f"{value!r} has {len(value)} characters; write a name of at most {longest}")
        return value

    return check


def _label_key(value: str) -> str:
    if not _LABEL_KEY.fullmatch(value):
        raise ValueError(f"{value!r} is not a valid label key; write one such as example.com/purpose")
    return value


def _label_value(value: str) -> str:
    if not _LABEL_VALUE.fullmatch(value):
        raise ValueError(f"{value!r} is not a valid label value; write at most 63 letters, digits, '-', '_' and '.'")
    return value


def parse_taint(text: str) -> tuple[str, str, str]:
    """Key, value and effect of a taint in the notation of kubectl and the kubelet."""
    match = _TAINT.fullmatch(text)
    key, value, effect = match.groups("") if match else ("", "", "")
    if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
        raise ValueError(
            f"{text!r} is not a taint; write key=value:Effect with the effect NoSchedule, PreferNoSchedule or NoExecute"
        )
    return key, value, effect


def _address(value: str) -> str:
    try:
        ipaddress.IPv4Address(value)
    except ValueError:
        raise ValueError(f"{value!r} is not an IPv4 address; write one such as 10.0.0.2") from None
    return value


def _not_empty(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty; write a name, or remove the setting to use its default")
    return value


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
CpuLimit = Annotated[
    str,
    BeforeValidator(_or_zero("m", "0", _cpu)),
    WithJsonSchema({"type": ["string", "number"], "pattern": _CPU.pattern, "examples": [2, "500m"]}),
]
"""It may be 0, unlike `Cpu`."""
MemoryLimit = Annotated[
    str,
    BeforeValidator(_or_zero("Ki|Mi|Gi|Ti", "0Ki", _memory)),
    WithJsonSchema({"type": ["string", "integer"], "pattern": _MEMORY.pattern, "examples": ["2Gi", 0]}),
]
"""It may be 0, unlike `Memory`."""
Seconds = Annotated[
    int,
    BeforeValidator(_seconds),
    WithJsonSchema({"type": "string", "pattern": _DURATION.pattern, "examples": ["90s", "1h30m"]}),
]
"""Written as a duration such as `3m`, stored in seconds."""

_PERCENTAGE_SCHEMA = {"type": "string", "pattern": _PERCENTAGE.pattern}
Percentage = Annotated[
    float,
    BeforeValidator(_part),
    WithJsonSchema({**_PERCENTAGE_SCHEMA, "examples": ["5%"]}),
]
"""A part, written with its sign (`5%`), kept as a number."""
Increase = Annotated[
    float,
    BeforeValidator(_increase),
    WithJsonSchema({**_PERCENTAGE_SCHEMA, "examples": ["50%", "150%"]}),
]
"""By how much something is more than something else, written with its sign, kept as a number."""

Name = Annotated[str, AfterValidator(_name(63)), WithJsonSchema({**_NAME_SCHEMA, "maxLength": 63})]
"""A DNS label: the name of a namespace, a Deployment, a Service."""

ShortName = Annotated[str, AfterValidator(_name(50)), WithJsonSchema({**_NAME_SCHEMA, "maxLength": 50})]
"""A DNS label with room for a suffix: a Job's name ends with a hash, a simulated node's with its number."""

LabelKey = Annotated[str, AfterValidator(_label_key)]
LabelValue = Annotated[str, AfterValidator(_label_value)]
Taint = Annotated[
    str,
    AfterValidator(_taint),
    WithJsonSchema(
        {"type": "string", "pattern": _TAINT.pattern, "examples": ["example.com/purpose=training:NoSchedule"]}
    ),
]
Address = Annotated[str, AfterValidator(_address), WithJsonSchema({"type": "string", "examples": ["10.0.0.2"]})]
"""An IPv4 address."""

NonEmpty = Annotated[str, AfterValidator(_not_empty), WithJsonSchema({"type": "string", "minLength": 1})]
"""The name of something outside the declaration."""
