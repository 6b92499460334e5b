"""What every pod shares, and what the three kinds of pods have of their own."""

from __future__ import annotations

from typing import Any

import pytest

from infra.declaration.workloads import Resources
from infra.secrets.derive import derived_password
from infra.workloads.pod import requirements
from tests.unit.components.recorder import Recorder, inputs, platform, pods
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


def test_a_training_job_gives_up_in_time() -> None:
    job = inputs(stack(**{"training.digits.timeout": "90s"}), "kubernetes:batch/v1:Job", "digits")
    assert job["spec"]["activeDeadlineSeconds"] == 90
    assert job["spec"]["backoffLimit"] == 1
    assert "ttlSecondsAfterFinished" not in job["spec"]
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"


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


def test_a_job_is_a_new_one_when_it_runs_something_else() -> None:
    def name(**changes: object) -> str:
        job = inputs(stack(**changes), "kubernetes:batch/v1:Job", "digits")
        return str(job["metadata"]["name"])

    assert name() == name()
    assert name() != name(**{"training.digits.args": ["--c=2"]})
    assert name() != name(**{"images.training.args": {"A": "1"}})
    assert name() == name(**{"training.digits.retries": 3})
    assert name() == name(**{"images.serving.args": {"A": "1"}})


def test_an_endpoint_rolls_when_its_model_is_trained_again() -> None:
    recorder = stack()
    annotations = pods(recorder)["Deployment digits"]["metadata"]["annotations"]
    job = inputs(recorder, "kubernetes:batch/v1:Job", "digits")["metadata"]["name"]
    assert annotations["ml-platform.io/trained-by"] == job  # and not by the simulated one


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
