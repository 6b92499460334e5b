"""The AWS part of the prod stack on an emulated account: made, unchanged, one pool changed, destroyed to nothing.

What stands on the cluster is left out: an emulated cluster runs no pods. The dev stack's tests run that part.
"""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.plugins import aws_account
from tests.pulumi_engine import Pulumi, find_engine
from tests.stack.conftest import PARTS, PROJECT, STACK, free_port, point_at_this_python
from workstation import moto_server, paths

LEFT_OUT = ["--exclude", "**::kubernetes:**", "--exclude", "**$kubernetes:**", "--exclude", "**$docker:**"]


@pytest.fixture(scope="module")
def account(monkeypatch_module: pytest.MonkeyPatch) -> Iterator[str]:
    port = free_port()
    declared = yaml.safe_load((paths.REPOSITORY / "Pulumi.prod.yaml").read_text())["config"]["ml-platform:platform"]
    aws = declared["foundation"]["aws"]
    monkeypatch_module.setattr(aws_account, "REGION", aws["region"])
    yield moto_server.start(port, aws["account"])
    moto_server.stop(port)


@pytest.fixture(scope="module")
def monkeypatch_module() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def prod(tmp_path_factory: pytest.TempPathFactory, account: str) -> Iterator[Pulumi]:
    """A copy of the project whose data may be destroyed."""
    if find_engine() is None:
        pytest.skip("no pulumi on this machine: `make test` builds one")
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_ENDPOINT_URL": account}
    stack = Pulumi(tmp_path_factory.mktemp("prod"), keys, project=PROJECT)
    for part in PARTS:
        source = paths.REPOSITORY / part
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, stack.folder / part)
    point_at_this_python(stack.folder / "Pulumi.yaml")
    declare(stack, {"protectData": False})
    with stack:
        yield stack


def declare(stack: Pulumi, changes: dict[str, Any]) -> None:
    """Pulumi.prod.yaml, with some settings of its own."""
    document = yaml.safe_load((paths.REPOSITORY / "Pulumi.prod.yaml").read_text())
    document["config"]["ml-platform:platform"] |= changes
    (stack.folder / f"Pulumi.{STACK}.yaml").write_text(yaml.safe_dump(document))


def test_the_whole_account_is_made(prod: Pulumi, account: str) -> None:
    assert set(prod.up(*LEFT_OUT).changes()) == {"create"}
    held = aws_account.held(account)
    assert {item.split()[0] for item in held} >= {"ec2", "ecr", "eks", "iam", "kms", "logs", "rds", "s3"}


def test_up_again_changes_nothing(prod: Pulumi) -> None:
    assert set(prod.up(*LEFT_OUT).changes()) == {"unchanged"}


def test_a_changed_pool_is_one_changed_resource(prod: Pulumi) -> None:
    pools = yaml.safe_load((paths.REPOSITORY / "Pulumi.prod.yaml").read_text())["config"]["ml-platform:platform"]
    changed = {**pools["nodePools"], "h100": {**pools["nodePools"]["h100"], "max": 3, "min": 3}}
    declare(prod, {"protectData": False, "nodePools": changed})
    changes = prod.up(*LEFT_OUT).changes()
    assert {kind: number for kind, number in changes.items() if kind != "unchanged"} == {"update": 1}


def test_destroy_leaves_nothing_in_the_account(prod: Pulumi, account: str) -> None:
    prod.destroy()
    assert prod.resources() == []
    assert aws_account.held(account) == []
