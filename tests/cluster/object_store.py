"""Two teams with jobs, and the local foundation's object store with a dataset for each."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import docker
from kubernetes import client

from common import paths
from infra.catalogue.images import OBJECT_STORE
from infra.catalogue.names import image_context
from infra.tracking import PORT as TRACKING_PORT
from offline import base_image, docker_engine
from offline.cluster import pause_image
from offline.cluster.addresses import CONTEXT, NODE_IP, NODE_NAME
from tests.cluster.places import shell
from tests.pulumi_engine import Pulumi

WORD = secrets.token_hex(8)
PROGRAM = """
import sys

sys.path.insert(0, {repository!r})

import pulumi
import pulumi_docker as docker
import pulumi_kubernetes as kubernetes
import pulumi_random as random

from infra.declaration.datasets import Dataset
from infra.declaration.teams import Team
from infra.foundation.contract import Placement, Volume, nothing_to_bind
from infra.foundation.local import egress
from infra.foundation.local.object_store import LocalObjectStore, LocalObjectStoreArgs
from infra.images import BuiltImage
from infra.tenancy import Destination, Priorities, PrioritiesArgs, Workspace, WorkspaceArgs, team_policies
from infra.workloads.access import Outside
from infra.workloads.training.component import Training, TrainingArgs
from infra.workloads.training.settings import Training as Settings

on_cluster = pulumi.ResourceOptions(providers=[kubernetes.Provider("kubernetes", context={context!r})])
on_machine = pulumi.ResourceOptions(providers=[docker.Provider("docker"), random.Provider("random")])
args = LocalObjectStoreArgs({name!r}, {port!r}, {node!r}, {prefixes!r}, {base!r}, protect_data=False)
store = LocalObjectStore("object-store", args, on_machine)
policies = team_policies(Destination({name!r}, {{"app": "nobody"}}, {tracking!r}), egress({node!r}))
priorities = Priorities("priorities", PrioritiesArgs({name!r}), on_cluster)
datasets = {{
    f"of-{{team}}": Dataset.model_validate({{"team": team, "objects": {{"prefix": prefixes[0]}}}})
    for team, prefixes in {prefixes!r}.items()
}}
outside = Outside(datasets, store.outputs, None)
# The image's own entry point sleeps.
image = BuiltImage("sleeps", "content", "content", pulumi.Output.from_input({image!r}))
real = Placement("real", {{"kubernetes.io/hostname": {real!r}}}, [], simulated=False)
for team, jobs in {jobs!r}.items():
    workspace = Workspace(
        team,
        WorkspaceArgs(
            {name!r},
            "team",
            None,
            dataset_credentials=store.outputs[team].credentials,
            team=team,
            settings=Team(),
            policies=policies,
            priorities=priorities,
        ),
        on_cluster,
    )
    for job, reads in jobs.items():
        declared = {{"team": team, "image": "sleeps", "model": "any", "datasets": [f"of-{{team}}"] if reads else []}}
        settings = Settings.model_validate({{**declared, "timeout": "1h", "resources": {{"memory": "64Mi"}}}})
        access = outside.access("training", job, settings, workspace, nothing_to_bind)
        args = TrainingArgs(settings, image, workspace, access, [], real, volume=Volume(None), job_sets=[])
        Training(job, args, on_cluster)
pulumi.export("secret", store.bucket.secret_key)
"""
"""A dataset for each team, and jobs that read their team's, or nothing."""


def compiled() -> docker.DockerClient:
    """The engine, which then has the layers of the store: on a machine that does much else, compiling takes longer than
    an update may take here."""
    engine = docker.DockerClient(docker_engine.host(), timeout=1800)
    context = str(paths.REPOSITORY / image_context(OBJECT_STORE))
    engine.images.build(
        path=context, tag="ml-platform-tests/object-store", buildargs={"BASE": base_image.IMAGE}, rm=True
    )
    return engine


@dataclass
class World:
    """Two teams, the jobs' pods, and the store with two objects of each."""

    core: client.CoreV1Api
    engine: docker.DockerClient
    stack: Pulumi
    name: str
    port: int
    folder: Path
    more: tuple[str, ...] = ()

    @property
    def prefixes(self) -> dict[str, list[str]]:
        return {self.team: ["images/", *self.more], self.other_team: ["talks/"]}

    @property
    def team(self) -> str:
        return f"{self.name}-red"

    @property
    def other_team(self) -> str:
        return f"{self.name}-blue"

    @property
    def jobs(self) -> dict[str, dict[str, bool]]:
        """By team: which jobs read its dataset."""
        return {self.team: {"reader": True, "plain": False}, self.other_team: {"stranger": True}}

    def up(self) -> str:
        """The administrator's secret key."""
        values = {
            "repository": str(paths.REPOSITORY),
            "context": CONTEXT,
            "name": self.name,
            "port": self.port,
            "node": NODE_IP,
            "real": NODE_NAME,
            "prefixes": self.prefixes,
            "jobs": self.jobs,
            "base": base_image.IMAGE,
            "tracking": TRACKING_PORT,
            "image": pause_image.REFERENCE,
        }
        self.stack.program(PROGRAM.format(**values))
        return str(self.stack.up().outputs["secret"])

    def administrator(self, secret: str) -> Any:
        """A client as the documentation shows it."""
        key = {"aws_access_key_id": "admin", "aws_secret_access_key": secret, "region_name": "us-east-1"}
        return boto3.client("s3", endpoint_url=f"http://127.0.0.1:{self.port}", **key)

    def shell(self, job: str, script: str) -> str:
        (team,) = [team for team, jobs in self.jobs.items() if job in jobs]
        (found,) = self.core.list_namespaced_pod(team, label_selector=f"app.kubernetes.io/name={job}").items
        return shell(self.core, team, found.metadata.name, script)

    def env(self, job: str) -> dict[str, str]:
        """What a pod's clients of S3 read in its environment."""
        lines = self.shell(job, "/busybox env").splitlines()
        return dict(line.split("=", 1) for line in lines if line.startswith(("AWS_", "DATASET_")))

    def key(self, job: str) -> Path:
        """A copy of the pod's file with its key."""
        copy = self.folder / job
        copy.write_text(self.shell(job, '/busybox cat "$AWS_SHARED_CREDENTIALS_FILE"'))
        return copy

    def get(self, job: str, url: str) -> str:
        """What the pod gets from a URL: the content, or the line with the status, or nothing."""
        to = urlsplit(url)
        asked = f"'GET {to.path}?{to.query} HTTP/1.0' 'Host: {to.netloc}' ''"
        answer = self.shell(job, f"printf '%s\\r\\n' {asked} | /busybox nc -w 5 {to.hostname} {to.port} 2>&1")
        head, _, body = answer.replace("\r", "").partition("\n\n")
        status = head.partition("\n")[0]
        return body if " 200 " in f"{status} " else status
