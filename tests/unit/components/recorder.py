"""What a program registers, without an engine: sentences such as `created(platform, "...") == [...]`.

Everything is resolved before a test looks at it, so that no assertion sits in an `apply` that nobody waits for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi

from infra.declaration import declare
from infra.platform import build

STACK = "test"


@dataclass(frozen=True)
class Registered:
    """One resource as it was asked for."""

    type: str
    name: str
    inputs: dict[str, Any]
    provider: str


@dataclass
class Recorder(pulumi.runtime.Mocks):
    """Remembers what was registered and answers as the providers would."""

    resources: list[Registered] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)

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


def _computed(type_: str, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    if type_ == "docker:index/image:Image":
        repository = inputs["imageName"].rpartition(":")[0]
        return {"repoDigest": f"{repository}@sha256:{name}"}
    if type_ == "random:index/randomPassword:RandomPassword":
        return {"result": f"password-of-{name}", "bcryptHash": f"$2a$10$hash-of-{name}"}
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
    "aws:ec2/launchTemplate:LaunchTemplate": {"latestVersion": 1},
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
"""What AWS makes up by itself and the program uses."""


def unwrapped(value: Any) -> Any:
    """Secrets as their values."""
    if isinstance(value, dict):
        return unwrapped(value["value"]) if SECRET in value else {key: unwrapped(item) for key, item in value.items()}
    return [unwrapped(item) for item in value] if isinstance(value, list) else value


SECRET = "4dabf18193072939515e22adb298388d"
"""Marks a secret in what goes over the wire."""


def record(program: Callable[[], Mapping[str, Any]]) -> Recorder:
    """Runs a program to its end and returns what it registered."""
    recorder = Recorder()
    pulumi.runtime.set_mocks(recorder, project="ml-platform", stack=STACK, preview=False)

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def run() -> pulumi.Output[None]:
        return pulumi.Output.from_input(program()).apply(lambda outputs: recorder.outputs.update(outputs))

    run()
    return recorder


def platform(declaration: dict[str, Any], **given: str) -> Recorder:
    """The whole platform of a declaration; `given` are values of its secrets, `-` written as `_`."""

    def program() -> Mapping[str, Any]:
        values = {name.replace("_", "-"): pulumi.Output.secret(value) for name, value in given.items()}
        return build(declare(declaration, "Pulumi.test.yaml"), STACK, values)

    return record(program)


def created(recorder: Recorder, type_: str) -> list[str]:
    """The names of all resources of one type, in order."""
    return sorted(resource.name for resource in recorder.resources if resource.type == type_)


def inputs(recorder: Recorder, type_: str, name: str) -> dict[str, Any]:
    """What one resource was asked to be."""
    (found,) = [each for each in recorder.resources if (each.type, each.name) == (type_, name)]
    return found.inputs


def pods(recorder: Recorder) -> dict[str, dict[str, Any]]:
    """Every pod template, by the name of its owner."""
    return {
        f"{each.type.rpartition(':')[2]} {each.name}": each.inputs["spec"]["template"]
        for each in recorder.resources
        if "template" in (each.inputs.get("spec") or {})
    }
