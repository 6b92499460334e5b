"""The real node: kubelet, kube-proxy, and a forward through which pods reach the API server."""

import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests
import yaml

from common import daemons, paths
from common.daemons import Daemon
from offline import go_tools
from offline.cluster import certificates, containers, gateways, kubeconfig
from offline.cluster.addresses import API_PORT, DNS_DOMAIN, NODE_IP, NODE_NAME, POD_CIDR, POD_LOGS

KUBELET_ROOT = paths.CLUSTER / "kubelet"
_POD_LOGS = paths.CLUSTER / "pod-logs"
LOG_COLLECTOR = Path("/var/lib/ml-platform-logs")
"""What log collectors of stacks keep on the node."""
CGROUP = "/ml-platform"
CGROUPS = Path("/sys/fs/cgroup")


def start() -> None:
    """Start kubelet, forward and kube-proxy."""
    _make_cgroup()
    _link_pod_logs()
    for daemon in (_kubelet(), gateways.to_api(), _kube_proxy()):
        daemon.start()


def stop() -> None:
    """Stop the node's processes and its pods."""
    gateways.stop()
    daemons.stop("kube-proxy", "kubelet")
    containers.kill_pods()
    daemons.stop("containerd")


def remove() -> None:
    """Remove volumes, mounts and cgroups of the node's pods."""
    containers.unmount(KUBELET_ROOT)
    containers.remove()
    for folder in (KUBELET_ROOT, LOG_COLLECTOR):
        shutil.rmtree(folder, ignore_errors=True)
    Path(POD_LOGS).unlink(missing_ok=True)
    for group in control_groups():
        _remove_group(group)


def status() -> Mapping[str, Any]:
    """The node's status from the API; empty before it has registered."""
    url = f"https://127.0.0.1:{API_PORT}/api/v1/nodes/{NODE_NAME}"
    pair = (str(certificates.ADMIN), str(certificates.ADMIN_KEY))
    answer = requests.get(url, verify=str(certificates.CA), cert=pair, timeout=5)
    return dict(answer.json().get("status", {})) if answer.ok else {}


def control_groups() -> list[Path]:
    """The node's cgroups, one per hierarchy."""
    places = [CGROUPS, *(path for path in CGROUPS.iterdir() if path.is_dir())]
    return [place / CGROUP.strip("/") for place in places if (place / CGROUP.strip("/")).is_dir()]


def _remove_group(group: Path) -> None:
    """Remove a cgroup from its leaves up; the kernel needs a moment after the last process exits."""
    for folder in sorted((path for path in group.rglob("*") if path.is_dir()), key=lambda path: -len(path.parts)):
        _rmdir(folder)
    _rmdir(group)


def _rmdir(folder: Path, attempts: int = 200) -> None:
    for _ in range(attempts):
        with suppress(OSError):
            folder.rmdir()
            return
        time.sleep(0.05)


def _link_pod_logs() -> None:
    """At a path that stacks can name, wherever this user's folders are."""
    link = Path(POD_LOGS)
    _POD_LOGS.mkdir(mode=0o750, exist_ok=True)
    if not link.is_symlink() or link.readlink() != _POD_LOGS:
        link.unlink(missing_ok=True)
        link.symlink_to(_POD_LOGS)


def _make_cgroup() -> None:
    """Create a parent for the pods' cgroups, in each hierarchy."""
    if (CGROUPS / "cgroup.controllers").exists():
        (CGROUPS / CGROUP.strip("/")).mkdir(exist_ok=True)
        return
    for hierarchy in CGROUPS.iterdir():
        if not hierarchy.is_dir() or hierarchy.is_symlink():
            continue
        group = hierarchy / CGROUP.strip("/")
        group.mkdir(exist_ok=True)
        for name in ("cpuset.cpus", "cpuset.mems"):
            if (group / name).exists():
                (group / name).write_text((hierarchy / name).read_text())


def _healthy(url: str) -> bool:
    with suppress(requests.RequestException):
        return requests.get(url, timeout=1).ok
    return False


def _kubelet() -> Daemon:
    user, groups = f"system:node:{NODE_NAME}", ["system:nodes"]
    certificate, key = certificates.issue("kubelet", user, groups, [NODE_IP])
    identity = kubeconfig.write(paths.CLUSTER / "kubelet.kubeconfig", certificates.CA, certificate, key)
    configuration = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_IP,
        "tlsCertFile": str(certificate),
        "tlsPrivateKeyFile": str(key),
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(certificates.CA)},
        },
        "authorization": {"mode": "Webhook"},
        "healthzBindAddress": "127.0.0.1",
        "containerRuntimeEndpoint": f"unix://{containers.SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": CGROUP,
        "failCgroupV1": False,
        "failSwapOn": False,
        "clusterDNS": [NODE_IP],
        "clusterDomain": DNS_DOMAIN,
        "resolvConf": "/etc/resolv.conf",
        "podCIDR": POD_CIDR,
        "podLogsDir": str(_POD_LOGS),
        "volumePluginDir": str(paths.CLUSTER / "volume-plugins"),
        "serializeImagePulls": False,
        "maxParallelImagePulls": 4,
        "syncFrequency": "10s",
        "nodeStatusUpdateFrequency": "5s",
        "registryPullQPS": 0,
        "kubeAPIQPS": 100,
        "kubeAPIBurst": 200,
        # No image garbage collection, and eviction only on a nearly full disk: the machine has other uses.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "200Mi", "nodefs.available": "2%", "imagefs.available": "2%"},
    }
    path = _write("kubelet.yaml", configuration)
    command = [
        str(go_tools.KUBERNETES.program("kubelet")),
        f"--config={path}",
        f"--kubeconfig={identity}",
        f"--root-dir={KUBELET_ROOT}",
        f"--cert-dir={KUBELET_ROOT}/pki",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={NODE_IP}",
    ]
    return Daemon("kubelet", command, lambda: _healthy("http://127.0.0.1:10248/healthz"))


def _kube_proxy() -> Daemon:
    """With nftables, in tables of its own: kube-router writes the iptables tables back as it read them a moment before,
    and the rule that refuses connections to a Service without endpoints could be lost."""
    certificate, key = certificates.issue("kube-proxy", "system:kube-proxy")
    identity = kubeconfig.write(paths.CLUSTER / "kube-proxy.kubeconfig", certificates.CA, certificate, key)
    configuration = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "bindAddress": NODE_IP,
        "nodePortAddresses": ["127.0.0.0/8"],
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        "clusterCIDR": POD_CIDR,
        "clientConnection": {"kubeconfig": str(identity)},
        "hostnameOverride": NODE_NAME,
        "conntrack": {"maxPerCore": 0},
    }
    path = _write("kube-proxy.yaml", configuration)
    command = [str(go_tools.KUBERNETES.program("kube-proxy")), f"--config={path}"]
    return Daemon("kube-proxy", command, lambda: _healthy("http://127.0.0.1:10256/livez"))


def _write(name: str, document: Mapping[str, object]) -> Path:
    """Write a configuration file only if it differs: kube-proxy exits when its file is written."""
    path, text = paths.CLUSTER / name, yaml.safe_dump(document, sort_keys=False)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
    return path
