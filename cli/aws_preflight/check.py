"""All checks, and what comes of them: a notice, a list of findings, or the word that nothing stands in the way."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TypeGuard

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from rich.markup import escape

from cli.aws_preflight import pipeline, place, pools, quotas, versions
from cli.aws_preflight.finding import AWS, Client, Finding, Wanted
from common.console import console
from common.errors import WorkstationError
from infra.declaration import Platform

Check = Callable[[Client, Wanted], Iterator[Finding]]

PLACE: Sequence[Check] = (place.region_is_declared, place.account_is_declared)
"""In the wrong place every other answer would be about something else."""

CONTENT: Sequence[Check] = (
    place.zones_are_open,
    place.caller_gets_into_the_cluster,
    place.kubernetes_login_is_possible,
    pipeline.github_has_one_identity_provider,
    versions.version_is_supported,
    versions.add_ons_fit,
    pools.zones_offer_the_types,
    pools.reservations_are_active,
    pools.auto_scaling_has_its_role,
    quotas.quotas_suffice,
)
UNANSWERED = (BotoCoreError, ClientError, ResponseParserError)
_REFUSED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")


def check(declared: Platform) -> bool:
    """Ask AWS and say what stands in the way; whether it was asked at all, which takes credentials."""
    if declared.foundation.aws is None:
        console.print("[dim]pre-flight: nothing to ask, the platform does not stand on aws[/]")
        return False
    wanted = Wanted(declared.foundation.aws, declared.node_pools)
    client = clients(wanted.aws.region)
    if client is None:
        console.print("[yellow]![/] pre-flight on aws skipped: there are no credentials (see `aws configure sso`)")
        return False
    findings = examine(client, wanted)
    for finding in findings:
        console.print(f"{'[red]✗[/]' if finding.blocking else '[yellow]![/]'} {escape(str(finding))}")
    blocking = sum(finding.blocking for finding in findings)
    if blocking:
        hint = "nothing was touched; follow what the lines above say"
        raise WorkstationError(f"pre-flight on aws: {blocking} in the way", hint=hint)
    console.print(f"[green]✓[/] pre-flight on aws: account {wanted.aws.account}, region {wanted.aws.region}")
    return True


def examine(client: Client, wanted: Wanted) -> list[Finding]:
    """Every finding; only those about the place where that is wrong already."""
    try:
        wrong_place = [finding for check in PLACE for finding in check(client, wanted)]
    except UNANSWERED as error:
        hint = "check the network, or renew the credentials, and try again"
        raise WorkstationError("AWS can't be asked", str(error), hint=hint) from None
    return wrong_place or [finding for check in CONTENT for finding in _run(check, client, wanted)]


def _run(check: Check, client: Client, wanted: Wanted) -> list[Finding]:
    """One check; a question without an answer is a warning, since `up` may do without it."""
    try:
        return list(check(client, wanted))
    except UNANSWERED as error:
        question = f"could not be asked whether {check.__name__.replace('_', ' ')}"
        operation = f"allow the caller {error.operation_name}, or " if _refused(error) else ""
        reason = str(error).splitlines()[0][:200]
        return [Finding(AWS, f"{question} ({reason})", f"{operation}look for yourself", blocking=False)]


def _refused(error: Exception) -> TypeGuard[ClientError]:
    return isinstance(error, ClientError) and error.response["Error"]["Code"] in _REFUSED


def clients(region: str) -> Client | None:
    """Clients for the declared region, or None without credentials."""
    try:
        session = boto3.Session(region_name=region)
        if session.get_credentials() is None:
            return None
    except BotoCoreError as error:
        raise WorkstationError("the AWS settings can't be read", str(error), hint="see $AWS_PROFILE") from None
    brief = Config(connect_timeout=5, read_timeout=20, retries={"max_attempts": 3})
    return cache(lambda service: session.client(service, config=brief))
