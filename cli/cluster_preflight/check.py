"""Runs all checks and prints their findings."""

from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from cli import same_cluster, stack
from cli.cluster_preflight import artifact_store, cluster, dataset_store, packets, pools, registry, rights
from cli.cluster_preflight.wanted import CLUSTER, CONTEXT, Wanted
from cli.docker_preflight import engine_builds_images
from cli.finding import Finding, report
from cli.kubeconfig import api_client, contexts
from common.console import console
from common.errors import CommandError
from infra.declaration.cluster import ClusterFoundation
from infra.declaration.model import Platform
from offline import machine

Check = Callable[[client.ApiClient, Wanted], Iterator[Finding]]

CHECKS: Sequence[Check] = (
    cluster.version_is_supported,
    cluster.namespaces_are_free,
    rights.caller_may_deploy,
    cluster.volumes_have_a_class,
    cluster.dns_is_there,
    cluster.the_gateway_class_fits,
    pools.pools_have_nodes,
)
_SECONDS = 20
"""For one answer of the API server."""


def check(name: str, declared: Platform, settings: ClusterFoundation, *, starts_pod: bool) -> None:
    """Run the checks for stack `name` and fail on blocking findings; with `starts_pod` also the one that starts a
    pod."""
    passwords = {secret: _password(name, secret) for secret in sorted(declared.foundation.secrets)}
    created = same_cluster.namespaces(name)
    outputs = stack.outputs(name) if created and starts_pod else {}
    wanted = Wanted(name, declared, settings, passwords, created, outputs)
    report([*engine_builds_images(), *examine(wanted)], "cluster")
    console.print(
        f"[green]✓[/] cluster preflight: context {settings.kube_context}, registry {settings.registry.server}"
    )


def examine(wanted: Wanted) -> list[Finding]:
    """All findings; none about the cluster's content if it does not answer."""
    stores = [*artifact_store.bucket_opens(wanted), *dataset_store.keys_are_limited(wanted)]
    findings = [*_of_cluster(wanted), *stores]
    for place, login in wanted.settings.logins():
        found = list(registry.login_works(wanted.settings.registry, place, login, wanted.passwords[login.password]))
        findings += found
        if any(each.setting == registry.SERVER for each in found):
            break  # the other user would meet the same
    return findings


def _of_cluster(wanted: Wanted) -> Iterator[Finding]:
    context = wanted.settings.kube_context
    known = contexts(machine.kubeconfig_files(context))
    if context not in known:
        there = f"there are {', '.join(sorted(known))}" if known else "there is none"
        yield Finding(CONTEXT, f"no kubeconfig has the context '{context}'", f"{there}; write one, or set KUBECONFIG")
        return
    try:
        api = api_client(context)
        # A question that everybody may ask who is logged in, unlike that for the version.
        review: dict[str, Any] = {"spec": {"resourceAttributes": {"verb": "list", "resource": "namespaces"}}}
        client.AuthorizationV1Api(api).create_self_subject_access_review(review, _request_timeout=_SECONDS)
    except ApiException as error:
        if error.status not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            yield Finding(CONTEXT, f"the cluster of '{context}' answers {error.status}", "see its log")
            return
        fix = "log in, and try `kubectl --context " + context + " get namespaces`"
        yield Finding(CONTEXT, f"the cluster does not know the user of '{context}' ({_short(error)})", fix)
        return
    except CommandError as error:
        yield Finding(CONTEXT, f"{error.what} ({error.why})", error.hint)
        return
    except HTTPError as error:
        yield Finding(CONTEXT, f"the cluster of '{context}' does not answer ({_short(error)})", "check the network")
        return
    found = [finding for each in CHECKS for finding in _run(each, api, wanted)]
    yield from found
    if not any(finding.blocking for finding in found):  # nothing is started in a cluster that is not fit for it
        yield from _run(packets.policies_are_enforced, api, wanted)


def _run(check: Check, api: client.ApiClient, wanted: Wanted) -> list[Finding]:
    """One check; one that fails to run is a warning, unless what it guards against could lose something."""
    try:
        return list(check(api, wanted))
    except (ApiException, HTTPError) as error:
        question = f"could not check that {check.__name__.replace('_', ' ')} ({_short(error)})"
        unsafe = check in (cluster.namespaces_are_free, rights.caller_may_deploy)
        return [Finding(CLUSTER, question, "try again" if unsafe else "check it yourself", blocking=unsafe)]


def _short(error: Exception) -> str:
    return str(getattr(error, "reason", None) or error).splitlines()[0][:200]


def _password(name: str, secret: str) -> str:
    """The value that somebody has set in the stack's configuration."""
    try:
        with stack.salt_kept_out(name):
            return stack.pulumi("config", "get", secret, "--stack", name).removesuffix("\n")
    except CommandError as error:
        raise CommandError(
            f"the password of secret '{secret}' can't be read",
            error.why,
            hint=f"set it in `make shell STACK={name}`: `pulumi config set --secret {secret}`",
        ) from None
