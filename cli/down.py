"""`make down`: destroy the stack, stop everything, verify that nothing is left."""

from cli import leftovers, preflight, recovery, same_cluster, stack
from cli.up import start_cluster
from common.console import Progress, console
from infra.declaration.model import Platform
from offline import machine


def down(name: str) -> int:
    """Destroy the stack; then stop the local cluster, or on AWS search the account for leftovers. The exit code."""
    progress = Progress()
    declared = preflight.declaration(name)
    stack.require_backend(name, declared)
    local = declared.foundation.local
    if stack.exists(name):
        # They may still belong to another checkout, which is gone.
        official = [each.plugin.name for each in preflight.unofficial_plugins(declared)]
        machine.ensure_tools(progress, cluster=False, official=official)
        preflight.official_plugins(declared)
        if local is not None and not machine.cluster_is_running():
            machine.start_docker()  # after a crash or a reboot: destroy needs both
            start_cluster(progress, declared, local)
        _destroy(name, declared, progress)
    if local is None:
        if declared.foundation.aws is not None:
            leftovers.require_none(name, declared.foundation.aws)
        return 0
    machine.stop(progress)
    console.print("[bold]Nothing of the platform is running[/]; built tools and images stay in the cache.")
    return 0


def _destroy(name: str, declared: Platform, progress: Progress) -> None:
    same_cluster.require(name, declared)
    context = preflight.kube_context(declared, name)
    for done in recovery.recover(name, context):
        console.print(f"[yellow]![/] recovered: {done}")
    with progress.quiet_step(f"pulumi destroy --stack {name}"):
        stack.update(["destroy"], name, context)
    stack.forget(name)
