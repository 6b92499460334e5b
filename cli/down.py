"""`make down`: destroy the stack, stop everything, prove that nothing is left."""

import shutil
import subprocess
from pathlib import Path

import psutil

from cli import leftovers, preflight, recovery, stack
from cli.up import start_cluster
from common import daemons, paths
from common.console import Progress, console
from common.errors import WorkstationError
from infra.declaration import Platform
from offline import docker_engine
from offline.cluster import containers, lifecycle, network, network_policies, node
from offline.cluster.addresses import BRIDGE


def down(name: str) -> int:
    """Destroy the stack; stop the local cluster where it stood on that, look at the account on AWS. The exit code."""
    progress = Progress()
    declared = preflight.declaration(name)
    stack.require_backend(name, declared)
    own = preflight.own_cluster(declared)
    if stack.exists(name):
        preflight.official_aws_plugin(declared)
        if own is not None and not lifecycle.is_running():
            docker_engine.start()  # after a crash or a reboot: what is to be destroyed must answer
            start_cluster(progress, own)
        _destroy(name, declared, progress)
    if own is None:
        _leave_account(name, declared)
        return 0
    engine_was_ours = docker_engine.is_ours()
    stop_everything(progress)
    prove_nothing_left(docker_bridge_too=engine_was_ours)
    console.print("[bold]Nothing of the platform is left running[/]; built tools and image layers stay cached.")
    return 0


def _destroy(name: str, declared: Platform, progress: Progress) -> None:
    context = preflight.kube_context(declared, name)
    for done in recovery.recover(name, context):
        console.print(f"[yellow]![/] recovered: {done}")
    with progress.quiet_step(f"pulumi destroy --stack {name}"):
        stack.update(["destroy"], name, context)
    stack.forget(name)


def _leave_account(name: str, declared: Platform) -> None:
    """On AWS: check that the account is empty."""
    aws = declared.foundation.aws
    if aws is not None:
        leftovers.require_none(name, aws.account, aws.region)


def stop_everything(progress: Progress) -> None:
    """Stop cluster and engine and take away what they put on the machine."""
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
        raise WorkstationError("containers, volumes or networks are left", "\n".join(left))


def prove_nothing_left(*, docker_bridge_too: bool) -> None:
    """Look at the machine itself, and fail with a list of whatever of ours is still there."""
    chains = network.OUR_CHAINS + (docker_engine.CHAINS if docker_bridge_too else ())
    found = [f"process {process}" for process in _processes()]
    found += [f"mount {point}" for point in _mounts()]
    found += [f"interface {name}" for name in _interfaces(docker_bridge_too)]
    found += [f"packet filter rule {rule}" for rule in network.rules_left(chains)]
    found += [f"set of addresses {name}" for name in network_policies.sets_left()]
    found += [f"control group {group}" for group in node.control_groups()]
    found += [f"network namespace {space.name}" for space in Path("/run/netns").glob("cni-*")]
    found += [f"daemon {name}" for name in _daemons()]
    if found:
        raise WorkstationError("something of ours is left", "\n".join(found), hint="run `make down` again")


def _processes() -> list[str]:
    """Processes that were started from our folders or work in them."""
    ours = (str(paths.STATE), str(paths.RUN), str(docker_engine.DATA))
    own = {psutil.Process().pid, *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter(["pid", "name", "cmdline"]):
        if process.info["pid"] not in own and any(
            word.find(place) >= 0 for word in process.info["cmdline"] or [] for place in ours
        ):
            found.append(f"{process.info['pid']} {process.info['name']}")
    return found


def _mounts() -> list[str]:
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    ours = (paths.STATE, paths.RUN, docker_engine.DATA)
    return [point for point in points if any(Path(point).is_relative_to(place) for place in ours)]


def _interfaces(docker_bridge_too: bool) -> list[str]:
    ours = {BRIDGE, "docker0"} if docker_bridge_too else {BRIDGE}
    listed = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=False).stdout.splitlines()
    names = [line.split(": ")[1].split("@")[0] for line in listed]
    return [name for name in names if name in ours]


def _daemons() -> list[str]:
    return [file.stem for file in paths.PIDS.glob("*.pid") if daemons.process_of(file) is not None]
