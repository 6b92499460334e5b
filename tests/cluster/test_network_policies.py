"""Who reaches whom: every packet is really sent, between pods in namespaces that the platform's own components made."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from itertools import permutations
from pathlib import Path
from threading import Thread

import pytest
from kubernetes import client
from rich.table import Table

from common import daemons, paths, run
from common.daemons import process_of
from offline.cluster import gateways, network_policies
from offline.cluster.addresses import API_PORT, NODE_IP, SERVICE_CIDR
from tests.cluster.places import ANSWER, ATTEMPT, PORT, World, answers, pod, ready
from tests.ports import free_port
from tests.pulumi_engine import Pulumi, find_engine
from tests.tables import show
from tests.waiting import eventually

KUBELET_PORT = 10250
REMOVAL = """
import sys
from pathlib import Path

from common import run
from offline.cluster import network, network_policies

restored = ("ipset restore", "iptables-restore", "ip6tables-restore", "nft --file -")
for command, saved in zip(restored, sys.argv[1:], strict=True):
    run.output(command.split(), stdin=Path(saved).read_text())
found = (network.service_tables_left(), network.rules_left(network.OUR_CHAINS), network_policies.sets_left())
print(*map(bool, found))
network.drop_chains(network.OUR_CHAINS)
network.drop_service_tables()
network_policies.remove()
print(network.service_tables_left(), network.rules_left(network.OUR_CHAINS), network_policies.sets_left())
"""
"""What `make down` does, for a copy of the machine's rules."""

Matrix = Mapping[str, Mapping[str, bool]]
"""Who, what, and whether it was reached."""


def whole(*names: str) -> set[str]:
    """Every way to the pods called so that leads over the network of the cluster."""
    return opened(*names) | {f"{name} other port" for name in names}


def opened(*names: str) -> set[str]:
    """Their port that is for others."""
    return {f"{name}{way}" for name in names for way in ("", " service")}


OPEN = whole("stranger") | opened("proxy") | {"names", "API"}
"""What is not closed, with the gateway's way in."""
PLATFORM = whole("tracking", "monitoring") | OPEN
"""What the platform's own pods reach: each other, and whatever is not closed."""
REACHES: Mapping[str, set[str]] = {  # a pod always reaches itself
    "red": whole("red", "exposed") | opened("tracking") | {"names"},
    "blue": whole("blue") | opened("tracking") | {"names"},
    "exposed": whole("red", "exposed") | opened("tracking") | {"names"},
    "stranger": OPEN,
    "proxy": opened("exposed", "controller", "tracking") | whole("proxy") | {"names"},
    "controller": OPEN | whole("controller"),
    "tracking": PLATFORM,
    "monitoring": PLATFORM | whole("red", "blue", "exposed", "proxy"),
}


@pytest.fixture(scope="module")
def world(core: client.CoreV1Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Everybody there, with the platform's policies; gone after the last test."""
    if find_engine() is None:
        pytest.skip("no pulumi on this machine: set ML_PLATFORM_BIN to the folder that holds it")
    world = World(core, Pulumi(tmp_path_factory.mktemp("network"), {"KUBECONFIG": str(paths.KUBECONFIG)}))
    core.create_namespace({"metadata": {"name": world.stranger}})
    try:
        with world.stack:
            world.up(closed=True)
            world.populate()
            yield world
    finally:
        core.delete_namespace(world.stranger)


@pytest.fixture(scope="module")
def matrix(world: World, pytestconfig: pytest.Config) -> Matrix:
    """Everybody has tried to reach everything, under the platform's policies."""
    eventually(lambda: _each_is_reached(world), 60, "every service")
    found = reached(world)
    show(table("with the platform's policies", found), pytestconfig, width=120)
    return found


def _each_is_reached(world: World) -> bool:
    """By one who may: what is ready is not yet known to kube-proxy, which refuses until it is."""
    askers = {whom: next(who for who, row in REACHES.items() if f"{whom} service" in row) for whom in world.places}
    return all(
        world.reaches(askers[whom], world.service_address(whom), each.port) for whom, each in world.places.items()
    )


def reached(world: World) -> Matrix:
    script = world.attempts()
    lines = {who: world.shell(who, script).splitlines() for who in world.places}
    return {who: {line.split("=")[0]: line.endswith("=yes") for line in sorted(said)} for who, said in lines.items()}


def table(title: str, found: Matrix) -> Table:
    table = Table("to", *found, title=title)
    for what in next(iter(found.values())):
        table.add_row(what, *("yes" if row[what] else "-" for row in found.values()))
    return table


def test_everybody_reaches_what_the_policies_allow_and_nothing_else(matrix: Matrix) -> None:
    for who, row in matrix.items():
        assert {what for what, came in row.items() if came} == REACHES[who] | {f"{who} IPv6"}, who


@pytest.mark.parametrize(("who", "whom"), list(permutations(("red", "blue", "stranger"), 2)))
def test_no_packet_of_one_reaches_a_pod_or_service_of_another(matrix: Matrix, who: str, whom: str) -> None:
    ways = [what for what in matrix[who] if what.startswith(whom)]
    assert len(ways) == 4, "the pod, its service, its other port, its own address on the bridge"
    assert [what for what in ways if matrix[who][what]] == []


def test_a_new_pod_is_closed_from_its_first_packet(world: World) -> None:
    """Before anything is known of it; soon it reaches its own team, so its packets do leave."""
    closed = {"blue": (world.address("blue"), PORT), "API": (NODE_IP, API_PORT), "kubelet": (NODE_IP, KUBELET_PORT)}
    targets = {**closed, "own": (world.address("red"), PORT)}
    tries = " ".join(f"attempt {name} {address} {port} &" for name, (address, port) in targets.items())
    script = f"{ATTEMPT}\nfor _ in $(/busybox seq 30); do {tries} /busybox usleep 50000; done; wait"
    space = world.places["red"].namespace
    world.core.create_namespaced_pod(space, pod("new", script, {"app": "new"}))
    eventually(lambda: world.core.read_namespaced_pod("new", space).status.phase == "Succeeded", 120, "the new pod")
    said = world.core.read_namespaced_pod_log("new", space).splitlines()
    assert {name: said.count(f"{name}=no") for name in closed} == dict.fromkeys(closed, 30)
    assert "own=yes" in said


def test_while_nothing_enforces_policies_new_pods_are_closed(world: World) -> None:
    """Even where no policy closes them: nobody knows yet."""
    names = ("late", "later")
    enforcer = process_of(paths.PIDS / f"{network_policies.NAME}.pid")
    assert enforcer is not None
    enforcer.suspend()
    try:
        for name in names:
            world.core.create_namespaced_pod(world.stranger, pod(name, ANSWER, {"app": name}))
        eventually(lambda: all(ready(world.core, world.stranger, name) for name in names), 60, "the pods")
        address = world.core.read_namespaced_pod("late", world.stranger).status.pod_ip
        assert not answers(world.core, world.stranger, "later", address)
    finally:
        enforcer.resume()
    eventually(lambda: answers(world.core, world.stranger, "later", address), what="the packet that now may pass")


def test_a_new_policy_closes_pods_that_run_and_its_end_opens_them(world: World) -> None:
    network = client.NetworkingV1Api(world.core.api_client)
    own = world.service_address("stranger")
    assert world.reaches("stranger", own)
    closed = {"metadata": {"name": "closed"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}}
    network.create_namespaced_network_policy(world.stranger, closed)
    eventually(lambda: not world.reaches("stranger", own), what="the policy's effect")
    network.delete_namespaced_network_policy("closed", world.stranger)
    eventually(lambda: world.reaches("stranger", own), what="the effect of its end")


def test_a_gateway_leads_the_platform_to_the_registry_s_metrics_and_no_team(world: World) -> None:
    port = free_port()
    gateway = gateways.to_loopback(port)
    gateway.start()
    try:
        assert not world.reaches("monitoring", NODE_IP, port), "nobody tells any yet"
        with ThreadingHTTPServer(("127.0.0.1", port), BaseHTTPRequestHandler) as registry:
            Thread(target=registry.serve_forever).start()
            found = {who: world.reaches(who, NODE_IP, port) for who in ("monitoring", "red", "blue")}
            registry.shutdown()
        assert found == {"monitoring": True, "red": False, "blue": False}
    finally:
        daemons.stop(gateway.name)


def test_a_service_without_endpoints_refuses_and_no_packet_to_it_leaves_the_machine(world: World) -> None:
    """Somebody out there might accept the connection. The rule is in a table that kube-router does not write."""
    spec = {"ports": [{"port": PORT}]}
    made = world.core.create_namespaced_service(world.stranger, {"metadata": {"name": "empty"}, "spec": spec})
    address, unused = made.spec.cluster_ip, str(ip_network(SERVICE_CIDR)[-2])
    ask = partial(world.shell, "stranger")
    eventually(lambda: "refused" in ask(f"/busybox nc -w 3 {address} {PORT} </dev/null 2>&1"), what="the refusal")
    assert address not in run.output(["iptables-save"])
    assert not world.reaches("stranger", unused), "an address that no service has"
    with pytest.raises(OSError):
        socket.create_connection((unused, PORT), timeout=3)


def test_of_its_rules_and_sets_nothing_stays_when_the_cluster_goes(matrix: Matrix, tmp_path: Path) -> None:
    """Tried in a network namespace of its own, where the kernel holds a copy."""
    assert matrix
    commands = ["ipset save", "iptables-save", "ip6tables-save", "nft list table ip kube-proxy"]
    copies = [tmp_path / command for command in commands]
    for copy in copies:
        copy.write_text(run.output(copy.name.split()) + "\n")
    python = ["env", f"PYTHONPATH={paths.REPOSITORY}", sys.executable, "-c", REMOVAL]
    assert run.output(["unshare", "--net", *python, *copies]).splitlines() == ["True True True", "[] [] []"]


def test_without_the_policies_all_of_it_is_reached(world: World, matrix: Matrix, pytestconfig: pytest.Config) -> None:
    """The same attempts, so that those above can fail; no policy is needed to close IPv6."""
    world.up(closed=False)
    eventually(lambda: world.reaches("red", world.address("blue")), what="the end of the policies")
    eventually(lambda: _each_is_reached(world), 60, "every service")
    found = reached(world)
    show(table("without policies", found), pytestconfig, width=120)
    for who, row in found.items():
        assert {what for what, came in row.items() if not came} == {f"{name} IPv6" for name in REACHES if name != who}
        assert set(row) == set(matrix[who])
