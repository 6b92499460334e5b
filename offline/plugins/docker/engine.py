"""The connection to this machine's Docker engine, and logins for registries; opened when it is first needed."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from offline.plugins.marshal import Bag
from offline.plugins.protocol import is_this_machine
from offline.plugins.provider import ProviderError

Client = Any  # a docker.APIClient; its type stubs lack half of what is used here
DEFAULT_HOST = "unix:///var/run/docker.sock"
HUB = "https://index.docker.io/v1/"
_HUB_NAMES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_SETTINGS = frozenset({"host"})
_loading = threading.Lock()


def load_library() -> None:
    """Import the client library, which is slow, and whose circular imports fail when two threads begin them at once."""
    with _loading:
        import docker.errors
        import docker.types  # noqa: F401


@dataclass(frozen=True)
class Login:
    """A user of a registry. `address` is as the user wrote it, perhaps with a scheme."""

    address: str
    username: str
    password: str = field(repr=False)

    def auth_config(self) -> dict[str, str]:
        return {"username": self.username, "password": self.password, "serveraddress": registry_key(self.address)}


def registry_key(address: str) -> str:
    """The key of a registry's login in Docker's configuration: its host, and for Docker Hub the historical address."""
    host = address.removeprefix("https://").removeprefix("http://").split("/")[0]
    return HUB if host in _HUB_NAMES else host


@dataclass
class Engine:
    """An engine of this machine."""

    host: str = DEFAULT_HOST
    cancelled: threading.Event = field(default_factory=threading.Event)
    _local: threading.local = field(default_factory=threading.local, repr=False)
    _version: str = "auto"

    @classmethod
    def from_settings(cls, config: Bag) -> Engine:
        """The provider's `host`, else $DOCKER_HOST; refused unless it is a socket or loopback."""
        unsupported = sorted(key for key in config if key not in _SETTINGS)
        if unsupported:
            raise ProviderError(f"the stand-in for the docker plugin does not support {unsupported[0]} of a provider")
        host = config.get("host") or os.environ.get("DOCKER_HOST") or DEFAULT_HOST
        if not is_local(host):
            raise ProviderError(
                f"Docker host {host} is not this machine: the stand-in for the docker plugin uses a local engine only; "
                "unset DOCKER_HOST or install the official plugin"
            )
        return cls(host)

    def login(self, registry: str) -> Login | None:
        """The login that `docker login` stored."""
        from docker.auth import load_config

        found: dict[str, Any] | None = load_config().resolve_authconfig(registry)
        if not found or not found.get("username"):
            return None
        return Login(registry, found["username"], found.get("password") or "")

    @contextmanager
    def client(self) -> Iterator[Client]:
        """A client of this thread's own; an error inside becomes one clear line."""
        from docker.errors import APIError, DockerException
        from requests.exceptions import RequestException

        try:
            yield self._connect()
        except APIError as error:
            raise ProviderError(str(error.explanation or error)) from error
        except (DockerException, RequestException) as error:
            raise ProviderError(f"the Docker engine at {self.host} can't be reached: {_root_cause(error)}") from error

    def _connect(self) -> Client:
        from docker import APIClient

        if not hasattr(self._local, "client"):
            # no read time-out: a build step may be silent for long
            make: Any = APIClient
            client = make(self.host, version=self._version, timeout=None)
            self._version = client.api_version
            self._local.client = client
        return self._local.client


def is_local(host: str) -> bool:
    """Whether a Docker host is a Unix socket or a loopback address."""
    scheme, _, address = host.partition("://")
    return scheme in ("unix", "http+unix") or (scheme in ("tcp", "http") and is_this_machine(address))


def _root_cause(error: BaseException) -> str:
    while error.__context__ is not None:
        error = error.__context__
    return str(error)
