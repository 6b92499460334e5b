"""A stack in a cluster that exists already, deployed by a user with few rights: up, unchanged, served, destroyed.

The tests stand in the order of that life and share one stack.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client

from cli import same_cluster
from cli.cluster_preflight import examine
from cli.cluster_preflight.wanted import Wanted
from cli.gpu_check.check import check_pools
from cli.gpu_check.result import OFFERED, last_checks
from cli.kubeconfig import api_client
from cli.prediction import Endpoint, Tracking, score
from cli.same_cluster import uids
from common import paths
from common.errors import CommandError
from infra.declaration.cluster import ClusterFoundation
from infra.declaration.loader import declare
from offline import docker_engine
from offline.base_image import IMAGE
from offline.cluster import certificates, control_plane
from offline.cluster.addresses import NODE_IP, NODE_NAME
from tests.engine.images.conftest import engine
from tests.engine.images.engine import Engine
from tests.examples import CLUSTER
from tests.pulumi_engine import Pulumi, find_engine
from tests.stack import own_cluster
from tests.stack.conftest import PROJECT, STACK, copy_project
from tests.stack.own_cluster import Registry
from tests.stack.submitted import status, version
from tests.stack.test_dev_stack import address
from tests.waiting import eventually

__all__ = ["engine"]

OWN, TEAM = "own-platform", "own-team"
SETTING = "ml-platform:platform"
POOL = "ml-platform.io/pool=l4"
POLICIES = ("--policy-pack", str(paths.REPOSITORY / "policies"))


@pytest.fixture(scope="module")
def registry(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    if find_engine() is None or docker_engine.host() is None or not control_plane.is_ready():
        pytest.skip("needs pulumi, a Docker engine and the local cluster; `make test` starts them where it can")
    with own_cluster.registry(engine, tmp_path_factory.mktemp("registry")) as found:
        yield found


@pytest.fixture(scope="module")
def store(registry: Registry) -> Iterator[str]:
    with own_cluster.object_store() as found:
        yield found


@pytest.fixture(scope="module")
def kubeconfig(core: client.CoreV1Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("theirs")
    with own_cluster.deployer(core.api_client, folder) as file, own_cluster.gpus(core, 2):
        yield file


def declaration(registry: Registry, store: str) -> dict[str, Any]:
    """The example with names that no other stack uses, and little to ask for."""
    document: dict[str, Any] = yaml.safe_load(CLUSTER.read_text())
    platform = document["config"][SETTING]
    cluster = platform["foundation"]["cluster"]
    cluster |= {"baseImage": IMAGE, "dns": {"address": NODE_IP}}
    cluster["registry"]["server"] = registry.server
    cluster["artifactStore"] |= {"bucket": own_cluster.BUCKET, "endpoint": store}
    platform["images"][own_cluster.CHECK] = {}
    (pool,) = platform["nodePools"].values()
    pool["gpu"]["checkImage"] = own_cluster.CHECK
    pool |= {"labels": own_cluster.LABEL, "max": 1, "instance": {"cpu": 2, "memory": "4Gi"}}
    platform["namespace"] = OWN
    platform["teams"] = {TEAM: next(iter(platform["teams"].values()))}
    for section in ("models", "training", "serving"):
        platform[section]["digits"]["team"] = TEAM
    for section in ("training", "serving"):
        platform[section]["digits"]["resources"] = {"cpu": "100m", "memory": "768Mi"}
    platform["tracking"] = {"resources": {"cpu": "100m", "memory": "1Gi"}}
    platform["protectData"] = False
    return {"config": {SETTING: platform}}


def values(registry: Registry) -> dict[str, str]:
    """Of the stack's secrets."""
    logins = registry.logins
    return {"registry-push": logins["builder"], "registry-pull": logins["nodes"], "models-key": "key-of-the-store"}


@pytest.fixture(scope="module")
def wanted(registry: Registry, store: str, kubeconfig: Path, stack: Pulumi) -> Wanted:
    """What `make preflight` would check."""
    declared = declare(declaration(registry, store)["config"][SETTING], "Pulumi.test.yaml", stack.folder)
    assert declared.foundation.cluster is not None
    passwords = values(registry)
    return Wanted(STACK, declared, declared.foundation.cluster, passwords, {}, {})


@pytest.fixture(scope="module")
def stack(
    registry: Registry, store: str, kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pulumi]:
    """A copy of the project with a stack of its own, destroyed at the end whatever happened."""
    made = Pulumi(tmp_path_factory.mktemp("own"), {"KUBECONFIG": str(kubeconfig)}, project=PROJECT)
    copy_project(made.folder)
    own_cluster.check_image(made.folder / "images")
    (made.folder / f"Pulumi.{STACK}.yaml").write_text(yaml.safe_dump(declaration(registry, store)))
    with made:
        for name, value in values(registry).items():
            made.run("config", "set", "--secret", name, value)
        yield made


@pytest.fixture(autouse=True)
def as_their_user(monkeypatch: pytest.MonkeyPatch, kubeconfig: Path) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.CA))


def test_preflight_finds_nothing_where_everything_fits(wanted: Wanted) -> None:
    assert [str(finding) for finding in examine(wanted)] == []


def changed(wanted: Wanted, path: str, value: object) -> Wanted:
    """The same with one other setting."""
    raw = wanted.declared.model_dump(by_alias=True, exclude_unset=True, mode="json")
    *folders, last = path.split(".")
    place = raw
    for folder in folders:
        place = place[folder]
    place[last] = value
    declared = type(wanted.declared).model_validate(raw)
    assert isinstance(declared.foundation.cluster, ClusterFoundation)
    return replace(wanted, declared=declared, settings=declared.foundation.cluster)


@pytest.mark.parametrize(
    ("setting", "value", "finding"),
    [
        (
            "foundation.cluster.kubeContext",
            "elsewhere",
            "no kubeconfig has the context 'elsewhere'; there are powerless, research",
        ),
        ("foundation.cluster.storageClass", "fast", "there is no StorageClass 'fast'"),
        (
            "foundation.cluster.dns",
            {"namespace": "default"},
            "no pod in namespace 'default' has the labels k8s-app=kube-dns",
        ),
        ("foundation.cluster.artifactStore.bucket", "elsewhere", "there is no bucket 'elsewhere'"),
        ("foundation.cluster.artifactStore.endpoint", "http://127.0.0.1:1", "could not be asked from this machine"),
        ("foundation.cluster.registry.server", "127.0.0.1:1", "does not answer"),
        ("namespace", "default", "namespace 'default' exists already, and is not in this stack's state"),
        ("nodePools.l4.labels", {"example.com/gpus": "none"}, "no node has the labels example.com/gpus=none"),
        ("nodePools.l4.instance.cpu", 64, "no node offers as much"),
        ("nodePools.l4.instance.memory", "2Ti", "no node offers as much"),
        ("nodePools.l4.gpu.count", 8, "no node has 8 GPUs; the most are 2; write at most 2"),
        ("nodePools.l4.runtimeClassName", "nvidia", "there is no RuntimeClass 'nvidia'"),
        ("nodePools.l4.max", 3, "1 of 3 nodes are there"),
    ],
)
def test_preflight_says_what_does_not_fit(wanted: Wanted, setting: str, value: object, finding: str) -> None:
    (found,) = [str(each) for each in examine(changed(wanted, setting, value)) if "registry.p" not in each.setting]
    assert found.startswith(f"platform.{setting}") and finding in found


def test_preflight_says_which_rights_are_missing(wanted: Wanted) -> None:
    found = [str(each) for each in examine(changed(wanted, "foundation.cluster.kubeContext", "powerless"))]
    assert any("its user lacks" in each and "docs/own-cluster-rbac.yaml" in each for each in found)


def test_preflight_says_whose_password_is_wrong(wanted: Wanted) -> None:
    (found,) = examine(replace(wanted, passwords={**wanted.passwords, "registry-push": "wrong"}))
    assert str(found) == (
        "platform.foundation.cluster.registry.push: the registry refuses 'builder' with the password in secret "
        "'registry-push'; run `pulumi config set --secret registry-push`"
    )


@pytest.fixture(scope="module")
def outputs(stack: Pulumi) -> dict[str, Any]:
    """What the first `up` gave, with the policies that `make up` applies."""
    return stack.up(*POLICIES).outputs


def pods(core: client.CoreV1Api) -> list[Any]:
    return [pod for namespace in (OWN, TEAM) for pod in core.list_namespaced_pod(namespace).items]


def test_a_job_runs_on_a_node_that_reports_gpus(core: client.CoreV1Api, outputs: dict[str, Any]) -> None:
    job = outputs["jobs"]["digits"]
    eventually(lambda: status(core, job).completion_time, 300, "the end of training")
    (pod,) = core.list_namespaced_pod(TEAM, label_selector=f"batch.kubernetes.io/job-name={job['job']}").items
    assert (pod.spec.node_name, pod.status.phase) == (NODE_NAME, "Succeeded")
    assert pod.spec.containers[0].resources.limits[own_cluster.GPU] == "1"


def test_the_endpoint_answers(core: client.CoreV1Api, outputs: dict[str, Any]) -> None:
    server, served = outputs["tracking"], outputs["endpoints"]["digits"]
    endpoint = Endpoint(address(core, served), served.get("api_key"))
    eventually(lambda: version(endpoint, "digits"), 60, "the first champion to be served")
    tracking = Tracking(address(core, server), server["username"], server["password"])
    assert score(endpoint, "digits", tracking).accuracy > 0.95


def test_models_are_in_their_bucket(store: str, outputs: dict[str, Any]) -> None:
    found = own_cluster.client_of(store).list_objects_v2(Bucket=own_cluster.BUCKET)["Contents"]
    assert [each["Key"] for each in found if each["Key"].endswith("model.onnx")]
    assert {each["Key"].partition("/")[0] for each in found} == {"models"}


def test_every_image_is_from_their_registry(
    core: client.CoreV1Api, registry: Registry, outputs: dict[str, Any]
) -> None:
    images = [container.image for pod in pods(core) for container in pod.spec.containers]
    assert images
    assert [each for each in images if not each.startswith(f"{registry.server}/research/ml-platform/")] == []


def test_a_second_up_changes_nothing(stack: Pulumi, outputs: dict[str, Any]) -> None:
    assert set(stack.up(*POLICIES).changes()) == {"unchanged"}


def test_a_node_that_reports_gpus_and_has_no_driver_fails_its_check(
    core: client.CoreV1Api, outputs: dict[str, Any]
) -> None:
    """With the rights of their user. There is no PyTorch in the image: it is not needed to find that out."""
    eventually(lambda: status(core, outputs["jobs"]["digits"]).completion_time, 300, "free GPUs")
    api, cron_jobs = api_client("research"), {"l4": outputs["pools"]["l4"]["gpu_check"]}
    for _ in range(2):
        (found,) = check_pools(api, OWN, cron_jobs, start_nodes=False)
        assert (found.node, found.failed) == (NODE_NAME, True)
        assert str(found).startswith("failed: driver: the node has no NVIDIA driver; install it")
    (job,) = client.BatchV1Api(api).list_namespaced_job(OWN, label_selector=POOL).items
    assert job.metadata.annotations[OFFERED] == "2"
    assert job.spec.template.spec.containers[0].args == ["2"], "the free GPUs of the node, not those of the pool"
    shown = last_checks(api, OWN, {NODE_NAME})
    assert shown[NODE_NAME].startswith("failed: driver: the node has no NVIDIA driver")


def test_preflight_knows_its_own_namespaces_by_their_ids(
    wanted: Wanted, stack: Pulumi, outputs: dict[str, Any]
) -> None:
    own = uids(stack.resources())
    assert set(own) == {OWN, TEAM}
    assert [str(finding) for finding in examine(replace(wanted, namespaces=own))] == []
    (found,) = examine(replace(wanted, namespaces=dict.fromkeys(own, "of-another-cluster")))
    assert (found.setting, found.blocking) == ("platform.foundation.cluster.kubeContext", True)
    assert [(each.setting, each.blocking) for each in examine(wanted)] == [
        ("platform.namespace", True),
        (f"platform.teams.{TEAM}", True),
    ]


def test_preflight_sends_packets_to_see_that_policies_are_enforced(
    core: client.CoreV1Api, wanted: Wanted, stack: Pulumi, outputs: dict[str, Any]
) -> None:
    up = replace(wanted, namespaces=uids(stack.resources()), outputs=outputs)
    networks = client.NetworkingV1Api(core.api_client)
    assert [str(finding) for finding in examine(up)] == []
    networks.create_namespaced_network_policy(
        OWN, {"metadata": {"name": "open"}, "spec": {"podSelector": {}, "ingress": [{}]}}
    )
    try:
        (found,) = examine(up)
        assert "its network does not enforce NetworkPolicies" in found.problem and not found.blocking
    finally:
        networks.delete_namespaced_network_policy("open", OWN)
    eventually(lambda: all("preflight" not in each.metadata.name for each in core.list_namespace().items), 60)


def test_nothing_is_destroyed_in_another_cluster(
    wanted: Wanted, stack: Pulumi, outputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = uids(stack.resources())
    monkeypatch.setattr(same_cluster, "namespaces", lambda _: own)
    same_cluster.require(STACK, wanted.declared)
    monkeypatch.setattr(same_cluster, "namespaces", lambda _: {**own, TEAM: "of-another-cluster"})
    with pytest.raises(CommandError, match="another cluster than the one that stack test was deployed to"):
        same_cluster.require(STACK, wanted.declared)


def test_destroy_leaves_nothing_in_the_cluster(core: client.CoreV1Api, stack: Pulumi, outputs: dict[str, Any]) -> None:
    stack.destroy()
    assert stack.resources() == []
    assert {each.metadata.name for each in core.list_namespace().items} & {OWN, TEAM} == set()
    roles = client.RbacAuthorizationV1Api(core.api_client).list_cluster_role().items
    assert [each.metadata.name for each in roles if each.metadata.name.startswith(OWN)] == []
    assert core.read_node(NODE_NAME).metadata.labels.items() >= own_cluster.LABEL.items()
