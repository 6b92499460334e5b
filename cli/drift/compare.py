"""Compares a stack's state with the cluster and, where that is possible, with Docker or AWS. Nothing is changed."""

from collections.abc import Mapping, Sequence
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from cli import preflight, stack
from cli.by_hand.edits import is_compared
from cli.drift import objects, others
from cli.drift.report import Drift, Report
from cli.kubeconfig import api_client, contexts
from cli.same_cluster import uids
from cli.status import why_unseen
from common.console import Progress
from common.errors import CommandError
from infra.declaration.model import Platform
from offline import machine

Resources = Sequence[Mapping[str, Any]]
_SECONDS = 20
"""Until an API server that does not answer is given up."""


def compare(name: str) -> Report:
    """The drift of stack `name`."""
    declared = preflight.declaration(name, values=False)
    stack.require_backend(name, declared)
    if not stack.exists(name):
        raise _not_deployed(name, "it has no state on this machine")
    progress = Progress()
    machine.ensure_engine(progress)
    resources = _resources(name)
    api = _connect(name, declared, resources)
    compared = [each for each in resources if is_compared(each)]
    with progress.step(f"compare {len(compared)} objects with the cluster"):
        found = _objects(api, compared, name)
    targets = others.readable(resources)
    missing = others.unreadable(resources)
    if obstacle := others.obstacle(targets, declared) if targets else "":
        missing.append(f"{len(targets)} resources outside the cluster: {obstacle}")
        targets = []
    elif targets:
        found += others.find(name, targets, declared, progress)
    return Report(name, len(compared) + len(targets), found, missing)


def _resources(name: str) -> Resources:
    """Of the state, with secrets in clear but still marked. While an update runs, the state is behind the objects."""
    try:
        deployment = stack.deployment(name, reveal=True)
    except CommandError as error:
        hint = f"run `make up STACK={name}` first; if it is deployed, check PULUMI_BACKEND_URL and your credentials"
        raise CommandError(f"the state of stack {name} can't be read", error.why, hint=hint) from None
    if deployment.get("pending_operations"):
        hint = f"wait until it has ended; after a failure run `make up STACK={name}`"
        raise CommandError(f"stack {name} has an unfinished update", "its state is not complete", hint=hint)
    resources = list(deployment.get("resources") or [])
    if not any(is_compared(each) for each in resources):
        raise _not_deployed(name, "its state has no Kubernetes object")
    return resources


def _not_deployed(name: str, why: str) -> CommandError:
    return CommandError(f"stack {name} is not deployed", why, hint=f"run `make up STACK={name}`")


def _connect(name: str, declared: Platform, resources: Resources) -> client.ApiClient:
    """A client of the stack's cluster, once it has answered and is the one that the stack was deployed to."""
    context = preflight.kube_context(declared, name)
    if unseen := why_unseen(name, declared):
        why, _, hint = unseen.partition(": ")[2].partition("; ")
        raise CommandError("the cluster can't be queried", why, hint=hint)
    if context not in contexts(machine.kubeconfig_files(context)):
        raise CommandError("the local cluster does not run", hint=f"run `make up STACK={name}`")
    api = api_client(context)
    try:
        live = client.CoreV1Api(api).list_namespace(_request_timeout=_SECONDS).items
    except (ApiException, HTTPError) as error:
        raise _unanswered(error, context) from None
    require_own(name, resources, {each.metadata.uid for each in live}, context)
    return api


def require_own(name: str, resources: Resources, live: set[str], context: str) -> None:
    """Fail if the cluster has none of the stack's namespaces: in another cluster, every object would seem deleted."""
    known = set(uids(resources).values())
    if known and not known & live:
        why = "none of the namespaces that the stack has created is there"
        hint = (
            f"use the kubeconfig of the stack's own cluster, see KUBECONFIG; `make up STACK={name}` starts a local one"
        )
        raise CommandError(f"the context '{context}' leads to another cluster", why, hint=hint)


def _objects(api: client.ApiClient, compared: Resources, name: str) -> list[Drift]:
    try:
        return objects.find(api, compared, name)
    except (ApiException, HTTPError) as error:
        raise _unanswered(error, "of the stack") from None


def _unanswered(error: Exception, context: str) -> CommandError:
    if isinstance(error, ApiException) and error.status in (401, 403):
        hint = "log in as somebody who may read all objects of the stack, Secrets among them"
        return CommandError(f"the cluster of context '{context}' refuses this login", str(error.reason), hint=hint)
    why = str(getattr(error, "reason", None) or error)
    return CommandError(
        f"the cluster of context '{context}' does not answer", why, hint="start it, or check the network and KUBECONFIG"
    )
