"""`make rotate SECRET=...`: renew a generated secret until its old value is refused, and no request on the way.

Servers accept the value before and the one after the current, so that everybody has time to change over. After a first
renewal the old value is the one before; after a second it is refused.
"""

import base64
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from kubernetes import client
from kubernetes.client.exceptions import ApiException
from ruamel.yaml import YAML
from urllib3.exceptions import HTTPError

from cli import preflight, stack, status
from cli.forward import forward, require_kubectl
from common import paths
from common.console import Progress, console
from common.errors import WorkstationError
from infra.catalogue.names import GRAFANA, PROJECT, REGISTRY, STATUS, TRACKING
from infra.declaration import SETTING, Platform
from infra.declaration.problems import suggestion
from infra.declaration.secret_rules import rotatable
from infra.secrets.derive import derived_password

RENEWALS = 2
WITHIN = 180
"""Seconds until every server must know a renewed secret: kubelets look once a minute."""


@dataclass(frozen=True)
class Door:
    """A server that asks for a secret: a service of the cluster, or an `address` that this machine reaches."""

    path: str
    namespace: str = ""
    service: str = ""
    port: int = 0
    address: str = ""

    def __str__(self) -> str:
        return self.address or f"{self.namespace}/{self.service}"


@dataclass(frozen=True)
class Key:
    """What a caller sends: a password with a user name, or a bearer token without one."""

    door: Door
    username: str
    value: str = field(repr=False)


@dataclass(frozen=True)
class Cluster:
    """How the servers are reached, and where they find what they accept."""

    core: client.CoreV1Api
    context: str
    environment: Mapping[str, str]

    def opens(self, key: Key) -> bool:
        """Whether the server lets the key in; one that does not answer just now does not."""
        try:
            with self._address(key.door) as address:
                answer = requests.get(f"{address}{key.door.path}", timeout=10, **_sent(key))
        except (requests.RequestException, WorkstationError):
            return False
        return answer.ok

    def secret(self, namespace: str, name: str) -> dict[str, str]:
        """A Secret's content."""
        try:
            data = self.core.read_namespaced_secret(name, namespace).data or {}
        except (ApiException, HTTPError) as error:
            why = str(getattr(error, "reason", None) or error)
            raise WorkstationError(f"secret {namespace}/{name} can't be read", why, hint="run `make up`") from None
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    @contextmanager
    def _address(self, door: Door) -> Iterator[str]:
        if door.address:
            yield door.address
            return
        with forward(door.namespace, door.service, door.port, self.context, self.environment) as address:
            yield address


def _sent(key: Key) -> dict[str, Any]:
    if key.username:
        return {"auth": (key.username, key.value)}
    return {"headers": {"Authorization": f"Bearer {key.value}"}}


def rotate(name: str, secret: str) -> int:
    """Renew `secret` of stack `name`; the exit code."""
    declared = preflight.declaration(name)
    require_rotatable(declared, name, secret)
    stack.require_backend(name, declared)
    if not stack.exists(name):
        raise WorkstationError(f"stack {name} is not up on this machine", hint="run `make up`")
    preflight.official_aws_plugin(declared)
    progress = Progress()
    context = preflight.kube_context(declared, name)
    environment = stack.environment(context)
    require_kubectl(environment)
    cluster = Cluster(client.CoreV1Api(status.cluster_api(name, declared)), context, environment)

    def up() -> None:
        with progress.quiet_step(f"pulumi up --stack {name}"):
            stack.update(["up", "--suppress-outputs"], name, context)

    file = paths.REPOSITORY / f"Pulumi.{name}.yaml"
    refused = renew(
        file,
        secret,
        up,
        lambda: accepted(secret, declared, stack.outputs(name, reveal=True), cluster),
        cluster,
        progress,
    )
    console.print(
        f"[bold]{secret} is renewed[/]; keys from before that are refused: {refused}. "
        f"{file.name} counts the renewals; keep the change."
    )
    return 0


def require_rotatable(declared: Platform, name: str, secret: str) -> None:
    """Before anything is touched."""
    known = rotatable(declared)
    if secret not in known:
        why = f"Pulumi.{name}.yaml has no generated secret of this name{suggestion(secret, known)}"
        raise WorkstationError(
            f"'{secret}' can't be renewed", why, hint=f"SECRET is one of: {', '.join(sorted(known))}"
        )


def renew(
    file: Path,
    secret: str,
    up: Callable[[], None],
    keys: Callable[[], set[Key]],
    cluster: Cluster,
    progress: Progress,
) -> int:
    """Count, update, wait; twice. How many keys are refused that were good before."""
    before = keys()
    for _ in range(RENEWALS):
        count(file, secret)
        up()
        with progress.step("every server takes what is good now"):
            _wait(lambda: [key for key in keys() if not cluster.opens(key)], "does not take")
    old = before - keys()
    with progress.step("every server refuses what was good before"):
        _wait(lambda: [key for key in old if cluster.opens(key)], "still takes")
    return len(old)


def count(file: Path, secret: str) -> None:
    """One renewal more in the stack file, which otherwise stays as its team wrote it."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    document = yaml.load(file)
    rotations = document["config"][f"{PROJECT}:{SETTING}"].setdefault("rotations", {})
    rotations[secret] = rotations.get(secret, 0) + 1
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    with beside.open("w", encoding="utf-8") as written:
        yaml.dump(document, written)
    beside.replace(file)


def accepted(secret: str, declared: Platform, outputs: Mapping[str, Any], cluster: Cluster) -> set[Key]:
    """The keys that servers are told to take now; of the registry's only the current one is known here."""
    if secret == REGISTRY:
        registry = outputs["registry"]
        door = Door("/v2/", address=f"http://{registry['address']}")
        return {Key(door, registry["username"], registry["password"])}
    if secret == TRACKING:
        server = outputs["tracking"]
        door = Door("/api/2.0/mlflow/experiments/search?max_results=1", *_service(server))
        keys = cluster.secret(server["namespace"], server["service"])["keys"]
        user = server["username"]
        return {Key(door, user, derived_password(key, user)) for key in keys.split()}
    if secret == STATUS:
        page = outputs["status"]
        values = cluster.secret(page["namespace"], page["service"])["accepted"]
        return {Key(Door("/snapshot", *_service(page)), page["username"], value) for value in values.split()}
    if secret == GRAFANA:
        server = outputs["grafana"]
        value = cluster.secret(server["namespace"], server["service"])["value"]
        return {Key(Door("/api/user", *_service(server)), server["username"], value)}
    found: set[Key] = set()
    for name, endpoint in declared.serving.items():
        if endpoint.api_key == secret:
            output = outputs["endpoints"][name]
            door = Door(f"/v2/models/{output['model']}/ready", *_service(output))
            values = cluster.secret(output["namespace"], secret)["accepted"]
            found |= {Key(door, "", value) for value in values.split()}
    return found


def _service(output: Mapping[str, Any]) -> tuple[str, str, int]:
    return output["namespace"], output["service"], output["port"]


def _wait(wrong: Callable[[], list[Key]], what: str) -> None:
    deadline = time.monotonic() + WITHIN
    while left := wrong():
        if time.monotonic() > deadline:
            doors = ", ".join(sorted({f"{key.door} {what} a key of {key.username or 'its callers'}" for key in left}))
            raise WorkstationError(
                "a server does not follow", doors, hint="look at its log; the stack file is counted up"
            )
        time.sleep(1)
