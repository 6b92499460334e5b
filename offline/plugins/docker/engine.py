"""The connection to a Docker engine and the logins for its registries; nothing is contacted before it is needed."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from offline.plugins.marshal import Bag
from offline.plugins.provider import ProviderError, setting

Client = Any  # a docker.APIClient; its type stubs lack half of what is used here
DEFAULT_HOST = "unix:///var/run/docker.sock"
HUB = "https://index.docker.io/v1/"
_HUB_NAMES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_loading = threading.Lock()
_RAW_CERTIFICATES = ("caMaterial", "certMaterial", "keyMaterial")


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
    """The name under which Docker files a registry's login: its host, and for Docker Hub the historical address."""
    host = address.removeprefix("https://").removeprefix("http://").split("/")[0]
    return HUB if host in _HUB_NAMES else host


@dataclass
class Engine:
    """Where the engine is and who may use which registry."""

    host: str = DEFAULT_HOST
    cert_path: str = ""
    logins: dict[str, Login] = field(default_factory=dict)
    cancelled: threading.Event = field(default_factory=threading.Event)
    _local: threading.local = field(default_factory=threading.local, repr=False)
    _version: str = "auto"

    @classmethod
    def from_settings(cls, config: Bag) -> Engine:
        """The provider's settings, completed from the environment as Docker's own tools do."""
        given = [key for key in _RAW_CERTIFICATES if config.get(key)]
        if given:
            raise ProviderError(f"{given[0]}: the stand-in for the docker plugin takes certificates from certPath only")
        host = config.get("host") or os.environ.get("DOCKER_HOST") or DEFAULT_HOST
        cert_path = config.get("certPath") or os.environ.get("DOCKER_CERT_PATH", "")
        logins = [_login(entry) for entry in setting(config, "registryAuth", [])]
        return cls(host, cert_path, {registry_key(login.address): login for login in logins if login})

    def login(self, registry: str) -> Login | None:
        """The declared login for a registry, else the one that `docker login` stored."""
        declared = self.logins.get(registry_key(registry))
        return declared or _stored_login(registry)

    @contextmanager
    def client(self) -> Iterator[Client]:
        """A client of this thread's own; what goes wrong inside becomes one clear line."""
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
        from docker.tls import TLSConfig

        if not hasattr(self._local, "client"):
            tls: TLSConfig | bool = False
            if self.cert_path:
                folder = Path(self.cert_path)
                pair = (str(folder / "cert.pem"), str(folder / "key.pem"))
                tls = TLSConfig(client_cert=pair, ca_cert=str(folder / "ca.pem"), verify=True)
            # no read time-out: a build step may be silent for long
            make: Any = APIClient
            client = make(self.host, version=self._version, timeout=None, tls=tls, use_ssh_client=True)
            self._version = client.api_version
            self._local.client = client
        return self._local.client


def _login(entry: Bag) -> Login | None:
    if entry.get("authDisabled"):
        return None
    address = entry["address"]
    if entry.get("username"):
        return Login(address, entry["username"], entry.get("password", ""))
    text = entry.get("configFileContent") or Path(entry.get("configFile") or _config_file()).expanduser().read_text()
    return _from_config(json.loads(text), address)


def _config_file() -> Path:
    return Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"


def _stored_login(registry: str) -> Login | None:
    from docker.auth import load_config

    found: dict[str, Any] | None = load_config().resolve_authconfig(registry)
    if not found or not found.get("username"):
        return None
    return Login(registry, found["username"], found.get("password") or "")


def _from_config(config: dict[str, Any], address: str) -> Login | None:
    from docker.auth import decode_auth

    for name, entry in config.get("auths", {}).items():
        if registry_key(name) == registry_key(address) and entry.get("auth"):
            username, password = decode_auth(entry["auth"])
            return Login(address, username, password)
    return None


def _root_cause(error: BaseException) -> str:
    while error.__context__ is not None:
        error = error.__context__
    return str(error)
