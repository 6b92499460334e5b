"""What is like a policy's case, and refused or not all the same: all of it in one preview."""

from __future__ import annotations

from typing import Any

import pytest

from policies.pods import pod
from tests.policies.programs import PRELUDE, as_pod, findings, preview
from tests.policies.variants import OTHERS, PODS, TRUSTS
from tests.pulumi_engine import Pulumi, Result

EXPECTED = {name: rule for table in (PODS, OTHERS, TRUSTS) for name, (_, rule) in table.items()}


@pytest.fixture(scope="module")
def result(stack: Pulumi) -> Result:
    bad = pod(spec={"volumes": [{"name": "data", "hostPath": {"path": "/"}}]})["spec"]
    sources = {
        **{name: as_pod(repr(manifest["spec"])) for name, (manifest, _) in PODS.items()},
        **{name: source for name, (source, _) in OTHERS.items()},
        **{name: as_role(statement) for name, (statement, _) in TRUSTS.items()},
    }
    cases = [f"name = {name!r}\n{source}" for name, source in sources.items()]
    return preview(stack, "\n".join([PRELUDE, f"BAD = {bad!r}", *cases]))


def as_role(statement: dict[str, Any]) -> str:
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return f"aws.iam.Role(name, assume_role_policy=json.dumps({document!r}), opts=on_aws)"


def test_every_variant_has_a_name_of_its_own() -> None:
    assert len(EXPECTED) == len(PODS) + len(OTHERS) + len(TRUSTS)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_variant_is_judged_by_its_own_rule_alone(result: Result, name: str) -> None:
    assert f" {name} create" in result.text, "the variant is not in the program"
    expected = EXPECTED[name]
    assert {rule for rule, about in findings(result) if about == name} == ({expected} if expected else set())
