"""Formats numbers by Grafana's units."""

import math
from collections.abc import Callable

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_METRIC = ("", "k", "M", "G", "T")


def shown(value: float, unit: str) -> str:
    """An unknown unit is appended to the number."""
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return _FORMS[unit](value) if unit in _FORMS else f"{_plain(value)} {unit}".strip()


def known(unit: str) -> bool:
    return unit in _FORMS


def base(unit: str) -> int:
    """The base of the unit's prefixes."""
    return 1024 if unit == "bytes" else 1000


def _plain(value: float) -> str:
    """Three significant digits, without trailing zeros."""
    size = abs(value)
    digits = 0 if size >= 100 or value == int(value) else 1 if size >= 10 else 2 if size >= 0.1 else 4
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _scaled(value: float, step: int, prefixes: tuple[str, ...]) -> tuple[str, str]:
    position = 0
    while abs(value) >= step and position < len(prefixes) - 1:
        value, position = value / step, position + 1
    return _plain(value), prefixes[position]


def _short(value: float) -> str:
    return "".join(_scaled(value, 1000, _METRIC))


def _bytes(value: float) -> str:
    return " ".join(_scaled(value, 1024, _BINARY))


def _hertz(value: float) -> str:
    number, prefix = _scaled(value, 1000, _METRIC)
    return f"{number} {prefix}Hz"


def duration(seconds: float) -> str:
    """In its two largest units; without seconds from ten minutes on."""
    if abs(seconds) < 1:
        return f"{_plain(seconds * 1000)} ms" if seconds else "0 s"
    if abs(seconds) < 60:
        return f"{_plain(seconds)} s"
    whole = round(abs(seconds)) if abs(seconds) < 600 else round(abs(seconds) / 60) * 60
    amounts = [(whole // 86400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "min"), (whole % 60, "s")]
    first = next(index for index, (amount, _) in enumerate(amounts) if amount)
    text = " ".join(f"{amount} {name}" for amount, name in amounts[first : first + 2] if amount)
    return f"-{text}" if seconds < 0 else text


_FORMS: dict[str, Callable[[float], str]] = {
    "short": _short,
    "percent": lambda value: f"{_plain(value)} %",
    "percentunit": lambda value: f"{_plain(value * 100)} %",
    "bytes": _bytes,
    "s": duration,
    "reqps": lambda value: f"{_short(value)}/s",
    "celsius": lambda value: f"{_plain(value)} °C",
    "watt": lambda value: f"{_short(value)} W",
    "hertz": _hertz,
}
_NAMES = {
    "percent": "percent",
    "percentunit": "percent",
    "bytes": "bytes",
    "s": "time",
    "reqps": "requests per second",
    "celsius": "degrees Celsius",
    "watt": "watts",
    "hertz": "hertz",
    "short": "count",
}


def name(unit: str) -> str:
    """The unit's name."""
    return _NAMES.get(unit, unit)
