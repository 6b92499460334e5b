"""The registry's own HTTP API: which digest a tag has, and removing it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from offline.plugins.docker.engine import Login
from offline.plugins.docker.names import ImageName
from offline.plugins.provider import ProviderError

if TYPE_CHECKING:
    import requests

_MANIFESTS = ", ".join(
    (
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json",
    )
)
_FIELD = re.compile(r'(\w+)="([^"]*)"')
_SECONDS = 30


def digest(name: ImageName, login: Login, verify: bool) -> str | None:
    """The digest of a tag; None where there is no such image."""
    response = _request("GET", name, name.digest or name.tag, login, verify)
    if response.status_code == 404:
        return None
    _require(response)
    return response.headers.get("Docker-Content-Digest") or None


def remove(name: ImageName, reference: str, login: Login, verify: bool) -> None:
    """Remove a manifest; one that is gone already is fine."""
    response = _request("DELETE", name, reference, login, verify)
    if response.status_code != 404:
        _require(response)


def _request(method: str, name: ImageName, reference: str, login: Login, verify: bool) -> requests.Response:
    import requests

    url = f"{_base(name, login)}/v2/{name.repository}/manifests/{reference}"
    basic = (login.username, login.password) if login.username else None
    try:
        response = requests.request(method, url, auth=basic, headers=_accept(), timeout=_SECONDS, verify=verify)
        challenge = response.headers.get("www-authenticate", "")
        if response.status_code == 401 and challenge.startswith("Bearer "):
            token = _token(challenge, basic, verify)
            headers = {**_accept(), "Authorization": f"Bearer {token}"}
            response = requests.request(method, url, headers=headers, timeout=_SECONDS, verify=verify)
    except requests.RequestException as error:
        raise ProviderError(f"registry {name.registry} can't be reached: {error}") from error
    return response


def _accept() -> dict[str, str]:
    return {"Accept": _MANIFESTS}


def _token(challenge: str, basic: tuple[str, str] | None, verify: bool) -> str:
    import requests

    fields = dict(_FIELD.findall(challenge))
    realm = fields.pop("realm")
    response = requests.get(realm, params=fields, auth=basic, timeout=_SECONDS, verify=verify)
    _require(response)
    answer = response.json()
    return str(answer.get("token") or answer.get("access_token"))


def _base(name: ImageName, login: Login) -> str:
    """The registry's address; like the engine, plain HTTP for loopback unless the login's address says otherwise."""
    if login.address.startswith(("http://", "https://")):
        return "/".join(login.address.split("/")[:3])
    host = name.registry.rsplit(":", 1)[0]
    local = host == "localhost" or host.startswith("127.")
    return f"{'http' if local else 'https'}://{name.registry}"


def _require(response: requests.Response) -> None:
    if not response.ok:
        raise ProviderError(f"registry answered {response.status_code} {response.reason} to {response.request.method}")
