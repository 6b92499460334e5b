"""Stack files: those of the project load, and a mistake in one is reported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from infra.catalogue.names import LOCAL_CONTEXT
from infra.declaration.foundations import LOCAL_DNS, LOCAL_PODS, LOCAL_SERVICES, LocalFoundation
from infra.declaration.loader import load
from infra.declaration.problems import DeclarationError
from infra.declaration.schema import FILE
from offline.base_image import IMAGE
from offline.cluster.addresses import CONTEXT, NODE_IP, POD_CIDR, SERVICE_CIDR
from tests.unit.declaration.samples import REPOSITORY, small

pytestmark = pytest.mark.users_files

STACK_FILES = sorted(REPOSITORY.glob("Pulumi.*.yaml"))


def check(file: Path) -> subprocess.CompletedProcess[str]:
    """The command that people and scripts run before anything is touched."""
    return subprocess.run(
        [sys.executable, "-m", "infra.declaration", str(file)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )


def refused(file: Path, content: str) -> list[str]:
    file.write_text(content)
    with pytest.raises(DeclarationError) as error:
        load(file)
    return str(error.value).splitlines()


def stack_file(platform: object) -> str:
    return yaml.safe_dump({"config": {"ml-platform:platform": platform}})


def test_there_are_stack_files() -> None:
    assert [file.name for file in STACK_FILES] != []


@pytest.mark.parametrize("file", STACK_FILES, ids=lambda file: file.name)
def test_every_stack_file_of_the_project_is_valid(file: Path) -> None:
    assert load(file).teams


@pytest.mark.parametrize("file", STACK_FILES, ids=lambda file: file.name)
def test_every_stack_file_tells_editors_its_schema(file: Path) -> None:
    schema = file.read_text().splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert (REPOSITORY / schema).samefile(FILE)


def test_defaults_of_the_local_foundation_are_those_of_the_local_cluster() -> None:
    assert (LOCAL_CONTEXT, LocalFoundation().base_image, LOCAL_DNS) == (CONTEXT, IMAGE, NODE_IP)
    assert (LOCAL_PODS, LOCAL_SERVICES) == (POD_CIDR, SERVICE_CIDR)


def test_a_key_written_twice_is_refused(root: Path) -> None:
    content = (
        "config:\n  ml-platform:platform:\n    teams:\n      vision: {}\n      speech: {}\n      vision: {}\n"
        "    models: {a: {team: vision}, a: {team: speech}}\n"
    )
    assert refused(root / "Pulumi.x.yaml", content) == [
        "Pulumi.x.yaml: platform.teams.vision: declared twice, in lines 4 and 6; keep one",
        "Pulumi.x.yaml: platform.models.a: declared twice, in lines 7 and 7; keep one",
    ]


def test_broken_yaml_names_its_place(root: Path) -> None:
    assert refused(root / "Pulumi.x.yaml", "config:\n  a: [1\n  b: 2\n") == [
        "Pulumi.x.yaml: line 3, column 4: invalid YAML: expected ',' or ']', but got ':'"
    ]


@pytest.mark.parametrize("content", ["", "- 1\n", "config: 3\n", "other: {}\n"])
def test_a_file_without_settings(root: Path, content: str) -> None:
    assert refused(root / "Pulumi.x.yaml", content) == [
        "Pulumi.x.yaml: has no mapping 'config'; write the settings under it"
    ]


def test_a_file_without_the_platform(root: Path) -> None:
    assert refused(root / "Pulumi.x.yaml", "config: {aws:region: x}\n") == [
        "Pulumi.x.yaml: platform: missing; declare it under 'ml-platform:platform'"
    ]
    assert refused(root / "Pulumi.x.yaml", "config: {ml-platform:plattform: {}}\n") == [
        "Pulumi.x.yaml: config: unknown setting 'ml-platform:plattform'; did you mean 'ml-platform:platform'?"
    ]


@pytest.mark.parametrize(("written", "given"), [("hello", "'hello'"), ([], "a list"), (3, "3")])
def test_a_platform_that_is_no_mapping(root: Path, written: object, given: str) -> None:
    assert refused(root / "Pulumi.x.yaml", stack_file(written)) == [
        f"Pulumi.x.yaml: platform: expected a mapping of settings, got {given}"
    ]


def test_the_command_accepts_a_valid_file(root: Path) -> None:
    file = root / "Pulumi.good.yaml"
    file.write_text(stack_file(small()))
    done = check(file)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Pulumi.good.yaml: valid\n", "")


def test_the_command_refuses_a_bad_file_in_one_line(root: Path) -> None:
    file = root / "Pulumi.bad.yaml"
    file.write_text(stack_file(small(**{"serving.digits.gpus": -1})))
    done = check(file)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Pulumi.bad.yaml: platform.serving.digits.gpus: -1 is out of range; write at least 0\n"


def test_the_command_refuses_a_file_that_is_not_there(root: Path) -> None:
    done = check(root / "Pulumi.none.yaml")
    assert (done.returncode, done.stderr) == (1, "Pulumi.none.yaml: cannot be read: No such file or directory\n")
