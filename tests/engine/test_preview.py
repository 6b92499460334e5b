"""The whole dev stack through the real engine: previewed with nothing in reach."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import examples
from tests.engine.project import Project, Step
from tests.pulumi_engine import find_engine, remove_installation
from tests.unit.declaration.samples import DEV_IMAGES, REPOSITORY

DEV = examples.declaration(examples.DEV)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One stack for all previews: they change nothing."""
    if find_engine() is None:
        pytest.skip("no pulumi on this machine: set ML_PLATFORM_BIN to the folder that holds it")
    stack = Project(tmp_path_factory.mktemp("preview"), DEV)
    with stack:
        yield stack
    remove_installation()


@pytest.fixture(scope="module")
def steps(project: Project) -> list[Step]:
    return project.steps()


def state(steps: list[Step], type_: str, name: str) -> dict[str, object]:
    (found,) = [step for step in steps if (step.type, step.name) == (type_, name)]
    return dict(found.state)


def test_everything_would_be_created(steps: list[Step]) -> None:
    assert {step.operation for step in steps} == {"create"}
    assert sorted(step.name for step in steps if step.type == "docker:index/image:Image") == DEV_IMAGES


def test_no_provider_is_a_default_one(steps: list[Step]) -> None:
    providers = sorted(step.name for step in steps if step.type.startswith("pulumi:providers:"))
    assert providers == ["docker", "kubernetes", "random"]


@pytest.mark.parametrize(
    ("type_", "name"),
    [
        ("kubernetes:apps/v1:Deployment", "digits"),
        ("kubernetes:apps/v1:Deployment", "tracking"),
    ],
)
def test_what_can_not_start_fails_in_time(steps: list[Step], type_: str, name: str) -> None:
    assert state(steps, type_, name)["customTimeouts"] == {"create": 180, "update": 180}


def test_data_is_protected_by_declaration(project: Project) -> None:
    project.declare(DEV | {"protectData": True})
    protected = sorted(step.type for step in project.steps() if step.state.get("protect"))
    with_policies = project.run("preview", "--policy-pack", str(REPOSITORY / "policies"))
    project.declare(DEV)
    assert protected == [*["docker:index/volume:Volume"] * 2, *["kubernetes:core/v1:PersistentVolumeClaim"] * 4]
    assert with_policies.changes()["create"] > 100


def test_mistakes_end_the_preview_without_a_traceback(project: Project) -> None:
    project.declare(DEV | {"teams": {"vison": {}}, "namespce": "x"})
    result = project.run("preview", check=False)
    project.declare(DEV)
    assert result.code != 0
    assert "Pulumi.test.yaml: platform: unknown setting 'namespce'; did you mean 'namespace'?" in result.text
    assert (
        "Pulumi.test.yaml: platform.models.digits.team: team 'vision' is not declared; did you mean 'vison'?"
        in result.text
    )
    assert "Traceback" not in result.text


def test_nothing_of_this_machine_is_in_the_inputs(steps: list[Step], project: Project) -> None:
    here = (str(REPOSITORY), str(project.folder), f"{Path.home()}/")
    assert [step.name for step in steps if any(place in str(step.state.get("inputs")) for place in here)] == []
