"""The gateway and what is exposed through it: what nobody could reach, or anybody could, is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.declaration.loader import declare
from tests.unit.declaration.samples import accepted, in_cluster, on_aws, refusal, refused

HOST = "digits.example.com"
AT = "Pulumi.dev.yaml: platform."
KEYS: dict[str, Any] = {
    "ci": {"team": "vision", "generate": True},
    "web": {"team": "vision", "generate": True},
    "given": {"team": "vision"},
    "other": {"team": "speech", "generate": True},
}


def exposed(**changes: object) -> dict[str, Any]:
    """An endpoint with two callers."""
    expose = {"host": HOST, "callers": ["ci", "web"]}
    return {"gateway": {}, "secrets": {**KEYS}, "serving.digits.expose": expose, **changes}


CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef"


def test_an_endpoint_is_exposed_to_named_callers_or_with_its_own_key(root: Path) -> None:
    assert accepted(root, **exposed())
    own = {"serving.digits.apiKey": "ci", "serving.digits.expose": {"host": HOST}}
    assert accepted(root, **exposed(**own))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"serving.digits.expose": {"host": HOST}},
            "serving.digits.expose: anybody could call it; write 'callers', or serving.digits.apiKey",
        ),
        (
            {"serving.digits.apiKey": "ci"},
            "serving.digits.expose.callers: the endpoint itself would refuse them, since it asks for the key "
            "'ci'; remove serving.digits.apiKey, or 'callers'",
        ),
        (
            {"serving.digits.expose.callers": ["sky"]},
            "serving.digits.expose.callers.0: secret 'sky' is not declared; declare it in 'secrets' with "
            "generate: true",
        ),
        (
            {"serving.digits.expose.callers": ["ci", "other"]},
            "serving.digits.expose.callers.1: secret 'other' belongs to team 'speech'; write a secret of team 'vision'",
        ),
        (
            {"serving.digits.expose.callers": ["given"]},
            "serving.digits.expose.callers.0: 'given' is not generated, so it cannot be rotated without "
            "refusing its caller; write generate: true in secrets.given",
        ),
        (
            {"gateway.local": {"httpsPort": 5001}},
            "gateway.local.httpsPort: port 5001 is taken by foundation.local.registryPort; write another one",
        ),
        (
            {"gateway.local": {"httpPort": 8443}},
            "gateway.local.httpPort: port 8443 is taken by gateway.local.httpsPort; write another one",
        ),
        (
            {"gateway.cluster": {"sourceCidrs": ["203.0.113.0/24"]}},
            "gateway.cluster: foundation.cluster is not declared; remove it",
        ),
        (
            {"serving.digits.expose.host": "https://digits.example.com"},
            "serving.digits.expose.host: 'https://digits.example.com' is not a host; write a DNS name in lower "
            "case without scheme and port, such as models.example.com",
        ),
        (
            {"serving.digits.expose.path": "/digits/"},
            "serving.digits.expose.path: '/digits/' is not a path; write one that begins with '/' and does not "
            "end with it",
        ),
        (
            {"serving.digits.canary": {"percent": 10}},
            "serving.digits.canary: is what the endpoint serves; write another 'version' or 'image', or remove it",
        ),
        (
            {"serving.digits.canary": {"version": 2, "percent": 10, "mirror": True}},
            "serving.digits.canary.mirror: it would get 10 % of the requests twice; write percent: 0, or mirror: false",
        ),
        (
            {"serving.digits.canary": {"image": "sky", "percent": 10}},
            "serving.digits.canary.image: image 'sky' is not declared; known: llm, serving, training",
        ),
        (
            {"serving.digits.replicas": {"min": 3, "max": 2}},
            "serving.digits.replicas.max: 2 is less than min: 3; write at least 3",
        ),
        (
            {"serving.digits.replicas": 0},
            "serving.digits.replicas: 0 is out of range; write 1 to 100; for none while there are no requests, write "
            "{min: 0, max: 1}",
        ),
        (
            {"serving.digits.replicas": "two"},
            "serving.digits.replicas: 'two' is not a number of pods; write one, such as 2, or a range: "
            "{min: 1, max: 4}",
        ),
        (
            {"serving.digits.replicas": {"min": 1, "max": 2, "scaleDownAfter": "2s"}},
            "serving.digits.replicas.scaleDownAfter: 2s is out of range; write 10s to 1h",
        ),
        (
            {"serving.digits.scaleOn": {"requestsInFlight": 4}},
            "serving.digits.scaleOn: does nothing: serving.digits.replicas is a number; write a range, or remove this",
        ),
        (
            {"serving.digits.replicas": {"min": 1, "max": 2}, "serving.digits.scaleOn": {"requestsInFlight": 32}},
            "serving.digits.scaleOn.requestsInFlight: a pod refuses more than 32 requests at a time, before another "
            "one is added; write less than 32, or raise serving.digits.maxConcurrentRequests",
        ),
        (
            {"serving.digits.scaleOn": {"latency": "300ms"}},
            "serving.digits.scaleOn: does nothing: serving.digits.replicas is a number; write a range, or remove this",
        ),
        (
            {"serving.digits.scaleOn": {"latency": "0ms"}},
            "serving.digits.scaleOn.latency: 0ms is out of range; write 10ms to 3600s",
        ),
        (
            {"serving.digits.scaleOn": {"latency": "2h"}},
            "serving.digits.scaleOn.latency: '2h' is not a latency; write milliseconds or seconds, such as 300ms or "
            "1.5s",
        ),
        (
            {"serving.digits.scaleOn": {"latency": 0.3}},
            "serving.digits.scaleOn.latency: 0.3 is not a latency; write milliseconds or seconds, such as 300ms or "
            "1.5s",
        ),
        (
            {"serving.digits.replicas": {"min": 1, "max": 2}, "serving.digits.scaleOn": {"latency": "30.001s"}},
            "serving.digits.scaleOn.latency: the gateway ends requests after 60s, and does not measure those; write at "
            "most 30s, or raise serving.digits.expose.timeout",
        ),
        (
            {"serving.digits.replicas": {"min": 0, "max": 2}, "serving.digits.expose.timeout": "20s"},
            "serving.digits.expose.timeout: a request that wakes the endpoint may take longer than 20s; write at least "
            "30s, or replicas.min: 1",
        ),
        (
            {
                "serving.digits.replicas": {"min": 0, "max": 2},
                "monitoring": {"objectives": {"digits": {"latency": "250ms"}}},
            },
            "serving.digits.replicas.min: the first request waits for a pod to start, longer than its latency "
            "objective allows; write 1, or remove monitoring.objectives.digits.latency",
        ),
        (
            {"serving.digits.canary": {"version": 2, "percent": 10, "rollback": {}}},
            "serving.digits.canary.rollback: does nothing without 'monitoring', which compares requests; declare it, "
            "or remove this",
        ),
        (
            {"serving.digits.canary": {"version": 2, "percent": 0, "rollback": {}}, "monitoring": {}},
            "serving.digits.canary.rollback: the canary serves no requests; write a percent of 1 to 99, or remove this",
        ),
        (
            {"serving.digits.canary": {"version": 2, "percent": 100, "rollback": {}}, "monitoring": {}},
            "serving.digits.canary.rollback: the canary leaves the endpoint no requests to compare with; write a "
            "percent of 1 to 99, or remove this",
        ),
        (
            {"serving.digits.canary": {"version": 2, "percent": 9, "rollback": {"window": "10s"}}, "monitoring": {}},
            "serving.digits.canary.rollback.window: 10s is out of range; write 30s to 24h",
        ),
        (
            {"serving.digits.canary": {"version": 2, "percent": 9, "rollback": {"latency": "0%"}}, "monitoring": {}},
            "serving.digits.canary.rollback.latency: 0% is out of range; write a percentage above 0%, at most 999%",
        ),
        (
            {"serving.digits.canary": {"version": 2, "percent": 9, "rollback": {"errorRate": 2}}, "monitoring": {}},
            "serving.digits.canary.rollback.errorRate: 2 is not a percentage; write a number with its sign, such as 5%",
        ),
    ],
)
def test_what_can_t_work_is_refused(root: Path, changes: dict[str, Any], message: str) -> None:
    assert f"{AT}{message}" in refused(root, **exposed(**changes))


def test_without_a_gateway_nothing_is_exposed(root: Path) -> None:
    without = {name: value for name, value in exposed().items() if name != "gateway"}
    message = "nothing lets callers in without 'gateway'; declare 'gateway', or remove 'expose'"
    assert refused(root, **without) == [f"{AT}serving.digits.expose: {message}"]


def test_a_canary_needs_the_gateway(root: Path) -> None:
    found = refused(root, **{"serving.digits.canary": {"version": 2, "percent": 10}})
    assert found == [
        f"{AT}serving.digits.canary: requests are divided by the gateway, and the endpoint is not exposed; write "
        "serving.digits.expose, or remove it"
    ]


@pytest.mark.parametrize("measures", [{}, {"requestsInFlight": 4}, {"latency": "300ms"}])
def test_only_the_gateway_counts_requests(root: Path, measures: dict[str, Any]) -> None:
    scaled = {"serving.digits.replicas": {"min": 1, "max": 3}, "serving.digits.scaleOn": measures}
    assert refused(root, **scaled) == [
        f"{AT}serving.digits.replicas: requests are counted by the gateway, and the endpoint is not exposed; write "
        "serving.digits.expose, or a number"
    ]


@pytest.mark.parametrize(("written", "seconds"), [("300ms", 0.3), ("1.5s", 1.5), ("30s", 30)])
def test_a_latency_scales_an_endpoint_alone_or_with_requests_and_from_zero(
    root: Path, written: str, seconds: float
) -> None:
    measured: list[dict[str, object]] = [{}, {"requestsInFlight": 4}]
    for measures in measured:
        scale_on = {"latency": written, **measures}
        scaled = {"serving.digits.replicas": {"min": 0, "max": 3}, "serving.digits.scaleOn": scale_on}
        declared = accepted(root, **exposed(**scaled)).serving["digits"].scale_on
        assert declared is not None
        assert declared.latency == seconds


def test_nobody_without_a_key_wakes_an_endpoint(root: Path) -> None:
    asleep = {"serving.digits.replicas": {"min": 0, "max": 3}, "serving.digits.expose": {"host": HOST}}
    found = refused(root, **exposed(**asleep, **{"serving.digits.apiKey": "ci"}))
    assert found == [
        f"{AT}serving.digits.replicas.min: anybody could wake the endpoint, which alone asks for its key; write "
        "serving.digits.expose.callers in place of serving.digits.apiKey, or 1 here"
    ]


def test_two_endpoints_can_t_have_one_url(root: Path) -> None:
    other: dict[str, Any] = {"team": "vision", "image": "serving", "model": "digits"}
    same = {"serving.digits2": {**other, "expose": {"host": HOST, "callers": ["ci"]}}}
    assert refused(root, **exposed(**same)) == [
        f"{AT}serving.digits2.expose.path: {HOST}/ is that of serving.digits.expose; write another path or host"
    ]
    elsewhere = {**other, "expose": {"host": HOST, "path": "/two", "callers": ["ci"]}}
    assert accepted(root, **exposed(**{"serving.digits2": elsewhere}))


def test_each_foundation_says_how_callers_reach_it(root: Path) -> None:
    assert refusal(root, on_aws(gateway={})) == [
        f"{AT}gateway: nothing says how callers reach it; write aws: {{certificate: <ARN in ACM>}}"
    ]
    assert refusal(root, in_cluster(gateway={}))[:1] == [
        f"{AT}gateway: nothing says how callers reach it; write cluster: {{sourceCidrs: [<networks of its callers>]}}"
    ]
    wrong = "arn:aws:iam::123456789012:server-certificate/x"
    (line,) = refusal(root, on_aws(gateway={"aws": {"certificate": wrong}}))
    assert "is not the ARN of a certificate in ACM" in line
    (line,) = refusal(root, on_aws(gateway={"aws": {"certificate": CERTIFICATE, "sourceCidrs": ["0.0.0.0/0"]}}))
    assert line.endswith("'0.0.0.0/0' is a large part of the internet; write the networks of its callers")


def test_names_that_are_made_of_an_endpoint_s_are_free_and_fit(root: Path) -> None:
    taken = {"secrets.digits-callers": {"team": "vision", "generate": True}}
    message = "the keys of the callers of 'digits' are stored under this name; write another name"
    assert refused(root, **exposed(**taken)) == [f"{AT}secrets.digits-callers: {message}"]
    name = "d" * 56
    expose = {"host": HOST, "path": "/d", "callers": ["ci"]}
    long = {f"serving.{name}": {"team": "vision", "image": "serving", "model": "digits", "expose": expose}}
    (line,) = refused(root, **exposed(**long))
    assert line.endswith("an exposed endpoint has a name of at most 55 characters here")


def test_the_names_of_a_canary_s_services_are_free(root: Path) -> None:
    mirrored, part = {"percent": 0, "mirror": True}, {"percent": 10}
    for name, canary, is_taken in (
        ("digits-canary", part, True),
        ("digits-pods", mirrored, True),
        ("digits-pods", part, False),
    ):
        other = {f"serving.{name}": {"team": "vision", "image": "serving", "model": "digits"}}
        declared = exposed(**{"serving.digits.canary": {"version": 2, **canary}}, **other)
        message = f"{AT}serving.{name}: the canary of 'digits' has this name; write another one"
        assert (refused(root, **declared) == [message]) if is_taken else accepted(root, **declared)


def test_a_host_is_of_one_team(root: Path) -> None:
    other = {"team": "speech", "image": "serving", "model": "digits"}
    expose = {"host": HOST, "path": "/v2", "callers": ["other"]}
    message = (
        "serving.words.expose.host: endpoints of team 'vision' have this host; write another one for team 'speech'"
    )
    assert f"{AT}{message}" in refused(root, **exposed(**{"serving.words": {**other, "expose": expose}}))


def test_a_public_load_balancer_says_who_may_connect(root: Path) -> None:
    public = {"aws": {"certificate": CERTIFICATE, "scheme": "internet-facing"}}
    assert refusal(root, on_aws(gateway=public)) == [
        f"{AT}gateway.aws.scheme: nobody could connect from the internet; write sourceCidrs: [<networks of its "
        "callers>]"
    ]
    assert accepted_on_aws(root, {"aws": {**public["aws"], "sourceCidrs": ["203.0.113.0/24"]}})


@pytest.mark.parametrize("elsewhere", ["eu-west-1:123456789012", "eu-central-1:210987654321"])
def test_the_certificate_is_of_the_account_and_region(root: Path, elsewhere: str) -> None:
    certificate = CERTIFICATE.replace("eu-central-1:123456789012", elsewhere)
    region, account = elsewhere.split(":")
    assert refusal(root, on_aws(gateway={"aws": {"certificate": certificate}})) == [
        f"{AT}gateway.aws.certificate: it is in account {account}, region {region}; the load balancer takes one of "
        "123456789012, eu-central-1: write its ARN"
    ]


def accepted_on_aws(root: Path, gateway: dict[str, Any]) -> bool:
    return declare(on_aws(gateway=gateway), "Pulumi.dev.yaml", root).gateway is not None
