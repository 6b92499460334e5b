"""What is like a policy's case, and refused or not all the same: all of it in one preview."""

from __future__ import annotations

from typing import Any

import pytest

from infra.catalogue.pod_manifests import pod
from tests.engine.policies.programs import PRELUDE, as_pod, findings, preview
from tests.engine.policies.variants import ACCOUNT, KEYS, OTHERS, PODS, POLICIES, TRUSTS
from tests.pulumi_engine import Pulumi, Result

TABLES = (PODS, OTHERS, TRUSTS, POLICIES, KEYS)
EXPECTED = {name: rule for table in TABLES for name, (_, rule) in table.items()}


@pytest.fixture(scope="module")
def result(stack: Pulumi) -> Result:
    bad = pod(spec={"volumes": [{"name": "data", "hostPath": {"path": "/"}}]})["spec"]
    sources = {
        **{name: as_pod(repr(manifest["spec"])) for name, (manifest, _) in PODS.items()},
        **{name: source for name, (source, _) in OTHERS.items()},
        **{name: as_role(statement) for name, (statement, _) in TRUSTS.items()},
        **{name: as_policy(statement) for name, (statement, _) in POLICIES.items()},
        **{name: as_key(statement) for name, (statement, _) in KEYS.items()},
    }
    cases = [f"name = {name!r}\n{source}" for name, source in sources.items()]
    declared = {"foundation": {"aws": {"account": ACCOUNT}}}
    return preview(stack, "\n".join([PRELUDE, f"BAD = {bad!r}", *cases]), declared)


def as_role(statement: dict[str, Any]) -> str:
    return f"aws.iam.Role(name, assume_role_policy={document(statement)}, opts=on_aws)"


def as_policy(statement: dict[str, Any]) -> str:
    return f"aws.iam.RolePolicy(name, role='someone', policy={document(statement)}, opts=on_aws)"


def as_key(statement: dict[str, Any]) -> str:
    return f"aws.kms.Key(name, policy={document(statement)}, opts=kept)"


def document(statement: dict[str, Any]) -> str:
    """Of one statement, as source."""
    return f"json.dumps({ {'Version': '2012-10-17', 'Statement': [statement]}!r})"


def test_every_variant_has_a_name_of_its_own() -> None:
    assert len(EXPECTED) == sum(map(len, TABLES))


@pytest.mark.parametrize("name", EXPECTED)
def test_a_variant_is_judged_by_its_own_rule_alone(result: Result, name: str) -> None:
    assert f" {name} create" in result.text, "the variant is not in the program"
    expected = EXPECTED[name]
    assert {rule for rule, about in findings(result) if about == name} == ({expected} if expected else set())
