"""Resources of a stack that are still in its AWS account after `make down`, found by their tags or their names."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from cli.aws_preflight.check import UNANSWERED, clients
from cli.aws_preflight.wanted import Client
from common.console import console
from common.errors import CommandError
from infra.catalogue.names import DOMAIN, PROJECT
from infra.declaration.aws.settings import AwsFoundation


@dataclass(frozen=True)
class Leftover:
    """A resource that AWS lists; `ending` is set if it is already being deleted."""

    arn: str
    ending: str = ""


def require_none(stack: str, aws: AwsFoundation) -> None:
    """Print what is left in the stack's regions, and fail unless all of it is being deleted."""
    account = aws.account
    regions = [aws.region, *([aws.backup.region] if aws.backup else [])]
    searched = [client for region in regions if (client := clients(region)) is not None]
    if not searched:
        console.print(f"[yellow]![/] leftovers in account {account} not checked: no credentials")
        return
    try:
        _require_account(searched[0], account)
        found = list(listed(searched, stack, aws))
    except UNANSWERED as error:
        hint = "renew the credentials, or allow the caller tag:GetResources and iam:List*, and run `make down` again"
        raise CommandError(f"leftovers in account {account} can't be listed", str(error), hint=hint) from None
    left = [item for item in found if not item.ending]
    if found:
        console.print(_table(found))
    if left:
        noun = "resource" if len(left) == 1 else "resources"
        verb = "is" if len(left) == 1 else "are"
        raise CommandError(
            f"{len(left)} {noun} of stack {stack} {verb} left in account {account}, {_named(regions)}",
            "\n".join(item.arn for item in left),
            hint="something outside the stack created or uses them: delete them in AWS, and run `make down` again",
        )
    console.print(f"[green]✓[/] no resource of stack {stack} is left in account {account}, {_named(regions)}")


def _named(regions: Sequence[str]) -> str:
    return f"region {regions[0]}" if len(regions) == 1 else f"regions {' and '.join(regions)}"


def listed(searched: Sequence[Client], stack: str, aws: AwsFoundation) -> Iterator[Leftover]:
    """Everything with the stack's tags or a name of its own, by ARN; `searched` has a client for each region."""
    tags = {f"{DOMAIN}/project": PROJECT, f"{DOMAIN}/stack": stack}
    first, found = searched[0], {arn: client for client in searched for arn in _tagged(client, tags)}
    # The tagging API does not cover IAM.
    for arn in (*_identities(first("iam"), tags), *_log_groups(first, stack, aws)):
        found.setdefault(arn, first)
    for arn, client in sorted(found.items(), key=lambda item: item[0]):
        yield Leftover(arn, _ending(client, arn))


def _tagged(client: Client, tags: Mapping[str, str]) -> Iterator[str]:
    filters = [{"Key": key, "Values": [value]} for key, value in tags.items()]
    for page in client("resourcegroupstaggingapi").get_paginator("get_resources").paginate(TagFilters=filters):
        yield from (entry["ResourceARN"] for entry in page["ResourceTagMappingList"])


def _identities(iam: Any, wanted: Mapping[str, str]) -> Iterator[str]:
    """The ARNs of roles, policies and identity providers with the tags; `iam` is boto3's client."""
    prefix = f"{PROJECT}-{wanted[f'{DOMAIN}/stack']}-"
    for page in iam.get_paginator("list_roles").paginate():
        for role in page["Roles"]:
            if role["RoleName"].startswith(prefix) and _has(iam.list_role_tags(RoleName=role["RoleName"]), wanted):
                yield role["Arn"]
    for page in iam.get_paginator("list_policies").paginate(Scope="Local"):
        for policy in page["Policies"]:
            if policy["PolicyName"].startswith(prefix) and _has(iam.list_policy_tags(PolicyArn=policy["Arn"]), wanted):
                yield policy["Arn"]
    for provider in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
        if _has(iam.list_open_id_connect_provider_tags(OpenIDConnectProviderArn=provider["Arn"]), wanted):
            yield provider["Arn"]


def _log_groups(client: Client, stack: str, aws: AwsFoundation) -> Iterator[str]:
    """EKS and RDS make a log group again, without tags, if they log something after its deletion."""
    name, database = f"{PROJECT}-{stack}", aws.database
    instances = (database.name, *database.retained)
    for prefix in (f"/aws/eks/{name}/", *(f"/aws/rds/instance/{name}-{instance}/" for instance in instances)):
        for page in client("logs").get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix):
            yield from (group["arn"].removesuffix(":*") for group in page["logGroups"])


def _has(answer: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    return wanted.items() <= {tag["Key"]: tag["Value"] for tag in answer["Tags"]}.items()


def _require_account(client: Client, account: str) -> None:
    """The credentials must be of the declared account."""
    actual = client("sts").get_caller_identity()["Account"]
    if actual != account:
        why = f"the credentials belong to {actual}"
        raise CommandError(f"leftovers in account {account} not checked", why, hint="use credentials of that account")


def _ending(client: Client, arn: str) -> str:
    """AWS keeps listing some deleted resources: instances for an hour, keys until their deletion window ends."""
    _, _, service, _, _, resource = arn.split(":", 5)
    kind, _, id = resource.partition("/")
    ask = _ENDINGS.get((service, kind))
    return ask(client, id) if ask else ""


def _key(client: Client, id: str) -> str:
    key: Mapping[str, Any] = client("kms").describe_key(KeyId=id)["KeyMetadata"]
    return f"deleted by KMS on {key['DeletionDate']:%Y-%m-%d}" if key["KeyState"] == "PendingDeletion" else ""


def _nat_gateway(client: Client, id: str) -> str:
    found = client("ec2").describe_nat_gateways(Filter=[{"Name": "nat-gateway-id", "Values": [id]}])["NatGateways"]
    return "" if any(gateway["State"] != "deleted" for gateway in found) else "deleted"


def _instance(client: Client, id: str) -> str:
    wanted = [{"Name": "instance-id", "Values": [id]}]
    found = client("ec2").describe_instances(Filters=wanted)["Reservations"]
    states = {instance["State"]["Name"] for reservation in found for instance in reservation["Instances"]}
    return "" if states - {"terminated"} else "terminated"


_ENDINGS: Mapping[tuple[str, str], Callable[[Client, str], str]] = {
    ("kms", "key"): _key,
    ("ec2", "natgateway"): _nat_gateway,
    ("ec2", "instance"): _instance,
}


def _table(found: list[Leftover]) -> Table:
    table = Table("left in the account", "", box=None, padding=(0, 2, 0, 0), header_style="bold")
    for item in found:
        table.add_row(item.arn, f"[dim]{item.ending}[/]" if item.ending else "[red]left[/]")
    return table
