"""`make up`: from a bare machine to a running stack."""

import time

from rich.markup import escape

from cli import docker_preflight, preflight, preview, recovery, rollouts, runs, same_cluster, stack, summary
from cli.by_hand import repair
from cli.kubeconfig import api_client
from cli.prediction import Score
from common.console import Progress, console
from common.errors import CommandError
from infra.declaration.foundations import LocalFoundation
from infra.declaration.model import Platform
from offline import machine


def up(name: str) -> int:
    """Deploy the stack, score its endpoints and print its status; the exit code."""
    began = time.monotonic()
    progress = Progress()
    declared = preflight.declaration(name)
    stack.require_backend(name, declared)
    local = declared.foundation.local
    if local is not None:
        objects, gateway = bool(declared.dataset_teams()), declared.gateway
        entrance = gateway.on_this_machine if gateway else None
        preflight.require_machine(declared.namespace, local, objects=objects, entrance=entrance)
    elif declared.foundation.cluster is not None:
        preflight.require_tools(declared.foundation.cluster)
    elif declared.foundation.aws is not None:
        _require_credentials(name, declared, declared.foundation.aws.account)
        docker_preflight.require_engine()
    official = [each.plugin.name for each in preflight.unofficial_plugins(declared)]
    machine.ensure_tools(progress, cluster=local is not None, official=official)
    preflight.official_plugins(declared)
    preview.require_budgets(name, declared, progress)
    if local is not None:
        start_cluster(progress, declared, local)
    stack.ensure(name)
    context = preflight.kube_context(declared, name)
    same_cluster.require(name, declared)
    for done in recovery.recover(name, context):
        console.print(f"[yellow]![/] recovered: {done}")
    if declared.foundation.cluster is not None:
        preflight.existing_cluster(name, declared, declared.foundation.cluster)
    with progress.step("look for changes by hand") as step:
        repaired = repair.repair(name, context)
        step.say(f"{len(repaired)} to be put right" if repaired else "none")
    for edit in repaired:
        console.print(f"[yellow]![/] changed by hand, put right now: {escape(str(edit))}")
    with progress.quiet_step(f"pulumi up --stack {name}") as step:
        events = stack.update(["up", "--suppress-outputs"], name, context)
        changes = stack.changes(events)
        step.say(summary.describe(changes))
    if declared.foundation.aws is None:  # in EKS, the cluster is reached by those only who have access to it
        with progress.step("rollouts"):
            rollouts.require_complete(api_client(context), rollouts.changed(events))
    if local is not None:
        for run in runs.wait(name, declared, progress, runs.submitted(events)):
            if not run.ended or run.failed:
                console.print(f"[yellow]![/] {escape(runs.advice(name, run))}")
    scores: list[Score] = []
    if declared.foundation.aws is None:
        with progress.step("score the live endpoints"):
            scores = summary.score_endpoints(name, declared)
    summary.show(name, declared, changes, scores, progress, time.monotonic() - began)
    return 0


def _require_credentials(name: str, declared: Platform, account: str) -> None:
    from cli import aws_preflight  # the AWS SDK is for stacks on AWS only

    if not aws_preflight.check(name, declared):
        hint = "log in (see `aws configure sso`); `make preview` needs no credentials"
        raise CommandError(f"no credentials for account {account}", hint=hint)


def start_cluster(progress: Progress, declared: Platform, local: LocalFoundation) -> None:
    """Start the local cluster, and connect it to the declared registry, and to the object store if there is one."""
    with progress.step("Kubernetes") as step:
        machine.start_cluster(step.say)
        machine.connect_registry(local.registry_port, local.registry_metrics_port)
        if declared.dataset_teams():
            machine.connect_object_store(local.object_store_port)
        if declared.gateway is not None:
            ports = declared.gateway.on_this_machine
            machine.connect_gateway(ports.service_address, ports.https_port, ports.http_port)
        step.say("control plane, one real node, DNS, volumes, metrics")
