"""The dev stack with queues, examined by CNCF's checklist: as it is deployed, and with each item violated in turn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from kubernetes import client

from cli.conformance import screen
from cli.conformance.checklist import ITEMS
from cli.conformance.examine import examine, outcome
from cli.conformance.gangs import KUEUE
from cli.conformance.live import LiveCluster
from cli.conformance.report import Outcome, Report
from cli.conformance.stack import Stack
from cli.conformance.strangers import COMPONENT, strangers
from cli.conformance.tenancy import compliant
from cli.objects import Objects
from cli.stack import environment
from infra.catalogue.names import QUEUE_LABEL
from infra.declaration.loader import load
from offline.cluster.addresses import CONTEXT
from tests.pulumi_engine import Pulumi
from tests.stack.conftest import NAMESPACE, STACK, TEAM
from tests.stack.submitted import status
from tests.stack.violations import VIOLATIONS, WAITING
from tests.waiting import eventually

OTHER = "other"
RUNNING = "fits"
MUST = {each.id for each in ITEMS if each.level == "MUST" and each.until is None}
PASSED = {"ai_inference", "gang_scheduling", "ai_service_metrics", "robust_controller"}
PROMISED = {"pod_security", "secret_isolation", "network_isolation"}


@pytest.fixture(scope="module")
def stack(core: client.CoreV1Api, trial: Pulumi) -> Iterator[Stack]:
    """With queues, groups, and another team; and with a gang that its queue has admitted, and one that waits."""
    file = trial.folder / f"Pulumi.{STACK}.yaml"
    document = yaml.safe_load(file.read_text())
    platform = document["config"]["ml-platform:platform"]
    platform["queues"] = {}
    platform["monitoring"].pop("logs", None)
    for name, quota in ((TEAM, platform["teams"][TEAM]["quota"]), (OTHER, {"cpu": 1, "memory": "1Gi"})):
        groups = {"developer": [f"{name}-developers"], "admin": [f"{name}-leads"]}
        platform["teams"][name] = {"groups": groups, "quota": quota}
    file.write_text(yaml.safe_dump(document))
    deployed = trial.up().outputs
    found = Stack(load(file, values=False), deployed)
    eventually(lambda: status(core, deployed["jobs"]["digits"]).completion_time, 600, "the end of training")
    batch = client.BatchV1Api(core.api_client)
    for name, cpu in ((RUNNING, "100m"), (WAITING, "8")):
        batch.create_namespaced_job(TEAM, gang(found, name, cpu))
    yield found
    for name in (RUNNING, WAITING):
        batch.delete_namespaced_job(name, TEAM, propagation_policy="Foreground")
    eventually(lambda: not _workloads(core), 60, "the end of both gangs in the queue")


def _workloads(core: client.CoreV1Api) -> list[str]:
    """Those of the gangs."""
    found = Objects(core.api_client).listed(f"{KUEUE}/namespaces/{TEAM}/workloads")
    names = [each["metadata"]["name"] for each in found]
    return [name for name in names if name.startswith((f"job-{RUNNING}-", f"job-{WAITING}-"))]


def gang(stack: Stack, name: str, cpu: str) -> dict[str, Any]:
    """Two pods, which are scheduled nowhere: what matters is whether they are created."""
    amounts = {"cpu": cpu, "memory": "64Mi"}
    spec = compliant(stack)["spec"]
    container = {**spec["containers"][0], "resources": {"requests": amounts, "limits": amounts}}
    template = {"spec": {**spec, "containers": [container], "restartPolicy": "Never"}}
    return {
        "metadata": {"name": name, "labels": {QUEUE_LABEL: TEAM}},
        "spec": {"parallelism": 2, "completions": 2, "suspend": True, "template": template},
    }


@pytest.fixture(scope="module")
def cluster(core: client.CoreV1Api, stack: Stack) -> LiveCluster:
    return LiveCluster(core.api_client, stack, CONTEXT, environment())


@pytest.fixture(scope="module")
def report(stack: Stack, cluster: LiveCluster) -> Report:
    """Once the endpoint serves its first champion, and Kueue has looked at both gangs."""
    for item in sorted(PASSED):
        passes(stack, cluster, item, 600)
    return examine(STACK, stack, cluster, lambda item: None)


def judge(stack: Stack, cluster: LiveCluster, item: str) -> Outcome:
    return outcome(next(each for each in ITEMS if each.id == item), stack, cluster)


def reason_of_failure(stack: Stack, cluster: LiveCluster, item: str) -> str:
    """Empty while it does not fail."""
    found = judge(stack, cluster, item)
    return found.reason if found.verdict == "failed" else ""


def passes(stack: Stack, cluster: LiveCluster, item: str, seconds: float) -> None:
    eventually(
        lambda: judge(stack, cluster, item).verdict == "passed",
        seconds,
        f"{item} to pass",
        lambda: judge(stack, cluster, item),
    )


def left(core: client.CoreV1Api) -> list[str]:
    """Namespaces of checks."""
    selector = f"app.kubernetes.io/component={COMPONENT}"
    return [each.metadata.name for each in core.list_namespace(label_selector=selector).items]


def test_each_item_passes_or_says_why_it_can_not_be_shown(
    core: client.CoreV1Api, report: Report, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        screen.show(report)
    verdicts = {each.item.id: each.outcome.verdict for each in report.results}
    assert report.exit_code == 0
    assert {each: verdicts[each] for each in PASSED | PROMISED} == dict.fromkeys(PASSED | PROMISED, "passed")
    assert {each: verdicts[each] for each in MUST - PASSED} == dict.fromkeys(MUST - PASSED, "not shown")
    assert all(each.outcome.reason for each in report.having("not shown"))
    assert all(each.outcome.evidence for each in report.having("passed"))
    assert left(core) == []


@pytest.fixture
def whole(stack: Stack, cluster: LiveCluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """An item that has not failed before, and does not afterwards."""
    item: str = request.param
    assert judge(stack, cluster, item).verdict in ("passed", "not shown")
    yield item
    eventually(
        lambda: judge(stack, cluster, item).verdict in ("passed", "not shown"),
        120,
        f"{item} not to fail any more",
        lambda: judge(stack, cluster, item),
    )


@pytest.mark.usefixtures("report")
@pytest.mark.parametrize("whole", sorted(VIOLATIONS), indirect=True)
def test_a_planted_violation_fails_its_item(
    core: client.CoreV1Api, stack: Stack, cluster: LiveCluster, whole: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with VIOLATIONS[whole](core.api_client, stack):
        reason = eventually(
            lambda: reason_of_failure(stack, cluster, whole),
            120,
            f"{whole} to fail",
            lambda: judge(stack, cluster, whole),
        )
    with capsys.disabled():
        print(f"{whole}: {reason}")
    assert left(core) == []


def test_each_must_has_a_violation() -> None:
    assert VIOLATIONS.keys() == MUST | PROMISED


@pytest.mark.usefixtures("report")
def test_an_error_leaves_nothing(core: client.CoreV1Api, stack: Stack) -> None:
    seen: list[str] = []

    def interrupted() -> None:
        with strangers(core.api_client, stack) as (namespace, _, _):
            seen.append(namespace)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert seen
    assert left(core) == []


@pytest.mark.usefixtures("report")
def test_what_is_not_stored_is_not_there(core: client.CoreV1Api, cluster: LiveCluster) -> None:
    """A manifest that a check has only had admitted."""
    api = Objects(core.api_client)
    kinds = ("/api/v1/namespaces/{}/pods", "/apis/batch/v1/namespaces/{}/jobs")
    routes = "/apis/gateway.networking.k8s.io/v1/namespaces/{}/httproutes"
    for namespace in (TEAM, OTHER, NAMESPACE, f"{NAMESPACE}-gateway"):
        names = [each["metadata"]["name"] for kind in (*kinds, routes) for each in api.listed(kind.format(namespace))]
        assert "conformance" not in names
