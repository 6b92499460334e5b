"""The provider's calls, handed to the module of each resource."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from common.pulumi import urn_type
from offline.plugins.diff import Diff
from offline.plugins.docker import container, volume
from offline.plugins.docker.engine import Engine, load_library
from offline.plugins.docker.image import ImageResource
from offline.plugins.docker.inputs import (
    CONTAINER,
    IMAGE,
    VOLUME,
    differences,
    plain,
    require_supported,
    with_defaults,
)
from offline.plugins.marshal import UNKNOWN, Bag
from offline.plugins.provider import CheckError, Naming, Provider, ProviderError

_REQUIRED = {CONTAINER: "image", IMAGE: "imageName"}
_UNKNOWN_OUTPUTS: dict[str, tuple[str, ...]] = {
    VOLUME: ("mountpoint",),
    CONTAINER: ("hostname", "exitCode"),
}


class Kind(Protocol):
    """What the module of a resource provides."""

    def create(self, engine: Engine, inputs: Bag) -> tuple[str, Bag]: ...

    def read(self, engine: Engine, identity: str, inputs: Bag) -> tuple[str, Bag, Bag] | None: ...

    def delete(self, engine: Engine, identity: str, state: Bag) -> None: ...


KINDS: dict[str, Kind] = {CONTAINER: container, VOLUME: volume}


@dataclass
class DockerProvider(Provider):
    """Like the official plugin it takes inputs in clear and leaves it to the engine to mark outputs as secret."""

    name = "docker"
    accept_secrets = False
    docker: Engine = field(default_factory=Engine)

    def configure(self, config: Bag) -> None:
        self.docker = Engine.from_settings(config)
        self.docker.cancelled = self.cancelled

    def check(self, urn: str, olds: Bag, news: Bag, naming: Naming) -> Bag:
        token = urn_type(urn)
        if token != IMAGE and token not in KINDS:
            raise ProviderError(f"the stand-in for the docker plugin does not support {token}; use the official plugin")
        needed = _REQUIRED.get(token)
        if needed and needed not in news:
            raise CheckError([(needed, f'Missing required argument. The argument "{needed}" is required')])
        require_supported(token, news)
        return self._image().check(urn, news) if token == IMAGE else with_defaults(urn, olds, news, naming)

    def diff(self, urn: str, id: str, old_inputs: Bag, old_outputs: Bag, news: Bag, ignore_changes: list[str]) -> Diff:
        if urn_type(urn) == IMAGE:
            return self._image().diff(old_outputs, news)
        found = differences(urn, old_inputs, news)
        if urn_type(urn) == CONTAINER and news.get("mustRun") and not old_outputs.get("mustRun", True):
            found.detailed.setdefault("mustRun", "update")
        return found

    def create(self, urn: str, inputs: Bag, preview: bool, timeout_s: float) -> tuple[str, Bag]:
        token = urn_type(urn)
        if token == IMAGE:
            return ("", inputs) if preview else self._image().apply(urn, inputs)
        wanted = plain(inputs)
        if preview:
            return "", {**wanted, **dict.fromkeys(_UNKNOWN_OUTPUTS[token], UNKNOWN)}
        load_library()
        return KINDS[token].create(self.docker, wanted)

    def update(
        self,
        urn: str,
        id: str,
        old_inputs: Bag,
        old_outputs: Bag,
        news: Bag,
        preview: bool,
        timeout_s: float,
        ignore_changes: list[str],
    ) -> Bag:
        token, wanted = urn_type(urn), plain(news)
        if token == IMAGE:
            return news if preview else self._image().apply(urn, news)[1]
        if token == CONTAINER and not preview:
            load_library()
            return container.update(self.docker, id, old_outputs, wanted)
        return {**old_outputs, **wanted}

    def read(self, urn: str, id: str, inputs: Bag, state: Bag) -> tuple[str, Bag, Bag] | None:
        kind = KINDS.get(urn_type(urn))
        if kind is None:
            return id, inputs, state
        load_library()
        found = kind.read(self.docker, id, plain(inputs))
        if found is None:
            return None
        identity, known, outputs = found
        return identity, {**inputs, **known}, outputs

    def delete(self, urn: str, id: str, inputs: Bag, outputs: Bag, timeout_s: float) -> None:
        kind = KINDS.get(urn_type(urn))
        if kind is not None:
            load_library()
            kind.delete(self.docker, id, outputs)

    def _image(self) -> ImageResource:
        return ImageResource(self.docker, self.log)
