"""What is asked of a registry, and above all where its password is sent."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import requests

from cli.cluster_preflight.registry import login_works
from infra.declaration.cluster import ContainerRegistry, RegistryLogin

PUSH = RegistryLogin(username="builder", password="push")
REGISTRY = ContainerRegistry(server="registry.example.com", prefix="ml", push=PUSH)
UPLOADS = "https://registry.example.com/v2/ml/base/blobs/uploads/"
REALM = "https://auth.example.com/token"
Answer = tuple[int, Mapping[str, str], bytes]


class Check:
    """The check of a registry that gives certain answers; `findings` are those of the last one."""

    findings: Sequence[str] = ()

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def __call__(self, answers: Mapping[str, Answer], password: str = "S3cret") -> list[tuple[str, str, str]]:
        """Method, address and credentials of each request."""
        asked: list[tuple[str, str, str]] = []

        def answer(_: object, request: requests.PreparedRequest, **__: Any) -> requests.Response:
            url = str(request.url)
            asked.append((str(request.method), url, request.headers.get("Authorization", "")))
            response = requests.Response()
            response.request, response.url = request, url
            response.status_code, headers, response._content = answers[url.partition("?")[0]]
            response.headers.update(headers)
            return response

        self._monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", answer)
        self.findings = [str(each) for each in login_works(REGISTRY, "registry.push", PUSH, password)]
        return asked


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Check:
    return Check(monkeypatch)


def basic(password: str = "S3cret") -> str:
    return "Basic " + base64.b64encode(f"builder:{password}".encode()).decode()


def challenge(realm: str) -> Answer:
    return 401, {"WWW-Authenticate": f'Bearer realm="{realm}",service="registry"'}, b""


BASIC: Answer = (401, {"WWW-Authenticate": 'Basic realm="registry"'}, b"")
ROOT = "https://registry.example.com/v2/"


@pytest.mark.parametrize("password", ["S3cret", "5€"])
def test_a_password_is_sent_where_the_registry_asks_for_it(sent: Check, password: str) -> None:
    here = f"{UPLOADS}id"
    asked = sent({ROOT: BASIC, UPLOADS: (202, {"Location": here}, b""), here: (204, {}, b"")}, password)
    assert asked == [("GET", ROOT, ""), ("POST", UPLOADS, basic(password)), ("DELETE", here, basic(password))]
    assert sent.findings == []


def test_a_token_is_asked_for_where_the_registry_says(sent: Check) -> None:
    token: Answer = (200, {}, b'{"token": "t"}')
    asked = sent(
        {ROOT: challenge(REALM), REALM: token, UPLOADS: (202, {"Location": "/v2/up"}, b""), ROOT + "up": (204, {}, b"")}
    )
    scope = "?service=registry&scope=repository%3Aml%2Fbase%3Apull%2Cpush"
    assert asked[1:] == [
        ("GET", REALM + scope, basic()),
        ("POST", UPLOADS, "Bearer t"),
        ("DELETE", ROOT + "up", "Bearer t"),
    ]
    assert sent.findings == []


def test_no_password_goes_to_an_address_without_tls(sent: Check) -> None:
    assert sent({ROOT: challenge("http://auth.example.com/token")}) == [("GET", ROOT, "")]
    (finding,) = sent.findings
    assert "it sends its users to 'http://auth.example.com/token', which has no TLS" in finding


def test_an_upload_that_was_begun_elsewhere_is_left_there(sent: Check) -> None:
    asked = sent({ROOT: BASIC, UPLOADS: (202, {"Location": "http://registry.example.com/v2/up"}, b"")})
    assert [method for method, _, _ in asked] == ["GET", "POST"]


def test_a_login_in_netrc_is_not_used(sent: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine registry.example.com login other password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    token: Answer = (200, {}, b'{"token": "t"}')
    asked = sent({ROOT: challenge(REALM), REALM: token, UPLOADS: (202, {}, b"")})
    assert [authorization for _, _, authorization in asked] == ["", basic(), "Bearer t"]


def test_no_redirect_is_followed(sent: Check) -> None:
    asked = sent(
        {
            ROOT: (301, {"Location": "http://evil.example/v2/"}, b""),
            UPLOADS: (301, {"Location": "http://evil.example/"}, b""),
        }
    )
    assert {url for _, url, _ in asked} == {ROOT, UPLOADS}
    assert "answers 301" in sent.findings[0]


@pytest.mark.parametrize(
    ("answers", "finding"),
    [
        (
            {ROOT: challenge(REALM), REALM: (401, {}, b"")},
            "the registry refuses 'builder' with the password in secret 'push'",
        ),
        ({ROOT: challenge(REALM), REALM: (200, {}, b"{}")}, "answers without a token"),
        ({ROOT: challenge(REALM), REALM: (200, {}, b"no")}, "answers without a token"),
        ({ROOT: (401, {"WWW-Authenticate": "Bearer"}, b"")}, "it sends its users to '', which has no TLS"),
        ({ROOT: challenge(REALM), REALM: (403, {}, b"")}, "'builder' may not push to ml"),
        (
            {ROOT: challenge(REALM), REALM: (200, {}, b'{"token": "t"}'), UPLOADS: (401, {}, b"")},
            "'builder' may not push to ml",
        ),
        ({ROOT: BASIC, UPLOADS: (404, {}, b"")}, "there is no repository or project ml; create it, unless a push does"),
        ({ROOT: BASIC, UPLOADS: (403, {}, b"")}, "'builder' may not push to ml"),
        ({ROOT: BASIC, UPLOADS: (500, {}, b"")}, "the registry answers 500 to 'builder'"),
    ],
)
def test_an_unfit_answer_is_one_finding(sent: Check, answers: Mapping[str, Answer], finding: str) -> None:
    sent(answers)
    (found,) = sent.findings
    assert finding in found and "S3cret" not in found
