"""The local cluster is a real one: what fails there is seen to fail, and nothing of it is open to the network."""

import base64
import secrets
from typing import Any

import psutil
import pytest
import requests
from kubernetes import client

from common import daemons, paths
from common.daemons import process_of
from offline.cluster import certificates, control_plane, gateways, lifecycle, pause_image
from offline.cluster.addresses import ETCD_PORT, NODE_IP, NODE_NAME
from tests.ports import free_port
from tests.waiting import eventually

SIMULATED = {"kwok.x-k8s.io/node": "fake"}


def pod(name: str, command: list[str], node: str = NODE_NAME) -> dict[str, Any]:
    container = {"name": "main", "image": pause_image.REFERENCE, "imagePullPolicy": "Never", "command": command}
    spec = {"restartPolicy": "Never", "nodeName": node, "containers": [container], "terminationGracePeriodSeconds": 0}
    return {"metadata": {"name": name}, "spec": {**spec, "tolerations": [{"operator": "Exists"}]}}


def phase(core: client.CoreV1Api, namespace: str, name: str) -> str:
    return str(core.read_namespaced_pod(name, namespace).status.phase)


def test_a_pod_that_fails_on_the_real_node_is_seen_to_fail(core: client.CoreV1Api, namespace: str) -> None:
    core.create_namespaced_pod(namespace, pod("fails", ["/busybox", "sh", "-c", "exit 3"]))
    eventually(lambda: phase(core, namespace, "fails") == "Failed", what="failure of the pod")
    ended = core.read_namespaced_pod("fails", namespace).status.container_statuses[0].state.terminated
    assert ended.exit_code == 3


def test_an_image_that_can_not_be_pulled_keeps_its_pod_from_running(core: client.CoreV1Api, namespace: str) -> None:
    broken = pod("broken", ["/none"])
    broken["spec"]["containers"][0] |= {"image": "127.0.0.1:1/nothing:here", "imagePullPolicy": "Always"}
    core.create_namespaced_pod(namespace, broken)

    def waiting() -> str:
        statuses = core.read_namespaced_pod("broken", namespace).status.container_statuses or []
        return str(statuses[0].state.waiting.reason) if statuses and statuses[0].state.waiting else ""

    eventually(lambda: waiting() in ("ErrImagePull", "ImagePullBackOff"), what="the failed pull")


def test_a_container_really_runs_and_its_log_is_kept(core: client.CoreV1Api, namespace: str) -> None:
    word = secrets.token_hex(8)
    core.create_namespaced_pod(namespace, pod("speaks", ["/busybox", "echo", word]))
    eventually(lambda: phase(core, namespace, "speaks") == "Succeeded", what="the end of the pod")
    assert core.read_namespaced_pod_log("speaks", namespace).strip() == word


def test_a_simulated_node_takes_pods_without_running_them(core: client.CoreV1Api, namespace: str) -> None:
    node = f"simulated-{namespace}"
    core.create_node({"metadata": {"name": node, "annotations": SIMULATED, "labels": {"type": "kwok"}}})
    try:
        core.create_namespaced_pod(namespace, pod("pretends", ["/busybox", "sleep", "1000"], node))
        eventually(lambda: phase(core, namespace, "pretends") == "Running", what="the simulated pod")
        running = [process.info["cmdline"] for process in psutil.process_iter(["cmdline"])]
        assert ["/busybox", "sleep", "1000"] not in running
    finally:
        core.delete_node(node)


def test_secrets_are_encrypted_at_rest(core: client.CoreV1Api, namespace: str) -> None:
    word = secrets.token_hex(16)
    data = {"word": base64.b64encode(word.encode()).decode()}
    core.create_namespaced_secret(namespace, {"metadata": {"name": "hidden"}, "data": data})
    core.create_namespaced_config_map(namespace, {"metadata": {"name": "seen"}, "data": {"word": f"not-{word}"}})
    stored = b"".join(file.read_bytes() for file in control_plane.ETCD_DATA.rglob("*.wal"))
    assert f"not-{word}".encode() in stored, "the test looks in the wrong place"
    assert stored.count(word.encode()) == stored.count(f"not-{word}".encode())


def test_etcd_accepts_no_certificate_of_the_cluster() -> None:
    """Not even the administrator's: access to etcd bypasses RBAC and admission."""
    url = f"https://127.0.0.1:{ETCD_PORT}/v3/kv/range"
    asked = {"key": base64.b64encode(b"/registry").decode()}
    own = str(certificates.PKI / "kube-apiserver-etcd.crt"), str(certificates.PKI / "kube-apiserver-etcd.key")
    verify = str(certificates.ETCD_CA)
    assert requests.post(url, json=asked, verify=verify, cert=own, timeout=10).ok
    administrator = str(certificates.ADMIN), str(certificates.ADMIN_KEY)
    for pair in (administrator, None):
        with pytest.raises(requests.ConnectionError):
            requests.post(url, json=asked, verify=verify, cert=pair, timeout=10)


def on_claim(name: str, command: list[str], *, read_only: bool = False) -> dict[str, Any]:
    """A pod with the volume of claim `data` at /data, where the scheduler puts it."""
    found = pod(name, command)
    del found["spec"]["nodeName"]
    found["spec"]["nodeSelector"] = {"kubernetes.io/hostname": NODE_NAME}
    found["spec"]["securityContext"] = {"runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532}
    source = {"claimName": "data", "readOnly": read_only}
    found["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": source}]
    found["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    return found


@pytest.mark.parametrize("read_before", [False, True])
def test_a_claim_gets_a_volume_that_its_pod_can_write_and_that_goes_with_it(
    core: client.CoreV1Api, namespace: str, read_before: bool
) -> None:
    """Also if a pod that only reads has mounted it before."""
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    core.create_namespaced_persistent_volume_claim(namespace, {"metadata": {"name": "data"}, "spec": claim})
    if read_before:
        core.create_namespaced_pod(namespace, on_claim("reads", ["/busybox", "sleep", "1000"], read_only=True))
        eventually(lambda: phase(core, namespace, "reads") == "Running", what="the reader")
    write = ["/busybox", "sh", "-c", "echo kept > /data/file && /busybox cat /data/file"]
    core.create_namespaced_pod(namespace, on_claim("writes", write))
    eventually(lambda: phase(core, namespace, "writes") == "Succeeded", what="the write")
    assert core.read_namespaced_pod_log("writes", namespace) == "kept\n"

    volume = core.read_namespaced_persistent_volume_claim("data", namespace).spec.volume_name
    assert (paths.CLUSTER / "volumes" / volume).exists()
    core.delete_collection_namespaced_pod(namespace, grace_period_seconds=0)
    core.delete_namespaced_persistent_volume_claim("data", namespace)
    eventually(lambda: not (paths.CLUSTER / "volumes" / volume).exists(), what="removal of the volume's folder")


def our_processes() -> set[int]:
    found = [process_of(file) for file in paths.PIDS.glob("*.pid")]
    return {process.pid for process in found if process is not None}


def test_nothing_of_ours_listens_beyond_loopback_and_the_pods_bridge() -> None:
    listening = [found for found in psutil.net_connections("tcp") if found.status == psutil.CONN_LISTEN]
    addresses = {next(iter(found.laddr)) for found in listening if found.pid in our_processes()}
    assert addresses == {"127.0.0.1", NODE_IP}


def test_what_ended_with_the_machine_does_not_keep_the_cluster_from_starting() -> None:
    """A pid file of a forward that another stack had started, before the machine was restarted."""
    gateway = gateways.to_loopback(free_port())
    gateway.pid_file.write_text("1 0.0\n")
    try:
        assert gateway.name in lifecycle.crashed()
        lifecycle.start(lambda _: None)
    finally:
        daemons.stop(gateway.name)
