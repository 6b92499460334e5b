"""`docker:index/registryImage:RegistryImage`: a local image, pushed to its registry."""

from __future__ import annotations

from offline.plugins.docker import registry
from offline.plugins.docker.build import push_image
from offline.plugins.docker.engine import HUB, Engine, Login
from offline.plugins.docker.names import DOCKER_HUB, ImageName
from offline.plugins.docker.progress import Say
from offline.plugins.marshal import Bag
from offline.plugins.provider import ProviderError


def create(engine: Engine, inputs: Bag, say: Say) -> tuple[str, Bag]:
    name, login = ImageName.parse(inputs["name"]), _registry_login(engine, inputs)
    push_image(engine, inputs["name"], login, say)
    digest = registry.digest(name, login, _verify(inputs))
    if digest is None:
        raise ProviderError(f"{inputs['name']} was pushed, but the registry does not have it")
    return digest, {**inputs, "sha256Digest": digest}


def read(engine: Engine, identity: str, inputs: Bag, state: Bag) -> tuple[str, Bag, Bag] | None:
    if not inputs:
        raise ProviderError("a RegistryImage can't be imported: its name is no part of its id")
    digest = registry.digest(ImageName.parse(inputs["name"]), _registry_login(engine, inputs), _verify(inputs))
    return None if digest is None else (digest, inputs, {**state, "sha256Digest": digest})


def delete(engine: Engine, identity: str, state: Bag) -> None:
    if not state.get("keepRemotely"):
        name = ImageName.parse(state["name"])
        registry.remove(name, state.get("sha256Digest", identity), _registry_login(engine, state), _verify(state))


def _registry_login(engine: Engine, inputs: Bag) -> Login:
    """The login of the resource itself or the provider's; a registry without one is refused, as officially."""
    own = inputs.get("authConfig")
    if own:
        return Login(own["address"], own.get("username", ""), own.get("password", ""))
    name = ImageName.parse(inputs["name"])
    login = engine.logins.get(HUB if name.registry == DOCKER_HUB else name.registry)
    if login is None:
        raise ProviderError(f"no auth config found for registry {name.registry}: add it to the provider's registryAuth")
    return login


def _verify(inputs: Bag) -> bool:
    return not inputs.get("insecureSkipVerify", False)
