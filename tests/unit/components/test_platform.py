"""What one declaration makes, as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.secrets.derive import derived_password
from tests.examples import DEV, PROD, declaration
from tests.unit.components.recorder import Recorder, created, inputs, platform, pods
from tests.unit.declaration.samples import DEV_IMAGES, small

JOB = {"team": "vision", "image": "training", "model": "digits"}


def dev() -> Recorder:
    return platform(declaration(DEV))


@pytest.mark.parametrize("file", [DEV, PROD], ids=lambda file: file.stem)
def test_every_example_is_built(file: Path) -> None:
    declared = declaration(file)
    assert set(platform(declared).outputs["endpoints"]) == set(declared["serving"])


def test_dev_is_one_model_from_training_to_serving() -> None:
    stack = dev()
    assert created(stack, "docker:index/image:Image") == DEV_IMAGES
    assert created(stack, "kubernetes:core/v1:Namespace") == [
        "ml-platform",
        "ml-platform-gateway",
        "ml-platform-logs",
        "speech",
        "vision",
    ]
    assert sorted(name for name in pods(stack) if name.startswith("Job ")) == [
        "Job digits",
        "Job digits-gpu",
        "Job tracking",
    ]
    watching = ["alertmanager", "gpu-simulator", "kube-state-metrics", "log-store", "prometheus", "status"]
    assert created(stack, "kubernetes:apps/v1:Deployment") == sorted(
        ["digits", "envoy", "envoy-gateway", "tracking", *watching]
    )
    assert created(stack, "kubernetes:core/v1:Service") == [
        "alertmanager",
        "digits",
        "envoy",
        "envoy-gateway",
        "envoy-metrics",
        "log-store",
        "prometheus",
        "status",
        "tracking",
    ]
    assert created(stack, "kubernetes:core/v1:Node") == ["a10g-0", "a10g-1"]


def test_nothing_is_left_to_default_providers() -> None:
    custom = [each for each in dev().resources if not each.type.startswith(("ml-platform:", "pulumi:"))]
    assert [each.name for each in custom if "pulumi:providers:" not in each.provider] == []


def test_an_inserted_entry_leaves_its_neighbours_alone() -> None:
    before = platform(small())
    after = platform(
        small(
            **{
                "teams": {"audio": {}, "vision": {}, "speech": {}},
                "nodePools.aaa": {"instance": {"cpu": 1, "memory": "1Gi"}},
                "training": {"aaa": JOB | {"args": ["--c=1"]}, "digits": JOB},
            }
        )
    )
    kept = {(each.type, each.name): each.inputs for each in after.resources}
    serving = ("kubernetes:apps/v1:Deployment", "digits")  # it now waits for one more job
    for each in before.resources:
        if (each.type, each.name) != serving:
            assert kept[each.type, each.name] == each.inputs


def test_the_outputs_are_the_public_contract() -> None:
    outputs = dev().outputs
    job = outputs["jobs"]["digits"].pop("job")
    assert job.startswith("digits-")
    assert outputs["namespace"] == "ml-platform"
    assert outputs["endpoints"] == {
        "digits": {
            "namespace": "vision",
            "service": "digits",
            "port": 8080,
            "model": "digits",
            "api_key": "password-of-digits-key-0",
            "url": "https://digits.localhost:8443",
            "callers": {},
        }
    }
    assert outputs["jobs"]["digits"] == {"namespace": "vision", "model": "digits", "simulated": False}
    assert outputs["jobs"]["digits-gpu"]["simulated"] is True
    assert outputs["pools"] == {"a10g": {"simulated": True, "gpu_check": None}}
    assert outputs["images"]["serving"] == "127.0.0.1:5000/ml-platform/serving@sha256:serving"
    assert outputs["registry"] == {
        "address": "127.0.0.1:5000",
        "username": "platform-0",
        "password": "password-of-registry-0",
    }
    assert outputs["tracking"] == {
        "namespace": "ml-platform",
        "service": "tracking",
        "port": 5000,
        "username": "admin",
        "password": derived_password("password-of-tracking-0", "admin"),
        "url": "https://mlflow.localhost:8443",
    }


DEFINITION = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"


def test_two_stacks_share_no_name_outside_their_namespaces(root: Path) -> None:
    other = platform(
        small(
            **{
                "namespace": "second",
                "foundation.local.registryPort": 5001,
                "teams": {"vision2": {}},
                "models.digits.team": "vision2",
                "training.digits.team": "vision2",
                "serving.digits.team": "vision2",
                "nodePools": {"b200": {"instance": {"cpu": 1, "memory": "1Gi"}}},
                "gateway": {},
            }
        )
    )
    assert shared_names(platform(small(gateway={}))) & shared_names(other) == set()


def shared_names(stack: Recorder) -> set[str]:
    """The names of what is in no namespace: on the cluster and in the Docker engine."""
    kinds = [kind for kind in CLUSTER_KINDS if kind != DEFINITION]  # all stacks of a cluster share definitions
    cluster = [inputs(stack, kind, name) for kind in kinds for name in created(stack, kind)]
    engine = [inputs(stack, kind, name)["name"] for kind in ENGINE_KINDS for name in created(stack, kind)]
    return {each["metadata"]["name"] for each in cluster} | set(engine)


CLUSTER_KINDS = (
    DEFINITION,
    "kubernetes:gateway.networking.k8s.io/v1:GatewayClass",
    "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy",
    "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicyBinding",
    "kubernetes:core/v1:Namespace",
    "kubernetes:core/v1:Node",
    "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole",
    "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding",
    "kubernetes:scheduling.k8s.io/v1:PriorityClass",
)
ENGINE_KINDS = ("docker:index/container:Container", "docker:index/volume:Volume")


def test_everything_else_on_the_cluster_is_in_a_namespace() -> None:
    stack = dev()
    objects = [
        each for each in stack.resources if each.type.startswith("kubernetes:") and each.type not in CLUSTER_KINDS
    ]
    namespaces = {each.inputs["metadata"]["namespace"] for each in objects}
    assert namespaces == {"ml-platform", "ml-platform-gateway", "ml-platform-logs", "speech", "vision"}


def test_pods_run_digests_from_the_private_registry() -> None:
    for pod in pods(dev()).values():
        for container in pod["spec"]["containers"]:
            assert container["image"].startswith("127.0.0.1:5000/ml-platform/")
            assert "@sha256:" in container["image"]


def test_no_password_is_outside_of_secrets() -> None:
    holders = ("Secret", "RandomPassword", "Image", "Container")
    for each in dev().resources:
        if not each.type.endswith(holders):
            assert "password-of" not in str(each.inputs), each
