"""etcd, API server, controller manager, scheduler and kwok, as processes on loopback."""

import base64
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import requests
import yaml

from common import daemons, paths
from common.daemons import Daemon
from offline import go_tools
from offline.cluster import certificates, kubeconfig
from offline.cluster.addresses import (
    API_PORT,
    API_SERVICE_IP,
    DNS_DOMAIN,
    ETCD_PEER_PORT,
    ETCD_PORT,
    NODE_IP,
    SERVICE_CIDR,
)

ETCD_DATA = paths.CLUSTER / "etcd"
ENCRYPTION = paths.CLUSTER / "encryption.yaml"

SIMULATED = "kwok.x-k8s.io/node=fake"
"""The annotation of simulated nodes. kwok must manage no others, or it would also simulate the real node's pods."""

_ETCD, _API_SERVER = "etcd", "kube-apiserver"
_ETCD_AUTHORITY = (certificates.ETCD_CA, certificates.ETCD_CA_KEY)
_CLIENTS = ("kube-controller-manager", "kube-scheduler", "kwok")
DAEMONS = (_ETCD, _API_SERVER, *_CLIENTS)
_API_NAMES = (
    "localhost",
    *(f"kubernetes{rest}" for rest in ("", ".default", ".default.svc", f".default.svc.{DNS_DOMAIN}")),
)


def start() -> None:
    """Start what is not running, and wait until the API is ready."""
    certificates.create_authorities()
    _write_encryption()
    kubeconfig.write(paths.KUBECONFIG, certificates.CA, certificates.ADMIN, certificates.ADMIN_KEY)
    _etcd().start()
    _api_server().start()
    with ThreadPoolExecutor() as pool:
        for result in [pool.submit(daemon.start) for daemon in (_controller_manager(), _scheduler(), _kwok())]:
            result.result()


def stop() -> None:
    """Stop the control plane; its data is kept."""
    daemons.stop(*_CLIENTS, _API_SERVER)
    daemons.stop(_ETCD)


def is_ready() -> bool:
    """Whether the API server reports that it is ready."""
    with suppress(requests.RequestException, OSError):
        url = f"https://127.0.0.1:{API_PORT}/readyz"
        pair = (str(certificates.ADMIN), str(certificates.ADMIN_KEY))
        return requests.get(url, verify=str(certificates.CA), cert=pair, timeout=2).ok
    return False


def _etcd() -> Daemon:
    certificate, key = certificates.issue(_ETCD, _ETCD, addresses=["127.0.0.1"], by=_ETCD_AUTHORITY)
    clients, peers = f"https://127.0.0.1:{ETCD_PORT}", f"https://127.0.0.1:{ETCD_PEER_PORT}"
    tls = {
        "cert-file": certificate,
        "key-file": key,
        "trusted-ca-file": certificates.ETCD_CA,
        "client-cert-auth": "true",
    }
    flags = {
        "name": "local",
        "data-dir": ETCD_DATA,
        "listen-client-urls": clients,
        "advertise-client-urls": clients,
        "listen-peer-urls": peers,
        "initial-advertise-peer-urls": peers,
        "initial-cluster": f"local={peers}",
        "auto-compaction-retention": "1",
        **tls,
        **{f"peer-{name}": value for name, value in tls.items()},
    }

    def is_healthy() -> bool:
        pair = (str(certificate), str(key))
        with suppress(requests.RequestException):
            return requests.get(f"{clients}/health", verify=str(certificates.ETCD_CA), cert=pair, timeout=2).ok
        return False

    # The program is called after its folder.
    return Daemon(_ETCD, _command("server", flags), is_healthy)


def _api_server() -> Daemon:
    served = ["127.0.0.1", NODE_IP, API_SERVICE_IP]
    certificate, key = certificates.issue(_API_SERVER, _API_SERVER, addresses=served, hosts=_API_NAMES)
    client, client_key = certificates.issue(f"{_API_SERVER}-{_ETCD}", _API_SERVER, by=_ETCD_AUTHORITY)
    accounts, accounts_key = certificates.issue("service-accounts", "service-accounts")
    flags = {
        "bind-address": "127.0.0.1",
        "secure-port": API_PORT,
        # Pods reach the API through the node's address; see node.py's gateway.
        "advertise-address": NODE_IP,
        "service-cluster-ip-range": SERVICE_CIDR,
        "tls-cert-file": certificate,
        "tls-private-key-file": key,
        "client-ca-file": certificates.CA,
        "etcd-servers": f"https://127.0.0.1:{ETCD_PORT}",
        "etcd-cafile": certificates.ETCD_CA,
        "etcd-certfile": client,
        "etcd-keyfile": client_key,
        "encryption-provider-config": ENCRYPTION,
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "allow-privileged": "true",
        "service-account-issuer": f"https://kubernetes.default.svc.{DNS_DOMAIN}",
        "service-account-key-file": accounts,
        "service-account-signing-key-file": accounts_key,
        "kubelet-client-certificate": certificates.ADMIN,
        "kubelet-client-key": certificates.ADMIN_KEY,
        "kubelet-certificate-authority": certificates.CA,
        "kubelet-preferred-address-types": "InternalIP",
        "proxy-client-cert-file": certificates.ADMIN,
        "proxy-client-key-file": certificates.ADMIN_KEY,
        "enable-aggregator-routing": "true",
    }
    return Daemon(_API_SERVER, _command(_API_SERVER, flags), is_ready)


def _controller_manager() -> Daemon:
    name = "kube-controller-manager"
    flags = {
        "kubeconfig": _identity(name),
        "secure-port": 0,
        "leader-elect": "false",
        "root-ca-file": certificates.CA,
        "service-account-private-key-file": certificates.PKI / "service-accounts.key",
        "use-service-account-credentials": "true",
        "cluster-signing-cert-file": certificates.CA,
        "cluster-signing-key-file": certificates.CA_KEY,
    }
    return Daemon(name, _command(name, flags), _started)


def _scheduler() -> Daemon:
    name = "kube-scheduler"
    flags = {"kubeconfig": _identity(name), "secure-port": 0, "leader-elect": "false"}
    return Daemon(name, _command(name, flags), _started)


def _kwok() -> Daemon:
    flags = {
        "kubeconfig": _identity("kwok", "system:masters"),
        "manage-nodes-with-annotation-selector": SIMULATED,
    }
    return Daemon("kwok", _command("kwok", flags), _started)


def _started() -> bool:
    """These serve no health checks; one that exits is found by `daemons.crashed`."""
    return True


def _identity(name: str, *groups: str) -> Path:
    certificate, key = certificates.issue(name, f"system:{name}", groups)
    return kubeconfig.write(paths.CLUSTER / f"{name}.kubeconfig", certificates.CA, certificate, key)


def _command(program: str, flags: Mapping[str, object]) -> list[str]:
    return [str(go_tools.KUBERNETES.program(program)), *(f"--{name}={value}" for name, value in flags.items())]


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
    partial = ENCRYPTION.with_suffix(".new")
    partial.touch(mode=0o600)
    partial.write_text(yaml.safe_dump(document, sort_keys=False))
    partial.replace(ENCRYPTION)
