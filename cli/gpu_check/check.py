"""`make gpu-check`: checks every node of the pools with GPUs."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from rich.markup import escape
from rich.table import Table
from urllib3.exceptions import HTTPError

from cli import preflight, stack, status
from cli.gpu_check.job import GPU, start
from cli.gpu_check.result import Check, result
from cli.jobs import has_ended, pods_of, reasons
from common.console import Progress, Report, console
from common.errors import CommandError
from infra.declaration.model import Platform
from infra.declaration.problems import suggestion

_POLL_SECONDS = 1.0
_SECONDS_TO_START, _SECONDS_FOR_A_NODE = 120, 900
"""For a pod to be scheduled, on a node that is there and on one that an autoscaler has to buy."""


def check(name: str, pool: str | None) -> int:
    """Check all pools or one; the exit code is 1 if a node has failed."""
    declared = preflight.declaration(name)
    chosen = _pools(name, declared, pool)
    if not chosen:
        simulated = declared.foundation.simulates_pools and declared.node_pools
        why = "the local foundation simulates its node pools" if simulated else "it has no such pool"
        console.print(f"stack {name} has no GPUs to check: {why}")
        return 0
    status.require_seen(name, declared)
    outputs = stack.outputs(name)
    cron_jobs = {each: _cron_job(name, each, outputs) for each in chosen}
    try:
        found = check_pools(
            status.cluster_api(name, declared), outputs["namespace"], cron_jobs, start_nodes=pool is not None
        )
    except ApiException as error:
        raise CommandError("the GPUs can't be checked", f"{error.status}: {error.reason}") from None
    except HTTPError as error:
        raise CommandError("the cluster does not answer", str(error)) from None
    _print(found)
    return int(any(each.failed for each in found))


def _pools(name: str, declared: Platform, wanted: str | None) -> list[str]:
    """Those with real GPUs."""
    if wanted is not None and wanted not in declared.node_pools:
        raise CommandError(f"stack {name} has no pool '{wanted}'{suggestion(wanted, declared.node_pools)}")
    if declared.foundation.simulates_pools:
        return []
    chosen = {each: pool.gpu for each, pool in declared.node_pools.items() if pool.gpu and wanted in (None, each)}
    for pool, gpu in chosen.items():
        if gpu.check_image is None:
            hint = f"set nodePools.{pool}.gpu.checkImage to an image with PyTorch, such as images/torch"
            raise CommandError(f"pool {pool} declares no image to check its GPUs with", hint=hint)
    return list(chosen)


def _cron_job(name: str, pool: str, outputs: Mapping[str, Any]) -> str:
    found = outputs.get("pools", {}).get(pool, {}).get("gpu_check")
    if not found:
        raise CommandError(f"the check of pool {pool} is not deployed yet", hint=f"run `make up STACK={name}`")
    return str(found)


def check_pools(
    api: client.ApiClient, namespace: str, cron_jobs: Mapping[str, str], *, start_nodes: bool
) -> list[Check]:
    """All nodes at once. With `start_nodes`, a pool without nodes gets one to check."""
    batch, core = client.BatchV1Api(api), client.CoreV1Api(api)
    done: list[Check] = []
    started: dict[str, Check] = {}
    for pool, cron_job in cron_jobs.items():
        template = batch.read_namespaced_cron_job(cron_job, namespace)
        nodes = list(_nodes(core, template, pool))
        for node, free in nodes:
            if free:
                started[start(batch, template, node.node, free)] = node
            else:
                done.append(node)
        if not nodes and start_nodes:
            started[start(batch, template, None)] = Check(pool, "")
        elif not nodes:
            done.append(Check(pool, "", problem=f"no node; POOL={pool} starts one", skipped=True))
    if started:
        with Progress().step(f"check the GPUs of {len(started)} nodes") as step:
            done += _results(api, namespace, started, step.say)
    return sorted(done, key=lambda each: (each.pool, each.node))


def _nodes(core: client.CoreV1Api, template: Any, pool: str) -> Iterator[tuple[Check, int]]:
    """The pool's nodes with the number of GPUs that are free; if that is 0, why."""
    wanted = template.spec.job_template.spec.template.spec.node_selector
    selector = ",".join(f"{key}={value}" for key, value in wanted.items())
    pods = core.list_pod_for_all_namespaces().items
    for found in core.list_node(label_selector=selector).items:
        node = status.node(found, pods)
        if not node.ready:
            yield Check(pool, node.name, problem="the node is not ready"), 0
        elif not node.gpus:
            yield Check(pool, node.name, problem=f"no device plugin offers {GPU}"), 0
        elif node.gpus_used >= node.gpus:
            yield Check(pool, node.name, problem=f"{node.gpus_used} of {node.gpus} GPUs are in use", skipped=True), 0
        else:
            yield Check(pool, node.name), node.gpus - node.gpus_used


def _results(api: client.ApiClient, namespace: str, started: Mapping[str, Check], say: Report) -> Sequence[Check]:
    """Waits for all; a check that gets no node in time is deleted."""
    batch, core = client.BatchV1Api(api), client.CoreV1Api(api)
    begin = time.monotonic()
    results: dict[str, Check] = {}
    while len(results) < len(started):
        waiting = []
        for name in sorted(started.keys() - results.keys()):
            asked, pods = started[name], pods_of(core, namespace, name)
            why = next((reason for pod in pods for reason in reasons(pod)), "")
            if has_ended(batch.read_namespaced_job(name, namespace).status):
                results[name] = result(asked.pool, asked.node, pods)
            elif _too_late(asked, time.monotonic() - begin) and not any(pod.spec.node_name for pod in pods):
                batch.delete_namespaced_job(name, namespace, propagation_policy="Background")
                results[name] = Check(asked.pool, asked.node, problem=f"it was not started: {why or 'it has no pod'}")
            elif why:
                waiting.append(f"{asked.node or asked.pool}: {why}")
        say("; ".join([f"{len(results)} done", *waiting]))
        time.sleep(_POLL_SECONDS)
    return list(results.values())


def _too_late(check: Check, seconds: float) -> bool:
    return seconds > (_SECONDS_TO_START if check.node else _SECONDS_FOR_A_NODE)


def _print(checks: Sequence[Check]) -> None:
    table = Table("pool", "node", "GPUs", box=None, padding=(0, 2, 0, 0), header_style="bold")
    for each in checks:
        colour = "green" if each.passed else "yellow" if each.skipped else "red"
        table.add_row(each.pool, each.node, f"[{colour}]{escape(str(each))}[/]")
    console.print(table)
