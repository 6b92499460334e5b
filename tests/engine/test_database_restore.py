"""A database that is restored: what the engine does to the present one, on the stand-in for the AWS plugin."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from common.pulumi import UNKNOWN_TEXT
from tests.pulumi_engine import STACK, Pulumi
from tests.unit.declaration.samples import REPOSITORY

PROGRAM = """
import pulumi, pulumi_aws as aws
from infra.declaration.aws.settings import Database as Settings
from infra.foundation.aws.context import AwsContext
from infra.foundation.aws.database import Database, DatabaseArgs

context = AwsContext("123456789012", "eu-central-1", "test", "ml", "ml")
provider = aws.Provider("aws", region=context.region)
args = DatabaseArgs(
    settings=Settings.model_validate({settings!r}),
    context=context, vpc="vpc-1", subnets=["subnet-1"], clients="sg-1",
    key="arn:aws:kms:eu-central-1:123456789012:key/1", log_key="arn:aws:kms:eu-central-1:123456789012:key/2",
    log_days=30, protect=True, window="sun:02:00-sun:06:00",
)
Database("tracking", args, pulumi.ResourceOptions(providers=[provider]))
"""
INSTANCE = "aws:rds/instance:Instance"
KNOWN_TEXT = "00000000-0000-4000-8000-000000000000"
YESTERDAY = {"instance": "tracking", "pointInTime": "2026-11-27T10:40:00Z"}
RESTORED = {"name": "tracking-2", "retained": ["tracking"], "restoreFrom": YESTERDAY}


class Stack(Pulumi):
    """A stack whose state is what a preview planned: the stand-in creates nothing."""

    def declare(self, **settings: object) -> None:
        self.program(PROGRAM.replace("{settings!r}", repr(settings)))

    def deployed(self, **settings: object) -> None:
        """Twice: what a preview does not know is known to one that starts from the planned state."""
        self.declare(**settings)
        state: dict[str, Any] = {}  # by URN, in the order of creation
        for _ in range(2):
            steps = json.loads(self.run("preview", "--json").text)["steps"]
            state |= {step["urn"]: _created(step["newState"]) for step in steps}
            deployment = {"manifest": {}, "resources": list(state.values())}
            text = json.dumps({"version": 3, "deployment": deployment})
            file = self.root / "state.json"
            file.write_text(text.replace(UNKNOWN_TEXT, KNOWN_TEXT))
            self.run("stack", "import", "--stack", STACK, "--file", str(file))

    def instances(self) -> dict[str, str]:
        """What would be done to each instance."""
        steps = json.loads(self.run("preview", "--json", "--show-sames").text)["steps"]
        return {step["urn"].rpartition("::")[2]: step["op"] for step in steps if f"{INSTANCE}::" in step["urn"]}


def _created(state: Mapping[str, Any]) -> dict[str, Any]:
    """As if the plugin had created it. A provider's id is part of its users' references."""
    outputs = {**state.get("inputs", {}), **state.get("outputs", {})}
    return {**state, "id": UNKNOWN_TEXT, "outputs": outputs} if state["custom"] else dict(state)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    made = Stack(tmp_path, settings={"AWS_ACCESS_KEY_ID": "", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"})
    (made.folder / "infra").symlink_to(REPOSITORY / "infra")
    made.declare()
    with made:
        yield made
        made.run("stack", "import", "--file", str(_emptied(tmp_path)))


def _emptied(folder: Path) -> Path:
    """The stand-in can delete nothing either."""
    file = folder / "empty.json"
    file.write_text(json.dumps({"version": 3, "deployment": {"manifest": {}}}))
    return file


def test_a_restored_instance_is_created_beside_the_present_one(stack: Stack) -> None:
    stack.deployed()
    stack.declare(**RESTORED)
    assert stack.instances() == {"tracking": "same", "tracking-2": "create"}


def test_nothing_happens_when_the_source_is_no_longer_declared(stack: Stack) -> None:
    stack.deployed(**RESTORED)
    stack.declare(name="tracking-2", retained=["tracking"])
    assert stack.instances() == {"tracking": "same", "tracking-2": "same"}


def test_the_former_instance_can_be_used_again(stack: Stack) -> None:
    stack.deployed(**RESTORED)
    stack.declare(name="tracking", retained=["tracking-2"])
    assert stack.instances() == {"tracking": "same", "tracking-2": "same"}


@pytest.mark.parametrize(
    "settings",
    [
        {"restoreFrom": {"snapshot": "rds:yesterday"}},
        {"name": "tracking-2"},
    ],
    ids=["restored in place", "not retained"],
)
def test_the_present_instance_is_neither_replaced_nor_deleted(stack: Stack, settings: dict[str, object]) -> None:
    stack.deployed()
    stack.declare(**settings)
    refused = stack.run("preview", check=False)
    assert refused.code != 0
    assert "protect" in refused.text


def test_another_source_of_a_restored_instance_is_refused(stack: Stack) -> None:
    stack.deployed(**RESTORED)
    stack.declare(**{**RESTORED, "restoreFrom": {**YESTERDAY, "pointInTime": "2026-11-27T09:00:00Z"}})
    refused = stack.run("preview", check=False)
    assert refused.code != 0
    assert "tracking-2" in refused.text
    assert "protect" in refused.text
