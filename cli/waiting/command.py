"""`make status JOB=name`: finds the runs of a job, and prints why they wait."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from rich.markup import escape
from urllib3.exceptions import HTTPError

from cli import preflight, status
from cli.kubeconfig import client_of_file
from cli.objects import Object, is_true
from cli.waiting.cluster import JOB, JOB_SET, Cluster, Pools
from cli.waiting.explain import Explanation, explain
from cli.waiting.screen import as_json, lines
from common.console import console
from common.errors import CommandError
from infra.catalogue import names
from infra.declaration.model import Platform
from infra.declaration.problems import suggestion
from infra.workloads.serving.settings import SERVING

_WIDTH = 12
_UNAUTHORIZED = 401
Run = tuple[str, Object]
"""Its kind, and the object."""


def show(name: str, job: str, kubeconfig: Path | None, *, json_only: bool) -> int:
    """Print what the runs of `job` that have not ended wait for, or else how the last one ended."""
    if not job:
        raise CommandError("which job?", hint="make status JOB=name")
    declared = preflight.declaration(name, values=False)
    if kubeconfig is None:
        status.require_seen(name, declared)
        api = status.cluster_api(name, declared)
    else:
        api, _ = client_of_file(kubeconfig)
    try:
        found = explanations(api, name, declared, job)
    except ApiException as error:
        hint = "the login may have expired: see `make kubeconfig`" if error.status == _UNAUTHORIZED else ""
        raise CommandError("the cluster refuses the query", f"{error.status}: {error.reason}", hint=hint) from None
    except HTTPError as error:
        raise CommandError("the cluster does not answer", str(error), hint="run `make up`") from None
    if json_only:
        print(json.dumps([as_json(each) for each in found], indent=2))
    else:
        for each in found:
            _print(each)
    return 0


def explanations(api: client.ApiClient, name: str, declared: Platform, job: str) -> list[Explanation]:
    """Of each run of a declared job, or of the Job or JobSet of this name in the namespace of a team."""
    cluster = Cluster(api)
    most = {pool: each.max for pool, each in declared.node_pools.items()}
    pools = Pools(most, elastic=declared.foundation.aws is not None)
    runs = [*_declared(cluster, declared, job)] or [*_named(cluster, declared, job)]
    if not runs:
        near = suggestion(job, {known for kind, known, _ in declared.workloads() if kind.section != SERVING.section})
        hint = "write the name of a declared job, or of a Job in the namespace of a team"
        raise CommandError(f"stack {name} has no run of a job '{job}'{near}", hint=hint)
    open_ones = [each for each in runs if not _has_ended(each[1])]
    chosen = open_ones or [max(runs, key=lambda each: str(each[1]["metadata"]["creationTimestamp"]))]
    return [explain(cluster.facts(kind, run, pools)) for kind, run in chosen]


def _declared(cluster: Cluster, declared: Platform, job: str) -> Iterator[Run]:
    """`job` is its name, or its section and its name: `training/digits`."""
    for section, known, team in ((kind.section, known, each.team) for kind, known, each in declared.workloads()):
        if section == SERVING.section or job not in (known, f"{section}/{known}"):
            continue
        selector = ",".join(f"{key}={value}" for key, value in names.selector(known, section).items())
        sets = cluster.runs(JOB_SET, team, labelSelector=selector)
        parts = {each["metadata"]["uid"] for each in sets}
        yield from ((JOB_SET, each) for each in sets)
        yield from (
            (JOB, each) for each in cluster.runs(JOB, team, labelSelector=selector) if not _owners(each) & parts
        )


def _named(cluster: Cluster, declared: Platform, job: str) -> Iterator[Run]:
    for team in declared.teams:
        for kind in (JOB_SET, JOB):
            if run := cluster.run(kind, team, job):
                yield kind, run
                break


def _owners(run: Object) -> set[str]:
    return {each["uid"] for each in run["metadata"].get("ownerReferences") or []}


def _has_ended(run: Object) -> bool:
    return any(is_true(run, each) for each in ("Complete", "Completed", "Failed"))


def _print(found: Explanation) -> None:
    console.print(f"[bold]{escape(found.name)}[/]  team {escape(found.namespace)}")
    for word, said in lines(found):
        console.print(f"  {word:<{_WIDTH}}{escape(said)}", soft_wrap=True)
