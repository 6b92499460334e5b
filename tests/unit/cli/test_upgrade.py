"""`make upgrade-check`: cases with a small table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from cli.finding import Finding
from cli.upgrade import lifecycles, screen
from cli.upgrade.cluster import Cluster, Dates, cluster_of
from cli.upgrade.lifecycles import Lifecycle, Made
from cli.upgrade.parts import Part
from cli.upgrade.verdict import Verdict, examine
from cli.upgrade.versions import asked
from common.errors import CommandError
from infra.catalogue.support import Later, Support
from infra.catalogue.versions import EksVersion
from infra.declaration.loader import declare
from infra.declaration.model import Platform
from tests.unit.declaration.samples import REPOSITORY, in_cluster, small

TODAY = date(2026, 11, 29)
FAR = date(2029, 1, 1)
SETTING = "platform.foundation.aws.cluster.version"
PIN = 'versions.toml: go."images/queue"."example.com/queue"'

REMOVED = Lifecycle("policy/v1beta1", ["PodDisruptionBudget"], 31, 35, "policy/v1")
DEPRECATED = Lifecycle("v1", ["Endpoints"], 33, None, "discovery.k8s.io/v1 EndpointSlice")
BUDGET = Made("policy/v1beta1", "PodDisruptionBudget", "gateway", "gateway")
ENDPOINTS = Made("v1", "Endpoints", "digits", "serving")


def eks(version: int = 34, *, pools: Sequence[str] = ("a10g",), **dates: EksVersion) -> Cluster:
    known = {each: EksVersion(FAR, FAR + timedelta(days=365)) for each in range(30, 41)}
    changed = {int(name.removeprefix("v")): each for name, each in dates.items()}
    return Cluster("aws", SETTING, version, pools, "STANDARD", Dates(dict.fromkeys(known, FAR), {**known, **changed}))


def part(
    oldest: str | None = "1.30", newest: str | None = "1.40", later: Later = "unknown", ends: date | None = None
) -> Part:
    support = Support("v1", "https://example.com/matrix", TODAY, "1.30 to 1.40", oldest, newest, later, ends)
    return Part("Queue", "v1", PIN, "platform.queues", support)


def verdict(
    target: int, *, cluster: Cluster | None = None, parts: Sequence[Part] = (), objects: Sequence[Made] = ()
) -> Verdict:
    return examine("prod", objects, parts, cluster or eks(), [REMOVED, DEPRECATED], target, TODAY)


def said(findings: Sequence[Finding]) -> list[tuple[str, str, bool]]:
    return [(each.setting, each.problem, each.blocking) for each in findings]


def whats(found: Verdict) -> list[str]:
    return [f"{step.who}: {step.what}" for step in found.steps]


def starts(found: Verdict) -> list[str]:
    """What each step is about."""
    return [step.what.partition(":")[0] for step in found.steps]


def test_everything_fits() -> None:
    found = verdict(35, parts=[part()])
    assert found.fits
    assert not found.findings
    assert not found.unknown
    assert whats(found) == [
        "platform team: control plane to 1.35: write platform.foundation.aws.cluster.version: '1.35', "
        "`make preflight STACK=prod`, `make up STACK=prod`",
        "EKS: nodes to 1.35: it replaces them with container runtime and GPU driver, in the maintenance window, "
        "or at their expiry; "
        "`kubectl get nodes` shows their versions",
        "platform team: kubectl of 1.34 to 1.36 where `make` runs",
    ]


def test_a_removed_api_version_is_replaced_before_the_cluster_is_upgraded() -> None:
    found = verdict(35, objects=[BUDGET])
    problem = "policy/v1beta1 PodDisruptionBudget: not served since 1.35"
    assert said(found.findings) == [("component gateway: gateway", problem, True)]
    assert not found.fits
    assert found.steps[0].what == "policy/v1beta1 PodDisruptionBudget: use policy/v1 in infra/, and deploy it"
    assert verdict(34, objects=[BUDGET]).fits


def test_a_deprecated_api_version_is_a_warning_with_its_removal_where_one_is_announced() -> None:
    many = [Made("v1", "Endpoints", name, "serving") for name in "abcde"]
    found = verdict(34, objects=[*many, BUDGET])
    assert found.fits
    assert said(found.findings) == [
        ("component gateway: gateway", "policy/v1beta1 PodDisruptionBudget: deprecated, removed in 1.35", False),
        ("component serving: a, b, c and 2 more", "v1 Endpoints: deprecated, no removal is announced", False),
    ]


def test_a_controller_that_is_too_old_is_upgraded_first() -> None:
    found = verdict(35, parts=[part(newest="1.34", later="unsupported")])
    problem = "Queue v1 (platform.queues) does not support Kubernetes 1.35: 1.30 to 1.40"
    assert said(found.findings) == [(PIN, f"{problem} (https://example.com/matrix, {TODAY})", True)]
    assert found.findings[0].fix == "pin a version that supports 1.35 before the cluster has it"
    assert found.steps[0].what == f"Queue: pin a version that supports 1.34 to 1.35 ({PIN}), and deploy it"
    assert not found.fits


def test_a_controller_that_is_too_new_does_not_fit_either() -> None:
    assert not verdict(35, parts=[part(oldest="1.36")]).fits


def test_a_minimum_alone_covers_later_versions() -> None:
    found = verdict(39, parts=[part(newest=None, later="supported")], cluster=eks(38))
    assert (found.fits, list(found.unknown)) == (True, [])


def test_what_no_maker_states_is_unknown_and_does_not_block() -> None:
    silent = Part("Agent", "v2", "versions.toml: images.agent.tag", "platform.monitoring", None)
    found = verdict(36, cluster=eks(35), parts=[part(newest="1.35"), silent, part(oldest=None, newest=None)])
    assert found.fits
    assert [each.problem.partition(": ")[0] for each in found.unknown] == [
        "Queue v1 (platform.queues)",
        "Agent v2 (platform.monitoring)",
        "Queue v1 (platform.queues)",
    ]
    assert "no statement of its maker is recorded" in found.unknown[1].problem
    assert len(found.steps) == 3


def test_two_minor_versions_at_once_are_two_steps() -> None:
    found = verdict(36, parts=[part(newest="1.35", later="unsupported")])
    assert said(found.findings)[1] == (
        SETTING,
        "1.34 to 1.36 skips versions; a control plane goes one minor version at a time",
        False,
    )
    assert starts(found) == [
        "control plane to 1.35",
        "Queue",
        "control plane to 1.36",
        "nodes to 1.36",
        starts(found)[-1],
    ]


def test_parts_have_to_support_the_versions_on_the_way() -> None:
    found = verdict(36, parts=[part(oldest="1.36")])
    assert "does not support Kubernetes 1.35" in found.findings[0].problem


def test_nodes_are_upgraded_before_they_are_more_than_three_minor_versions_behind() -> None:
    found = verdict(38, cluster=eks(34, pools=["a10g", "cpu"]))
    behind = "nodes of 1.34 would be 4 minor versions behind 1.38, 3 are allowed"
    assert said(found.findings)[1:] == [(f"platform.nodePools.{pool}", behind, False) for pool in ("a10g", "cpu")]
    assert starts(found)[:-1] == [
        *(f"control plane to 1.{version}" for version in (35, 36, 37)),
        "nodes to 1.37",
        "control plane to 1.38",
        "nodes to 1.38",
    ]
    assert not [each for each in verdict(37).findings if "behind" in each.problem]


def test_there_is_no_way_back() -> None:
    found = verdict(33)
    problem = "1.33 is older than 1.34; kubelets would be newer than the control plane"
    assert said(found.findings) == [(SETTING, problem, True)]
    assert not found.steps


def test_the_end_of_support_of_the_target() -> None:
    def ends(standard: int, extended: int) -> list[tuple[str, str, bool]]:
        days = EksVersion(TODAY + timedelta(days=standard), TODAY + timedelta(days=extended))
        return said(verdict(35, cluster=eks(v35=days)).findings)

    assert not ends(91, 456)
    assert ends(90, 455) == [
        (
            SETTING,
            "EKS' standard support of 1.35 ends on 2027-02-27; "
            "with upgradePolicy: STANDARD, EKS then upgrades the cluster by itself",
            False,
        )
    ]
    assert ends(-366, -1) == [(SETTING, "EKS has not supported Kubernetes 1.35 since 2026-11-28", True)]


def test_parts_that_are_out_of_support_before_the_target() -> None:
    over, sooner, later = part(ends=TODAY - timedelta(1)), part(ends=FAR - timedelta(1)), part(ends=FAR)
    found = verdict(35, parts=[over, sooner, later])
    assert said(found.findings) == [
        (PIN, "Queue v1 (platform.queues) has had no fixes since 2026-11-28", False),
        (
            PIN,
            "Queue v1 (platform.queues) gets no fixes after 2028-12-31, before Kubernetes 1.35 (2029-01-01)",
            False,
        ),
    ]


def test_a_version_without_dates_of_eks_is_unknown() -> None:
    found = verdict(41, cluster=eks(40))
    assert found.fits
    assert [each.setting for each in found.unknown] == [SETTING]
    assert "EKS: standard support until unknown" in found.support


def declared(declaration: dict[str, Any]) -> Platform:
    return declare(declaration, "Pulumi.test.yaml", REPOSITORY)


def test_an_existing_cluster_is_upgraded_by_its_owner() -> None:
    cluster = cluster_of(declared(in_cluster()))
    found = verdict(36, cluster=cluster, parts=[part(newest="1.35", later="unsupported")])
    assert [step.who for step in found.steps] == [
        "this project",
        "the cluster's owner",
        "the cluster's owner",
        "platform team",
    ]
    assert (found.current, found.steps[1].what) == (None, "control plane to 1.36, by one minor version at a time")


def test_another_local_cluster_is_created_and_may_skip_versions() -> None:
    found = verdict(36, cluster=cluster_of(declared(small())))
    assert [step.who for step in found.steps] == ["this project"] * 3
    assert found.steps[0].what.startswith("cluster to 1.36: kubernetes.local and k8s.io/kubernetes in versions.toml")
    assert not [each for each in found.findings if "skips" in each.problem]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "'' is not a minor version of Kubernetes"),
        ("v1.36", "'v1.36' is not a minor version of Kubernetes"),
        ("1.36.1", "'1.36.1' is not a minor version of Kubernetes"),
        ("1.036", "'1.036' is not a minor version of Kubernetes"),
        ("2.0", "'2.0' is not a minor version of Kubernetes"),
        ("1.٣٦", "'1.٣٦' is not a minor version of Kubernetes"),
        ("1.29", "Kubernetes 1.29 is too old"),
        ("1.38", "Kubernetes 1.38 is not known to this project"),
    ],
)
def test_other_versions_are_one_error(text: str, what: str) -> None:
    with pytest.raises(CommandError) as error:
        asked(text, range(30, 38))
    assert (error.value.what, error.value.hint) == (
        what,
        "write a minor version from 1.30 to 1.37, such as KUBERNETES=1.37",
    )


def test_a_plan_s_objects() -> None:
    urn = "urn:pulumi:prod::ml-platform::ml-platform:index:Serving$kubernetes:core/v1:Service::digits"
    step = {
        "operation": "create",
        "urn": urn,
        "type": "kubernetes:core/v1:Service",
        "custom": True,
        "inputs": {"apiVersion": "v1", "kind": "Service"},
    }
    others = [{**step, "operation": "delete"}, {**step, "type": "aws:s3/bucket:Bucket"}, {**step, "custom": False}]
    assert list(lifecycles.made([step, *others])) == [Made("v1", "Service", "digits", "serving")]


def test_json_has_what_the_screen_has(capsys: pytest.CaptureFixture[str]) -> None:
    found = verdict(36, parts=[part(newest="1.35", later="unsupported")], objects=[BUDGET, ENDPOINTS])
    document = screen.as_json("prod", found)
    assert (document["current"], document["target"], document["fits"]) == ("1.34", "1.36", False)
    screen.show("prod", found)
    shown = " ".join(capsys.readouterr().out.split())
    assert "Stack prod, Kubernetes 1.34 to 1.36: does not fit" in shown
    for each in [*document["findings"], *document["unknown"]]:
        assert f"{each['setting']}: {each['problem']}; {each['fix']}" in shown
    for step in document["steps"]:
        assert f"{step['who']}: {step['what']}" in shown
