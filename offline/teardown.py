"""Stop everything that `make up` started on this machine, and verify that nothing is left."""

import shutil
import subprocess
from pathlib import Path

import psutil

from common import daemons, paths
from common.console import Progress
from common.errors import CommandError
from offline import docker_engine
from offline.cluster import containers, lifecycle, network, network_policies, node
from offline.cluster.addresses import BRIDGE


def stop(progress: Progress) -> None:
    """Stop the cluster and the Docker engine, and delete their data; built images stay cached."""
    with progress.step("stop the cluster"):
        lifecycle.stop()
        lifecycle.remove()
    left = docker_engine.leftovers()
    with progress.step("stop the Docker engine"):
        docker_engine.stop()
        containers.unmount(paths.RUN)
        containers.unmount(docker_engine.DATA)
        shutil.rmtree(paths.RUN, ignore_errors=True)
    if left:
        raise CommandError("containers, volumes or networks are left", "\n".join(left))


def require_nothing_left(*, docker_bridge_too: bool) -> None:
    """Search processes, mounts, interfaces, firewall rules and cgroups; fail with a list of what is still there."""
    chains = network.OUR_CHAINS + (docker_engine.CHAINS if docker_bridge_too else ())
    found = [f"process {process}" for process in _processes()]
    found += [f"mount {point}" for point in _mounts()]
    found += [f"interface {name}" for name in _interfaces(docker_bridge_too)]
    found += [f"iptables rule {rule}" for rule in network.rules_left(chains)]
    found += [f"nftables {table}" for table in network.service_tables_left()]
    found += [f"ipset {name}" for name in network_policies.sets_left()]
    found += [f"cgroup {group}" for group in node.control_groups()]
    found += [f"network namespace {space.name}" for space in Path("/run/netns").glob("cni-*")]
    found += [f"daemon {name}" for name in _daemons()]
    if found:
        raise CommandError("parts of the platform are left", "\n".join(found), hint="run `make down` again")


def _folders() -> tuple[Path, ...]:
    return paths.STATE, paths.RUN, docker_engine.DATA, containers.ROOT


def _processes() -> list[str]:
    """Processes whose command line names one of our folders."""
    folders = _folders()
    own = {psutil.Process().pid, *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter(["pid", "name", "cmdline"]):
        if process.info["pid"] not in own and any(
            str(folder) in word for word in process.info["cmdline"] or [] for folder in folders
        ):
            found.append(f"{process.info['pid']} {process.info['name']}")
    return found


def _mounts() -> list[str]:
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [point for point in points if any(Path(point).is_relative_to(folder) for folder in _folders())]


def _interfaces(docker_bridge_too: bool) -> list[str]:
    ours = {BRIDGE, "docker0"} if docker_bridge_too else {BRIDGE}
    listed = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=False).stdout.splitlines()
    names = [line.split(": ")[1].split("@")[0] for line in listed]
    return [name for name in names if name in ours]


def _daemons() -> list[str]:
    return [file.stem for file in paths.PIDS.glob("*.pid") if daemons.process_of(file) is not None]
