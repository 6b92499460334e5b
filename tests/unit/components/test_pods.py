"""What every pod shares, and what the three kinds of pods have of their own."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest
from pulumi_kubernetes.core.v1 import ResourceRequirementsArgs

from infra.declaration.workloads import Resources
from infra.images import BuiltImage
from infra.secrets.derive import derived_password
from infra.workloads.pod import requirements
from infra.workloads.training import component as training
from infra.workloads.training.settings import Training
from tests.unit.components.recorder import Recorder, forget_builds, inputs, platform, pods, run
from tests.unit.declaration.samples import small

GPU_JOB = {"team": "vision", "image": "training", "model": "digits", "pool": "a10g", "gpus": 1, "args": ["--c=1"]}


def stack(**changes: object) -> Recorder:
    return platform(small(**{"training.gpu": GPU_JOB, **changes}))


def container(pod: dict[str, Any]) -> dict[str, Any]:
    (only,) = pod["spec"]["containers"]
    return dict(only)


def env(pod: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in container(pod)["env"]}


@pytest.mark.parametrize("owner", ["Job digits", "Job gpu", "Deployment digits", "Deployment tracking"])
def test_every_pod_is_restricted(owner: str) -> None:
    pod = pods(stack())[owner]
    security = pod["spec"]["securityContext"]
    assert (security["runAsNonRoot"], security["runAsUser"], security["fsGroup"]) == (True, 65532, 65532)
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container(pod)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert pod["spec"]["imagePullSecrets"] == [{"name": "registry"}]
    assert {"name": "tmp", "mountPath": "/tmp"} in container(pod)["volumeMounts"]
    assert set(container(pod)["resources"]["limits"]) >= {"cpu", "memory"}


def test_a_job_is_told_at_which_port_it_is_asked_for_metrics() -> None:
    pod = pods(stack())["Job digits"]
    (port,) = container(pod)["ports"]
    assert (port["name"], str(int(port["containerPort"]))) == ("metrics", env(pod)["METRICS_PORT"])


@pytest.mark.parametrize("owner", ["Job digits", "Deployment digits"])
def test_clients_find_the_tracking_server_and_their_login(owner: str) -> None:
    recorder = stack()
    pod = pods(recorder)[owner]
    assert env(pod)["MLFLOW_TRACKING_URI"] == "http://tracking.ml-platform.svc:5000"
    assert env(pod)["MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD"] == "false", "pods reach the server, and not its bucket"
    mounts = {mount["name"]: mount["mountPath"] for mount in container(pod)["volumeMounts"]}
    assert mounts["tracking"] == "/home/nonroot/.mlflow"
    secret = inputs(recorder, "kubernetes:core/v1:Secret", "vision-tracking-credentials")
    assert secret["stringData"]["credentials"] == (
        "[mlflow]\nmlflow_tracking_username = vision\n"
        f"mlflow_tracking_password = {derived_password('password-of-tracking-0', 'vision')}\n"
    )


def test_idle_cpu_may_be_used_up_to_one_core() -> None:
    small_pod, large_pod = requirements(Resources(cpu="250m", memory="1Gi")), requirements(Resources(cpu="4"))
    assert small_pod.limits == {"cpu": "1", "memory": "1Gi"}
    assert large_pod.limits == {"cpu": "4", "memory": "512Mi"}


def volumes(pod: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By the path that they are mounted at."""
    found = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    return {mount["mountPath"]: found[mount["name"]] for mount in container(pod)["volumeMounts"]}


def test_data_loaders_share_half_of_a_job_s_memory() -> None:
    job = pods(stack(**{"training.digits.resources": {"memory": "3Gi"}}))["Job digits"]
    assert volumes(job)["/dev/shm"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "1536Mi"}
    assert "/dev/shm" not in volumes(pods(stack())["Deployment digits"])


def test_shared_memory_and_scratch_are_as_declared() -> None:
    resources = {"memory": "3Gi", "sharedMemory": "2Gi", "scratch": "20Gi"}
    for owner, section in (("Job digits", "training"), ("Deployment digits", "serving")):
        pod = pods(stack(**{f"{section}.digits.resources": resources}))[owner]
        assert volumes(pod)["/dev/shm"]["emptyDir"]["sizeLimit"] == "2Gi"
        assert volumes(pod)["/tmp"]["emptyDir"] == {"sizeLimit": "20Gi"}
        # The namespace's default limit would evict the pod before.
        assert container(pod)["resources"]["limits"]["ephemeral-storage"] == "20992Mi"


def test_an_attempt_of_a_training_job_has_a_deadline_and_its_time_in_the_queue_has_none() -> None:
    spec = run(stack(**{"training.digits.timeout": "90s"}), "digits").inputs["spec"]
    assert spec["template"]["spec"]["activeDeadlineSeconds"] == 90
    assert "activeDeadlineSeconds" not in spec
    assert spec["backoffLimit"] == 1
    assert "ttlSecondsAfterFinished" not in spec
    assert spec["template"]["spec"]["restartPolicy"] == "Never"


def test_a_disruption_uses_up_no_retry() -> None:
    (rule,) = run(stack(), "digits").inputs["spec"]["podFailurePolicy"]["rules"]
    assert rule == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}


def test_a_training_job_is_submitted_and_not_awaited() -> None:
    assert run(stack(), "digits").inputs["metadata"]["annotations"] == {"pulumi.com/skipAwait": "true"}


def test_a_training_job_knows_what_to_train() -> None:
    pod = pods(stack())["Job gpu"]
    assert env(pod)["MODEL_NAME"] == "digits"
    assert env(pod)["MLFLOW_EXPERIMENT_NAME"] == "gpu"
    assert container(pod)["args"] == ["--c=1"]


def test_a_gpu_job_goes_to_its_pool_and_is_marked_as_simulated() -> None:
    pod = pods(stack())["Job gpu"]
    assert pod["metadata"]["labels"]["ml-platform.io/simulated"] == "true"
    assert pod["spec"]["nodeSelector"] == {"ml-platform.io/pool": "a10g"}
    assert {taint["key"] for taint in pod["spec"]["tolerations"]} == {"ml-platform.io/simulated", "nvidia.com/gpu"}
    assert container(pod)["resources"]["limits"]["nvidia.com/gpu"] == "1"


@pytest.mark.parametrize("owner", ["Job digits", "Deployment digits", "Deployment tracking"])
def test_what_needs_a_true_result_is_not_placed_on_simulated_nodes(owner: str) -> None:
    pod = pods(stack())[owner]
    assert "tolerations" not in pod["spec"]
    assert "ml-platform.io/simulated" not in pod["metadata"]["labels"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("training.digits.args", ["--c=2"]),
        ("training.digits.resources", {"cpu": "600m", "memory": "1Gi"}),
        ("training.digits.revision", 1),
        ("images.training.args", {"A": "1"}),
    ],
)
def test_a_run_is_another_one_when_it_is_declared_otherwise(setting: str, value: object) -> None:
    before, after = run(stack(), "digits"), run(stack(**{setting: value}), "digits")
    assert before.inputs["metadata"]["name"] != after.inputs["metadata"]["name"]
    # A replacement of the same resource would keep the ignored template.
    assert before.name != after.name


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("training.digits.retries", 3),
        ("training.digits.timeout", "1h"),
        ("images.serving.args", {"A": "1"}),
        ("foundation.local.baseImage", "registry.example/python:3.13"),
    ],
)
def test_nothing_else_runs_it_again(setting: str, value: object) -> None:
    assert run(stack(), "digits").name == run(stack(**{setting: value}), "digits").name


def test_a_new_default_of_the_platform_runs_nothing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = run(stack(), "digits")
    forget_builds()
    monkeypatch.setattr(training, "METRICS_PORT", 8001)
    monkeypatch.setattr("infra.workloads.pod.requirements", lambda *_: ResourceRequirementsArgs())
    after = run(stack(), "digits")
    forget_builds()
    assert before.inputs["spec"]["template"] != after.inputs["spec"]["template"]
    assert before.name == after.name


def test_a_default_is_no_part_of_a_run_s_identity() -> None:
    declared = {"team": "vision", "image": "training", "model": "digits", "resources": {"memory": "2Gi"}}
    image = BuiltImage("training", "with its base", "its own", pulumi.Output.from_input(""))
    assert training.run_identity(Training.model_validate(declared), image) == {
        "image": "its own",
        "model": "digits",
        "resources": {"memory": "2Gi"},
        "secrets": [],
    }


def test_an_endpoint_does_not_roll_when_its_model_is_trained_again() -> None:
    """Its servers follow the alias."""
    args = {"training.digits.args": ["--c=2"]}
    assert pods(stack())["Deployment digits"] == pods(stack(**args))["Deployment digits"]


def test_a_fixed_version_is_served_whichever_is_the_champion() -> None:
    recorder = stack(**{"serving.digits.version": 3})
    pod = inputs(recorder, "kubernetes:apps/v1:Deployment", "digits")["spec"]["template"]
    assert env(pod)["MODEL_URI"] == "models:/digits/3"
    assert recorder.outputs["endpoints"]["digits"]["version"] == 3


def test_a_rollout_in_a_full_pool_ends_a_pod_before_it_starts_another() -> None:
    spec = inputs(stack(**{"serving.digits.maxSurge": 0}), "kubernetes:apps/v1:Deployment", "digits")["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 1, "maxSurge": 0}


def test_an_endpoint_serves_the_champion_and_loses_no_request() -> None:
    recorder = stack()
    spec = inputs(recorder, "kubernetes:apps/v1:Deployment", "digits")["spec"]
    pod = spec["template"]
    assert env(pod)["MODEL_URI"] == "models:/digits@champion"
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert spec["progressDeadlineSeconds"] == 180
    assert pod["spec"]["terminationGracePeriodSeconds"] >= 30  # the server drains for 5 s and ends requests for 20
    probe = container(pod)["readinessProbe"]["httpGet"]
    assert probe == {"path": "/v2/health/ready", "port": "http"}


@pytest.mark.parametrize(("replicas", "spread"), [(1, False), (2, True)])
def test_replicas_are_spread_over_nodes_and_zones(replicas: int, spread: bool) -> None:
    recorder = stack(**{"serving.digits.replicas": replicas})
    pod = inputs(recorder, "kubernetes:apps/v1:Deployment", "digits")["spec"]["template"]
    found = pod["spec"].get("topologySpreadConstraints", [])
    keys = ["kubernetes.io/hostname", "topology.kubernetes.io/zone"] if spread else []
    assert [each["topologyKey"] for each in found] == keys
    for each in found:
        assert each["whenUnsatisfiable"] == "ScheduleAnyway"
        assert each["labelSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()


@pytest.mark.parametrize(("replicas", "budgets"), [(1, 0), (2, 1)])
def test_a_disruption_budget_needs_more_than_one_replica(replicas: int, budgets: int) -> None:
    recorder = stack(**{"serving.digits.replicas": replicas})
    assert len([each for each in recorder.resources if each.type.endswith(":PodDisruptionBudget")]) == budgets


def test_a_service_selects_its_pods() -> None:
    recorder = stack()
    for name in ("digits", "tracking"):
        selector = inputs(recorder, "kubernetes:core/v1:Service", name)["spec"]["selector"]
        labels = pods(recorder)[f"Deployment {name}"]["metadata"]["labels"]
        assert selector.items() <= labels.items()
        assert not selector.items() <= pods(recorder)["Job digits"]["metadata"]["labels"].items()


def test_the_tracking_server_is_alone_with_its_data() -> None:
    recorder = stack(**{"tracking.storage": "3Gi"})
    spec = inputs(recorder, "kubernetes:apps/v1:Deployment", "tracking")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    claim = inputs(recorder, "kubernetes:core/v1:PersistentVolumeClaim", "tracking")
    assert claim["spec"]["resources"]["requests"] == {"storage": "3Gi"}
    hosts = env(spec["template"])["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    assert {"tracking.ml-platform.svc:5000", "localhost:*"} <= set(hosts)


def test_namespaces_hold_pods_to_the_restricted_level() -> None:
    labels = inputs(stack(), "kubernetes:core/v1:Namespace", "vision")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert labels["ml-platform.io/team"] == "vision"
