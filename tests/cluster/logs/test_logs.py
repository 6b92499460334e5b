"""Logs outlive their pods, and each team reads its own only."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests
from kubernetes.client.exceptions import ApiException

from cli import logs, preflight, rotate
from cli.forward import forward
from cli.logs import Server, Wanted
from cli.stack import environment
from common.errors import CommandError
from infra.catalogue.images import LOGS
from infra.catalogue.logs import READER_PODS, STORE, STORE_PORT
from infra.observability.logs.tenants import tenant
from offline.cluster.addresses import CONTEXT
from tests.cluster import places
from tests.cluster.logs.world import World, as_developer
from tests.waiting import eventually

DIGITS, LATER, REPORT = "digits-0a1b2c3d-abcde", "digits-0a1b2c3d-later", "digits-report-29400000-abcde"
EVERYTHING = {"query": "*", "limit": "1000"}
_SOON = 30
"""Seconds: two or three on an idle machine, of which each of collector, sender and store takes up to one."""

MakeLogs = Callable[[Wanted, Path], str]


@pytest.fixture
def make_logs(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> MakeLogs:
    """`make logs` of the tests' own declaration; what it prints."""
    monkeypatch.setattr(preflight, "declaration", lambda name, values: world.declared())

    def run(wanted: Wanted, kubeconfig: Path) -> str:
        capsys.readouterr()
        assert logs.show("dev", wanted, kubeconfig) == 0
        return capsys.readouterr().out

    return run


@pytest.fixture(scope="module")
def gone(world: World) -> str:
    """A pod of the red team that has printed, failed and been deleted; its lines are stored."""
    world.prints(world.red, DIGITS, "training")
    ended: datetime = eventually(lambda: world.ended(world.red, DIGITS), 60, "the pod's end")
    world.core.delete_namespaced_pod(DIGITS, world.red, grace_period_seconds=0)
    with world.proxy() as address:
        server = world.server(address, world.red)
        query = logs.found("dev", world.declared(), Wanted("digits", None))[1]
        eventually(lambda: len(server.last(query, Wanted("digits", None, 1000))) == 151, _SOON, "the lines")
    print(f"the lines could be read {(datetime.now(UTC) - ended).total_seconds():.1f} s after the pod's end")
    eventually(lambda: not exists(world, DIGITS), 60, "the pod's deletion")
    return DIGITS


def exists(world: World, pod: str) -> bool:
    try:
        world.core.read_namespaced_pod(pod, world.red)
    except ApiException as error:
        if error.status != 404:
            raise
        return False
    return True


def test_a_developer_reads_the_last_lines_of_a_pod_that_is_gone(world: World, gone: str, make_logs: MakeLogs) -> None:
    printed = make_logs(Wanted("digits", None), world.kubeconfig(world.red)).splitlines()
    texts = [line.partition("  ") for line in printed]
    assert {pod for pod, _, _ in texts} == {gone}
    assert [text for _, _, text in texts] == [f"line {n}" for n in range(52, 151)] + ['{"file": "/var/log/pods/x"}']


def test_another_job_whose_name_begins_alike_has_its_own_lines(world: World, gone: str, make_logs: MakeLogs) -> None:
    world.prints(world.red, REPORT, "batch")
    reader = world.kubeconfig(world.red)
    wanted = Wanted("digits-report", None, since="5m")
    printed = eventually(lambda: make_logs(wanted, reader), _SOON, "the report's lines")
    assert {line.partition("  ")[0] for line in printed.splitlines()} == {REPORT}
    assert REPORT not in make_logs(Wanted("digits", None, 1000), reader)


def test_new_lines_are_followed(world: World, gone: str) -> None:
    seen: list[str] = []
    query = logs.found("dev", world.declared(), Wanted("digits", None))[1]

    def follow(server: Server) -> None:
        with suppress(CommandError, requests.RequestException):  # the port-forward ends with the test
            for line in server.new(query):
                seen.append(line.pod)

    with world.proxy() as address:
        Thread(target=follow, args=(world.server(address, world.red),), daemon=True).start()
        world.prints(world.red, LATER, "training")
        eventually(lambda: seen.count(LATER) == 151, 60, "the lines", lambda: len(seen))


def test_nobody_else_gets_the_login_of_a_team(world: World, gone: str, make_logs: MakeLogs) -> None:
    """Neither another team's developer nor somebody of this team in another role."""
    for reader in (world.kubeconfig(world.blue), world.kubeconfig(world.red, f"{world.red}-viewers")):
        with pytest.raises(CommandError, match=f"no login for the logs of team {world.red}") as refused:
            make_logs(Wanted("digits", None), reader)
        assert "role developer or admin" in refused.value.hint


@pytest.mark.parametrize("path", ["/select/logsql/query", "/select/logsql/tail", "/select/logsql/field_values"])
def test_without_a_login_nothing_is_read(world: World, path: str) -> None:
    with world.proxy() as address:
        for login in (None, (world.red, "guessed"), ("platform", "")):
            assert requests.get(f"{address}{path}", params=EVERYTHING, auth=login, timeout=10).status_code == 401


def test_another_teams_login_gets_nothing_whatever_it_asks(world: World, gone: str) -> None:
    red = tenant_headers(world, world.red)
    attempts: list[dict[str, Any]] = [
        {"params": EVERYTHING},
        {"params": EVERYTHING, "headers": red},
        {"params": EVERYTHING, "headers": {name.lower(): value for name, value in red.items()}},
        {"params": {**EVERYTHING, **red}},
        {"params": {**EVERYTHING, "query": f'{{file=~"/var/log/pods/{world.red}.*"}}'}, "headers": red},
    ]
    with world.proxy() as address:
        for attempt in attempts:
            query = f"{address}/select/logsql/query"
            assert requests.get(query, auth=world.login(world.red), timeout=10, **attempt).text, "its own team's does"
            answer = requests.get(query, auth=world.login(world.blue), timeout=10, **attempt)
            assert (answer.status_code, answer.text) == (200, ""), attempt


def tenant_headers(world: World, team: str) -> dict[str, str]:
    return dict(header.split(": ") for header in tenant(team).headers)


@pytest.mark.parametrize("path", ["/insert/jsonline", "/delete/run_task", "/select/logsql/../../insert/jsonline"])
def test_a_login_only_reads(world: World, path: str) -> None:
    with world.proxy() as address:
        prepared = requests.Request("POST", address, auth=world.login(world.red), data="{}").prepare()
        prepared.url = f"{address}{path}"  # as it is: a client would tidy it
        assert requests.Session().send(prepared, timeout=10).status_code == 400


def test_a_developer_reaches_the_proxy_alone(world: World) -> None:
    own = as_developer(world.kubeconfig(world.red))
    context = f"{world.red}-{world.red}-developers"
    with (
        pytest.raises(CommandError, match="can't be reached") as refused,
        forward(world.namespace, f"pod/{world.pod_of(STORE)}", STORE_PORT, context, own),
    ):
        raise AssertionError("the store was reached")
    assert "forbidden" in refused.value.why.lower()


def test_only_the_proxy_and_the_collector_reach_the_store(world: World) -> None:
    """Not from the platform's own namespace, nor from a team's, nor from the store's own by another name."""
    address = world.core.read_namespaced_pod(world.pod_of(STORE), world.namespace).status.pod_ip
    asking = {
        "prometheus": (world.run, {"app.kubernetes.io/component": "monitoring"}),
        "job": (world.red, {}),
        "stranger": (world.namespace, {"app": "stranger"}),
        "reader": (world.namespace, READER_PODS),
    }
    for name, (namespace, labels) in asking.items():
        world.core.create_namespaced_pod(namespace, places.pod(name, "exec /busybox sleep 3600", labels))
    for name, (namespace, _) in asking.items():
        eventually(partial(places.ready, world.core, namespace, name), 60, f"the pod {name}")
    reached = [
        name for name, (space, _) in asking.items() if places.answers(world.core, space, name, address, STORE_PORT)
    ]
    assert reached == ["reader"]


def test_logins_can_be_rotated(world: World) -> None:
    """`make rotate` finds what the proxy accepts: three generations of each login."""
    cluster = rotate.Cluster(world.core, CONTEXT, environment())
    keys = rotate.accepted(LOGS, world.declared(), {}, cluster)
    assert len(keys) == 3 * len({"platform", world.red, world.blue})
    assert [key for key in keys if not cluster.accepts(key)] == []
    assert not cluster.accepts(replace(next(iter(keys)), value="guessed"))


def test_a_collector_that_starts_again_reads_no_line_twice(world: World) -> None:
    kept = "digits-0a1b2c3d-zzzzz"
    world.prints(world.red, kept, "training")
    wanted = Wanted("digits", None, 1000)
    query = f"{logs.found('dev', world.declared(), wanted)[1]} file:~{kept}"

    def stored() -> int:
        with world.proxy() as address:
            return len(world.server(address, world.red).last(query, wanted))

    eventually(lambda: stored() == 151, _SOON, "the lines", stored)
    before = world.pod_of("log-collector")
    world.core.delete_namespaced_pod(before, world.namespace)
    eventually(lambda: not world.has(before) and world.all_run(), 60, "another collector")
    marker = "digits-0a1b2c3d-yyyyy"
    world.prints(world.red, marker, "training")
    later = query.replace(kept, marker)

    def stored_later() -> int:
        with world.proxy() as address:
            return len(world.server(address, world.red).last(later, wanted))

    eventually(lambda: stored_later() == 151, _SOON, "the new collector's lines")
    assert stored() == 151
