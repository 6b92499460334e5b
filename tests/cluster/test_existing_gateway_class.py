"""A Gateway of a GatewayClass that the platform has not created, on a real API server with the definitions of Envoy
Gateway: these tests answer as its controller would, and send packets as its proxies would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from cli.gateway_class import unfit
from cli.objects import Objects
from common import paths
from infra.catalogue.names import gateway_namespace, selector
from infra.declaration.gateway import Gateway
from infra.networking.gateway import GATEWAY, proxies_of_existing_class
from offline.cluster.addresses import CONTEXT
from tests.cluster.places import ANSWER, PORT, answers, pod, ready
from tests.pulumi_engine import Pulumi, find_engine
from tests.waiting import eventually

STANDARD = ("gateway.networking.k8s.io", "v1")
ADDRESS = "203.0.113.7"
ENDPOINT = selector("digits", "serving")
PROGRAM = """
import sys

sys.path.insert(0, {repository!r})

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random

from infra.declaration.gateway import Expose, Exposed
from infra.declaration.secrets import Secret
from infra.foundation.contract import nowhere_else
from infra.gateway.classes import ExistingClass
from infra.gateway.gateway import Gateway, GatewayArgs
from infra.gateway.pages import Page
from infra.networking.network_policies import no_pods_policies
from infra.tenancy import Destination, Workspace, WorkspaceArgs
from infra.tenancy.team_secrets import TeamSecrets, TeamSecretsArgs
from infra.workloads.serving.engines import Refusal
from infra.workloads.serving.route import Backend, RouteArgs, route

providers = [kubernetes.Provider("kubernetes", context={context!r}), random.Provider("random")]
opts = pulumi.ResourceOptions(providers=providers)


def workspace(name, component):
    return Workspace(name, WorkspaceArgs({platform!r}, component, None, policies=no_pods_policies()), opts)


team = workspace({team!r}, "team")
tracking = Destination({platform!r}, {{"app": "tracking"}}, 5000)
gateway = Gateway(
    "gateway",
    GatewayArgs(
        platform={platform!r},
        class_=ExistingClass({class_!r}, {edge!r}),
        workspace=workspace({gateway!r}, "gateway"),
        exposed=Exposed(["digits.example.com"], [{team!r}], 60, 2**20),
        own=workspace({platform!r}, "platform"),
        pages=[Page("tracking", "mlflow.example.com", "https://mlflow.example.com", tracking)],
        rotation=0,
    ),
    opts,
)
declared = {{"ci": Secret.model_validate({{"team": "any", "generate": True}})}}
secrets = TeamSecrets("secrets", TeamSecretsArgs(declared, {{}}, {{}}, {{"any": team}}, nowhere_else), opts)
expose = {{"host": "digits.example.com", "path": "/digits", "callers": ["ci"], "rateLimit": {{"requests": 5}}}}
settings = RouteArgs(
    settings=Expose.model_validate(expose),
    protocol="/v2",
    refusals=[Refusal(503, {{"error": "try again"}}, {{"Retry-After": "5"}})],
    listener=gateway.listener,
    workspace=team,
    services=[Backend("digits", {endpoint!r})],
    port={port!r},
    callers=[secrets.by_name["ci"]],
    max_request_bytes=2**20,
    requests_per_connection=100,
    repeatable=True,
)
route(settings, secrets, [])
pulumi.export("address", gateway.address)
"""


class World:
    """The names of a run, and the objects in the cluster that are not the stack's."""

    def __init__(self, core: client.CoreV1Api, stack: Pulumi) -> None:
        run = f"class-{uuid4().hex[:6]}"
        self.core, self.stack, self.platform, self.class_ = core, stack, run, run
        self.team, self.edge, self.gateway = f"{run}-team", f"{run}-edge", gateway_namespace(run)
        self.objects = client.CustomObjectsApi(core.api_client)
        self.proxies = proxies_of_existing_class(run, self.edge)

    @property
    def program(self) -> str:
        return PROGRAM.format(
            repository=str(paths.REPOSITORY),
            context=CONTEXT,
            platform=self.platform,
            team=self.team,
            gateway=self.gateway,
            edge=self.edge,
            class_=self.class_,
            endpoint=ENDPOINT,
            port=PORT,
        )

    def create_class(self) -> None:
        """Of a controller that does not run, as Envoy Gateway would have accepted it."""
        spec = {"controllerName": f"gateway.envoyproxy.io/{self.class_}"}
        body = {"apiVersion": "/".join(STANDARD), "kind": "GatewayClass", "metadata": {"name": self.class_}}
        eventually(lambda: self._is_created({**body, "spec": spec}), what="the API server to know the kind")
        status = {"status": {"conditions": conditions("Accepted")}}
        self.objects.patch_cluster_custom_object_status(*STANDARD, "gatewayclasses", self.class_, status)

    def _is_created(self, body: dict[str, Any]) -> bool:
        try:
            self.objects.create_cluster_custom_object(*STANDARD, "gatewayclasses", body)
        except ApiException as error:
            if error.status != 404:
                raise
            return False
        return True

    def delete_class(self) -> None:
        self.objects.delete_cluster_custom_object(*STANDARD, "gatewayclasses", self.class_)

    def answer(self, done: Event) -> None:
        """What the controller does when proxies of a Gateway run and their load balancer has an address."""
        addresses = [{"type": "IPAddress", "value": ADDRESS}]
        status = {"status": {"conditions": conditions("Accepted", "Programmed"), "addresses": addresses}}
        where = (*STANDARD, self.gateway, "gateways", GATEWAY)
        while not done.wait(0.5):
            try:
                self.objects.patch_namespaced_custom_object_status(*where, status)
            except ApiException as error:
                if error.status != 404:
                    raise

    def populate(self) -> None:
        """An endpoint, a proxy of the Gateway, and one of another Gateway of the same class."""
        prefix = "gateway.envoyproxy.io/owning-gateway-namespace"
        pods = {
            (self.team, "digits"): ENDPOINT,
            (self.edge, "proxy"): self.proxies.labels,
            (self.edge, "other"): {**self.proxies.labels, prefix: "somebody-else"},
        }
        accounts = self.core.list_namespaced_service_account
        eventually(lambda: all(accounts(namespace).items for namespace, _ in pods), what="the service accounts")
        for (namespace, name), labels in pods.items():
            self.core.create_namespaced_pod(namespace, pod(name, ANSWER, labels))
        eventually(lambda: all(ready(self.core, *each) for each in pods), 60, "the pods")

    def reaches(self, proxy: str) -> bool:
        """The endpoint."""
        address = self.core.read_namespaced_pod("digits", self.team).status.pod_ip
        return answers(self.core, self.edge, proxy, address)


def conditions(*types: str) -> list[dict[str, Any]]:
    said = {"status": "True", "reason": "Trial", "message": "", "observedGeneration": 1}
    return [{"type": each, "lastTransitionTime": datetime.now(UTC).isoformat(), **said} for each in types]


@pytest.fixture(scope="module")
def definitions(core: client.CoreV1Api) -> Iterator[None]:
    """Those that the cluster lacks, for as long as these tests run."""
    api = client.ApiextensionsV1Api(core.api_client)
    created = []
    try:
        for file in sorted((paths.REPOSITORY / "infra" / "gateway" / "crds").glob("*.json")):
            definition = json.loads(file.read_text())
            try:
                api.create_custom_resource_definition(definition)
                created.append(definition["metadata"]["name"])
            except ApiException as error:
                if error.status != 409:
                    raise
        eventually(lambda: all(_is_established(api, name) for name in created), what="the definitions")
        yield
    finally:
        for name in created:
            api.delete_custom_resource_definition(name)


def _is_established(api: client.ApiextensionsV1Api, name: str) -> bool:
    found = api.read_custom_resource_definition(name).status.conditions or []
    return any(each.type == "Established" and each.status == "True" for each in found)


@pytest.fixture(scope="module")
def world(core: client.CoreV1Api, definitions: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The stack is up, and the controller has answered."""
    if find_engine() is None:
        pytest.skip("no pulumi on this machine: set ML_PLATFORM_BIN to the folder that holds it")
    found = World(core, Pulumi(tmp_path_factory.mktemp("class"), {"KUBECONFIG": str(paths.KUBECONFIG)}))
    found.stack.program(found.program)
    core.create_namespace({"metadata": {"name": found.edge}})
    done = Event()
    controller = Thread(target=found.answer, args=(done,), daemon=True)
    try:
        found.create_class()
        try:
            with found.stack:
                controller.start()
                found.stack.up()
                done.set()
                found.populate()
                yield found
        finally:
            done.set()
            found.delete_class()
    finally:
        core.delete_namespace(found.edge)


def test_preflight_finds_the_class_and_all_that_is_written(world: World) -> None:
    hosts = {"tracking": "mlflow.example.com"}
    raw = {"gatewayClassName": world.class_, "proxyNamespace": world.edge, "hosts": hosts}
    objects = Objects(world.core.api_client)
    assert [str(each) for each in unfit(objects, Gateway.model_validate(raw))] == []
    missing = unfit(objects, Gateway.model_validate({**raw, "gatewayClassName": f"{world.class_}-missing"}))
    assert [each.problem for each in missing] == [f"there is no GatewayClass '{world.class_}-missing'"]


def test_the_update_waits_for_the_address_that_the_controller_reports(world: World) -> None:
    assert world.stack.outputs() == {"address": ADDRESS}


def test_a_second_update_changes_nothing(world: World) -> None:
    assert set(world.stack.up().changes()) == {"unchanged"}
    assert world.stack.outputs() == {"address": ADDRESS}


def test_the_stack_has_nothing_of_envoy_gateway(world: World) -> None:
    kinds = {each["type"].rpartition(":")[2] for each in world.stack.resources()}
    assert {"Gateway", "HTTPRoute", "ReferenceGrant", "SecurityPolicy", "BackendTrafficPolicy"} <= kinds
    assert (
        kinds & {"GatewayClass", "EnvoyProxy", "Backend", "Deployment", "Service", "CustomResourceDefinition"} == set()
    )


def test_proxies_of_the_gateway_alone_reach_its_endpoint(world: World) -> None:
    eventually(lambda: world.reaches("proxy"), 60, "the proxy to reach the endpoint")
    assert not world.reaches("other"), "it is of another Gateway"
