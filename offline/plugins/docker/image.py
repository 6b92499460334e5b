"""`docker:index/image:Image`: built and pushed if its context or settings change."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from offline.plugins.diff import Change, Diff
from offline.plugins.docker.build import Build, build_image, context_of, login_for, push_image, pushed_image
from offline.plugins.docker.engine import Engine, Login, load_library
from offline.plugins.docker.names import ImageName, require_canonical
from offline.plugins.docker.progress import Say
from offline.plugins.marshal import UNKNOWN, Bag, Secret, has_unknown, reveal
from offline.plugins.protocol import is_this_machine
from offline.plugins.provider import ProviderError
from offline.plugins.sdk import sdk_version

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

Log = Callable[[str, str, str, bool], None]


@dataclass
class ImageResource:
    """Check, Diff, Create and Update of an Image; Read and Delete access neither engine nor registry."""

    engine: Engine
    log: Log

    def check(self, urn: str, news: Bag) -> Bag:
        if news.get("buildOnPreview", False):
            raise ProviderError("the stand-in for the docker plugin does not support buildOnPreview")
        inputs = {**news, "buildOnPreview": False}
        build = inputs.get("build")
        if build is None or isinstance(build, dict):
            inputs["build"] = self._check_build(urn, build)
        self._check_name(inputs)
        return inputs

    def diff(self, old_outputs: Bag, news: Bag) -> Diff:
        """One entry per changed input; a changed password does not cause a build."""
        olds = reveal(old_outputs.get("__inputs", {}))
        detailed: dict[str, Change] = {}
        for key in [*olds, *(key for key in news if key not in olds)]:
            before, after = olds.get(key), news.get(key)
            if before == after and not has_unknown(after):
                continue
            if key == "registry" and isinstance(before, dict) and isinstance(after, dict) and not _moved(before, after):
                continue
            detailed[key] = "add" if before is None else "delete" if after is None else "update"
        return Diff(detailed)

    def apply(self, urn: str, inputs: Bag) -> tuple[str, Bag]:
        """Build and push a new or changed image."""
        load_library()
        name, build = inputs["imageName"], Build.from_inputs(inputs["build"])
        registry, push = inputs.get("registry", {}), not inputs.get("skipPush", False)
        if push:
            _require_registry_of_this_machine(name)
        login = login_for(self.engine, name, registry) if push else None

        def say(text: str) -> None:
            self.log(urn, "info", text, True)

        digest = self._reused(name, build, login, say) if push else None
        outputs = {
            "dockerfile": build.context.relative_dockerfile,
            "context": build.context.folder,
            "baseImageName": name,
            "registryServer": registry.get("server", ""),
            "imageName": name,
            "platform": build.platform,
            "repoDigest": digest or self._built(urn, name, build, login, say, push=push),
            "__inputs": Secret(inputs),
        }
        return name, outputs

    def _reused(self, name: str, build: Build, login: Login | None, say: Say) -> str | None:
        """An image that is its own cache is named by its content: the tag is used as it is.

        The official plugin gets the same digest in a longer way: it pulls the image, and no step runs again.
        """
        digest = pushed_image(self.engine, name, login) if name in build.cached_in else None
        if digest:
            say("The registry has this image: it is neither built nor pushed")
        return digest

    def _built(self, urn: str, name: str, build: Build, login: Login | None, say: Say, *, push: bool) -> str:
        say("Starting Docker build")
        identity = build_image(self.engine, urn, name, build, login, say)
        if not push:
            return identity
        say("Pushing Image to the registry")
        return push_image(self.engine, name, login, say)

    def _check_build(self, urn: str, given: Bag | None) -> Bag:
        build = dict(given or {})
        if UNKNOWN not in (build.get("context"), build.get("dockerfile")):
            context = context_of(build)
            build |= {"context": context.folder, "dockerfile": context.dockerfile}
            _require_dockerfile(context.folder, context.dockerfile)
            build["contextDigest"] = context.digest()
        if "platform" not in build:
            machine = platform.machine()
            build["platform"] = f"linux/{_ARCHITECTURES.get(machine, machine)}"
            self.log(
                urn,
                "info",
                f"Building your image for {build['platform']} architecture.\n"
                "To ensure you are building for the correct platform, consider "
                "explicitly setting the `platform` field on ImageBuildOptions.",
                False,
            )
        return build

    def _check_name(self, inputs: Bag) -> None:
        name = inputs.get("imageName")
        has_server = bool((inputs.get("registry") or {}).get("server"))
        if isinstance(name, str) and not inputs.get("skipPush", False) and not has_server:
            require_canonical(name)


def _require_registry_of_this_machine(name: str) -> None:
    """Wherever real pods run what is pushed, the official plugin builds it."""
    registry = ImageName.parse(name).registry
    if not is_this_machine(registry):
        raise ProviderError(
            f"the registry {registry} is not on this machine: the stand-in for the docker plugin pushes to no other; "
            f"install the official plugin: pulumi plugin install resource docker {sdk_version('docker')} --reinstall"
        )


def _moved(before: Bag, after: Bag) -> bool:
    """Whether the image is pushed to another registry, rather than with another login."""
    return "server" in before and "server" in after and before["server"] != after["server"]


def _require_dockerfile(folder: str, dockerfile: str) -> None:
    if Path(dockerfile).exists():
        return
    why = f"stat {dockerfile}: no such file or directory"
    if Path(dockerfile).is_absolute():
        raise ProviderError(f'expected a relative Dockerfile path; got "{dockerfile}" instead: {why}')
    inside = os.path.normpath(Path(folder, dockerfile))
    if Path(inside).exists():
        raise ProviderError(
            f'could not open dockerfile at relative path "{dockerfile}". Try setting `dockerfile` to "{inside}"'
        )
    raise ProviderError(f'could not open dockerfile at relative path "{dockerfile}": {why}')
