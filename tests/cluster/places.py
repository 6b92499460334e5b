"""Pods that answer and pods that try to reach them, in namespaces that the platform's own components make.

Two teams, one of which exposes an endpoint; the platform with a stand-in for its tracking server, which has a host;
stand-ins for the gateway's pods; and a stranger: a namespace that is not declared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from kubernetes import client
from kubernetes.stream import stream

from common import paths
from infra.catalogue.names import gateway_namespace, selector
from infra.networking.gateway import HTTPS_PORT, PODS, XDS_PORT
from infra.tracking import PORT as TRACKING_PORT
from offline.cluster import pause_image
from offline.cluster.addresses import API_PORT, CONTEXT, DNS_DOMAIN, NODE_IP, NODE_NAME
from tests.pulumi_engine import Pulumi
from tests.waiting import eventually

PORT = 8080
OTHER_PORT = 9999
"""Where every pod answers too; on the tracking server no policy lets a team in there."""
EXPOSED = selector("exposed", "serving")
"""Labels of an endpoint's pods."""
PROGRAM = """
import sys

sys.path.insert(0, {repository!r})

import pulumi
import pulumi_kubernetes as kubernetes

from infra.declaration.teams import Team
from infra.foundation.local import egress
from infra.networking.gateway import PODS, own_proxies
from infra.networking.network_policies import gateway_policies, network_policies, routed_policy
from infra.tenancy import Destination, Priorities, PrioritiesArgs, Workspace, WorkspaceArgs
from infra.tenancy import platform_policies, team_policies

cluster = kubernetes.Provider("kubernetes", context={context!r})
on_cluster = pulumi.ResourceOptions(providers=[cluster])
server = Destination({platform!r}, {labels!r}, {port!r})
own = platform_policies(server) if {closed!r} else {{}}
policies = team_policies(server, egress({node!r})) if {closed!r} else {{}}
of_gateway = gateway_policies({platform!r}, PODS, egress({node!r}), [server]) if {closed!r} else {{}}
settings = Team.model_validate({{"groups": {{"admin": ["any"]}}, "quota": {{"cpu": 4, "memory": "4Gi", "pods": 20}}}})
priorities = Priorities("priorities", PrioritiesArgs({platform!r}), on_cluster)


def workspace(name, component, policies, **more):
    args = WorkspaceArgs({platform!r}, component, None, policies=policies, priorities=priorities, **more)
    return Workspace(name, args, on_cluster)


platform = workspace({platform!r}, "platform", own)
workspace({gateway!r}, "gateway", of_gateway)
owner, _ = [workspace(team, "team", policies, team=team, settings=settings) for team in {teams!r}]
if {closed!r}:
    routed = {{"exposed-gateway": routed_policy({exposed!r}, own_proxies({platform!r}), {endpoint!r})}}
    network_policies(owner.namespace, routed, pulumi.ResourceOptions(provider=cluster, depends_on=[owner]))
    page = {{"tracking-gateway": routed_policy(server.pods, own_proxies({platform!r}), {port!r})}}
    network_policies(platform.namespace, page, pulumi.ResourceOptions(provider=cluster, depends_on=[platform]))
"""
ATTEMPT = r"""
attempt() {
    if printf 'GET / HTTP/1.0\r\n\r\n' | /busybox nc -w 3 "$2" "$3" 2>&1 | /busybox grep -q '^HTTP/'
    then echo "$1=yes"
    else echo "$1=no"
    fi
}
lookup() {
    if /busybox nslookup "$2" | /busybox grep -q "$3"; then echo "$1=yes"; else echo "$1=no"; fi
}
"""
"""Whoever answers, on whatever port, speaks HTTP."""


@dataclass(frozen=True)
class Place:
    """A pod behind a service of its own name."""

    name: str
    namespace: str
    labels: Mapping[str, str]
    port: int = PORT


class World:
    """All the places, and the stack that holds the namespaces of the declared ones."""

    def __init__(self, core: client.CoreV1Api, stack: Pulumi) -> None:
        run = f"network-{uuid4().hex[:6]}"
        self.core, self.stack, self.platform = core, stack, run
        self.teams = [f"{run}-red", f"{run}-blue"]
        self.stranger, self.gateway = f"{run}-stranger", gateway_namespace(run)
        places = [
            Place("red", self.teams[0], {"app": "red"}),
            Place("blue", self.teams[1], {"app": "blue"}),
            Place("stranger", self.stranger, {"app": "stranger"}),
            Place("tracking", run, selector("tracking", "tracking"), TRACKING_PORT),
            Place("monitoring", run, selector("prometheus", "monitoring")),
            Place("exposed", self.teams[0], EXPOSED),
            Place("proxy", self.gateway, PODS.proxies, HTTPS_PORT),
            Place("controller", self.gateway, PODS.controller, XDS_PORT),
        ]
        self.places = {place.name: place for place in places}

    def up(self, *, closed: bool) -> None:
        """The namespaces, with or without their policies."""
        values = {
            "repository": str(paths.REPOSITORY),
            "context": CONTEXT,
            "platform": self.platform,
            "teams": self.teams,
            "labels": selector("tracking", "tracking"),
            "gateway": self.gateway,
            "exposed": EXPOSED,
            "endpoint": PORT,
            "port": TRACKING_PORT,
            "node": NODE_IP,
            "closed": closed,
        }
        self.stack.program(PROGRAM.format(**values))
        self.stack.up()

    def populate(self) -> None:
        """A pod that answers, and its service, at each place."""
        places = self.places.values()
        accounts = self.core.list_namespaced_service_account
        eventually(lambda: all(accounts(place.namespace).items for place in places), what="the service accounts")
        for place in places:
            self.core.create_namespaced_pod(place.namespace, pod(place.name, ANSWER, place.labels, place.port))
            self.core.create_namespaced_service(place.namespace, service(place))
        eventually(lambda: all(ready(self.core, place.namespace, place.name) for place in places), 60, "the pods")

    def address(self, name: str) -> str:
        return str(self.core.read_namespaced_pod(name, self.places[name].namespace).status.pod_ip)

    def service_address(self, name: str) -> str:
        return str(self.core.read_namespaced_service(name, self.places[name].namespace).spec.cluster_ip)

    def link_local(self, name: str) -> str:
        """The address on the bridge that a pod's interface has given itself, and of which Kubernetes knows nothing."""
        words = self.shell(name, "/busybox ip -6 address show dev eth0").split()
        return next(word.split("/")[0] for word in words if word.startswith("fe80:"))

    def shell(self, name: str, script: str) -> str:
        """What a script prints in the pod there."""
        return shell(self.core, self.places[name].namespace, name, script)

    def reaches(self, who: str, address: str, port: int = PORT) -> bool:
        return answers(self.core, self.places[who].namespace, who, address, port)

    def attempts(self) -> str:
        """A script that tries everything at once, from wherever it runs."""
        lines = [f"lookup names tracking.{self.platform}.svc.{DNS_DOMAIN} {self.service_address('tracking')}"]
        for name, place in self.places.items():
            lines += [
                f"attempt '{name}' {self.address(name)} {place.port}",
                f"attempt '{name} service' {self.service_address(name)} {place.port}",
                f"attempt '{name} IPv6' {self.link_local(name)}%eth0 {place.port}",
                f"attempt '{name} other port' {self.address(name)} {OTHER_PORT}",
            ]
        lines.append(f"attempt 'API' {NODE_IP} {API_PORT}")
        return ATTEMPT + " &\n".join(lines) + " &\nwait"


def ready(core: client.CoreV1Api, namespace: str, name: str) -> bool:
    """Ready means that the kubelet's probe, a packet from the node, has come through."""
    conditions = core.read_namespaced_pod(name, namespace).status.conditions or []
    return any(each.type == "Ready" and each.status == "True" for each in conditions)


def shell(core: client.CoreV1Api, namespace: str, name: str, script: str) -> str:
    command = ["/busybox", "sh", "-c", script]
    call = core.connect_get_namespaced_pod_exec
    return str(stream(call, name, namespace, command=command, stdout=True, stderr=True))


def answers(core: client.CoreV1Api, namespace: str, name: str, address: str, port: int = PORT) -> bool:
    """Whether the pod called so gets an answer from there."""
    return shell(core, namespace, name, f"{ATTEMPT}\nattempt it {address} {port}").strip() == "it=yes"


ANSWER = f"/busybox httpd -p $PORT -h / && exec /busybox httpd -f -p {OTHER_PORT} -h /"


def pod(name: str, script: str, labels: Mapping[str, str], port: int = PORT) -> dict[str, Any]:
    """Admitted at the `restricted` level."""
    container = {
        "name": "main",
        "image": pause_image.REFERENCE,
        "imagePullPolicy": "Never",
        "command": ["/busybox", "sh", "-c", script],
        "env": [{"name": "PORT", "value": str(port)}],
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "1", "memory": "64Mi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    if script == ANSWER:
        container["readinessProbe"] = {"tcpSocket": {"port": port}, "periodSeconds": 1}
    security = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {"restartPolicy": "Never", "containers": [container], "securityContext": security}
    place = {"nodeSelector": {"kubernetes.io/hostname": NODE_NAME}, "terminationGracePeriodSeconds": 0}
    return {"metadata": {"name": name, "labels": dict(labels)}, "spec": {**spec, **place}}


def service(place: Place) -> dict[str, Any]:
    spec = {"selector": dict(place.labels), "ports": [{"port": place.port}]}
    return {"metadata": {"name": place.name}, "spec": spec}
