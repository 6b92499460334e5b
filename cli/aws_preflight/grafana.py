"""Checks that those who are to log in to the managed Grafana exist in IAM Identity Center."""

from collections.abc import Iterator

from botocore.exceptions import ClientError

from cli.aws_preflight.wanted import AWS, Client, Wanted
from cli.finding import Finding

_SETTING = f"{AWS}.managedGrafana"


def identity_center_has_the_groups(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """A workspace without them has no users."""
    settings = wanted.aws.managed_grafana
    if settings is None:
        return
    instances = client("sso-admin").list_instances()["Instances"]
    if not instances:
        problem = f"the account has no IAM Identity Center in {wanted.aws.region}, through which users log in"
        fix = "enable it, or remove managedGrafana; if it is in another region, check the groups yourself"
        yield Finding(_SETTING, problem, fix, blocking=False)
        return
    stores = [instance["IdentityStoreId"] for instance in instances]
    roles = {"admins": settings.admins, "editors": settings.editors, "viewers": settings.viewers}
    for role, groups in roles.items():
        for position, group in enumerate(groups):
            if not any(_exists(client, store, group) for store in stores):
                problem = f"IAM Identity Center has no group with the id {group}"
                fix = f"write one of `aws identitystore list-groups --identity-store-id {stores[0]}`"
                yield Finding(f"{_SETTING}.{role}.{position}", problem, fix)


def _exists(client: Client, store: str, group: str) -> bool:
    try:
        client("identitystore").describe_group(IdentityStoreId=store, GroupId=group)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return False
    return True
