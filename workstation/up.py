"""`make up`: from a bare machine to a stack that answers."""

import time

from infra.declaration import Platform
from workstation import preflight, recovery, stack, summary, toolchain
from workstation.cluster import containers, lifecycle
from workstation.console import Progress, console


def up(name: str) -> int:
    """Bring the stack up and show what runs; the exit code."""
    began = time.monotonic()
    progress = Progress()
    declared = preflight.declaration(name)
    own_cluster = preflight.uses_own_cluster(declared)
    if own_cluster:
        preflight.machine(declared.foundation.local.registry_port)
    toolchain.ensure(progress, cluster=own_cluster)
    if own_cluster:
        start_cluster(progress, declared)
    stack.ensure(name)
    for done in recovery.recover(name, declared.foundation.local.kube_context):
        console.print(f"[yellow]![/] recovered: {done}")
    with progress.quiet_step(f"pulumi up --stack {name}") as step:
        changes = stack.changes(stack.update(["up", "--suppress-outputs"], name))
        step.say(summary.describe(changes))
    with progress.step("predictions by the live endpoints"):
        scores = summary.score_endpoints(name, declared)
    summary.show(name, declared, changes, scores, progress, time.monotonic() - began)
    return 0


def start_cluster(progress: Progress, declared: Platform) -> None:
    """The local cluster, willing to pull from the declared registry."""
    with progress.step("Kubernetes") as step:
        lifecycle.start(step.say)
        containers.trust_registry(declared.foundation.local.registry_port)
        step.say("control plane, one real node, DNS, volumes, metrics")
