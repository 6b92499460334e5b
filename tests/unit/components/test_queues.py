"""Queues: nothing of them without `queues`, and with them no webhook and no right more than they need."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from infra.catalogue.names import QUEUE_LABEL, QUEUE_PRIORITY_LABEL
from infra.queues.definitions import CONVERTED, manifests
from tests.unit.components.recorder import Recorder, created, inputs, platform, run
from tests.unit.declaration.samples import on_aws, small

QUOTA = {"cpu": 8, "memory": "16Gi", "gpus": 1}
GPU_JOB = {"team": "vision", "image": "training", "model": "digits", "pool": "a10g", "gpus": 1, "priority": "high"}
CHANGES = {
    "teams.vision.quota": QUOTA,
    "teams.speech.quota": QUOTA,
    "training.large": GPU_JOB,
    "batch": {"nightly": {"team": "speech", "image": "training", "schedule": "@daily", "priority": "low"}},
}
KUEUE = "kubernetes:kueue.x-k8s.io/v1beta2:"
WEBHOOKS = "kubernetes:admissionregistration.k8s.io/v1:"
RBAC = "kubernetes:rbac.authorization.k8s.io/v1:"
TEAMS_ONLY = {
    "matchLabels": {"ml-platform.io/platform": "ml-platform"},
    "matchExpressions": [{"key": "ml-platform.io/team", "operator": "Exists"}],
}


def queued(**changes: object) -> Recorder:
    return platform(small(**{**CHANGES, "queues": {}, **changes}))


def test_without_queues_there_is_nothing_of_them() -> None:
    changes = {key: value for key, value in CHANGES.items() if key not in ("training.large", "batch")}
    recorder = platform(small(**changes))
    found = [each for each in recorder.resources if "kueue" in json.dumps([each.type, each.name, each.inputs])]
    assert found == []


def test_a_team_has_a_queue_with_its_quota_without_its_endpoints() -> None:
    recorder = queued(**{"teams.vision.queue": {"borrowingLimit": {"cpu": 2, "gpus": 0}}})
    spec = inputs(recorder, f"{KUEUE}ClusterQueue", "ml-platform-vision")["spec"]
    anywhere, gpus = spec["resourceGroups"]
    assert anywhere["coveredResources"] == ["cpu", "memory", "pods"]
    assert anywhere["flavors"] == [
        {
            "name": "ml-platform",
            "resources": [
                {"name": "cpu", "nominalQuota": "7250m", "borrowingLimit": "2000m"},
                {"name": "memory", "nominalQuota": f"{int(14.5 * 2**20)}Ki"},
                {"name": "pods", "nominalQuota": "97", "borrowingLimit": "0"},
            ],
        }
    ]
    assert gpus["flavors"] == [
        {
            "name": "ml-platform-a10g",
            "resources": [{"name": "nvidia.com/gpu", "nominalQuota": "1", "borrowingLimit": "0"}],
        }
    ]
    assert spec["cohortName"] == "ml-platform"
    assert spec["preemption"] == {"reclaimWithinCohort": "Any", "withinClusterQueue": "LowerPriority"}
    assert spec["namespaceSelector"] == {"matchLabels": {"kubernetes.io/metadata.name": "vision"}}
    assert inputs(recorder, f"{KUEUE}LocalQueue", "vision")["spec"] == {"clusterQueue": "ml-platform-vision"}


def test_a_team_may_borrow_nothing() -> None:
    recorder = queued(**{"teams.vision.queue": {"borrowingLimit": {"cpu": 0, "memory": "0Gi"}}})
    spec = inputs(recorder, f"{KUEUE}ClusterQueue", "ml-platform-vision")["spec"]
    (anywhere,) = spec["resourceGroups"][0]["flavors"]
    assert [each["borrowingLimit"] for each in anywhere["resources"]] == ["0m", "0Ki", "0"]


def test_the_flavor_of_a_pool_has_its_labels_and_tolerations() -> None:
    spec = inputs(queued(), f"{KUEUE}ResourceFlavor", "ml-platform-a10g")["spec"]
    assert spec["nodeLabels"] == {"ml-platform.io/pool": "a10g"}
    assert {"key": "nvidia.com/gpu", "operator": "Equal", "value": "present", "effect": "NoSchedule"} in spec[
        "tolerations"
    ]


def test_the_namespace_quota_admits_what_the_queue_does() -> None:
    hard = inputs(queued(), "kubernetes:core/v1:ResourceQuota", "vision-team")["spec"]["hard"]
    assert hard["requests.cpu"] == "16000m"
    assert hard["requests.nvidia.com/gpu"] == "2"
    assert hard["pods"] == "100"


def test_jobs_start_suspended_in_the_queue_of_their_team() -> None:
    recorder = queued()
    job = run(recorder, "large").inputs
    assert job["spec"]["suspend"] is True
    labels = job["metadata"]["labels"]
    assert (labels[QUEUE_LABEL], labels[QUEUE_PRIORITY_LABEL]) == ("vision", "ml-platform-high")
    assert run(recorder, "digits").inputs["metadata"]["labels"][QUEUE_PRIORITY_LABEL] == "ml-platform-default"
    assert QUEUE_LABEL not in job["spec"]["template"]["metadata"]["labels"]

    template = inputs(recorder, "kubernetes:batch/v1:CronJob", "nightly")["spec"]["jobTemplate"]
    assert template["spec"]["suspend"] is True
    assert template["metadata"]["labels"][QUEUE_LABEL] == "speech"
    assert template["metadata"]["labels"][QUEUE_PRIORITY_LABEL] == "ml-platform-low"


def test_queues_and_priorities_are_no_reason_to_run_again() -> None:
    job = {key: value for key, value in GPU_JOB.items() if key != "priority"}
    before = platform(small(**{"training.large": job, "teams.vision.quota": QUOTA}))
    assert run(queued(), "large").name == run(before, "large").name


@pytest.mark.parametrize("type_", ["Mutating", "Validating"])
def test_webhooks_see_jobs_of_teams_that_name_a_queue_and_nothing_else(type_: str) -> None:
    name = f"kueue-{type_.lower()}-webhook-configuration"
    webhooks = inputs(queued(), f"{WEBHOOKS}{type_}WebhookConfiguration", name)["webhooks"]
    for webhook in webhooks:
        (rule,) = webhook["rules"]
        if rule["apiGroups"] != ["kueue.x-k8s.io"]:
            assert webhook["namespaceSelector"] == TEAMS_ONLY
            first, *others = [each["expression"] for each in webhook["matchConditions"]]
            assert first == "'kueue.x-k8s.io/queue-name' in object.metadata.?labels.orValue({})"
            # A job that can't be suspended must not start; one that is suspended must not be refused.
            suspends = type_ == "Mutating"
            assert webhook["failurePolicy"] == ("Fail" if suspends else "Ignore")
            assert others == (["!object.spec.?suspend.orValue(false)"] if suspends else [])
    assert {rule for each in webhooks for rule in each["rules"][0]["apiGroups"]} == {
        "batch",
        "jobset.x-k8s.io",
        "kueue.x-k8s.io",
    }


def test_the_controller_changes_jobs_of_teams_only() -> None:
    recorder = queued()
    everywhere = inputs(recorder, f"{RBAC}ClusterRole", "ml-platform-kueue")["rules"]
    for rule in everywhere:
        changes = set(rule["verbs"]) - {"get", "list", "watch"}
        own = rule["apiGroups"] == ["kueue.x-k8s.io"] or rule["resources"] == ["events"]
        assert not changes or own or rule["resourceNames"], rule
        assert "secrets" not in rule["resources"]
    assert [name for name in created(recorder, f"{RBAC}RoleBinding") if "kueue" in name] == [
        "kueue",
        "speech-kueue",
        "vision-kueue",
    ]
    assert inputs(recorder, f"{RBAC}Role", "kueue")["metadata"]["namespace"] == "ml-platform-queues"


def test_members_of_a_team_see_its_queue() -> None:
    recorder = queued(**{"teams.vision.groups": {"viewer": ["guests"]}})
    rules = inputs(recorder, f"{RBAC}Role", "vision-viewer")["rules"]
    seen = {
        "apiGroups": ["kueue.x-k8s.io"],
        "resources": ["localqueues", "workloads"],
        "verbs": ["get", "list", "watch"],
    }
    assert seen in rules


def configuration(recorder: Recorder) -> dict[str, Any]:
    data = inputs(recorder, "kubernetes:core/v1:ConfigMap", "kueue")["data"]
    return dict(yaml.safe_load(data["configuration.yaml"]))


def test_the_controller_is_configured_by_the_declaration() -> None:
    found = configuration(queued())
    assert found["manageJobsWithoutQueueName"] is False
    assert found["integrations"]["frameworks"] == ["batch/job", "jobset.x-k8s.io/jobset"]
    assert found["waitForPodsReady"]["timeout"] == "1800s"
    # The other one lets gangs stop each other for ever.
    assert found["fairSharing"]["preemptionStrategies"] == ["LessThanOrEqualToFinalShare"]
    changed = configuration(queued(queues={"fairSharing": False, "podsReadyTimeout": "1h"}))
    assert "fairSharing" not in changed
    assert changed["waitForPodsReady"]["timeout"] == "3600s"


def test_what_pods_get_with_gpus_is_in_no_quota() -> None:
    queues = {name: {"a10g": 0, "h100": 1} for name in ("vision", "speech")}
    teams = {f"teams.{name}.queue": {"gpus": gpus} for name, gpus in queues.items()}
    quotas = {key: value for key, value in CHANGES.items() if "quota" in key}
    recorder = platform(on_aws(queues={}, **quotas, **teams))
    uncounted = configuration(recorder)["resources"]["excludeResourcePrefixes"]
    assert uncounted == ["ephemeral-storage", "hugepages-2Mi", "vpc.amazonaws.com/efa"]
    # A node may have to be started first.
    assert configuration(recorder)["waitForPodsReady"]["timeout"] > "1800s"


def test_definitions_have_the_stored_version_only_and_no_descriptions() -> None:
    service = {"name": "kueue", "namespace": "ml-platform-queues", "port": 443}
    found = {each["metadata"]["name"]: each["spec"] for each in manifests(service)}
    for name, spec in found.items():
        (version,) = spec["versions"]
        assert version["name"] == "v1beta2"
        assert version["served"] and version["storage"]
        assert ("conversion" in spec) == (name in CONVERTED)
        assert '"description":"' not in json.dumps(version, separators=(",", ":"))
