"""An AI operator: Kueue, by its pods, its webhooks and its resources."""

from __future__ import annotations

from cli.conformance.gangs import KUEUE, inactive_queues, queued_teams
from cli.conformance.report import Evidence, Outcome, judged
from cli.conformance.stack import Cluster, Stack, unready
from cli.conformance.tenancy import compliant
from cli.objects import Object, Objects, is_true
from infra.catalogue.names import QUEUE_LABEL, queues_namespace

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_KINDS = ("clusterqueues", "localqueues", "resourceflavors", "workloads")


def robust_controller(stack: Stack, cluster: Cluster) -> Outcome:
    """Kueue's pods run, its webhook suspends a job of a queue, and its queues are reconciled."""
    if stack.declared.queues is None:
        return Outcome("not shown", "the stack declares no queues, so that Kueue is not installed")
    namespace, team = queues_namespace(stack.platform), next(iter(queued_teams(stack)), None)
    definitions = {each: _established(cluster.objects, each) for each in _KINDS}
    problems = [f"definition {each} is not established" for each, state in definitions.items() if not state]
    problems += [*unready(cluster.objects, namespace), *inactive_queues(stack, cluster.objects)]
    evidence = [
        Evidence(
            f"GET {_DEFINITIONS}", ", ".join(f"{each} Established={state}" for each, state in definitions.items())
        ),
        Evidence(f"GET Deployments of {namespace}", "; ".join(unready(cluster.objects, namespace)) or "all pods run"),
        Evidence(
            f"GET {KUEUE}/clusterqueues, localqueues", "; ".join(inactive_queues(stack, cluster.objects)) or "Active"
        ),
    ]
    if team is None:
        return judged(problems, evidence, not_shown="no team has a queue, whose jobs a webhook would suspend")
    problem, seen = _webhook(stack, cluster, team)
    return judged([*problems, *problem], [*evidence, seen])


def _established(objects: Objects, plural: str) -> bool:
    return is_true(objects.get(f"{_DEFINITIONS}/{plural}.kueue.x-k8s.io") or {}, "Established")


def _webhook(stack: Stack, cluster: Cluster, team: str) -> tuple[list[str], Evidence]:
    """A job that would start at once is admitted suspended."""
    path = f"/apis/batch/v1/namespaces/{team}/jobs"
    answer = cluster.dry_run(path, _job(stack, team))
    suspended = bool((answer.admitted or {}).get("spec", {}).get("suspend"))
    said = "admitted, suspended by the webhook" if suspended else answer.refusal or "admitted without being suspended"
    problems = [] if suspended else [f"Kueue's webhook does not suspend a job of team {team}: {said}"]
    return problems, Evidence(f"POST {path}?dryRun=All: a job of queue {team} that would start at once", said)


def _job(stack: Stack, team: str) -> Object:
    pod = {**compliant(stack)["spec"], "restartPolicy": "Never"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "conformance", "labels": {QUEUE_LABEL: team}},
        "spec": {"suspend": False, "template": {"spec": pod}},
    }
