"""Whether parts support the versions of Kubernetes on the way to a target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Literal

from cli.finding import Finding
from cli.upgrade.parts import Part
from cli.upgrade.versions import name
from infra.catalogue.support import Later, Support
from infra.declaration.aws.support import minor


def answer(support: Support | None, version: int) -> Later:
    """What the maker's statement means for one version of Kubernetes."""
    if support is None or (support.oldest is None and support.newest is None):
        return "unknown"
    if support.oldest is not None and version < minor(support.oldest):
        return "unsupported"
    if support.newest is None or version > minor(support.newest):
        return support.later
    return "supported"


def first(part: Part, versions: Sequence[int], wanted: Literal["unsupported", "unknown"]) -> int | None:
    """The first of the versions for which that is the answer."""
    return next((version for version in versions if answer(part.support, version) == wanted), None)


def unsupported(parts: Sequence[Part], versions: Sequence[int]) -> Iterator[Finding]:
    """Parts that do not support one of the versions by their makers' statements."""
    for part in parts:
        version = first(part, versions, "unsupported")
        if version is not None:
            problem = f"{part} ({part.declared}) does not support Kubernetes {name(version)}: {_statement(part)}"
            yield Finding(
                part.pinned, problem, f"pin a version that supports {name(version)} before the cluster has it"
            )


def unknown(parts: Sequence[Part], versions: Sequence[int]) -> Iterator[Finding]:
    """Parts whose makers do not say whether they support one of the versions."""
    for part in parts:
        version = first(part, versions, "unknown")
        if version is not None and first(part, versions, "unsupported") is None:
            problem = f"{part} ({part.declared}): unknown for Kubernetes {name(version)}: {_statement(part)}"
            yield Finding(
                part.pinned, problem, f"read its release notes, and test it with {name(version)}", blocking=False
            )


def out_of_support(parts: Sequence[Part], until: date | None, version: int, today: date) -> Iterator[Finding]:
    """Parts that get no fixes today, or stop to get them before Kubernetes `version` does, on `until`."""
    for part in parts:
        ends = part.support.end_of_support if part.support else None
        if ends is None or not (ends < today or (until is not None and ends < until)):
            continue
        when = "has had no fixes since" if ends < today else "gets no fixes after"
        before = f", before Kubernetes {name(version)} ({until})" if ends >= today else ""
        yield Finding(
            part.pinned, f"{part} ({part.declared}) {when} {ends}{before}", "pin a later version", blocking=False
        )


def _statement(part: Part) -> str:
    support = part.support
    if support is None:
        return "no statement of its maker is recorded in versions.toml"
    return f"{support.says} ({support.source}, {support.as_of})"
