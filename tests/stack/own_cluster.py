"""What a customer brings: a registry with TLS and logins, a bucket, a user with few rights, a node with GPUs.

The cluster itself is the local one; the stack knows it by a context of that user only. The GPUs are a number that the
node reports: Kubernetes counts them and starts the pods, and no pod gets a device.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import bcrypt
import boto3
import yaml
from kubernetes import client
from moto.server import ThreadedMotoServer

from common import daemons, paths
from offline.cluster import certificates, containers, gateways
from offline.cluster.addresses import API_PORT, NODE_IP, NODE_NAME
from tests.engine.images.engine import Engine
from tests.ports import free_port
from tests.waiting import eventually

GPU = "nvidia.com/gpu"
CHECK = "gpu-check"
LABEL = {"example.com/gpus": "trial"}
RBAC = "rbac.authorization.k8s.io"


def check_image(images: Path) -> None:
    """The module of images/torch without PyTorch, which is needed where there is a driver only."""
    shutil.copytree(images / "torch" / "gpu_check", images / CHECK / "gpu_check")
    lines = ["ARG BASE", "FROM ${BASE}", "COPY gpu_check /app/gpu_check", "USER 65532:65532"]
    (images / CHECK / "Dockerfile").write_text("\n".join(lines) + "\n")


@dataclass(frozen=True)
class Registry:
    """`logins` has the password of each user."""

    port: int
    logins: dict[str, str]

    @property
    def server(self) -> str:
        return f"127.0.0.1:{self.port}"


@contextmanager
def registry(engine: Engine, folder: Path) -> Iterator[Registry]:
    """It serves HTTPS with a certificate of the cluster's authority, which the node trusts for it."""
    found = Registry(free_port(), {"builder": uuid4().hex, "nodes": uuid4().hex})
    certificate, key = certificates.issue(f"registry-{found.port}", "registry", addresses=["127.0.0.1"])
    for name, source in {"tls.crt": certificate, "tls.key": key}.items():
        shutil.copy(source, folder / name)
        (folder / name).chmod(0o444)
    users = [
        f"{user}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()}\n"
        for user, password in found.logins.items()
    ]
    (folder / "htpasswd").write_text("".join(users))
    (folder / "htpasswd").chmod(0o444)
    folder.chmod(0o755)
    hosts = containers.REGISTRIES / f"127.0.0.1_{found.port}_"
    hosts.mkdir(parents=True)
    address = f"https://{found.server}"
    (hosts / "hosts.toml").write_text(
        f'server = "{address}"\n\n[host."{address}"]\ncapabilities = ["pull", "resolve"]\nca = "{certificates.CA}"\n'
    )
    engine.start(
        "registry",
        ports={"5000/tcp": ("127.0.0.1", found.port)},
        volumes={str(folder): {"bind": "/auth", "mode": "ro"}},
        environment={
            "REGISTRY_HTTP_TLS_CERTIFICATE": "/auth/tls.crt",
            "REGISTRY_HTTP_TLS_KEY": "/auth/tls.key",
        },
    )
    try:
        yield found
    finally:
        shutil.rmtree(hosts)


BUCKET = "own-models"


@contextmanager
def object_store() -> Iterator[str]:
    """The address, as pods reach it, of a server that speaks S3's protocol: moto's, which accepts any key."""
    port = free_port()
    server, gateway = ThreadedMotoServer("127.0.0.1", port), gateways.to_loopback(port)
    server.start()
    gateway.start()
    try:
        client_of(f"http://{NODE_IP}:{port}").create_bucket(Bucket=BUCKET)
        yield f"http://{NODE_IP}:{port}"
    finally:
        daemons.stop(gateway.name)
        server.stop()


def client_of(store: str) -> Any:
    """As the test's own user."""
    key = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client("s3", endpoint_url=store, region_name="us-east-1", **key)


@contextmanager
def deployer(api: client.ApiClient, folder: Path) -> Iterator[Path]:
    """A kubeconfig with two contexts: the user of `research` has the documented role, that of `powerless` none."""
    name = f"deployer-{uuid4().hex[:6]}"
    role = yaml.safe_load((paths.REPOSITORY / "docs" / "own-cluster-rbac.yaml").read_text())
    role["metadata"]["name"] = name
    access = client.RbacAuthorizationV1Api(api)
    access.create_cluster_role(role)
    subject = {"kind": "User", "name": name, "apiGroup": RBAC}
    bound = {"apiGroup": RBAC, "kind": "ClusterRole", "name": name}
    access.create_cluster_role_binding({"metadata": {"name": name}, "roleRef": bound, "subjects": [subject]})
    try:
        yield _kubeconfig(folder / "kubeconfig", {"research": name, "powerless": f"{name}-nobody"})
    finally:
        access.delete_cluster_role_binding(name)
        access.delete_cluster_role(name)


def _kubeconfig(path: Path, users: dict[str, str]) -> Path:
    """With no current context: nothing is reached by accident."""
    server = {"server": f"https://127.0.0.1:{API_PORT}", "certificate-authority": str(certificates.CA)}
    issued = {context: certificates.issue(user, user) for context, user in users.items()}
    document: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "theirs", "cluster": server}],
        "users": [
            {"name": context, "user": {"client-certificate": str(certificate), "client-key": str(key)}}
            for context, (certificate, key) in issued.items()
        ],
        "contexts": [{"name": context, "context": {"cluster": "theirs", "user": context}} for context in users],
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(document))
    return path


@contextmanager
def gpus(core: client.CoreV1Api, count: int) -> Iterator[None]:
    """The real node reports GPUs, has a label by which a pool finds it, and no device."""
    offered = {"status": {"capacity": {GPU: str(count)}}}
    core.patch_node(NODE_NAME, {"metadata": {"labels": LABEL}})
    core.patch_node_status(NODE_NAME, offered)
    try:
        eventually(lambda: GPU in core.read_node(NODE_NAME).status.allocatable, what="the kubelet to offer them")
        yield
    finally:
        core.patch_node(NODE_NAME, {"metadata": {"labels": dict.fromkeys(LABEL)}})
        core.patch_node_status(NODE_NAME, {"status": {"capacity": {GPU: None}, "allocatable": {GPU: None}}})
