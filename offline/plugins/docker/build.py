"""Builds and pushes an image, with progress and a log."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from common.pulumi import urn_name
from offline.plugins.docker.context import DEFAULT_DOCKERFILE, BuildContext
from offline.plugins.docker.engine import HUB, Engine, Login, registry_key
from offline.plugins.docker.names import DOCKER_HUB, ImageName
from offline.plugins.docker.progress import EngineError, Say, Transcript, new_log
from offline.plugins.marshal import UNKNOWN, Bag
from offline.plugins.provider import ProviderError

_BUILDERS = ("BuilderV1", "BuilderBuildKit")


@dataclass(frozen=True)
class Build:
    """The `build` input with its defaults."""

    context: BuildContext
    args: dict[str, str] = field(default_factory=dict)
    platform: str = ""
    cached_in: tuple[str, ...] = ()
    """Images whose steps need not run again."""

    @classmethod
    def from_inputs(cls, build: Bag) -> Build:
        if build.get("builderVersion", _BUILDERS[0]) not in _BUILDERS:
            raise ProviderError("invalid Docker Builder version")
        return cls(
            context_of(build),
            args={key: value for key, value in build.get("args", {}).items() if _is_argument(key, value)},
            platform=build.get("platform", ""),
            cached_in=tuple(build.get("cacheFrom", {}).get("images", ())),
        )


def _is_argument(key: str, value: Any) -> bool:
    """BuildKit takes some as its own settings; the classic builder would warn that no Dockerfile uses them."""
    return value is not UNKNOWN and not key.startswith("BUILDKIT_")


def context_of(build: Bag) -> BuildContext:
    """Folder and Dockerfile; the default is the folder's Dockerfile."""
    folder = build.get("context", ".")
    return BuildContext(folder, build.get("dockerfile") or str(_join(folder, DEFAULT_DOCKERFILE)))


def _join(folder: str, name: str) -> str:
    """Like Go's path.Join, which removes `.`."""
    return re.sub(r"^(\./)+", "", f"{folder.rstrip('/') or '/'}/{name}").replace("//", "/")


def build_image(engine: Engine, urn: str, name: str, build: Build, login: Login | None, say: Say) -> str:
    """Build and tag; the image's id. An error contains the last lines and the path of the log."""
    log = new_log(f"build-{urn.split('::')[0].rsplit(':', 1)[-1]}-{re.sub(r'[^A-Za-z0-9._-]', '-', urn_name(urn))}")
    transcript = Transcript(say, log)
    archive, dockerfile = build.context.archive()
    with archive, engine.client() as client:
        if login:
            _remember(client, login)
        try:
            transcript.follow(
                client.build(
                    fileobj=archive,
                    custom_context=True,
                    dockerfile=dockerfile,
                    tag=name,
                    buildargs=build.args,
                    platform=build.platform or None,
                    rm=True,
                    forcerm=True,
                    decode=True,
                )
            )
        except EngineError as error:
            raise ProviderError(f"building {name} failed: {error}\n{transcript.tail()}\nfull log: {log}") from error
    identities = [message["ID"] for message in transcript.aux if "ID" in message]
    if not identities:
        raise ProviderError(f"no image id found in build output; full log: {log}")
    return str(identities[-1])


def push_image(engine: Engine, name: str, login: Login | None, say: Say) -> str:
    """Push by tag; the name with the digest in the registry."""
    parsed = ImageName.parse(name)
    transcript = Transcript(say)
    with engine.client() as client:
        auth = login.auth_config() if login else None
        tagless = name.removesuffix(f":{parsed.tag}")
        transcript.follow(client.push(tagless, parsed.tag, stream=True, decode=True, auth_config=auth))
        digests = [message["Digest"] for message in transcript.aux if "Digest" in message]
        if digests:
            return f"{parsed.base}@{digests[-1]}"
        return _local_digest(client, name, parsed)


def pushed_image(engine: Engine, name: str, login: Login | None) -> str | None:
    """The digest of a tag in its registry. None: it is not there, or can't be looked up, and a push says why."""
    from docker.errors import APIError

    with engine.client() as client:
        try:
            found = client.inspect_distribution(name, auth_config=login.auth_config() if login else None)
        except APIError:
            return None
    return f"{ImageName.parse(name).base}@{found['Descriptor']['digest']}"


def login_for(engine: Engine, name: str, registry: Bag) -> Login | None:
    """The image's own login, or that of `docker login` for its registry."""
    address = registry.get("server") or ImageName.parse(name).registry
    username, password = registry.get("username"), registry.get("password")
    if username and password:
        return Login(address, username, password)
    return engine.login(HUB if address == DOCKER_HUB else address)


def _local_digest(client: Any, name: str, parsed: ImageName) -> str:
    for digest in client.inspect_image(name)["RepoDigests"]:
        if ImageName.parse(digest).base == parsed.base:
            return str(digest)
    return "<none>@<none>"


def _remember(client: Any, login: Login) -> None:
    """Let a build pull private base images; the client has no public API to add a login offline."""
    client._auth_configs.add_auth(registry_key(login.address), login.auth_config())
