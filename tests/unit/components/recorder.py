"""The resources that a program registers on Pulumi's mocks, without an engine: `created(stack, "...") == [...]`.

All outputs are resolved before a test reads them: an assertion inside an `apply` could pass without being run.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import pickle
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pulumi

from infra.declaration.loader import declare
from infra.foundation.aws import access
from infra.platform.build import build

STACK = "test"


@dataclass(frozen=True)
class Registered:
    """One registered resource with its inputs."""

    type: str
    name: str
    inputs: dict[str, Any]
    provider: str


@dataclass
class Recorder(pulumi.runtime.Mocks):
    """Pulumi's mocks: they record each resource and return the computed properties of a provider."""

    resources: list[Registered] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    dependencies: dict[str, set[str]] = field(default_factory=dict)
    """Of a resource, those that it directly depends on, with its parent; all by URN."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        inputs = unwrapped(args.inputs)
        self.resources.append(Registered(args.typ, args.name, inputs, args.provider or ""))
        return f"{args.name}-id", {**args.inputs, **_computed(args.typ, args.name, inputs)}

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        if args.token == "aws:ecr/getAuthorizationToken:getAuthorizationToken":
            return {"password": "password-of-registry"}, []
        if args.token == "aws:secretsmanager/getSecretVersion:getSecretVersion":
            return {"secretString": f"stored-in-{args.args['secretId']}"}, []
        raise AssertionError(f"the program called {args.token}: previews must need no credentials")


class _Monitor(pulumi.runtime.mocks.MockMonitor):
    """Of the engine's requests, a mock is not passed the dependencies."""

    def RegisterResource(self, request: Any) -> Any:
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call] # the SDK's
        assert isinstance(self.mocks, Recorder)
        self.mocks.dependencies[response.urn] = {*request.dependencies, request.parent}
        return response


def _computed(type_: str, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    if type_ == "docker:index/image:Image":
        repository = inputs["imageName"].rpartition(":")[0]
        return {"repoDigest": f"{repository}@sha256:{name}"}
    if type_ == "random:index/randomPassword:RandomPassword":
        return {"result": f"password-of-{name}"}
    if type_ == "kubernetes:gateway.networking.k8s.io/v1:Gateway":
        return {"status": {"addresses": [{"type": "IPAddress", "value": "203.0.113.7"}]}}
    if type_.startswith("aws:"):
        return {"arn": f"arn:{type_.rpartition(':')[2]}/{name}", **_AWS.get(type_, {})}
    return {}


_AWS: dict[str, dict[str, Any]] = {
    "aws:kms/key:Key": {"keyId": "key-id"},
    "aws:kms/alias:Alias": {"targetKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/key-id"},
    "aws:eks/cluster:Cluster": {
        "endpoint": "https://cluster.example",
        "certificateAuthority": {"data": "Q0E="},
        "vpcConfig": {"clusterSecurityGroupId": "sg-cluster", "subnetIds": []},
    },
    "aws:ec2/vpcEndpoint:VpcEndpoint": {
        "dnsEntries": [
            {"dnsName": "*.vpce-1-2.s3.eu-central-1.vpce.amazonaws.com"},
            {"dnsName": "*.vpce-1-2-eu-central-1a.s3.eu-central-1.vpce.amazonaws.com"},
        ]
    },
    "aws:amp/workspace:Workspace": {
        "arn": "arn:aws:aps:eu-central-1:123456789012:workspace/ws-1",
        "prometheusEndpoint": "https://metrics.example/workspaces/ws-1/",
    },
    "aws:grafana/workspace:Workspace": {
        "arn": "arn:aws:grafana:eu-central-1:123456789012:/workspaces/g-1",
        "endpoint": "g-1.grafana-workspace.eu-central-1.amazonaws.com",
    },
    "aws:rds/instance:Instance": {
        "address": "database.example",
        "masterUserSecrets": [
            {"secretArn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-1", "secretStatus": "active"}
        ],
    },
}
"""Computed properties of AWS resources that the program reads."""


def unwrapped(value: Any) -> Any:
    """Secrets as their values."""
    if isinstance(value, dict):
        return unwrapped(value["value"]) if SECRET in value else {key: unwrapped(item) for key, item in value.items()}
    return [unwrapped(item) for item in value] if isinstance(value, list) else value


JOB = "kubernetes:batch/v1:Job"
SECRET = "4dabf18193072939515e22adb298388d"
"""Marks a secret in what goes over the wire."""


def record(program: Callable[[], Mapping[str, Any]]) -> Recorder:
    """Run a program to its end and return what it registered."""
    recorder = Recorder()
    monitor = _Monitor(recorder)
    pulumi.runtime.set_mocks(recorder, project="ml-platform", stack=STACK, preview=False, monitor=monitor)

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def run() -> pulumi.Output[None]:
        return pulumi.Output.from_input(program()).apply(lambda outputs: recorder.outputs.update(outputs))

    # There is no cluster that could let anybody in.
    with _without_garbage_collection(), patch.object(access, "refusal", return_value=None):
        run()
    return recorder


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """A collection walks all classes of pulumi-aws, again and again: half of the time of a build."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        if not gc.get_freeze_count():
            gc.freeze()


_BUILT: dict[str, bytes] = {}
"""Recorders by their declaration, pickled: a build takes most of a second, and each test gets a copy of its own."""


def platform(declaration: dict[str, Any], **given: str) -> Recorder:
    """The platform of a declaration; `given` are the values of its secrets, with `_` for `-` in their names."""

    def program() -> Mapping[str, Any]:
        values = {name.replace("_", "-"): pulumi.Output.secret(value) for name, value in given.items()}
        return build(declare(declaration, "Pulumi.test.yaml"), STACK, values)

    # In this order: a test may be about the order of keys. The Kubernetes provider reads the variable.
    key = json.dumps([declaration, given, _images(), os.environ.get("KUBECONFIG")])
    if key not in _BUILT:
        _BUILT[key] = pickle.dumps(record(program))
    recorder = pickle.loads(_BUILT[key])
    assert isinstance(recorder, Recorder)
    return recorder


def forget_builds() -> None:
    """For a test that changes the program itself, before and after the change."""
    _BUILT.clear()


def _images() -> list[tuple[str, int, str]]:
    """Everything under `images/` of the current folder that can change an image's tag: names, modes, contents."""
    return [
        (path.as_posix(), path.lstat().st_mode, _content(path))
        for path in sorted(Path("images").rglob("*"))
        if path.is_symlink() or not path.is_dir()
    ]


def _content(path: Path) -> str:
    return str(path.readlink()) if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest()


def created(recorder: Recorder, type_: str) -> list[str]:
    """The names of all resources of one type, in order."""
    return sorted(resource.name for resource in recorder.resources if resource.type == type_)


def inputs(recorder: Recorder, type_: str, name: str) -> dict[str, Any]:
    """The inputs of one resource."""
    (found,) = [each for each in recorder.resources if (each.type, each.name) == (type_, name)]
    return found.inputs


def behind(recorder: Recorder, type_: str, name: str) -> set[str]:
    """The names of all resources that one directly or indirectly depends on."""
    (first,) = [urn for urn in recorder.dependencies if urn.endswith(f"{type_}::{name}")]
    seen: set[str] = set()
    ahead = [first]
    while ahead:
        found = recorder.dependencies.get(ahead.pop(), set()) - seen
        seen |= found
        ahead += found
    return {urn.rpartition("::")[2] for urn in seen}


def run(recorder: Recorder, training: str) -> Registered:
    """The Job of a declared training job, whose name contains its identity."""
    (found,) = [each for each in recorder.resources if each.type == JOB and _declared_name(each) == training]
    return found


def _declared_name(owner: Registered) -> str:
    if owner.type != JOB:
        return owner.name
    return str(owner.inputs["metadata"]["labels"]["app.kubernetes.io/name"])


def pods(recorder: Recorder) -> dict[str, dict[str, Any]]:
    """Every pod template, by the declared name of its owner."""
    return {
        f"{each.type.rpartition(':')[2]} {_declared_name(each)}": each.inputs["spec"]["template"]
        for each in recorder.resources
        if "template" in (each.inputs.get("spec") or {})
    }
