"""Drift of resources that are no Kubernetes objects, read by a real engine, which changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from cli import plan, stack
from cli.drift import others
from cli.drift.report import Drift
from offline import docker_engine
from tests.pulumi_engine import Pulumi, find_engine


@pytest.fixture
def pulumi(tmp_path: Path) -> Iterator[Pulumi]:
    if find_engine() is None or docker_engine.host() is None:
        pytest.skip("needs pulumi and a Docker engine; `make test` starts them where it can")
    with Pulumi(tmp_path, {"DOCKER_HOST": str(docker_engine.host()), **stack.EVENT_LOG}) as started:
        yield started


def drift(pulumi: Pulumi, events: Path) -> list[Drift]:
    events.unlink(missing_ok=True)
    pulumi.run(*others.arguments(others.readable(pulumi.resources()), events))
    return list(others.described(plan.logged_events(events), "test"))


def test_a_volume_that_was_removed_is_named_and_the_state_stays_as_it_is(pulumi: Pulumi, tmp_path: Path) -> None:
    name = f"drift-{uuid4().hex[:8]}"
    pulumi.program(f"import pulumi_docker\npulumi_docker.Volume('data', name='{name}')")
    pulumi.up()
    assert drift(pulumi, tmp_path / "events") == []

    docker_engine.client().volumes.get(name).remove()
    before = pulumi.stored()
    (found,) = drift(pulumi, tmp_path / "events")
    assert (found.kind, found.object) == ("deleted", "docker:index/volume:Volume data")
    assert pulumi.stored() == before
