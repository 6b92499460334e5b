"""etcd, API server, controller manager, scheduler and kwok, run by kwokctl as processes on loopback."""

import base64
import secrets
import time
from contextlib import suppress
from pathlib import Path

import psutil
import requests
import yaml

from common import daemons, paths, run
from common.errors import CommandError, tail
from offline import go_tools
from offline.cluster import certificates, kubeconfig
from offline.cluster.addresses import API_PORT, NAME, NODE_IP, SERVICE_CIDR

HOME = paths.CLUSTER / "kwok"
WORKDIR = HOME / "clusters" / NAME
CONFIGURATION = paths.CLUSTER / "kwokctl.yaml"
ENCRYPTION = paths.CLUSTER / "encryption.yaml"
READY_TIMEOUT = 60
"""Seconds until the API must be ready."""

SIMULATED = "kwok.x-k8s.io/node=fake"
"""The annotation of simulated nodes. kwok must manage no others, or it would also simulate the real node's pods."""


def start() -> None:
    """Create the control plane, or start the existing one."""
    certificates.create_authority()
    _write_encryption()
    _write_configuration()
    _forget_dead_processes()
    if not (WORKDIR / "kwok.yaml").exists():
        _kwokctl("create", "cluster", "--config", str(CONFIGURATION), "--wait", "60s")
    else:
        _kwokctl("start", "cluster")
    kubeconfig.write(paths.KUBECONFIG, certificates.CA, certificates.ADMIN, certificates.ADMIN_KEY)
    _require_running()


def stop() -> None:
    """Stop the control plane; its data is kept."""
    if WORKDIR.exists() and go_tools.KWOK.is_built():
        _kwokctl("stop", "cluster")


def is_ready() -> bool:
    """Whether the API server reports that it is ready."""
    with suppress(requests.RequestException, OSError):
        url = f"https://127.0.0.1:{API_PORT}/readyz"
        pair = (str(certificates.ADMIN), str(certificates.ADMIN_KEY))
        return requests.get(url, verify=str(certificates.CA), cert=pair, timeout=2).ok
    return False


def _kwokctl(*arguments: str) -> None:
    """The components inherit the environment of kwokctl."""
    environment = {"KWOK_WORKDIR": str(HOME), "KUBECONFIG": str(paths.CLUSTER / "kwokctl-kubeconfig")}
    command = [str(go_tools.KWOK.program("kwokctl")), "--name", NAME, *arguments]
    run.logged(
        "kwokctl", command, environment=environment, inherited=daemons.inherited_environment(), cwd=paths.CLUSTER
    )


def _write_configuration() -> None:
    kubernetes, kwok = go_tools.KUBERNETES.program, go_tools.KWOK.program
    options = {
        "runtime": "binary",
        "components": ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok-controller"],
        "bindAddress": "127.0.0.1",
        "securePort": True,
        "kubeAuthorization": True,
        "kubeAdmission": True,
        "kubeApiserverPort": API_PORT,
        "kubeVersion": go_tools.KUBERNETES_VERSION,
        "kubeApiserverBinary": str(kubernetes("kube-apiserver")),
        "kubeControllerManagerBinary": str(kubernetes("kube-controller-manager")),
        "kubeSchedulerBinary": str(kubernetes("kube-scheduler")),
        "kubectlBinary": str(kubernetes("kubectl")),
        "etcdBinary": str(kubernetes("server")),
        "kwokControllerBinary": str(kwok("kwok")),
        # Kubernetes' default timing: with kwok's, five times slower, a lost node is noticed after minutes.
        "heartbeatFactor": 1,
    }
    admin, admin_key = certificates.ADMIN, certificates.ADMIN_KEY
    patches = {
        "kube-apiserver": {
            # Pods reach the API through the node's address; see node.py's gateway.
            "advertise-address": NODE_IP,
            "service-cluster-ip-range": SERVICE_CIDR,
            "encryption-provider-config": str(ENCRYPTION),
            "enable-admission-plugins": "NodeRestriction",
            "kubelet-client-certificate": str(admin),
            "kubelet-client-key": str(admin_key),
            "kubelet-certificate-authority": str(certificates.CA),
            "kubelet-preferred-address-types": "InternalIP",
            "enable-aggregator-routing": "true",
        },
        "kube-controller-manager": {
            "cluster-signing-cert-file": str(certificates.CA),
            "cluster-signing-key-file": str(certificates.CA_KEY),
            "use-service-account-credentials": "true",
        },
    }
    documents = {
        "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
        "kind": "KwokctlConfiguration",
        "options": options,
        "componentsPatches": [
            {"name": name, "extraArgs": [{"key": key, "value": value} for key, value in arguments.items()]}
            for name, arguments in patches.items()
        ]
        + [{"name": "kwok-controller", "extraArgs": _only_simulated_nodes()}],
    }
    CONFIGURATION.parent.mkdir(parents=True, exist_ok=True)
    CONFIGURATION.write_text(yaml.safe_dump(documents, sort_keys=False))


def _only_simulated_nodes() -> list[dict[str, object]]:
    return [
        {"key": "manage-all-nodes", "value": "false", "override": True},
        {"key": "manage-nodes-with-annotation-selector", "value": SIMULATED},
    ]


def _write_encryption() -> None:
    """Encrypt Secrets in etcd, with a key that only root can read."""
    if ENCRYPTION.exists():
        return
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    document = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "EncryptionConfiguration",
        "resources": [
            {
                "resources": ["secrets"],
                "providers": [{"secretbox": {"keys": [{"name": "local", "secret": key}]}}, {"identity": {}}],
            }
        ],
    }
    ENCRYPTION.parent.mkdir(parents=True, exist_ok=True)
    ENCRYPTION.touch(mode=0o600)
    ENCRYPTION.write_text(yaml.safe_dump(document, sort_keys=False))


def processes() -> dict[str, psutil.Process | None]:
    """The control plane's components by name; None for one that is not running."""
    return {file.stem: _process(file) for file in sorted((WORKDIR / "pids").glob("*.pid"))}


def _process(pid_file: Path) -> psutil.Process | None:
    """The process that a pid file names; after a reboot the pid may be reused."""
    with suppress(OSError, ValueError, IndexError, psutil.Error):
        process = psutil.Process(int(pid_file.read_text()))
        if Path(process.cmdline()[0]).name == pid_file.stem and process.status() != psutil.STATUS_ZOMBIE:
            return process
    return None


def _forget_dead_processes() -> None:
    for name, process in processes().items():
        if process is None:
            (WORKDIR / "pids" / f"{name}.pid").unlink(missing_ok=True)


def _require_running() -> None:
    deadline = time.monotonic() + READY_TIMEOUT
    while not is_ready():
        for name, process in processes().items():
            if process is None:
                log = WORKDIR / "logs" / f"{name}.log"
                raise CommandError(f"{name} exited while starting", tail(log), log=log)
        if time.monotonic() > deadline:
            log = WORKDIR / "logs" / "kube-apiserver.log"
            raise CommandError(f"the Kubernetes API is not ready after {READY_TIMEOUT} s", tail(log), log=log)
        time.sleep(0.1)
