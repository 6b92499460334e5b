"""Which Kubernetes versions third-party parts support, as their makers state: `support` in versions.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from infra.catalogue.versions import CONTENT

Later = Literal["supported", "unsupported", "unknown"]


@dataclass(frozen=True)
class Support:
    """A maker's statement about version `of` of its part; `oldest` and `newest` are minor versions of Kubernetes.

    `later` is what the statement means for versions after `newest`.
    """

    of: str
    source: str
    as_of: date
    says: str
    oldest: str | None = None
    newest: str | None = None
    later: Later = "unknown"
    end_of_support: date | None = None


def _support(row: Mapping[str, Any]) -> Support:
    return Support(**{key.replace("-", "_"): value for key, value in row.items()})


SUPPORT: Mapping[str, Support] = {name: _support(row) for name, row in CONTENT["support"].items()}
"""By Go module, image, Python library or Debian package."""

GO_PINS: Mapping[str, Mapping[str, str]] = CONTENT["go"]
"""Versions of Go modules, by the folder of their go.mod."""

IMAGE_TAGS: Mapping[str, str] = {name: image["tag"] for name, image in CONTENT["images"].items()}
"""Of mirrored images."""
