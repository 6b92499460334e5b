"""A run of several workers is a JobSet, all pods of which find each other and start again together."""

from __future__ import annotations

import json
from typing import Any

from infra.catalogue.names import QUEUE_LABEL, QUEUE_PRIORITY_LABEL
from infra.job_sets.controller import ACCESS
from infra.job_sets.definition import DEFINITION
from tests.unit.components.recorder import Recorder, behind, inputs, platform
from tests.unit.declaration.samples import small

JOB_SET = "kubernetes:jobset.x-k8s.io/v1alpha2:JobSet"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
TRAINING = {"team": "vision", "image": "training", "model": "digits"}


POOL = {"instance": {"cpu": 8, "memory": "32Gi"}, "gpu": {"model": "NVIDIA-A10G", "count": 2}, "max": 3}


def stack(**settings: Any) -> Recorder:
    training = {"digits": {**TRAINING, **settings}}
    return platform(small(training=training, serving={}, monitoring=None, nodePools={"a10g": POOL}))


def job_set(**settings: Any) -> dict[str, Any]:
    (found,) = [each for each in stack(**settings).resources if each.type == JOB_SET]
    return found.inputs


def pods(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The pod spec of the first worker, and that of the others."""
    return [job["template"]["spec"]["template"]["spec"] for job in found["spec"]["replicatedJobs"]]


def env(pod: dict[str, Any]) -> dict[str, Any]:
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in pod["containers"][0]["env"]}


def test_torchrun_finds_all_workers_by_itself() -> None:
    found = job_set(workers=3, pool="a10g", gpus=2, timeout="1h")
    name = found["metadata"]["name"]
    rank = {"fieldRef": {"fieldPath": "metadata.labels['jobset.sigs.k8s.io/job-global-index']"}}
    for pod in pods(found):
        assert {name: value for name, value in env(pod).items() if name.startswith("PET_")} == {
            "PET_NNODES": "3",
            "PET_NPROC_PER_NODE": "2",
            "PET_NODE_RANK": rank,
            "PET_MASTER_ADDR": f"{name}-leader-0-0.{name}.vision.svc",
            "PET_MASTER_PORT": "29500",
            "PET_RDZV_CONF": "timeout=86400",
        }
        assert int(env(pod)["TORCH_ELASTIC_SHUTDOWN_TIMEOUT"]) == pod["terminationGracePeriodSeconds"] - 5 == 25
    assert [(each["name"], each["replicas"]) for each in found["spec"]["replicatedJobs"]] == [
        ("leader", 1),
        ("worker", 2),
    ]
    assert found["spec"]["network"] == {
        "enableDNSHostnames": True,
        "publishNotReadyAddresses": True,
        "subdomain": name,
    }


def test_a_failure_restarts_all_within_the_retries_and_a_disruption_for_nothing() -> None:
    found = job_set(workers=2, retries=4)
    policy = found["spec"]["failurePolicy"]
    assert policy["maxRestarts"] == 4
    assert [(rule["action"], rule["onJobFailureReasons"]) for rule in policy["rules"]] == [
        ("RestartJobSetAndIgnoreMaxRestarts", ["PodFailurePolicy"])
    ]
    for job in found["spec"]["replicatedJobs"]:
        spec = job["template"]["spec"]
        assert (spec["parallelism"], spec["completions"], spec["backoffLimit"]) == (1, 1, 0)
        (rule,) = spec["podFailurePolicy"]["rules"]
        assert (rule["action"], rule["onPodConditions"]) == (
            "FailJob",
            [{"type": "DisruptionTarget", "status": "True"}],
        )


def test_only_the_first_worker_has_the_checkpoint() -> None:
    leader, other = pods(job_set(workers=2, checkpoint={"size": "1Gi"}))
    assert "CHECKPOINT_DIR" in env(leader)
    assert "CHECKPOINT_DIR" not in env(other)
    assert {pod["terminationGracePeriodSeconds"] for pod in (leader, other)} == {120}
    assert {env(pod)["TORCH_ELASTIC_SHUTDOWN_TIMEOUT"] for pod in (leader, other)} == {"115"}
    assert [volume["name"] for volume in other["volumes"]] == [
        volume["name"] for volume in leader["volumes"] if volume["name"] != "checkpoint"
    ]


def test_the_outputs_name_the_first_worker_and_the_set() -> None:
    recorder = stack(workers=2)
    run = recorder.outputs["jobs"]["digits"]
    assert run["job"] == f"{run['job_set']}-leader-0"
    assert [each.name for each in recorder.resources if each.type == JOB_SET] == [run["job_set"]]


def test_one_worker_is_a_job_and_needs_no_controller() -> None:
    recorder = stack()
    types = {each.type for each in recorder.resources}
    assert JOB_SET not in types
    assert not [each for each in recorder.resources if "jobset" in each.name.lower()]
    assert "job_set" not in recorder.outputs["jobs"]["digits"]


def test_the_controller_changes_nothing_outside_the_teams_namespaces() -> None:
    recorder = stack(workers=2)
    everywhere = inputs(recorder, "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole", "ml-platform-jobset-nodes")
    assert {verb for rule in everywhere["rules"] for verb in rule["verbs"]} == {"get", "list", "watch"}
    bound = [each for each in recorder.resources if each.type.endswith(":RoleBinding") and "jobset" in each.name]
    assert {each.inputs["metadata"]["namespace"] for each in bound} == {"vision", "speech"}
    assert not [rule for rule in (*ACCESS.cluster_wide, *ACCESS.namespaced) if "secrets" in rule[1]]


def test_the_definition_has_the_version_of_the_runs_and_no_descriptions() -> None:
    definition = json.loads(DEFINITION.read_text())
    (version,) = [each for each in definition["spec"]["versions"] if each["served"]]
    assert (definition["metadata"]["name"], version["name"]) == ("jobsets.jobset.x-k8s.io", "v1alpha2")
    assert '"description":"' not in DEFINITION.read_text()


def queued(**settings: Any) -> Recorder:
    training = {"digits": {**TRAINING, **settings}}
    quotas = {f"teams.{team}.quota": {"cpu": 8, "memory": "16Gi"} for team in ("vision", "speech")}
    return platform(small(training=training, serving={}, monitoring=None, queues={}, **quotas))


def test_the_definition_exists_before_all_that_looks_for_it() -> None:
    """Kueue looks for it when it starts, and later every few minutes only."""
    recorder = queued(workers=2)
    (run,) = [each.name for each in recorder.resources if each.type == JOB_SET]
    for type_, name in ((DEPLOYMENT, "kueue"), (DEPLOYMENT, "jobset"), (JOB_SET, run)):
        assert "jobsets.jobset.x-k8s.io" in behind(recorder, type_, name)
    assert {"kueue", "jobset"} <= behind(recorder, JOB_SET, run)


def test_the_first_run_of_several_workers_restarts_kueue_which_then_looks_for_the_definition() -> None:
    def pod(recorder: Recorder) -> dict[str, Any]:
        return dict(inputs(recorder, DEPLOYMENT, "kueue")["spec"]["template"])

    assert "jobsets.jobset.x-k8s.io" not in behind(queued(), DEPLOYMENT, "kueue")
    assert pod(queued()) != pod(queued(workers=2)) == pod(queued(workers=3))


def test_in_a_queue_it_is_one_piece_of_work() -> None:
    """Kueue admits the JobSet as a whole: its Jobs are in no queue of their own."""
    recorder = queued(workers=2, priority="high")
    (found,) = [each.inputs for each in recorder.resources if each.type == JOB_SET]
    assert found["spec"]["suspend"] is True
    assert found["metadata"]["labels"][QUEUE_LABEL] == "vision"
    assert found["metadata"]["labels"][QUEUE_PRIORITY_LABEL] == "ml-platform-high"
    assert "kueue" not in json.dumps(found["spec"])


def test_a_team_stops_a_job_set_and_makes_none() -> None:
    rights = {
        role: inputs(stack(workers=2), "kubernetes:rbac.authorization.k8s.io/v1:Role", f"vision-{role}")["rules"]
        for role in ("viewer", "developer", "admin")
    }
    of_sets = {
        role: {verb for rule in rules if "jobset.x-k8s.io" in rule["apiGroups"] for verb in rule["verbs"]}
        for role, rules in rights.items()
    }
    see = {"get", "list", "watch"}
    assert of_sets == {"viewer": see, "developer": {*see, "delete"}, "admin": {*see, "delete"}}
