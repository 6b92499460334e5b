"""Checks that the registry's users may push and pull.

Source: https://distribution.github.io/distribution/spec/api/ and .../spec/auth/token/. No redirect is followed, and a
password goes to no address without TLS.
"""

import re
from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

import requests
from requests.auth import AuthBase, HTTPBasicAuth

from cli.cluster_preflight.wanted import CLUSTER
from cli.finding import Finding
from infra.catalogue.images import BASE
from infra.declaration.cluster import ContainerRegistry, RegistryLogin

SERVER = f"{CLUSTER}.registry.server"
_SECONDS = 20
_PROBE = BASE
"""The repository of an image that every stack has. Nothing is stored there: the upload is cancelled."""
_FIELD = re.compile(r'(\w+)="([^"]*)"')


class _Strange(Exception):
    """The registry's answer does not fit the protocol; the text says how."""


class _Bearer(AuthBase):
    """A token in every request. A header alone would give way to a login in ~/.netrc."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _nobody(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """No login, not even one in ~/.netrc."""
    return request


def login_works(registry: ContainerRegistry, place: str, login: RegistryLogin, password: str) -> Iterator[Finding]:
    """The user of `registry.push` may begin an upload, that of `registry.pull` may read."""
    path = f"{CLUSTER}.{place}"
    pushes = place.endswith("push")
    try:
        status = _asked(registry, login.username, password, pushes=pushes)
    except requests.exceptions.SSLError as error:
        fix = "trust its certificate authority in REQUESTS_CA_BUNDLE, the Docker engine and the nodes"
        yield Finding(SERVER, f"could not be checked ({_short(error)})", fix, blocking=False)
        return
    except requests.RequestException as error:
        yield Finding(SERVER, f"does not answer ({_short(error)})", "check host, port and network")
        return
    except _Strange as error:
        yield Finding(SERVER, f"could not be checked: {error}", "check what answers there", blocking=False)
        return
    if status == HTTPStatus.UNAUTHORIZED:
        problem = f"the registry refuses '{login.username}' with the password in secret '{login.password}'"
        yield Finding(path, problem, f"run `pulumi config set --secret {login.password}`")
    elif status == HTTPStatus.FORBIDDEN:
        right = "push to" if pushes else "pull from"
        fix = "let it in the registry, or write another user"
        yield Finding(f"{path}.username", f"'{login.username}' may not {right} {registry.prefix}", fix)
    elif status == HTTPStatus.NOT_FOUND and pushes:
        problem = f"there is no repository or project {registry.prefix}"
        yield Finding(f"{CLUSTER}.registry.prefix", problem, "create it, unless a push does", blocking=False)
    elif status >= HTTPStatus.MULTIPLE_CHOICES and status != HTTPStatus.NOT_FOUND:
        problem = f"the registry answers {status} to '{login.username}'"
        yield Finding(path, problem, "see the registry's log", blocking=False)


def _asked(registry: ContainerRegistry, username: str, password: str, *, pushes: bool) -> int:
    """The status of a request that needs the right to push, or to pull."""
    repository = f"{registry.prefix}/{_PROBE}"
    root = f"https://{registry.server}/v2/"
    url = f"{root}{repository}/" + ("blobs/uploads/" if pushes else "tags/list")
    with requests.Session() as session:
        first = session.get(root, auth=_nobody, timeout=_SECONDS, allow_redirects=False)
        challenge = first.headers.get("WWW-Authenticate", "")
        credentials = HTTPBasicAuth(username.encode(), password.encode())
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "bearer":
            scope = f"repository:{repository}:{'pull,push' if pushes else 'pull'}"
            status, token = _token(session, dict(_FIELD.findall(rest)), scope, credentials)
            if not token:
                return status
            session.auth = _Bearer(token)
        else:
            session.auth = credentials
        method = "POST" if pushes else "GET"
        answer = session.request(method, url, timeout=_SECONDS, allow_redirects=False)
        if pushes and answer.status_code == HTTPStatus.ACCEPTED:
            _cancel(session, url, answer.headers.get("Location", ""))
        if answer.status_code == HTTPStatus.UNAUTHORIZED and isinstance(session.auth, _Bearer):
            return HTTPStatus.FORBIDDEN  # the password is right, and the token has no such right
        return answer.status_code


def _token(
    session: requests.Session, fields: dict[str, str], scope: str, credentials: HTTPBasicAuth
) -> tuple[int, str]:
    """The status of the registry's authorization service, and its token; an empty one if it refuses the user."""
    realm = fields.get("realm", "")
    if not realm.startswith("https://"):
        raise _Strange(f"it sends its users to '{realm}', which has no TLS")
    asked = {"service": fields.get("service", ""), "scope": scope}
    answer = session.get(realm, params=asked, auth=credentials, timeout=_SECONDS, allow_redirects=False)
    if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return answer.status_code, ""
    if not answer.ok:
        raise _Strange(f"{realm} answers {answer.status_code}")
    try:
        given = answer.json()
        return answer.status_code, str(given.get("token") or given["access_token"])
    except (ValueError, KeyError, AttributeError):
        raise _Strange(f"{realm} answers without a token") from None


def _cancel(session: requests.Session, url: str, location: str) -> None:
    """An upload elsewhere is left to expire: the login is for this server only."""
    where = urljoin(url, location)
    if location and urlsplit(where)[:2] == urlsplit(url)[:2]:
        session.delete(where, timeout=_SECONDS, allow_redirects=False)


def _short(error: Exception) -> str:
    """Without the request that `requests` repeats in front of the reason."""
    reason = str(getattr(error.args[0], "reason", error)) if error.args else str(error)
    return (reason.rpartition("): ")[2] or reason).splitlines()[0][:160]
