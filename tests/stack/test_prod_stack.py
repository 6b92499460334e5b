"""The AWS part of the prod stack on an emulated account: made, unchanged, one pool changed, destroyed to nothing.

What stands on the cluster is left out: an emulated cluster runs no pods. The dev stack's tests run that part. The tests
stand in the order of the stack's life and share it.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.leftovers import require_none
from cli.stack import EVENT_LOG
from common import paths
from common.errors import WorkstationError
from offline import moto_server
from offline.plugins.aws.kept import kept_by_stand_in
from tests.engine.plugins import aws_account
from tests.ports import free_port
from tests.pulumi_engine import Pulumi, find_engine
from tests.stack.conftest import PARTS, PROJECT, STACK, point_at_this_python

EXCLUDED = ("**::kubernetes:**", "**$kubernetes:**", "**$docker:**")
"""Objects in the cluster, and images built by Docker: with all that waits for them."""

AWS_ONLY = [*(part for glob in EXCLUDED for part in ("--exclude", glob)), "--exclude-dependents"]
SERVICES = {"amp", "ec2", "ecr", "eks", "iam", "kms", "logs", "rds", "s3", "secretsmanager", "sns"}


@dataclass(frozen=True)
class Prod:
    """A copy of the project whose data may be destroyed, and the account that it lives in."""

    stack: Pulumi
    url: str

    @property
    def account(self) -> str:
        return str(declared()["foundation"]["aws"]["account"])

    def declare(self, **changes: Any) -> None:
        """Pulumi.prod.yaml with some settings of its own."""
        settings = {"ml-platform:platform": declared() | {"protectData": False} | changes}
        (self.stack.folder / f"Pulumi.{STACK}.yaml").write_text(yaml.safe_dump({"config": settings}))

    def changes(self) -> dict[str, int]:
        return self.stack.up(*AWS_ONLY).changes()

    def updated(self) -> list[str]:
        """The types and names that the next `up` changes."""
        text = self.stack.up(*AWS_ONLY).text
        return [" ".join(line.split()[1:3]) for line in text.splitlines() if " updated (" in line]


def declared() -> dict[str, Any]:
    """What prod is really declared as."""
    document = yaml.safe_load((paths.REPOSITORY / "Pulumi.prod.yaml").read_text())
    return dict(document["config"]["ml-platform:platform"])


def aws_resources(found: Sequence[Mapping[str, Any]]) -> set[str]:
    urns = [str(item["urn"]) for item in found]
    return {urn for urn in urns if urn.split("::")[2].split("$")[-1].startswith("aws:")}


@pytest.fixture(scope="module")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prod]:
    if find_engine() is None:
        pytest.skip("no pulumi on this machine: set ML_PLATFORM_BIN to the folder that holds it")
    folder, port, aws = tmp_path_factory.mktemp("prod"), free_port(), declared()["foundation"]["aws"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aws_account, "REGION", aws["region"])
        for name, part in (("STATE", ""), ("LOGS", "logs"), ("PIDS", "pids")):
            patch.setattr(paths, name, folder / "state" / "ml-platform" / part)
        try:
            prod = Prod(project(folder, moto_server.start(port, aws["account"])), moto_server.address(port))
            prod.declare()
            with prod.stack:
                yield prod
        finally:
            moto_server.stop(port)


def project(folder: Path, url: str) -> Pulumi:
    """A copy of the project, that can reach nothing but the emulator."""
    stack = Pulumi(folder, {"AWS_ENDPOINT_URL": url, "KUBECONFIG": "/nonexistent", **EVENT_LOG}, project=PROJECT)
    for part in PARTS:
        source = paths.REPOSITORY / part
        if source.is_dir():
            shutil.copytree(source, stack.folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, stack.folder)
    point_at_this_python(stack.folder / "Pulumi.yaml")
    return stack


def test_the_whole_account_is_made(prod: Prod) -> None:
    assert aws_account.held(prod.url) == []
    plan = prod.stack.run("preview", "--json").text
    planned = aws_resources(json.loads(plan[plan.index("{") : plan.rindex("}") + 1])["steps"])
    assert set(prod.changes()) <= {"create", "unchanged"}
    made = aws_resources(prod.stack.resources())
    assert len(made) > 100
    # Jobs and endpoints wait for the tracking server, which runs on the cluster: their roles are left out with it.
    waiting = ("ml-platform:index:Training$", "ml-platform:index:Serving$")
    assert made == {urn for urn in planned if not urn.split("::")[2].startswith(waiting)}
    assert {item.split()[0] for item in aws_account.held(prod.url)} == SERVICES


def test_up_again_changes_nothing(prod: Prod) -> None:
    assert set(prod.changes()) == {"unchanged"}


def test_a_changed_pool_is_one_changed_resource(prod: Prod) -> None:
    pools = declared()["nodePools"]
    prod.declare(nodePools=pools | {"h100": pools["h100"] | {"min": 3, "max": 3}})
    assert prod.updated() == ["aws:eks:NodeGroup h100"]
    (group,) = prod.stack.resources("aws:eks/nodeGroup:NodeGroup")
    names = {"clusterName": group["outputs"]["clusterName"], "nodegroupName": group["outputs"]["nodeGroupName"]}
    live = aws_account.client("eks", prod.url).describe_nodegroup(**names)["nodegroup"]
    assert live["scalingConfig"] == {"minSize": 3, "desiredSize": 3, "maxSize": 3}


def test_whoever_looks_for_leftovers_finds_the_stack_while_it_is_there(
    prod: Prod, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WorkstationError, match="resources of stack test are left in account"):
        look_for_leftovers(prod, monkeypatch)


def test_destroy_leaves_nothing_in_the_account(prod: Prod, monkeypatch: pytest.MonkeyPatch) -> None:
    prod.stack.destroy("--event-log", str(prod.stack.root / "events"))
    assert prod.stack.resources() == []
    assert aws_account.held(prod.url) == []
    assert list(kept_by_stand_in()) == []
    look_for_leftovers(prod, monkeypatch)


def test_it_was_taken_down_from_nodes_to_network(prod: Prod) -> None:
    deleted = Deletions.read(prod.stack.root / "events")
    cluster = {"aws:eks/cluster:Cluster cluster"}
    nodes = deleted.of(
        "aws:eks/nodeGroup:", "aws:eks/addon:", "aws:eks/podIdentityAssociation:", "aws:eks/accessEntry:"
    )
    ways = deleted.of("aws:ec2/natGateway:", "aws:ec2/vpcEndpoint:", "aws:ec2/internetGateway:", "aws:ec2/route:")
    network = deleted.of("aws:ec2/subnet:", "aws:ec2/vpc:")
    database = deleted.of("aws:rds/instance:")
    repositories = deleted.of("aws:ecr/repository:")
    assert all([nodes, ways, network, database, repositories])
    assert deleted.in_order(nodes, cluster)
    assert deleted.in_order(cluster, ways)
    assert deleted.in_order(cluster | database, network)
    assert deleted.in_order(ways, {"aws:ec2/vpc:Vpc network"})
    for users, key in ((cluster, "cluster"), (database, "database"), (repositories, "registry")):
        assert deleted.in_order(users, {f"aws:kms/key:Key {key}"})


@dataclass(frozen=True)
class Deletions:
    """When each resource's deletion began and ended, as places in the engine's own event log; by type and name."""

    began: Mapping[str, int]
    ended: Mapping[str, int]

    @classmethod
    def read(cls, log: Path) -> "Deletions":
        events = [json.loads(line) for line in log.read_text().splitlines()]
        return cls(_places(events, "resourcePreEvent"), _places(events, "resOutputsEvent"))

    def of(self, *types: str) -> set[str]:
        return {name for name in self.ended if name.startswith(types)}

    def in_order(self, first: set[str], then: set[str]) -> bool:
        """Whether all of `first` had ended before any of `then` began."""
        return max(self.ended[name] for name in first) < min(self.began[name] for name in then)


def _places(events: Sequence[Mapping[str, Any]], kind: str) -> dict[str, int]:
    found = [(number, event[kind]["metadata"]) for number, event in enumerate(events) if kind in event]
    return {_short(data["urn"]): number for number, data in found if data["op"] == "delete"}


def _short(urn: str) -> str:
    """The own type and the name, without project and parents."""
    kinds, name = urn.split("::")[2:]
    return f"{kinds.rpartition('$')[2]} {name}"


def look_for_leftovers(prod: Prod, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `make down` does, with the emulator in the account's place."""
    for name, value in {"AWS_ENDPOINT_URL": prod.url, "AWS_ACCESS_KEY_ID": "t", "AWS_SECRET_ACCESS_KEY": "t"}.items():
        monkeypatch.setenv(name, value)
    require_none(STACK, prod.account, aws_account.REGION)
