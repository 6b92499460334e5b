"""`make rotate SECRET=...`: rotate a generated secret without a failed request, and revoke its old value.

Servers accept the previous, the current and the next value, so that clients have time to switch. A rotation takes two
steps: after the first, the old value is the previous one and still accepted; after the second it is refused.
"""

import base64
import json
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from kubernetes import client
from kubernetes.client.exceptions import ApiException
from ruamel.yaml import YAML
from urllib3 import HTTPSConnectionPool
from urllib3.exceptions import HTTPError, InsecureRequestWarning, ReadTimeoutError

from cli import preflight, proxies, same_cluster, stack, status
from cli.forward import forward, require_kubectl
from cli.prediction import is_llm, model_path
from common import paths
from common.console import Progress, console
from common.errors import CommandError
from infra.catalogue.images import GATEWAY, GRAFANA, LOGS, REGISTRY, STATUS, TRACKING
from infra.catalogue.logs import QUERY, READER, READER_POD, READER_PORT, USERS_FILE
from infra.catalogue.names import PROJECT, logs_namespace
from infra.declaration.gateway import Expose
from infra.declaration.loader import SETTING
from infra.declaration.model import Platform
from infra.declaration.problems import suggestion
from infra.declaration.secrets import rotatable
from infra.secrets.derive import derived_password

STEPS = 2
WITHIN = 180
"""Seconds for all servers to see a new value: kubelets sync mounted Secrets once a minute."""


@dataclass(frozen=True)
class AuthenticatedEndpoint:
    """A server that requires a secret: a Service or `pod/<name>` of the cluster, or an `address` that this machine can
    reach."""

    path: str
    namespace: str = ""
    service: str = ""
    port: int = 0
    address: str = ""
    host: str = ""
    """By which callers outside the cluster know it, where the gateway asks for the key."""

    def __str__(self) -> str:
        return self.address or f"{self.namespace}/{self.service}"


@dataclass(frozen=True)
class Key:
    """A client's credentials: user name and password, or a bearer token without a user name."""

    endpoint: AuthenticatedEndpoint
    username: str
    value: str = field(repr=False)


@dataclass(frozen=True)
class Cluster:
    """The cluster's API, for Secrets and port-forwards."""

    core: client.CoreV1Api
    context: str
    environment: Mapping[str, str]

    def accepts(self, key: Key) -> bool:
        """Whether the server accepts the key; False also if it does not answer."""
        try:
            with self._address(key.endpoint) as address:
                if key.endpoint.host:
                    return _passes_gateway(address, key)
                answer = requests.get(f"{address}{key.endpoint.path}", timeout=10, **_sent(key))
        except (requests.RequestException, HTTPError, CommandError):
            return False
        return answer.ok

    def secret(self, namespace: str, name: str) -> dict[str, str]:
        """The decoded data of a Secret."""
        try:
            data = self.core.read_namespaced_secret(name, namespace).data or {}
        except (ApiException, HTTPError) as error:
            why = str(getattr(error, "reason", None) or error)
            raise CommandError(f"secret {namespace}/{name} can't be read", why, hint="run `make up`") from None
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    @contextmanager
    def _address(self, endpoint: AuthenticatedEndpoint) -> Iterator[str]:
        if endpoint.address:
            yield endpoint.address
            return
        with forward(endpoint.namespace, endpoint.service, endpoint.port, self.context, self.environment) as address:
            yield address


def _passes_gateway(address: str, key: Key) -> bool:
    """Whatever the endpoint answers then, but for a route that is not there yet. The connection is kubectl's own, to a
    pod of the cluster.
    """
    host, wrong = key.endpoint.host, (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND)
    pool = HTTPSConnectionPool(
        "127.0.0.1", urlsplit(address).port, server_hostname=host, cert_reqs="CERT_NONE", retries=False, timeout=10
    )
    with pool, warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureRequestWarning)
        try:
            return (
                pool.request("GET", key.endpoint.path, headers={"Host": host, "X-API-Key": key.value}).status
                not in wrong
            )
        except ReadTimeoutError:
            return True  # held for a pod to start: a wrong key is refused at once


def _sent(key: Key) -> dict[str, Any]:
    if key.username:
        return {"auth": (key.username, key.value)}
    return {"headers": {"Authorization": f"Bearer {key.value}"}}


def rotate(name: str, secret: str) -> int:
    """Rotate `secret` of stack `name`; the exit code."""
    declared = preflight.declaration(name)
    require_rotatable(declared, name, secret)
    stack.require_backend(name, declared)
    if not stack.exists(name):
        raise CommandError(f"stack {name} is not up on this machine", hint="run `make up`")
    preflight.official_plugins(declared)
    same_cluster.require(name, declared)
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
        1 if _is_held_outside(secret, declared) else STEPS,
    )
    outcome = f"old keys that are refused now: {refused}"
    if _is_held_outside(secret, declared):
        outcome = "the old one is accepted until the next rotation"
    console.print(f"[bold]{secret} is rotated[/]; {outcome}. {file.name} counts the rotations; commit the change.")
    return 0


def _is_held_outside(secret: str, declared: Platform) -> bool:
    """Whether people and programs outside the cluster hold it, who need time to get the new one."""
    exposed = (each.expose for each in declared.serving.values() if each.expose)
    return secret == GATEWAY or any(secret in expose.callers for expose in exposed)


def require_rotatable(declared: Platform, name: str, secret: str) -> None:
    """Fail unless the secret is a generated one."""
    known = rotatable(declared)
    if secret not in known:
        why = f"Pulumi.{name}.yaml declares no generated secret of this name{suggestion(secret, known)}"
        raise CommandError(f"'{secret}' can't be rotated", why, hint=f"SECRET is one of: {', '.join(sorted(known))}")


def renew(
    file: Path,
    secret: str,
    up: Callable[[], None],
    keys: Callable[[], set[Key]],
    cluster: Cluster,
    progress: Progress,
    steps: int = STEPS,
) -> int:
    """Increment the counter, deploy, wait; `steps` times, of which the second revokes the old value.

    The number of keys that were accepted before and are refused now.
    """
    before = keys()
    for _ in range(steps):
        count(file, secret)
        up()
        if not before:
            continue
        with progress.step("all servers accept the new value"):
            _wait(lambda: [key for key in keys() if not cluster.accepts(key)], "does not accept")
    if steps < STEPS:
        return 0
    old = before - keys()
    with progress.step("all servers refuse the old value"):
        _wait(lambda: [key for key in old if cluster.accepts(key)], "still accepts")
    return len(old)


def count(file: Path, secret: str) -> None:
    """Increment the secret's counter in the stack file, keeping its formatting and comments."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    document = yaml.load(file)
    platform = document["config"][f"{PROJECT}:{SETTING}"]
    if not platform.get("rotations"):
        platform["rotations"] = {}
    rotations = platform["rotations"]
    rotations[secret] = rotations.get(secret, 0) + 1
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    with beside.open("w", encoding="utf-8") as written:
        yaml.dump(document, written)
    beside.replace(file)


def accepted(secret: str, declared: Platform, outputs: Mapping[str, Any], cluster: Cluster) -> set[Key]:
    """The keys that servers accept now; of the registry's, only the current one is known here."""
    if secret == REGISTRY:
        registry = outputs["registry"]
        endpoint = AuthenticatedEndpoint("/v2/", address=f"http://{registry['address']}")
        return {Key(endpoint, registry["username"], registry["password"])}
    if secret == TRACKING:
        server = outputs["tracking"]
        endpoint = AuthenticatedEndpoint("/api/2.0/mlflow/experiments/search?max_results=1", *_service(server))
        keys = cluster.secret(server["namespace"], server["service"])["keys"]
        user = server["username"]
        return {Key(endpoint, user, derived_password(key, user)) for key in keys.split()}
    if secret == STATUS:
        page = outputs["status"]
        values = cluster.secret(page["namespace"], page["service"])["accepted"]
        return {
            Key(AuthenticatedEndpoint("/snapshot", *_service(page)), page["username"], value)
            for value in values.split()
        }
    if secret == GRAFANA:
        server = outputs["grafana"]
        value = cluster.secret(server["namespace"], server["service"])["value"]
        return {Key(AuthenticatedEndpoint("/api/user", *_service(server)), server["username"], value)}
    if secret == LOGS:
        namespace = logs_namespace(declared.namespace)
        endpoint = AuthenticatedEndpoint(f"{QUERY}?query=*&limit=1", namespace, f"pod/{READER_POD}", READER_PORT)
        users = json.loads(cluster.secret(namespace, READER)[USERS_FILE])["users"]
        return {Key(endpoint, user["username"], user["password"]) for user in users}
    found: set[Key] = set()
    for name, serving in declared.serving.items():
        if serving.api_key == secret:
            output = outputs["endpoints"][name]
            path = f"{model_path(output)}{'' if is_llm(output) else '/ready'}"
            endpoint = AuthenticatedEndpoint(path, *_service(output))
            values = cluster.secret(output["namespace"], secret)["accepted"]
            found |= {Key(endpoint, "", value) for value in values.split()}
        elif serving.expose and secret in serving.expose.callers:
            found |= _of_caller(secret, name, serving.expose, outputs["endpoints"][name], declared, cluster)
    return found


def _of_caller(
    caller: str, name: str, expose: Expose, output: Mapping[str, Any], declared: Platform, cluster: Cluster
) -> set[Key]:
    """Its keys at the gateway."""
    path = f"{expose.path.rstrip('/')}{model_path(output)}"
    where = proxies.service(declared, cluster.core.api_client)
    endpoint = AuthenticatedEndpoint(path, *where, 443, host=expose.host)
    keys = cluster.secret(output["namespace"], f"{name}-callers")
    return {Key(endpoint, "", value) for entry, value in keys.items() if entry.split(".")[0] == caller}


def _service(output: Mapping[str, Any]) -> tuple[str, str, int]:
    return output["namespace"], output["service"], output["port"]


def _wait(wrong: Callable[[], list[Key]], what: str) -> None:
    deadline = time.monotonic() + WITHIN
    while left := wrong():
        if time.monotonic() > deadline:
            servers = ", ".join(
                sorted({f"{key.endpoint} {what} a key of {key.username or 'its clients'}" for key in left})
            )
            raise CommandError(
                "a server did not apply the rotation",
                servers,
                hint="see its log; the counter in the stack file stays incremented",
            )
        time.sleep(1)
