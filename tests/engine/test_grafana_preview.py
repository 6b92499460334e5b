"""Each way to a Grafana through the real engine, with the policies: nothing is in reach and nothing is built."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.engine.project import Project, Step
from tests.engine.test_aws_preview import PACK
from tests.engine.test_preview import state
from tests.pulumi_engine import find_engine, remove_installation
from tests.unit.components import grafanas

IMAGE = "docker:index/image:Image"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One stack for all previews: they change nothing."""
    if find_engine() is None:
        pytest.skip("no pulumi on this machine: set ML_PLATFORM_BIN to the folder that holds it")
    stack = Project(tmp_path_factory.mktemp("preview"), grafanas.deployed())
    with stack:
        yield stack
    remove_installation()


def steps(project: Project, declared: dict[str, Any], token: str | None = None) -> list[Step]:
    """The preview of a declaration, which the policies must let through."""
    project.declare(declared)
    if token:
        project.run("config", "set", "--secret", "grafana-token", token)
    project.run("preview", "--policy-pack", PACK)
    found = project.steps()
    assert {step.operation for step in found} == {"create"}
    return found


def test_an_own_one(project: Project) -> None:
    found = steps(project, grafanas.deployed(protectData=False))
    # Three minutes to start by its probe, and one to be scheduled.
    assert state(found, "kubernetes:apps/v1:Deployment", "grafana")["customTimeouts"] == {"create": 240, "update": 240}
    assert "grafana" in [step.name for step in found if step.type == IMAGE]


def test_one_that_is_there(project: Project) -> None:
    found = steps(project, grafanas.existing() | {"protectData": False}, token="glsa_very-secret")
    assert state(found, "kubernetes:batch/v1:Job", "dashboards")["customTimeouts"] == {"create": 300, "update": 300}
    assert "glsa_very-secret" not in str([step.state for step in found])
    assert "dashboards" in [step.name for step in found if step.type == IMAGE]


def test_one_of_the_place(project: Project) -> None:
    found = steps(project, grafanas.managed())
    assert state(found, "aws:grafana/workspace:Workspace", "grafana")["inputs"]["dataSources"] == ["PROMETHEUS"]  # type: ignore[index]
    made = {step.name for step in found if step.type == "aws:grafana/roleAssociation:RoleAssociation"}
    assert made == {"grafana-admin", "grafana-viewer"}
    assert "dashboards" in [step.name for step in found if step.type == "kubernetes:batch/v1:Job"]
