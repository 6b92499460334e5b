"""What a job declares opens to its pod and to no other: a dataset's volume, read-only, and a host outside."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address, ip_network
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
from kubernetes import client

from common import paths
from infra.tracking import PORT as TRACKING_PORT
from offline.cluster import pause_image
from offline.cluster.addresses import API_PORT, CONTEXT, NODE_IP, NODE_NAME, POD_CIDR
from tests.cluster.places import answers, pod, shell
from tests.pulumi_engine import Pulumi, find_engine
from tests.waiting import eventually

WORD = secrets.token_hex(8)
PROGRAM = """
import sys

sys.path.insert(0, {repository!r})

import pulumi
import pulumi_kubernetes as kubernetes

from infra.declaration.datasets import Dataset
from infra.declaration.teams import Team
from infra.foundation.contract import Placement, Volume, nothing_to_bind
from infra.foundation.local import egress
from infra.images import BuiltImage
from infra.tenancy import Destination, Priorities, PrioritiesArgs, Workspace, WorkspaceArgs, team_policies
from infra.workloads.access import Outside
from infra.workloads.training.component import Training, TrainingArgs
from infra.workloads.training.settings import Training as Settings

cluster = kubernetes.Provider("kubernetes", context={context!r})
on_cluster = pulumi.ResourceOptions(providers=[cluster])
server = Destination({team!r}, {{"app": "nobody"}}, {port!r})
team = Team.model_validate({{"quota": {{"cpu": 4, "memory": "4Gi", "pods": 20, "storage": "1Gi"}}}})
workspace = Workspace(
    {team!r},
    WorkspaceArgs(
        {team!r},
        "team",
        None,
        team={team!r},
        settings=team,
        policies=team_policies(server, egress({node!r})),
        priorities=Priorities("priorities", PrioritiesArgs({team!r}), on_cluster),
    ),
    on_cluster,
)
corpus = Dataset.model_validate({{"team": {team!r}, "volume": {{"claim": "texts"}}}})
outside = Outside({{"corpus": corpus}}, {{}}, None)
# The image's own entry point sleeps.
image = BuiltImage("sleeps", "content", "content", pulumi.Output.from_input({image!r}))
declared = {{"team": {team!r}, "image": "sleeps", "model": "any", "timeout": "1h", "resources": {{"memory": "64Mi"}}}}
real = Placement("real", {{"kubernetes.io/hostname": {real!r}}}, [], simulated=False)
for name, reached in {{"reader": {reached!r}, "plain": {{}}}}.items():
    settings = Settings.model_validate({{**declared, **reached}})
    access = outside.access("training", name, settings, workspace, nothing_to_bind)
    args = TrainingArgs(settings, image, workspace, access, [], real, volume=Volume(None), job_sets=[])
    Training(name, args, on_cluster)
"""


@dataclass
class World:
    """The team's namespace with its jobs' pods, and a machine outside with an open port and another one."""

    core: client.CoreV1Api
    team: str
    host: str
    port: int
    other_port: int

    def name(self, job: str) -> str:
        (found,) = self.core.list_namespaced_pod(self.team, label_selector=f"app.kubernetes.io/name={job}").items
        return str(found.metadata.name)

    def shell(self, job: str, script: str) -> str:
        return shell(self.core, self.team, self.name(job), script)

    def reaches(self, job: str, address: str, port: int) -> bool:
        return answers(self.core, self.team, self.name(job), address, port)


@pytest.fixture(scope="module")
def world(core: client.CoreV1Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if find_engine() is None:
        pytest.skip("no pulumi on this machine: set ML_PLATFORM_BIN to the folder that holds it")
    host, team = own_address(), f"data-{uuid4().hex[:6]}"
    with server(host) as declared, server(host) as other:
        found = World(core, team, host, declared.server_port, other.server_port)
        stack = Pulumi(tmp_path_factory.mktemp("datasets"), {"KUBECONFIG": str(paths.KUBECONFIG)})
        reached = {"datasets": ["corpus"], "egress": [{"host": host, "port": found.port}]}
        values = {
            "repository": str(paths.REPOSITORY),
            "context": CONTEXT,
            "team": team,
            "port": TRACKING_PORT,
            "node": NODE_IP,
            "real": NODE_NAME,
            "image": pause_image.REFERENCE,
            "reached": reached,
        }
        with stack:
            stack.program(PROGRAM.format(**values))
            stack.up()
            fill_volume(core, team)
            for job in ("reader", "plain"):
                eventually(lambda job=job: runs(core, team, job), 120, f"the pod of {job}")  # type: ignore[misc] # by the default
            yield found


def own_address() -> str:
    """An address of this machine that is none of the cluster's: for pods, a host outside."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no network besides the cluster's")
        address = str(probe.getsockname()[0])
    assert ip_address(address) not in ip_network(POD_CIDR)
    return address


def server(address: str) -> ThreadingHTTPServer:
    found = ThreadingHTTPServer((address, 0), BaseHTTPRequestHandler)
    Thread(target=found.serve_forever, daemon=True).start()
    return found


def fill_volume(core: client.CoreV1Api, team: str) -> None:
    """As the owner of the data does: the claim, and a job that writes to it."""
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    core.create_namespaced_persistent_volume_claim(team, {"metadata": {"name": "texts"}, "spec": claim})
    writer: dict[str, Any] = pod("writer", f"echo {WORD} > /data/word", {"app": "writer"})
    writer["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": "texts"}}]
    writer["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    writer["spec"]["securityContext"]["fsGroup"] = 65532
    batch = client.BatchV1Api(core.api_client)
    batch.create_namespaced_job(
        team,
        {"metadata": {"name": "writer"}, "spec": {"template": writer | {"metadata": {"labels": {"app": "writer"}}}}},
    )
    eventually(
        lambda: batch.read_namespaced_job("writer", team).status.succeeded,
        120,
        "the writer",
        why=lambda: story(core, team),
    )


def story(core: client.CoreV1Api, team: str) -> str:
    """What the cluster says of the pods and claims of a team."""
    pods = [f"{each.metadata.name}: {each.status}" for each in core.list_namespaced_pod(team).items]
    events = [
        f"{each.involved_object.name}: {each.reason}: {each.message}" for each in core.list_namespaced_event(team).items
    ]
    return "\n".join([*pods, *events])


def runs(core: client.CoreV1Api, team: str, job: str) -> bool:
    found = core.list_namespaced_pod(team, label_selector=f"app.kubernetes.io/name={job}").items
    return [each.status.phase for each in found] == ["Running"]


def test_a_job_reads_its_dataset_and_can_not_write_it(world: World) -> None:
    assert world.shell("reader", '/busybox cat "$DATASET_CORPUS/word"').strip() == WORD
    written = world.shell("reader", 'echo more > "$DATASET_CORPUS/word" || echo > "$DATASET_CORPUS/new"')
    assert written.count("Read-only file system") == 2
    assert world.shell("reader", '/busybox cat "$DATASET_CORPUS/"*').strip() == WORD


def test_a_job_that_declares_no_dataset_has_none(world: World) -> None:
    assert "No such file" in world.shell("plain", "/busybox ls /datasets")


def test_a_job_reaches_the_declared_port_of_a_host_and_nothing_else(world: World) -> None:
    eventually(lambda: world.reaches("reader", world.host, world.port), what="the declared host")
    assert not world.reaches("reader", world.host, world.other_port)
    assert not world.reaches("reader", NODE_IP, API_PORT)


def test_no_other_job_of_the_team_reaches_it(world: World) -> None:
    eventually(lambda: world.reaches("reader", world.host, world.port), what="the declared host")
    assert not world.reaches("plain", world.host, world.port)
