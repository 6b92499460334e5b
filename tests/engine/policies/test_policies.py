"""Every policy through the real engine: it refuses the case that it was written for, and lets one like it pass."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from infra.catalogue.pod_rules import IMAGES
from policies import budgets, ceilings
from policies.rule import Rule
from policies.rules import RULES
from tests.engine.policies.programs import NOT_ASKED, Finding, declaration, findings, preview, program
from tests.pulumi_engine import PROJECT, STACK, Pulumi, Result
from tests.unit.declaration.samples import REPOSITORY

RULE_NAMES = [rule.name for rule in RULES]


@pytest.fixture(scope="module")
def refused(stack: Pulumi) -> Result:
    return preview(stack, program(RULES, refused=True), declaration(RULES, refused=True))


@pytest.fixture(scope="module")
def passed(stack: Pulumi) -> Result:
    return preview(stack, program(RULES, refused=False), declaration(RULES, refused=False))


def its_own(rule: Rule) -> Finding:
    """The rule and the resource of its case; ceilings are about the stack itself."""
    return (rule.name, f"{PROJECT}-{STACK}" if rule in (*ceilings.RULES, *budgets.RULES) else rule.name)


def test_there_are_as_many_cases_as_policies(refused: Result) -> None:
    assert len(findings(refused)) == len(RULES) == len(set(RULE_NAMES))
    assert all((rule.refuses, rule.declared[0]) != (rule.passes, rule.declared[1]) for rule in RULES)


@pytest.mark.parametrize("rule", RULES, ids=RULE_NAMES)
def test_a_policy_refuses_its_own_case_and_says_why_and_what_to_do(refused: Result, rule: Rule) -> None:
    assert refused.code != 0
    assert its_own(rule) in findings(refused)
    assert rule.reason in refused.text
    assert f"; {rule.fix}" in refused.text


@pytest.mark.parametrize("rule", RULES, ids=RULE_NAMES)
def test_a_policy_refuses_no_other_s_case(refused: Result, rule: Rule) -> None:
    assert {finding for finding in findings(refused) if rule.name in finding} == {its_own(rule)}


@pytest.mark.parametrize("rule", RULES, ids=RULE_NAMES)
def test_a_case_that_is_nearly_the_same_passes(passed: Result, rule: Rule) -> None:
    assert its_own(rule)[1] in passed.text, "the case is not in the program"
    assert [finding for finding in findings(passed) if rule.name in finding] == []


def test_nothing_stops_a_program_that_keeps_all_of_them(passed: Result) -> None:
    assert passed.code == 0, passed.text
    assert NOT_ASKED not in passed.text


def test_protected_data_may_go_when_the_declaration_releases_it(stack: Pulumi) -> None:
    names = {"protected-data", "deletion-refused"}
    rules = [rule for rule in RULES if rule.name in names]
    assert len(rules) == len(names)
    source = program(rules, refused=True)
    assert {rule for rule, _ in findings(preview(stack, source, {"protectData": True}))} == names
    released = preview(stack, source, {"protectData": False})
    assert released.code == 0, released.text


def test_an_exception_is_for_one_rule_in_one_namespace(stack: Pulumi) -> None:
    names = {"no-host-paths", "no-host-namespaces"}
    rules = [rule for rule in RULES if rule.name in names]
    reason = "reads the scanner's device, allowed by the platform team"
    excepted = {"policy": {"exceptions": {"no-host-paths": {"vision": reason}}}}
    elsewhere = {"policy": {"exceptions": {"no-host-paths": {"speech": reason}}}}
    source = program(rules, refused=True)
    assert {rule for rule, _ in findings(preview(stack, source, excepted))} == {"no-host-namespaces"}
    assert {rule for rule, _ in findings(preview(stack, source, elsewhere))} == names


def test_images_are_of_the_registry_that_is_declared(stack: Pulumi) -> None:
    rules = [rule for rule in RULES if rule.name == IMAGES.name]
    registry = {"server": "registry.example.com:8443", "prefix": "research/ml"}
    declared = {"foundation": {"cluster": {"registry": registry}}}
    source = program(rules, refused=False)
    assert {rule for rule, _ in findings(preview(stack, source, declared))} == {IMAGES.name}
    own = source.replace("127.0.0.1:5000/ml-platform/", "registry.example.com:8443/research/ml/")
    assert preview(stack, own, declared).code == 0
    assert {rule for rule, _ in findings(preview(stack, own.replace(".com:8443", "-com:8443"), declared))} == {
        IMAGES.name
    }
    assert {rule for rule, _ in findings(preview(stack, own))} == {IMAGES.name}


def test_a_machine_without_a_price_is_named(stack: Pulumi) -> None:
    declared = declaration(ceilings.RULES, refused=False)
    pool = {"instance": {"cpu": 3, "memory": "14Gi"}, "aws": {"instanceTypes": ["hpc7a.12xlarge", "m7i.xlarge"]}}
    result = preview(stack, "", declared | {"nodePools": {"new": pool}})
    assert findings(result) == {("cost-ceiling", f"{PROJECT}-{STACK}")}
    assert "the price of hpc7a.12xlarge is unknown (infra/catalogue/aws/prices.json)" in result.text


def test_a_declaration_that_is_not_valid_is_left_to_the_program(stack: Pulumi) -> None:
    result = preview(stack, "", {"nodePools": ["a list"], "limits": {"gpus": "many"}})
    assert (result.code, findings(result)) == (0, set()), result.text


def test_a_protected_carrier_that_leaves_the_program_stays_and_the_preview_fails(stack: Pulumi, tmp_path: Path) -> None:
    """The other half of `protected-data`: the engine itself deletes nothing that is protected."""
    kept = "import pulumi_random as random, pulumi\nopts = pulumi.ResourceOptions(protect={})\n"
    kept += "random.RandomPassword('kept', length=16, opts=opts)\n"
    with Pulumi(tmp_path) as other:
        other.program(kept.format(True))
        other.up()
        other.program("")
        gone = other.run("preview", check=False)
        other.program(kept.format(False))
        other.up()
    assert gone.code != 0
    assert 'resource "urn:pulumi:test::trial::random:index/randomPassword:RandomPassword::kept" cannot be deleted' in (
        " ".join(gone.text.split())
    )


def test_the_documentation_lists_every_policy() -> None:
    text = (REPOSITORY / "docs" / "security.md").read_text()
    table = text.partition("| policy |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE) == [rule.name for rule in RULES]
