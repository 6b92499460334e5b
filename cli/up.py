"""`make up`: from a bare machine to a stack that answers."""

import time

from cli import aws_preflight, preflight, recovery, stack, summary
from cli.prediction import Score
from common.console import Progress, console
from common.errors import WorkstationError
from infra.declaration.foundations import LocalFoundation
from offline import toolchain
from offline.cluster import containers, gateways, lifecycle


def up(name: str) -> int:
    """Bring the stack up and show what runs; the exit code."""
    began = time.monotonic()
    progress = Progress()
    declared = preflight.declaration(name)
    stack.require_backend(name, declared)
    own = preflight.own_cluster(declared)
    if own is not None:
        preflight.machine(own)
    elif declared.foundation.local is not None:
        preflight.other_cluster(declared.foundation.local)
    elif not aws_preflight.check(declared) and declared.foundation.aws:
        hint = "log in (see `aws configure sso`); `make preview` shows the whole stack without credentials"
        raise WorkstationError(f"no credentials for account {declared.foundation.aws.account}", hint=hint)
    toolchain.ensure(progress, cluster=own is not None)
    preflight.official_aws_plugin(declared)
    if own is not None:
        start_cluster(progress, own)
    stack.ensure(name)
    context = preflight.kube_context(declared, name)
    for done in recovery.recover(name, context):
        console.print(f"[yellow]![/] recovered: {done}")
    with progress.quiet_step(f"pulumi up --stack {name}") as step:
        changes = stack.changes(stack.update(["up", "--suppress-outputs"], name, context))
        step.say(summary.describe(changes))
    scores: list[Score] = []
    if declared.foundation.local is not None:  # in EKS the endpoints answer whoever has a way into the cluster
        with progress.step("predictions by the live endpoints"):
            scores = summary.score_endpoints(name, declared)
    summary.show(name, declared, changes, scores, progress, time.monotonic() - began)
    return 0


def start_cluster(progress: Progress, local: LocalFoundation) -> None:
    """The local cluster, willing to pull from the declared registry and to ask it for its metrics."""
    with progress.step("Kubernetes") as step:
        lifecycle.start(step.say)
        containers.trust_registry(local.registry_port)
        gateways.to_registry_metrics(local.registry_metrics_port).start()
        step.say("control plane, one real node, DNS, volumes, metrics")
