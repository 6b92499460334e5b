"""A cluster and a registry that exist already as a foundation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cli.gpu_check import check
from tests.unit.components.recorder import Recorder, created, inputs, platform, pods
from tests.unit.declaration.samples import GONE, in_cluster

DNS = "foundation.cluster.dns"


def stack(**changes: object) -> Recorder:
    return platform(in_cluster(**changes), push="value-of-push", pull="value-of-pull")


def on_gpus(**changes: object) -> dict[str, Any]:
    """The pod of a training job in the pool."""
    recorder = stack(**{"training.digits.pool": "l4", "training.digits.gpus": 1, **changes})
    pod: dict[str, Any] = pods(recorder)["Job digits"]["spec"]
    return pod


def test_the_cluster_is_the_declared_context_and_nothing_of_it_is_created() -> None:
    recorder = stack()
    assert inputs(recorder, "pulumi:providers:kubernetes", "kubernetes")["context"] == "research"
    assert created(recorder, "docker:index/container:Container") == []
    assert created(recorder, "kubernetes:core/v1:Node") == []


def test_images_are_pushed_with_one_login_and_pulled_with_another() -> None:
    recorder = stack()
    image = inputs(recorder, "docker:index/image:Image", "serving")
    assert image["imageName"].startswith("registry.example.com/research/ml-platform/serving:")
    assert image["registry"] == {"server": "registry.example.com", "username": "builder", "password": "value-of-push"}
    config = json.loads(
        inputs(recorder, "kubernetes:core/v1:Secret", "vision-registry")["stringData"][".dockerconfigjson"]
    )
    assert {server: login["username"] for server, login in config["auths"].items()} == {"registry.example.com": "nodes"}


def test_outputs_repeat_no_password_that_somebody_gave() -> None:
    assert stack().outputs["registry"] == {"address": "registry.example.com"}


def test_where_nodes_have_an_identity_pods_have_no_pull_secret() -> None:
    recorder = stack(**{"foundation.cluster.registry.pull": GONE, "secrets.pull": GONE})
    assert "vision-registry" not in created(recorder, "kubernetes:core/v1:Secret")


def test_the_password_for_pushing_is_in_no_namespace() -> None:
    for each in stack().resources:
        if each.type.startswith("kubernetes:"):
            assert "value-of-push" not in json.dumps(each.inputs), each.name


STORE = {
    "bucket": "research-models",
    "endpoint": "https://minio.example.com",
    "accessKey": {"id": "builder", "secret": "s3"},
}


def test_models_are_kept_in_the_declared_bucket() -> None:
    declared = in_cluster(**{"foundation.cluster.artifactStore": STORE, "secrets.s3": {"team": "platform"}})
    recorder = platform(declared, push="value-of-push", pull="value-of-pull", s3="value-of-s3")
    pod = inputs(recorder, "kubernetes:apps/v1:Deployment", "tracking")["spec"]["template"]
    environment = {each["name"]: each["value"] for each in pod["spec"]["containers"][0]["env"]}
    assert environment["MLFLOW_ARTIFACTS_DESTINATION"] == "s3://research-models/models"
    assert environment["MLFLOW_S3_ENDPOINT_URL"] == "https://minio.example.com"
    (file,) = [each for each in environment.values() if each.endswith("/artifact-store")]
    secret = inputs(recorder, "kubernetes:core/v1:Secret", "tracking")["stringData"]
    assert secret["artifact-store"] == "[default]\naws_access_key_id = builder\naws_secret_access_key = value-of-s3\n"
    mounted = {each["name"]: each["mountPath"] for each in pod["spec"]["containers"][0]["volumeMounts"]}
    assert file == f"{mounted['logins']}/artifact-store"
    assert "value-of-s3" not in json.dumps(pod)


def test_another_key_of_the_store_rolls_the_tracking_server_out() -> None:
    declared = in_cluster(**{"foundation.cluster.artifactStore": STORE, "secrets.s3": {"team": "platform"}})
    servers = [
        inputs(platform(declared, push="a", pull="b", s3=key), "kubernetes:apps/v1:Deployment", "tracking")
        for key in ("one", "two")
    ]
    assert servers[0] != servers[1]


def test_a_pool_selects_existing_nodes_whatever_the_value_of_their_usual_taint_is() -> None:
    pod = on_gpus()
    assert pod["nodeSelector"] == {"example.com/gpus": "l4"}
    assert pod["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "team", "operator": "Equal", "value": "vision", "effect": "NoExecute"},
    ]
    assert "runtimeClassName" not in pod


def test_a_pools_pods_have_its_runtime_class() -> None:
    assert on_gpus(**{"nodePools.l4.runtimeClassName": "nvidia"})["runtimeClassName"] == "nvidia"


def test_gpus_are_real() -> None:
    recorder = stack(monitoring={})
    assert "dcgm-exporter-l4" in created(recorder, "kubernetes:apps/v1:DaemonSet")
    assert "gpu-simulator" not in created(recorder, "kubernetes:apps/v1:Deployment")


@pytest.mark.parametrize("asked", [True, False])
def test_the_device_plugin_is_installed_where_it_is_asked_for(asked: bool) -> None:
    recorder = stack(**{"nodePools.l4.devicePlugin": asked, "nodePools.l4.runtimeClassName": "nvidia"})
    plugins = [each for each in recorder.resources if each.name == "nvidia-device-plugin-l4"]
    assert len(plugins) == asked
    for plugin in plugins:
        pod = plugin.inputs["spec"]["template"]["spec"]
        assert (pod["runtimeClassName"], pod["imagePullSecrets"]) == ("nvidia", [{"name": "registry"}])
        mounts = {each["name"]: each["mountPath"] for each in pod["containers"][0]["volumeMounts"]}
        assert mounts["gpus"] == "/var/run/nvidia-container-devices/all", "the runtime may ignore the image's variable"


def test_pods_may_ask_the_declared_dns_server_only() -> None:
    changed = {
        f"{DNS}.namespace": "openshift-dns",
        f"{DNS}.labels": {"dns.operator.openshift.io/daemonset-dns": "default"},
        f"{DNS}.port": 5353,
        f"{DNS}.address": "169.254.20.10",
    }
    policies = [each.inputs for each in stack(**changed).resources if each.type.endswith(":NetworkPolicy")]
    egress = json.dumps([each["spec"].get("egress") for each in policies])
    assert "openshift-dns" in egress and "5353" in egress and "169.254.20.10/32" in egress
    assert "kube-dns" not in egress


CHECKED = {"nodePools.l4.gpu.checkImage": "training", "nodePools.l4.runtimeClassName": "nvidia"}


def test_a_pool_s_gpus_are_checked_by_a_suspended_cron_job() -> None:
    recorder = stack(**CHECKED)
    assert recorder.outputs["pools"]["l4"] == {"simulated": False, "gpu_check": "gpu-check-l4"}
    cron_job = inputs(recorder, "kubernetes:batch/v1:CronJob", "gpu-check-l4")
    assert cron_job["spec"]["suspend"] is True
    job = cron_job["spec"]["jobTemplate"]["spec"]
    pod = job["template"]["spec"]
    (container,) = pod["containers"]
    assert (container["command"], container["args"]) == (["python", "-m", "gpu_check"], ["2"])
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "2"
    assert container["image"].startswith("registry.example.com/research/ml-platform/training@")
    assert (pod["nodeSelector"], pod["runtimeClassName"]) == ({"example.com/gpus": "l4"}, "nvidia")
    assert pod["priorityClassName"] == "ml-platform-training", "a check must preempt nobody"
    assert (job["backoffLimit"], pod["automountServiceAccountToken"]) == (0, False)
    assert (job["activeDeadlineSeconds"], pod["activeDeadlineSeconds"]) == (1800, 900)
    assert pod["terminationGracePeriodSeconds"] == 5


def test_a_check_reaches_nothing() -> None:
    policy = inputs(stack(**CHECKED), "kubernetes:networking.k8s.io/v1:NetworkPolicy", "ml-platform-gpu-check")["spec"]
    assert policy["podSelector"] == {"matchLabels": {"app.kubernetes.io/component": "gpu-check"}}
    assert (policy["policyTypes"], {"ingress", "egress"} & policy.keys()) == (["Ingress", "Egress"], set())


def test_the_command_waits_longer_than_a_check_may_take() -> None:
    cron_job = inputs(stack(**CHECKED), "kubernetes:batch/v1:CronJob", "gpu-check-l4")
    assert cron_job["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] < check._SECONDS_IN_ALL


def test_without_an_image_gpus_are_not_checked() -> None:
    recorder = stack()
    assert recorder.outputs["pools"]["l4"]["gpu_check"] is None
    assert created(recorder, "kubernetes:batch/v1:CronJob") == []
