"""Runs all checks and prints their findings."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Lock
from typing import Any, TypeGuard

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from cli.aws_preflight import (
    account,
    addresses,
    certificate,
    database,
    gateway_class,
    grafana,
    pipeline,
    pools,
    quotas,
    roles,
    state,
    versions,
)
from cli.aws_preflight.wanted import AWS, Client, Wanted
from cli.docker_preflight import engine_builds_images
from cli.finding import Finding, report
from cli.preflight import kube_context
from cli.stack import secrets_provider
from common.console import console
from common.errors import CommandError
from infra.catalogue.aws.names import stack_prefix
from infra.declaration.gateway import exposed
from infra.declaration.model import Platform

Check = Callable[[Client, Wanted], Iterator[Finding]]

ACCOUNT: Sequence[Check] = (account.region_is_declared, account.account_is_declared)
"""Checked first: in the wrong account or region, every other finding would be meaningless."""

CONTENT: Sequence[Check] = (
    account.zones_are_open,
    account.caller_gets_into_the_cluster,
    account.kubernetes_login_is_possible,
    addresses.public_networks_are_real,
    addresses.caller_may_reach_the_api,
    roles.declared_roles_exist,
    roles.service_linked_roles_exist,
    state.pipeline_reads_the_state,
    state.state_bucket_keeps_versions,
    state.secrets_key_is_usable,
    state.bucket_names_are_free,
    pipeline.github_has_one_identity_provider,
    versions.version_is_supported,
    versions.the_cluster_can_become_it,
    pools.zones_offer_the_types,
    pools.reservations_are_active,
    pools.placement_groups_exist,
    quotas.quotas_suffice,
    database.database_is_offered,
    database.backups_are_replicated,
    grafana.identity_center_has_the_groups,
    certificate.the_certificate_is_valid_for_the_hosts,
    gateway_class.the_gateway_class_is_in_the_cluster,
)
UNANSWERED = (BotoCoreError, ClientError, ResponseParserError)
_REFUSED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")


def check(name: str, declared: Platform) -> bool:
    """Run the checks and fail on blocking findings. False without credentials: nothing was checked."""
    assert declared.foundation.aws is not None
    wanted = Wanted(
        declared.foundation.aws,
        declared.node_pools,
        stack_prefix(name),
        backend=os.environ.get(state.BACKEND, ""),
        secrets_provider=secrets_provider(name),
        objects=bool(declared.dataset_teams()),
        certificate=declared.gateway.aws.certificate if declared.gateway and declared.gateway.aws else "",
        hosts=exposed(declared).hosts,
        gateway=declared.gateway,
        kube_context=kube_context(declared, name),
    )
    client = clients(wanted.aws.region)
    if client is None:
        console.print("[yellow]![/] AWS preflight skipped: no credentials (see `aws configure sso`)")
        return False
    report([*engine_builds_images(), *examine(client, wanted)], "AWS")
    console.print(f"[green]✓[/] AWS preflight: account {wanted.aws.account}, region {wanted.aws.region}")
    return True


def examine(client: Client, wanted: Wanted) -> list[Finding]:
    """All findings; only those about account and region if these are wrong. Most of the time goes to waiting for
    answers, so that the questions are asked in parallel."""
    client = _one_at_a_time(client)
    try:
        wrong_account = [finding for check in ACCOUNT for finding in check(client, wanted)]
    except UNANSWERED as error:
        hint = "check the network, or renew the credentials, and try again"
        raise CommandError("AWS does not answer", str(error), hint=hint) from None
    if wrong_account:
        return wrong_account
    with ThreadPoolExecutor(len(CONTENT)) as pool:
        found = pool.map(lambda check: _run(check, client, wanted), CONTENT)
        return [finding for findings in found for finding in findings]


def _one_at_a_time(client: Client) -> Client:
    """Threads may share a client of boto3, but not make two at once."""
    lock = Lock()

    def made(service: str, *region: str) -> Any:
        with lock:
            return client(service, *region)

    return made


def _run(check: Check, client: Client, wanted: Wanted) -> list[Finding]:
    """One check; one that fails to run is a warning, since `up` may succeed."""
    try:
        return list(check(client, wanted))
    except UNANSWERED as error:
        question = f"could not check that {check.__name__.replace('_', ' ')}"
        operation = f"allow the caller {error.operation_name}, or " if _refused(error) else ""
        reason = str(error).splitlines()[0][:200]
        return [Finding(AWS, f"{question} ({reason})", f"{operation}check it yourself", blocking=False)]


def _refused(error: Exception) -> TypeGuard[ClientError]:
    return isinstance(error, ClientError) and error.response["Error"]["Code"] in _REFUSED


def clients(region: str) -> Client | None:
    """Clients for the declared region and others, or None without credentials."""
    try:
        session = boto3.Session(region_name=region)
        if session.get_credentials() is None:
            return None
    except BotoCoreError as error:
        raise CommandError("the AWS settings can't be read", str(error), hint="see $AWS_PROFILE") from None
    brief = Config(connect_timeout=5, read_timeout=20, retries={"max_attempts": 3})
    return cache(lambda service, there=region: session.client(service, region_name=there, config=brief))
