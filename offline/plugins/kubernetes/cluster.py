"""The way to the API server: the kubeconfig, one shared connection pool, discovery, and errors in words."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlencode

from offline.plugins.provider import ProviderError

from . import client
from .kinds import GVK
from .objects import Json, Manifest, name_of, namespace_of

APPLY = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"
_VERSION_TIMEOUT = (3.0, 10.0)  # connect, read; a cluster behind a dead address must not stop a preview
_TIMEOUT = (10.0, 120.0)
_KUBECONFIG_ADVICE = "unable to load Kubernetes client configuration from kubeconfig file: "


class ApiError(ProviderError):
    """The API server refused; its message is meant for users."""

    def __init__(self, status: int, body: Manifest) -> None:
        super().__init__(str(body.get("message") or f"the API server answered with status {status}"))
        self.status = status
        self.reason = str(body.get("reason", ""))
        self.details: Manifest = body.get("details") or {}

    @property
    def namespace_missing(self) -> bool:
        """Whether the object's namespace is what wasn't found."""
        return self.status == 404 and self.details.get("kind") == "namespaces"


class NoSuchKind(ProviderError):
    """The API server doesn't serve the kind: most often its CRD is missing."""

    def __init__(self, gvk: GVK) -> None:
        super().__init__(f'no matches for kind "{gvk.kind}" in version "{gvk.api_version}"')


class Unreachable(ProviderError):
    """No answer from the API server."""


class Served(NamedTuple):
    """How the API server serves a kind."""

    plural: str
    namespaced: bool


@dataclass(frozen=True)
class Target:
    """Which cluster the provider's settings mean."""

    kubeconfig: str = ""
    context: str = ""
    cluster: str = ""

    def files(self) -> list[Path]:
        """The kubeconfig files that are meant; none where the setting is a kubeconfig itself."""
        named = self.kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
        paths = [] if "\n" in named else [Path(part).expanduser() for part in named.split(os.pathsep) if part]
        return [path for path in paths if path.is_file()]

    def kubeconfig_text(self) -> str:
        """The kubeconfig itself; of several files the first decides. What is no file is taken as the text."""
        files = self.files()
        return files[0].read_text() if files else self.kubeconfig


@dataclass
class Cluster:
    """Requests to one cluster, from many threads at once. Nothing is sent before the first request."""

    target: Target
    _client: client.Connection | None = None
    _problem: str | None = None
    _probed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _kinds: dict[str, dict[str, Served]] = field(default_factory=dict)

    def unreachable(self) -> str:
        """Why the cluster can't be used, or an empty string. Asked once: a run is either with a cluster or without."""
        with self._lock:
            if not self._probed:
                self._problem = self._probe()
                self._probed = True
        return self._problem or ""

    def _probe(self) -> str | None:
        try:
            files = [str(file) for file in self.target.files()]
            self._client = client.connect(files, self.target.kubeconfig, self.target.context, self.target.cluster)
        except ImportError:
            raise  # an incomplete installation is not an absent cluster
        except Exception as error:
            text_given = bool(self.target.kubeconfig) and not self.target.files()
            prefix = "failed to parse kubeconfig data in `kubernetes:config:kubeconfig`- " if text_given else ""
            return f"{prefix or _KUBECONFIG_ADVICE}{_one_line(error)}"
        try:
            self._send("GET", "/version", timeout=_VERSION_TIMEOUT)
        except ApiError as error:
            return None if error.status == 403 else f"unable to load schema information from the API server: {error}"
        except Unreachable as error:
            return f"unable to load schema information from the API server: {error}"
        return None

    def request(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: Json = None,
        content_type: str = "application/json",
    ) -> Manifest:
        """One call; raises ApiError or Unreachable."""
        problem = self.unreachable()
        if problem:
            raise Unreachable(problem)
        url = f"{path}?{urlencode(query)}" if query else path
        found = self._send(method, url, body, content_type)
        return found if isinstance(found, dict) else {"text": found}

    def _send(
        self,
        method: str,
        url: str,
        body: Json = None,
        content_type: str = "application/json",
        timeout: tuple[float, float] = _TIMEOUT,
    ) -> Json:
        assert self._client is not None
        try:
            status, data = self._client.send(method, url, body, content_type, timeout)
        except client.NoAnswer as error:
            raise Unreachable(_one_line(error)) from error
        parsed = _parse(data)
        if status >= 400:
            raise ApiError(status, parsed if isinstance(parsed, dict) else {"message": str(parsed).strip()})
        return parsed

    def served(self, gvk: GVK) -> Served:
        """How a kind is served; raises NoSuchKind. What is found is kept."""
        known = self._kinds.get(gvk.api_version, {})
        if gvk.kind not in known:
            known = self._discover(gvk.api_version)
            self._kinds[gvk.api_version] = known
        if gvk.kind not in known:
            raise NoSuchKind(gvk)
        return known[gvk.kind]

    def _discover(self, api_version: str) -> dict[str, Served]:
        try:
            found = self.request("GET", _root(api_version))
        except ApiError as error:
            if error.status == 404:
                return {}
            raise
        resources = [entry for entry in found.get("resources", []) if "/" not in entry["name"]]
        return {entry["kind"]: Served(entry["name"], bool(entry["namespaced"])) for entry in resources}

    def forget(self) -> None:
        """Forgets which custom kinds are served: a definition has just been added."""
        self._kinds = {api_version: kinds for api_version, kinds in self._kinds.items() if _built_in(api_version)}

    def path(self, gvk: GVK, namespace: str = "", name: str = "") -> str:
        """The URL path of an object, or of its collection where no name is given."""
        served = self.served(gvk)
        place = f"/namespaces/{quote(namespace or 'default')}" if served.namespaced else ""
        return f"{_root(gvk.api_version)}{place}/{served.plural}" + (f"/{quote(name)}" if name else "")

    def object_path(self, manifest: Manifest) -> str:
        """The URL path of the object that a manifest describes."""
        return self.path(GVK.of(manifest), namespace_of(manifest), name_of(manifest))

    def get(self, manifest: Manifest) -> Manifest:
        """The live object."""
        return self.request("GET", self.object_path(manifest))

    def list(self, gvk: GVK, namespace: str, **query: str) -> list[Manifest]:
        """Objects of a kind; `labelSelector` and `fieldSelector` narrow them."""
        items = self.request("GET", self.path(gvk, namespace), query).get("items") or []
        return [{**item, "apiVersion": gvk.api_version, "kind": gvk.kind} for item in items]


def _built_in(api_version: str) -> bool:
    return GVK(api_version.rpartition("/")[0], "", "").built_in


def _root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def _parse(data: bytes) -> Json:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode(errors="replace")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
