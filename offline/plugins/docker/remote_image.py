"""`docker:index/remoteImage:RemoteImage`: an image that the engine has, pulled if need be."""

from __future__ import annotations

from offline.plugins.docker.engine import HUB, Client, Engine
from offline.plugins.docker.names import DOCKER_HUB, ImageName
from offline.plugins.docker.progress import Say, Transcript
from offline.plugins.marshal import Bag
from offline.plugins.provider import ProviderError


def find_image(engine: Engine, client: Client, name: str, platform: str | None, say: Say) -> Bag:
    """The local image, pulled if there is none."""
    from docker.errors import ImageNotFound

    try:
        return dict(client.inspect_image(name))
    except ImageNotFound:
        if name.startswith("sha256:"):
            raise ProviderError(f"unable to find image {name} on this engine") from None
    parsed = ImageName.parse(name)
    login = engine.login(HUB if parsed.registry == DOCKER_HUB else parsed.registry)
    auth = login.auth_config() if login else None
    base = name.partition("@")[0].removesuffix(f":{parsed.tag}")
    stream = client.pull(base, parsed.digest or parsed.tag, True, auth, True, platform)
    Transcript(say).follow(stream)
    return dict(client.inspect_image(name))


def create(engine: Engine, inputs: Bag, say: Say) -> tuple[str, Bag]:
    with engine.client() as client:
        return _remote_image(inputs, find_image(engine, client, inputs["name"], inputs.get("platform"), say))


def read(engine: Engine, identity: str, inputs: Bag, state: Bag) -> tuple[str, Bag, Bag] | None:
    from docker.errors import ImageNotFound

    if not inputs:
        raise ProviderError("a RemoteImage can't be imported: its name is no part of its id")
    with engine.client() as client:
        try:
            identity, outputs = _remote_image(inputs, client.inspect_image(inputs["name"]))
        except ImageNotFound:
            return None
    return identity, inputs, outputs


def delete(engine: Engine, identity: str, state: Bag) -> None:
    from docker.errors import ImageNotFound

    if state.get("keepLocally"):
        return
    with engine.client() as client:
        try:
            client.remove_image(state["name"], force=state.get("forceRemove", False))
        except ImageNotFound:
            return


def _remote_image(inputs: Bag, seen: Bag) -> tuple[str, Bag]:
    base = ImageName.parse(inputs["name"]).base
    digests = [digest for digest in seen.get("RepoDigests") or [] if ImageName.parse(digest).base == base]
    return seen["Id"] + inputs["name"], {**inputs, "imageId": seen["Id"], "repoDigest": digests[0] if digests else ""}
