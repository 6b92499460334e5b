"""The kubernetes stand-in on a real cluster: the one that KUBECONFIG names.

Pods of tests that need them to become ready run on a simulated node (label `type=kwok`); tests of real failures need a
real one. What the cluster lacks is skipped with a line that says so.
"""

from __future__ import annotations

import base64
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from offline.plugins.kubernetes.cluster import ApiError, Cluster, Target
from offline.plugins.kubernetes.kinds import GVK
from offline.plugins.kubernetes.objects import Json
from offline.plugins.kubernetes.plugin import KubernetesProvider
from offline.plugins.marshal import Secret
from offline.plugins.provider import InitError, Naming, ProviderError
from tests.pulumi_engine import Pulumi
from tests.waiting import eventually

URN = "urn:pulumi:test::trial::kubernetes:{}::thing"
NODE, POD = GVK("", "v1", "Node"), GVK("", "v1", "Pod")
ANYWHERE = [{"operator": "Exists"}]
DEAD_KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:9"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
"""

Bag = dict[str, Any]


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The cluster that KUBECONFIG names."""
    if not os.environ.get("KUBECONFIG"):
        pytest.skip("no cluster: KUBECONFIG is not set")
    found = Cluster(Target())
    if problem := found.unreachable():
        pytest.skip(f"no cluster answers: {problem}")
    return found


def ready_nodes(cluster: Cluster, simulated: bool) -> list[Bag]:
    def ready(node: Bag) -> bool:
        conditions = node.get("status", {}).get("conditions", [])
        return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)

    nodes = cluster.list(NODE, "")
    return [n for n in nodes if ready(n) and (n["metadata"].get("labels", {}).get("type") == "kwok") is simulated]


@pytest.fixture
def simulated_node(cluster: Cluster) -> Iterator[Bag]:
    """Where pods become ready without being run; made for the test where the cluster has none."""
    if found := ready_nodes(cluster, simulated=True):
        yield found[0]
        return
    name = f"simulated-{uuid4().hex[:8]}"
    labels = {"type": "kwok", "kubernetes.io/hostname": name}
    metadata = {"name": name, "labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}}
    cluster.request("POST", "/api/v1/nodes", body={"metadata": metadata})
    try:
        ready = eventually(lambda: ready_nodes(cluster, simulated=True), what="kwok to answer for the node")
        yield ready[0]
    finally:
        cluster.request("DELETE", f"/api/v1/nodes/{name}")


@pytest.fixture
def real_node(cluster: Cluster) -> Bag:
    """Where pods are run, and fail when they are wrong."""
    nodes = ready_nodes(cluster, simulated=False)
    if not nodes:
        pytest.skip("the cluster has no real node")
    return nodes[0]


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of the test's own."""
    name = f"trial-{uuid4().hex[:8]}"
    cluster.request("POST", "/api/v1/namespaces", body={"metadata": {"name": name}})
    yield name
    cluster.request("DELETE", f"/api/v1/namespaces/{name}")


@dataclass
class Plugin:
    """The plugin as the engine would use it, in this process; keeps what it would show."""

    settings: dict[str, str] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.provider = KubernetesProvider()
        self.provider.configure(dict(self.settings))
        self.provider.engine = lambda _urn, _severity, message, _ephemeral: self.shown.append(message)

    def create(self, manifest: Bag, timeout_s: float = 60, preview: bool = False) -> Bag:
        urn, inputs = self.checked(manifest)
        return self.provider.create(urn, inputs, preview, timeout_s)[1]

    def update(self, old: Bag, manifest: Bag, timeout_s: float = 60, preview: bool = False) -> Bag:
        urn, inputs = self.checked(manifest)
        return self.provider.update(urn, "", old["__inputs"], old, inputs, preview, timeout_s, [])

    def checked(self, manifest: Bag) -> tuple[str, Bag]:
        api_version = manifest["apiVersion"]
        token = f"{api_version if '/' in api_version else f'core/{api_version}'}:{manifest['kind']}"
        urn = URN.format(token)
        return urn, self.provider.check(urn, {}, manifest, Naming())

    def delete(self, outputs: Bag, timeout_s: float = 60) -> None:
        self.provider.delete("urn", "", {}, outputs, timeout_s)


def manifest(api_version: str, kind: str, name: str, namespace: str, **fields: Json) -> Bag:
    annotations = fields.pop("annotations", {})
    meta = {"name": name, "namespace": namespace, **({"annotations": annotations} if annotations else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": meta, **fields}


def config_map(namespace: str, name: str = "settings", **data: str) -> Bag:
    return manifest("v1", "ConfigMap", name, namespace, data=data)


def pod_spec(node: Bag, image: str = "nowhere.invalid/nothing:1", **container: Json) -> Bag:
    return {
        "nodeSelector": {"kubernetes.io/hostname": node["metadata"]["labels"]["kubernetes.io/hostname"]},
        "tolerations": ANYWHERE,
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "main", "image": image, **container}],
    }


def deployment(namespace: str, spec: Bag, replicas: int = 1, labels: dict[str, str] | None = None) -> Bag:
    wanted = {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web", **(labels or {})}}, "spec": spec},
    }
    return manifest("apps/v1", "Deployment", "web", namespace, spec=wanted)


def reasons(error: pytest.ExceptionInfo[InitError]) -> str:
    return "\n".join(error.value.reasons)


# --- the API -----------------------------------------------------------------------------------------------------


def test_a_dry_run_finds_missing_fields_and_leaves_nothing(cluster: Cluster, namespace: str) -> None:
    plugin = Plugin()
    with pytest.raises(ProviderError, match=r"spec\.selector: Required value"):
        plugin.create(manifest("apps/v1", "Deployment", "web", namespace, spec={"template": {}}), preview=True)
    preview = plugin.create(config_map(namespace), preview=True)
    assert preview["metadata"]["uid"]
    assert preview["metadata"]["creationTimestamp"]
    with pytest.raises(ApiError, match="not found"):
        cluster.get(config_map(namespace))


def test_a_preview_in_a_namespace_that_is_yet_to_come_echoes_the_inputs(cluster: Cluster) -> None:
    wanted = config_map("not-there-yet", a="1")
    assert Plugin().create(wanted, preview=True) == wanted


def test_create_and_update_own_their_fields(cluster: Cluster, namespace: str) -> None:
    plugin = Plugin({"enableConfigMapMutable": "true"})
    created = plugin.create(config_map(namespace, a="1", b="1"))
    assert [entry["manager"] for entry in created["metadata"]["managedFields"]] == ["pulumi-kubernetes"]
    updated = plugin.update(created, config_map(namespace, a="2"))
    assert updated["data"] == {"a": "2"}
    owners = [(entry["manager"], entry["operation"]) for entry in updated["metadata"]["managedFields"]]
    assert owners == [(created["__fieldManager"], "Apply")]


def test_a_conflict_names_the_other_manager(cluster: Cluster, namespace: str) -> None:
    plugin = Plugin({"enableConfigMapMutable": "true"})
    created = plugin.create(config_map(namespace, a="1"))
    mine = plugin.update(created, config_map(namespace, a="2"))
    other = json.dumps(config_map(namespace, a="theirs")).encode()
    query = {"fieldManager": "somebody", "force": "true"}
    cluster.request("PATCH", cluster.object_path(mine), query, other, "application/apply-patch+yaml")
    with pytest.raises(ProviderError, match=r"(?s)field conflict detected.*somebody"):
        plugin.update(mine, config_map(namespace, a="3"))
    assert Plugin({"enablePatchForce": "true"}).update(mine, config_map(namespace, a="3"))["data"] == {"a": "3"}


def test_an_object_that_exists_is_an_error_unless_it_may_be_taken_over(cluster: Cluster, namespace: str) -> None:
    plugin = Plugin()
    plugin.create(config_map(namespace, a="1"))
    assert plugin.create(config_map(namespace, a="2"), preview=True)["data"] == {"a": "2"}
    with pytest.raises(ProviderError, match="already exists"):
        plugin.create(config_map(namespace, a="2"))
    adopted = Plugin({"upsertExistingObjects": "true", "enablePatchForce": "true"}).create(config_map(namespace, a="2"))
    assert adopted["data"] == {"a": "2"}


def test_a_field_that_nobody_knows_is_no_obstacle(cluster: Cluster, namespace: str) -> None:
    plugin = Plugin()
    spec = {"ports": [{"port": 80, "typo": 1}], "clusterIP": "None"}
    created = plugin.create(manifest("v1", "Service", "web", namespace, spec=spec))
    updated = plugin.update(
        created, manifest("v1", "Service", "web", namespace, spec={**spec, "sessionAffinitee": "x"})
    )
    assert updated["spec"]["ports"][0]["port"] == 80


def test_a_namespace_that_comes_late_is_waited_for(cluster: Cluster) -> None:
    name = f"late-{uuid4().hex[:6]}"
    plugin = Plugin()

    def make_it_late() -> None:
        eventually(lambda: plugin.shown, what="the first refusal")
        cluster.request("POST", "/api/v1/namespaces", body={"metadata": {"name": name}})

    late = threading.Thread(target=make_it_late)
    late.start()
    try:
        assert plugin.create(config_map(name))["metadata"]["uid"]
    finally:
        late.join()
        cluster.request("DELETE", f"/api/v1/namespaces/{name}")
    assert any("Retry #1; creation failed" in message for message in plugin.shown)


def test_an_immutable_field_that_does_not_replace_is_an_error_at_preview(cluster: Cluster, namespace: str) -> None:
    def claim(size: str) -> Bag:
        spec = {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": size}},
            "storageClassName": "no",
        }
        skip = {"pulumi.com/skipAwait": "true"}
        return manifest("v1", "PersistentVolumeClaim", "data", namespace, spec=spec, annotations=skip)

    plugin = Plugin()
    created = plugin.create(claim("2Gi"))
    with pytest.raises(InitError, match="orbidden"):
        plugin.update(created, claim("1Gi"), preview=True)


def test_delete_waits_until_the_object_is_gone(cluster: Cluster, namespace: str) -> None:
    plugin = Plugin()
    created = plugin.create(config_map(namespace))
    plugin.delete(created)
    with pytest.raises(ApiError, match="not found"):
        cluster.get(created)
    plugin.delete(created)  # what is gone already is deleted


def test_a_stuck_finalizer_is_named(cluster: Cluster, namespace: str) -> None:
    wanted = config_map(namespace)
    wanted["metadata"]["finalizers"] = ["example.com/never"]
    plugin = Plugin()
    created = plugin.create(wanted)
    try:
        with pytest.raises(ProviderError, match="timed out waiting for the condition"):
            plugin.delete(created, timeout_s=1)
        assert any("finalizers might be preventing deletion (example.com/never" in line for line in plugin.shown)
    finally:
        patch = [{"op": "remove", "path": "/metadata/finalizers"}]
        cluster.request("PATCH", cluster.object_path(created), None, patch, "application/json-patch+json")


def test_import_reads_inputs_from_the_cluster(cluster: Cluster, namespace: str) -> None:
    plugin = Plugin()
    plugin.create(config_map(namespace, a="1"))
    found = plugin.provider.read(URN.format("core/v1:ConfigMap"), f"{namespace}/settings", {}, {})
    assert found is not None
    id, inputs, outputs = found
    assert id == f"{namespace}/settings"
    assert inputs == config_map(namespace, a="1")
    assert outputs["metadata"]["uid"]
    assert plugin.provider.read(URN.format("core/v1:ConfigMap"), f"{namespace}/missing", {}, {}) is None


def test_refresh_sees_only_fields_that_were_set(cluster: Cluster, namespace: str) -> None:
    plugin = Plugin()
    created = plugin.create(config_map(namespace, a="1"))
    by_hand = {"metadata": {"labels": {"by": "hand"}}, "data": {"a": "2", "b": "3"}}
    cluster.request("PATCH", cluster.object_path(created), None, by_hand, "application/merge-patch+json")
    found = plugin.provider.read("urn", f"{namespace}/settings", created["__inputs"], created)
    assert found is not None
    assert found[1] == config_map(namespace, a="2")


# --- waiting -----------------------------------------------------------------------------------------------------


def test_a_pod_that_fits_nowhere_gives_the_schedulers_reason(cluster: Cluster, namespace: str) -> None:
    spec = {"nodeSelector": {"no": "node"}, "containers": [{"name": "main", "image": "x"}]}
    plugin = Plugin()
    with pytest.raises(InitError) as error:
        plugin.create(deployment(namespace, spec), timeout_s=10)
    assert "'web' timed out waiting to be Ready" in reasons(error)
    assert "[Unschedulable]" in reasons(error)
    assert "didn't match Pod's node affinity/selector" in reasons(error)
    assert any("Unschedulable" in line for line in plugin.shown)
    assert error.value.outputs["metadata"]["uid"]


def test_a_quota_that_is_used_up_is_the_reason(cluster: Cluster, namespace: str) -> None:
    plugin = Plugin()
    plugin.create(manifest("v1", "ResourceQuota", "none", namespace, spec={"hard": {"pods": "0"}}))
    with pytest.raises(InitError) as error:
        plugin.create(deployment(namespace, {"containers": [{"name": "main", "image": "x"}]}), timeout_s=10)
    assert "exceeded quota" in reasons(error)
    job = {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "x"}]}}}
    with pytest.raises(InitError) as error:
        plugin.create(manifest("batch/v1", "Job", "once", namespace, spec=job), timeout_s=10)
    assert "exceeded quota" in reasons(error)


def test_nothing_to_run_is_ready_at_once(cluster: Cluster, namespace: str) -> None:
    plugin = Plugin()
    assert plugin.create(deployment(namespace, {"containers": [{"name": "c", "image": "x"}]}, replicas=0), timeout_s=20)
    spec = {
        "selector": {"matchLabels": {"app": "agent"}},
        "template": {
            "metadata": {"labels": {"app": "agent"}},
            "spec": {"nodeSelector": {"no": "node"}, "containers": [{"name": "c", "image": "x"}]},
        },
    }
    assert plugin.create(manifest("apps/v1", "DaemonSet", "agent", namespace, spec=spec), timeout_s=20)


def test_annotations_skip_or_choose_the_wait(cluster: Cluster, namespace: str) -> None:
    nowhere = {"nodeSelector": {"no": "node"}, "containers": [{"name": "main", "image": "x"}]}
    plugin = Plugin()
    skipped = deployment(namespace, nowhere)
    skipped["metadata"]["annotations"] = {"pulumi.com/skipAwait": "true"}
    started = time.monotonic()
    plugin.create(skipped)
    chosen = manifest("v1", "Pod", "chosen", namespace, spec=nowhere)
    chosen["metadata"]["annotations"] = {"pulumi.com/waitFor": "condition=PodScheduled=False"}
    plugin.create(chosen)
    assert time.monotonic() - started < 10
    impatient = manifest("v1", "Pod", "impatient", namespace, spec=nowhere)
    impatient["metadata"]["annotations"] = {"pulumi.com/timeoutSeconds": "1"}
    with pytest.raises(InitError, match="timed out"):
        plugin.create(impatient, timeout_s=0)


def test_a_claim_whose_class_binds_late_does_not_wait(cluster: Cluster, namespace: str) -> None:
    plugin = Plugin()
    name = f"late-{uuid4().hex[:6]}"
    late = {"provisioner": "example.com/none", "volumeBindingMode": "WaitForFirstConsumer"}
    storage = plugin.create(
        {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}, **late}
    )
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": name,
    }
    try:
        started = time.monotonic()
        plugin.create(manifest("v1", "PersistentVolumeClaim", "data", namespace, spec=spec), timeout_s=20)
        assert time.monotonic() - started < 15
    finally:
        plugin.delete(storage)


def test_workloads_become_ready_on_a_simulated_node(cluster: Cluster, namespace: str, simulated_node: Bag) -> None:
    plugin = Plugin()
    web = plugin.create(deployment(namespace, pod_spec(simulated_node), replicas=2))
    assert web["status"]["availableReplicas"] == 2
    service = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    started = time.monotonic()
    plugin.create(manifest("v1", "Service", "web", namespace, spec=service))
    assert time.monotonic() - started < 8
    template = {"metadata": {"labels": {"app": "db"}}, "spec": pod_spec(simulated_node)}
    stateful = {"serviceName": "db", "selector": {"matchLabels": {"app": "db"}}, "template": template}
    plugin.create(manifest("apps/v1", "StatefulSet", "db", namespace, spec=stateful))
    job = {"template": {"spec": {**pod_spec(simulated_node), "restartPolicy": "Never"}}}
    done = plugin.create(manifest("batch/v1", "Job", "once", namespace, spec=job))
    assert done["status"]["succeeded"] == 1
    plugin.create(manifest("v1", "Pod", "alone", namespace, spec=pod_spec(simulated_node)))


def test_a_rollout_keeps_old_pods_until_new_ones_are_ready(
    cluster: Cluster, namespace: str, simulated_node: Bag
) -> None:
    _rollout(cluster, namespace, lambda version: pod_spec(simulated_node, env=[{"name": "V", "value": version}]))


def _rollout(cluster: Cluster, namespace: str, spec: Callable[[str], Bag]) -> None:
    plugin = Plugin()
    first = plugin.create(deployment(namespace, spec("1"), replicas=2, labels={"version": "1"}))
    ready_counts: list[int] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.05):
            found = cluster.list(POD, namespace, labelSelector="app=web")
            states = [entry for pod in found for entry in pod.get("status", {}).get("conditions", [])]
            ready_counts.append(sum(entry["type"] == "Ready" and entry["status"] == "True" for entry in states))

    watcher = threading.Thread(target=watch)
    watcher.start()
    plugin.update(first, deployment(namespace, spec("2"), replicas=2, labels={"version": "2"}))
    stop.set()
    watcher.join()
    assert min(ready_counts) >= 1
    left = cluster.list(POD, namespace, labelSelector="app=web")
    alive = [pod for pod in left if "deletionTimestamp" not in pod["metadata"]]
    assert [pod["metadata"]["labels"]["version"] for pod in alive] == ["2", "2"]


# --- a real node: what is wrong must be seen to fail --------------------------------------------------------------


SHELL = ["/busybox", "sh", "-c"]


@pytest.fixture
def runnable_image(real_node: Bag) -> str:
    """An image that is on the node already and holds a shell: the workstation's pause image is a busybox."""
    images = real_node["status"].get("images", [])  # one that lost its name is still there
    names = [name for image in images for name in image.get("names") or []]
    found = next((name for name in names if "ml-platform/pause" in name), "")
    if not found:
        pytest.skip("the real node lacks the workstation's pause image, which these tests run")
    return found


def test_an_image_that_cannot_be_pulled_is_the_reason(cluster: Cluster, namespace: str, real_node: Bag) -> None:
    with pytest.raises(InitError) as error:
        Plugin().create(deployment(namespace, pod_spec(real_node)), timeout_s=30)
    assert "ImagePullBackOff" in reasons(error) or "ErrImagePull" in reasons(error)
    assert "nowhere.invalid" in reasons(error)


def test_a_job_that_fails_gives_exit_code_and_last_words(
    cluster: Cluster, namespace: str, real_node: Bag, runnable_image: str
) -> None:
    command = [*SHELL, "echo these are the last words; exit 3"]
    template = {**pod_spec(real_node, runnable_image, command=command), "restartPolicy": "Never"}
    wanted = manifest("batch/v1", "Job", "fails", namespace, spec={"backoffLimit": 0, "template": {"spec": template}})
    started = time.monotonic()
    with pytest.raises(InitError) as error:
        Plugin().create(wanted, timeout_s=120)
    assert time.monotonic() - started < 60
    assert "BackoffLimitExceeded" in reasons(error)
    assert "exit code 3" in reasons(error)
    assert "these are the last words" in reasons(error)


def test_a_container_that_keeps_crashing_is_the_reason(
    cluster: Cluster, namespace: str, real_node: Bag, runnable_image: str
) -> None:
    command = [*SHELL, "echo no database; exit 7"]
    wanted = deployment(namespace, pod_spec(real_node, runnable_image, command=command))
    wanted["spec"]["minReadySeconds"] = 5  # without it a container counts as ready in the moment before it crashes
    plugin = Plugin()
    with pytest.raises(InitError) as error:
        plugin.create(wanted, timeout_s=60)
    assert any("CrashLoopBackOff" in line for line in plugin.shown), plugin.shown
    assert "exit code 7" in reasons(error)
    assert "no database" in reasons(error)


def test_a_container_that_takes_too_much_memory_is_the_reason(
    cluster: Cluster, namespace: str, real_node: Bag, runnable_image: str
) -> None:
    command = [*SHELL, "x=x; while true; do x=$x$x; done"]
    limits = {"limits": {"memory": "20Mi"}}
    template = {**pod_spec(real_node, runnable_image, command=command, resources=limits), "restartPolicy": "Never"}
    wanted = manifest("batch/v1", "Job", "greedy", namespace, spec={"backoffLimit": 0, "template": {"spec": template}})
    with pytest.raises(InitError) as error:
        Plugin().create(wanted, timeout_s=120)
    assert "OOMKilled" in reasons(error)


def test_a_rollout_on_a_real_node_loses_nobody(
    cluster: Cluster, namespace: str, real_node: Bag, runnable_image: str
) -> None:
    command = [*SHELL, "trap exit TERM; while true; do /busybox sleep 1; done"]

    def spec(version: str) -> Bag:
        probe = {"exec": {"command": ["/busybox", "true"]}, "periodSeconds": 1, "initialDelaySeconds": 2}
        env = [{"name": "V", "value": version}]
        return pod_spec(real_node, runnable_image, command=command, readinessProbe=probe, env=env)

    _rollout(cluster, namespace, spec)


# --- with the engine ---------------------------------------------------------------------------------------------

HEAD = """
import os, pulumi, pulumi_kubernetes as k8s
provider = k8s.Provider("cluster", kubeconfig=os.environ["KUBECONFIG"], **{settings})
opts = pulumi.ResourceOptions(provider=provider)
"""


def program(body: str, **settings: Json) -> str:
    return HEAD.format(settings=settings) + body


def test_a_stack_lives_from_preview_to_destroy(cluster: Cluster, pulumi: Pulumi) -> None:
    source = """
team = k8s.core.v1.Namespace("team", opts=opts)
meta = {{"namespace": team.metadata.name}}
k8s.core.v1.ConfigMap("settings", metadata=meta, data={{"a": "{value}"}}, opts=opts)
k8s.core.v1.Secret("login", metadata=meta, string_data={{"password": "hunter2-in-clear"}}, opts=opts)
fixed = k8s.core.v1.ConfigMap("fixed", metadata={{"name": "fixed", **meta}}, data={{"a": "{value}"}}, opts=opts)
pulumi.export("uid", fixed.metadata.uid)
pulumi.export("team", team.metadata.name)
"""
    pulumi.program(program(source.format(value="1")))
    assert pulumi.preview().changes() == {"create": 6}
    up = pulumi.up()
    team = up.outputs["team"]
    assert team.startswith("team-") and up.outputs["uid"]
    assert pulumi.up().changes() == {"unchanged": 6}
    stored = pulumi.stored()
    assert "hunter2" not in stored
    assert base64.b64encode(b"hunter2-in-clear").decode()[:12] not in stored

    maps = pulumi.resources("kubernetes:core/v1:ConfigMap")
    (settings,) = [each for each in maps if each["urn"].endswith("::settings")]
    assert settings["id"].startswith(f"{team}/settings-")
    assert settings["outputs"]["__initialApiVersion"] == "v1"
    assert settings["outputs"]["__fieldManager"].startswith("pulumi-kubernetes-")
    assert settings["outputs"]["metadata"]["annotations"] == {"pulumi.com/autonamed": "true"}

    pulumi.program(program(source.format(value="2")))
    assert pulumi.preview().changes()["replace"] == 2
    assert pulumi.up().changes()["replace"] == 2
    live = cluster.get(config_map(team, "fixed"))
    assert live["data"] == {"a": "2"}
    assert live["metadata"]["uid"] == pulumi.outputs()["uid"]

    cluster.request("DELETE", cluster.object_path(live))
    assert pulumi.up().changes() == {"unchanged": 6}
    pulumi.refresh()
    assert pulumi.up().changes()["create"] == 1
    assert pulumi.destroy().changes() == {"delete": 6}


def test_a_preview_knows_what_the_server_will_say(cluster: Cluster, pulumi: Pulumi) -> None:
    pulumi.program(
        program("""
thing = k8s.core.v1.ConfigMap("thing", data={"a": "1"}, opts=opts)
thing.metadata.uid.apply(lambda uid: pulumi.log.info(f"the uid is {uid}"))
""")
    )
    assert "the uid is " in pulumi.preview().text


def test_an_unhealthy_object_stays_in_the_state_and_is_tried_again(cluster: Cluster, pulumi: Pulumi) -> None:
    source = """
k8s.apps.v1.Deployment("web",
    spec={{"selector": {{"matchLabels": {{"app": "web"}}}}, "template": {{"metadata": {{"labels": {{"app": "web"}}}},
          "spec": {{"nodeSelector": {{"no": "node"}}, "containers": [{{"name": "main", "image": "x"}}]}}}},
          "replicas": {replicas}}},
    opts=pulumi.ResourceOptions(provider=provider, custom_timeouts=pulumi.CustomTimeouts(create="10s", update="10s")))
"""
    pulumi.program(program(source.format(replicas=1)))
    failed = pulumi.up(check=False)
    assert failed.code != 0
    assert "timed out waiting to be Ready" in failed.text
    assert "Unschedulable" in failed.text
    web = pulumi.resources("kubernetes:apps/v1:Deployment")[0]
    assert any("Unschedulable" in error for error in web["initErrors"])
    assert pulumi.preview().changes()["update"] == 1
    refreshed = pulumi.refresh()
    assert "failed to initialize" in refreshed.text
    pulumi.program(program(source.format(replicas=0)))
    assert pulumi.up().changes()["update"] == 1
    assert "initErrors" not in pulumi.resources("kubernetes:apps/v1:Deployment")[0]


def test_a_custom_kind_and_its_objects_come_and_go_together(cluster: Cluster, pulumi: Pulumi) -> None:
    group = f"t{uuid4().hex[:6]}.example.com"
    pulumi.program(
        program(f"""
crd = k8s.apiextensions.v1.CustomResourceDefinition("crd", metadata={{"name": "widgets.{group}"}}, spec={{
    "group": "{group}", "scope": "Cluster",
    "names": {{"plural": "widgets", "singular": "widget", "kind": "Widget"}},
    "versions": [{{"name": "v1", "served": True, "storage": True, "schema": {{"openAPIV3Schema": {{
        "type": "object", "x-kubernetes-preserve-unknown-fields": True}}}}}}]}}, opts=opts)
widget = k8s.apiextensions.CustomResource("widget", api_version="{group}/v1", kind="Widget",
    metadata={{"name": "one"}}, spec={{"size": 3}},
    opts=pulumi.ResourceOptions(provider=provider, depends_on=[crd]))
pulumi.export("id", widget.id)
""")
    )
    assert pulumi.preview().code == 0
    assert pulumi.up().outputs == {"id": "one"}
    assert pulumi.up().changes() == {"unchanged": 4}
    pulumi.destroy()


def test_a_dead_cluster_stops_changes_but_not_previews(pulumi: Pulumi, tmp_path: Path) -> None:
    dead = tmp_path / "dead.kubeconfig"
    dead.write_text(DEAD_KUBECONFIG)
    pulumi.settings = {"KUBECONFIG": str(dead)}
    pulumi.program(program('k8s.core.v1.ConfigMap("thing", data={"a": "1"}, opts=opts)\n'))
    assert pulumi.preview().changes() == {"create": 3}
    failed = pulumi.up(check=False)
    assert failed.code != 0
    assert "configured Kubernetes cluster is unreachable" in failed.text
    assert "Traceback" not in failed.text


def test_an_invalid_kubeconfig_fails_each_resource(pulumi: Pulumi) -> None:
    pulumi.settings = {"KUBECONFIG": "/no/such/file"}
    pulumi.program(program('k8s.core.v1.ConfigMap("thing", data={"a": "1"}, opts=opts)\n'))
    assert pulumi.preview().changes() == {"create": 3}
    failed = pulumi.up(check=False)
    assert failed.code != 0
    assert "failed to parse kubeconfig data" in failed.text


def test_a_kubeconfig_that_is_not_known_yet_makes_no_call(pulumi: Pulumi) -> None:
    pulumi.settings = {"KUBECONFIG": "/no/such/file"}
    pulumi.program("""
import pulumi, pulumi_kubernetes as k8s, pulumi_random as random
later = random.RandomPassword("later", length=8)
provider = k8s.Provider("cluster", kubeconfig=later.result)
thing = k8s.core.v1.ConfigMap("thing", data={"a": "1"}, opts=pulumi.ResourceOptions(provider=provider))
thing.metadata.uid.apply(lambda uid: pulumi.log.info(f"the uid is {uid}"))
""")
    preview = pulumi.preview()
    assert preview.changes()["create"] == 4
    assert "the uid is" not in preview.text
    assert "nreachable" not in preview.text


def test_what_a_dead_cluster_held_can_be_forgotten(cluster: Cluster, pulumi: Pulumi, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(Target().kubeconfig_text())
    pulumi.settings = {"KUBECONFIG": str(kubeconfig)}
    pulumi.program(program('thing = k8s.core.v1.ConfigMap("thing", opts=opts)\npulumi.export("id", thing.id)\n'))
    namespace, _, name = pulumi.up().outputs["id"].partition("/")
    try:
        kubeconfig.write_text(DEAD_KUBECONFIG)
        assert pulumi.up().changes() == {"unchanged": 3}
        for command in (pulumi.refresh, pulumi.destroy):
            failed = command(check=False)
            assert failed.code != 0
            assert "PULUMI_K8S_DELETE_UNREACHABLE" in failed.text
        pulumi.settings = {"KUBECONFIG": str(kubeconfig), "PULUMI_K8S_DELETE_UNREACHABLE": "true"}
        assert pulumi.destroy().changes()["delete"] == 3
    finally:
        cluster.request("DELETE", cluster.object_path(config_map(namespace, name)))


def test_secrets_are_shown_to_nobody(cluster: Cluster, namespace: str) -> None:
    created = Plugin().create(manifest("v1", "Secret", "login", namespace, stringData={"password": "hunter2"}))
    assert isinstance(created["data"], Secret)
    assert isinstance(created["__inputs"]["data"], Secret)
    assert "hunter2" not in repr(created) and "aHVudGVyMg" not in repr(created)
