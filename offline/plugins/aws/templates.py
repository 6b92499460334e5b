"""Templates of the table filled: `arn:{partition}:ec2:{region}:{account}:vpc/{id}`."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from offline.plugins.aws.settings import partition_of
from offline.plugins.marshal import Bag

_ID_DIGITS = 17
TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Known:
    """What a template may name beside the inputs."""

    token: str
    account: str
    region: str
    inputs: Bag
    id: str = ""
    arn: Callable[[], str] = field(default=str)
    """Asked for only where a template names it."""

    def value(self, name: str) -> str:
        match name:
            case "id" | "account" | "region":
                return str(getattr(self, name))
            case "arn":
                return self.arn()
            case "partition" | "suffix":
                return partition_of(self.region)[name == "suffix"]
            case "digest":
                return hashlib.sha256(f"{self.token} {self.id}".encode()).hexdigest()[:_ID_DIGITS]
            case "random":
                return secrets.token_hex(_ID_DIGITS)[:_ID_DIGITS]
            case "now":
                return datetime.now(UTC).strftime(TIME)
            case _:
                return ""


class _Names(dict[str, Any]):
    def __init__(self, known: Known) -> None:
        super().__init__(known.inputs)
        self._known = known

    def __missing__(self, name: str) -> str:
        return self._known.value(name)


def fill(template: Any, known: Known) -> Any:
    """A template, or a tree of them, with its braces filled."""
    match template:
        case str():
            return str(template).format_map(_Names(known)) if "{" in template else template
        case Mapping():
            return {key: fill(item, known) for key, item in template.items()}
        case list():
            return [fill(item, known) for item in template]
        case _:
            return template
