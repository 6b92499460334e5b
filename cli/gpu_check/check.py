"""`make gpu-check`: checks every node of the pools with GPUs."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from rich.table import Table
from rich.text import Text
from urllib3.exceptions import HTTPError

from cli import preflight, stack, status
from cli.gpu_check.job import Hangs, declared_gpus, delete, delete_earlier, delete_unfinished, job_for
from cli.gpu_check.result import Check, result
from cli.jobs import has_ended, pods_of, reasons
from cli.nodes import GPU, Node, nodes
from cli.objects import ON_A_NODE, Object, Objects
from common.console import Progress, Report, console
from common.errors import CommandError
from infra.catalogue.names import GPU_CHECK, JOB_LABEL
from infra.declaration.model import Platform
from infra.declaration.problems import suggestion

_POLL_SECONDS = 1.0
_SECONDS_TO_START, _SECONDS_FOR_A_NODE = 120, 900
"""For a pod to be scheduled, on a node that is there and on one that an autoscaler has to buy."""
_SECONDS_IN_ALL = 2000
"""More than a Job's own deadline, in infra/gpu/checks.py."""
_SECONDS_OF_SILENCE = 60
"""For which the API server may be unreachable while checks run."""


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
    """All nodes at once; with `start_nodes`, a pool without nodes gets one to check. No check outlives an interrupt."""
    batch = client.BatchV1Api(api)
    done: list[Check] = []
    started: dict[str, Check] = {}
    try:
        for pool, cron_job in cron_jobs.items():
            template = batch.read_namespaced_cron_job(cron_job, namespace)
            done += _start_pool(api, template, pool, started, start_nodes=start_nodes)
        if started:
            with Progress().step(f"check the GPUs of {len(started)} nodes") as step:
                done += _results(api, namespace, started, step.say)
    finally:
        for name in started:
            delete_unfinished(batch, name, namespace)
    return sorted(done, key=lambda each: (each.pool, each.node))


def _start_pool(
    api: client.ApiClient, template: Any, pool: str, started: dict[str, Check], *, start_nodes: bool
) -> list[Check]:
    """Adds to `started`, by the name of the Job; returns the nodes that are not checked, and why."""
    batch = client.BatchV1Api(api)
    done: list[Check] = []
    found = list(_nodes(api, template, pool))
    for node, free in found:
        if not free:
            done.append(node)
        elif hanging := _start(batch, template, node, free, started):
            done.append(hanging)
    if not found and start_nodes:
        anywhere = Check(pool, "", declared=declared_gpus(template))
        done += filter(None, [_start(batch, template, anywhere, None, started)])
    elif not found:
        done.append(Check(pool, "", problem=f"no node; POOL={pool} starts one", skipped=True))
    return done


def _start(
    batch: client.BatchV1Api, template: Any, asked: Check, gpus: int | None, started: dict[str, Check]
) -> Check | None:
    """Replaces an earlier check of the node; returns the failed one if it can't."""
    job = job_for(template, asked, gpus)
    name, namespace = job.metadata.name, job.metadata.namespace
    try:
        delete_earlier(batch, name, namespace)
    except Hangs as error:
        return replace(asked, problem=str(error))
    started[name] = asked
    batch.create_namespaced_job(namespace, job)
    return None


def _nodes(api: client.ApiClient, template: Any, pool: str) -> Iterator[tuple[Check, int]]:
    """The pool's nodes with the number of GPUs that are free; if that is 0, why."""
    wanted = template.spec.job_template.spec.template.spec.node_selector
    selector = ",".join(f"{key}={value}" for key, value in wanted.items())
    namespace = template.metadata.namespace
    checks = {"fieldSelector": ON_A_NODE, "labelSelector": f"app.kubernetes.io/component={GPU_CHECK}"}
    earlier = Objects(api).listed(f"/api/v1/namespaces/{namespace}/pods", **checks)
    for node in nodes(Objects(api), labelSelector=selector):
        check = Check(pool, node.name, declared=declared_gpus(template), offered=node.gpus)
        if problem := _unfit(node, earlier):
            yield replace(check, problem=problem), 0
        elif node.gpus_used >= node.gpus:
            busy = f"{node.gpus_used} of {node.gpus} GPUs are in use"
            yield replace(check, problem=busy, skipped=node.gpus >= check.declared), 0
        else:
            yield check, node.gpus - node.gpus_used


def _unfit(node: Node, checks: Sequence[Object]) -> str:
    """Why the node has failed before it is checked."""
    if not node.ready:
        return "the node is not ready"
    if not node.gpus:
        return f"no device plugin offers {GPU}"
    earlier = next((pod["metadata"] for pod in checks if pod["spec"]["nodeName"] == node.name), None)
    if earlier is None:
        return ""
    command = f"kubectl -n {earlier['namespace']} delete job {earlier['labels'].get(JOB_LABEL)}"
    return f"an earlier check hangs, or still runs: pod {earlier['name']} holds GPUs; `{command}` ends it"


def _results(api: client.ApiClient, namespace: str, started: Mapping[str, Check], say: Report) -> list[Check]:
    """Waits for all, up to a deadline."""
    results: dict[str, Check] = {}
    begin = answered = time.monotonic()
    while len(results) < len(started) and time.monotonic() - begin < _SECONDS_IN_ALL:
        try:
            waiting = _look(api, namespace, started, time.monotonic() - begin, results)
            say("; ".join([f"{len(results)} done", *waiting]))
            answered = time.monotonic()
        except HTTPError as error:
            if time.monotonic() - answered > _SECONDS_OF_SILENCE:
                raise
            say(f"the cluster does not answer: {error}")
        time.sleep(_POLL_SECONDS)
    late = f"it did not end within {_SECONDS_IN_ALL // 60} minutes"
    return [results.get(name) or replace(asked, problem=late) for name, asked in started.items()]


def _look(
    api: client.ApiClient, namespace: str, started: Mapping[str, Check], seconds: float, results: dict[str, Check]
) -> list[str]:
    """Adds the results that there are now; returns what the other checks wait for."""
    waiting = []
    for name in sorted(started.keys() - results.keys()):
        asked = started[name]
        found, why = _result(api, namespace, name, asked, seconds)
        if found:
            results[name] = found
        elif why:
            waiting.append(f"{asked.node or asked.pool}: {why}")
    return waiting


def _result(api: client.ApiClient, namespace: str, name: str, asked: Check, seconds: float) -> tuple[Check | None, str]:
    """A check's result, or why there is none yet. A check that gets no node in time is deleted."""
    batch = client.BatchV1Api(api)
    ended = has_ended(batch.read_namespaced_job(name, namespace).status)
    pods = pods_of(client.CoreV1Api(api), namespace, name)
    if ended:
        return result(asked, pods), ""
    why = next((reason for pod in pods for reason in reasons(pod)), "")
    if _too_late(asked, seconds) and not any(pod.spec.node_name for pod in pods):
        delete(batch, name, namespace)
        return replace(asked, problem=f"it was not started: {why or 'it has no pod'}"), ""
    return None, why


def _too_late(check: Check, seconds: float) -> bool:
    return seconds > (_SECONDS_TO_START if check.node else _SECONDS_FOR_A_NODE)


def _print(checks: Sequence[Check]) -> None:
    table = Table("pool", "node", "GPUs", box=None, padding=(0, 2, 0, 0), header_style="bold")
    for each in checks:
        colour = "green" if each.passed else "yellow" if each.skipped else "red"
        table.add_row(each.pool, each.node, Text(str(each), style=colour))
    console.print(table)
