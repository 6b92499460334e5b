"""The AWS emulator as a daemon, and how the stand-in treats the account that it finds there."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from common import paths
from common.errors import WorkstationError
from offline import moto_server
from offline.plugins.aws.kept import Store, kept_by_stand_in
from tests.engine.plugins.aws_account import held
from tests.ports import free_port
from tests.pulumi_engine import Pulumi

ACCOUNT = "210987654321"
ROLE = """
import pulumi, pulumi_aws as aws
provider = aws.Provider("aws", region="eu-west-1", allowed_account_ids=["{allowed}"])
aws.iam.Role("role", assume_role_policy='{{"Version": "2012-10-17", "Statement": []}}',
             opts=pulumi.ResourceOptions(provider=provider))
rule = aws.ecr.PullThroughCacheRule("rule", ecr_repository_prefix="public", upstream_registry_url="public.ecr.aws",
                                    opts=pulumi.ResourceOptions(provider=provider))
pulumi.export("registry", rule.registry_id)
"""


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A free port, and a state folder of the test's own."""
    for name, folder in (("STATE", ""), ("LOGS", "logs"), ("PIDS", "pids")):
        monkeypatch.setattr(paths, name, tmp_path / "state" / "ml-platform" / folder)
    number = free_port()
    yield number
    moto_server.stop(number)


def test_it_listens_on_loopback_only_and_starts_once(port: int) -> None:
    url = moto_server.start(port)
    first = (paths.PIDS / f"moto-{port}.pid").read_text()
    assert moto_server.start(port) == url
    assert (paths.PIDS / f"moto-{port}.pid").read_text() == first
    process = psutil.Process(int(first.split()[0]))
    assert {connection.laddr.ip for connection in process.net_connections() if connection.status == "LISTEN"} == {
        "127.0.0.1"
    }
    assert held(url) == []


def test_what_was_kept_beside_it_ends_with_it(port: int) -> None:
    url = moto_server.start(port)
    Store(url).put("aws:eks/addon:Addon", "cluster:dns", {})
    assert [kept.id for kept in kept_by_stand_in()] == ["cluster:dns"]
    moto_server.stop(port)
    assert list(kept_by_stand_in()) == []
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1).close()


def test_a_taken_port_is_said(port: int) -> None:
    moto_server.start(port)
    (paths.PIDS / f"moto-{port}.pid").rename(paths.PIDS / f"moto-{port}.elsewhere")
    try:
        with pytest.raises(WorkstationError, match=f"port {port} is taken"):
            moto_server.start(port)
    finally:
        (paths.PIDS / f"moto-{port}.elsewhere").rename(paths.PIDS / f"moto-{port}.pid")


def test_another_account_is_refused_before_the_first_change(port: int, pulumi: Pulumi) -> None:
    url = moto_server.start(port, ACCOUNT)
    pulumi.settings = {"AWS_ENDPOINT_URL": url}
    pulumi.program(ROLE.format(allowed="111111111111"))
    refused = pulumi.up(check=False)
    assert refused.code != 0
    assert f"AWS account ID not allowed: {ACCOUNT}; allowed are 111111111111" in refused.text
    assert held(url) == []
    assert list(kept_by_stand_in()) == []


def test_objects_belong_to_the_account_that_was_asked_for(port: int, pulumi: Pulumi) -> None:
    pulumi.settings = {"AWS_ENDPOINT_URL": moto_server.start(port, ACCOUNT)}
    pulumi.program(ROLE.format(allowed=ACCOUNT))
    assert pulumi.up().outputs == {"registry": ACCOUNT}
    (role,) = pulumi.resources("aws:iam/role:Role")
    assert role["outputs"]["arn"] == f"arn:aws:iam::{ACCOUNT}:role/{role['id']}"
