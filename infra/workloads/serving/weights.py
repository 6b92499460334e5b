"""Weights of a language model in a dataset, in the declaration, with the rules for them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from infra.declaration.problems import Problem
from infra.declaration.types import Settings, ShortName, matching

if TYPE_CHECKING:
    from infra.declaration.model import Platform
    from infra.workloads.serving.settings import Serving

_FILE = r"^[A-Za-z0-9_][A-Za-z0-9_.=+-]*(/[A-Za-z0-9_][A-Za-z0-9_.=+-]*)*$"
_EXAMPLE = "models/assistant-Q4_K_M.gguf"
_FILE_RULE = f"a relative path of letters, digits and any of _.=+-, such as {_EXAMPLE}"
_PART = re.compile(r"-\d{5}-of-\d{5}\.gguf$", re.ASCII)
"""Of a model that is split: llama.cpp would load the other parts, whatever their digests are."""
_DIGEST = r"^[0-9a-f]{64}$"


def _whole(value: str) -> str:
    if _PART.search(value):
        message = "is a part of a model in several files, and the digest is of one"
        raise ValueError(f"{value!r} {message}; merge them by `llama-gguf-split --merge`")
    return value


File = Annotated[
    str,
    AfterValidator(matching(_FILE, "a path inside the dataset", _FILE_RULE)),
    AfterValidator(_whole),
    Field(max_length=500),
    WithJsonSchema({"type": "string", "pattern": _FILE, "maxLength": 500, "examples": [_EXAMPLE]}),
]
Digest = Annotated[
    str,
    AfterValidator(matching(_DIGEST, "a SHA-256 digest", "64 digits 0-9 and a-f, as sha256sum prints them")),
    WithJsonSchema({"type": "string", "pattern": _DIGEST}),
]


class Weights(Settings):
    """A file in a dataset. From a volume it is read in place; an object is downloaded to `resources.scratch`."""

    dataset: ShortName = Field(description="The dataset, a name in `datasets` of the same team")
    file: File = Field(description="The file's path in the dataset, below the prefix of its objects")
    sha256: Digest = Field(
        description="The file's SHA-256 digest. A pod does not serve a file with another one, and the rollout fails"
    )

    @property
    def short_digest(self) -> str:
        """As images are often named by theirs."""
        return self.sha256[:12]


def weights_fit_their_endpoint(platform: Platform, root: Path) -> Iterator[Problem]:
    """They are data of the endpoint's team, and have no version of the registry beside them."""
    for name, endpoint in platform.serving.items():
        for setting, weights in _declared(endpoint).items():
            owner = platform.datasets[weights.dataset].team
            if owner != endpoint.team:
                message = f"dataset '{weights.dataset}' belongs to team '{owner}'"
                fix = f"write a dataset of team '{endpoint.team}'"
                yield Problem(f"serving.{name}.{setting}.dataset", f"{message}; {fix}")
        for setting, message in _of_another_source(endpoint):
            yield Problem(f"serving.{name}.{setting}", message)


def _declared(endpoint: Serving) -> Mapping[str, Weights]:
    """By the setting that names them."""
    canary = endpoint.canary.weights if endpoint.canary else None
    return {
        setting: weights for setting, weights in (("weights", endpoint.weights), ("canary.weights", canary)) if weights
    }


def _of_another_source(endpoint: Serving) -> Iterator[tuple[str, str]]:
    """Settings with what is wrong with them."""
    canary = endpoint.canary
    if endpoint.weights is None:
        if canary is not None and canary.weights is not None:
            yield "canary.weights", "the endpoint serves a version of 'model'; write 'version' instead"
        return
    if endpoint.version is not None:
        yield "version", "is a version of 'model', and weights have none; remove it"
    if canary is not None and canary.version is not None:
        yield "canary.version", "is a version of 'model', and the endpoint has none; write 'weights' instead"
