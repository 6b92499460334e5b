"""Checks of IAM roles that the stack needs and does not create: declared ones, and AWS's service-linked ones."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from botocore.exceptions import ClientError

from cli.aws_preflight.account import caller_role
from cli.aws_preflight.wanted import AWS, POOLS, Client, Wanted
from cli.finding import Finding


def declared_roles_exist(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """EKS refuses an access entry for a role that does not exist, after it has created the cluster."""
    hidden = []
    for setting, declared in _declared(wanted).items():
        try:
            found = _arn(client, declared.rpartition("/")[2])
        except ClientError as error:
            if error.response["Error"]["Code"] != "AccessDenied":
                raise
            hidden.append(setting)
            continue
        if found is None:
            yield Finding(setting, f"the role {declared} does not exist", "create it, or remove the entry")
        elif found != declared:
            yield Finding(setting, f"no role is called {declared}: it has another path", f"write {found}")
    if hidden:
        problem = "could not check that these roles exist: the caller may not read them"
        yield Finding(", ".join(hidden), problem, "allow the caller iam:GetRole, or check it yourself", blocking=False)


def _declared(wanted: Wanted) -> Mapping[str, str]:
    cluster = wanted.aws.cluster
    admins = {f"{AWS}.cluster.admins.{position}": arn for position, arn in enumerate(cluster.admins)}
    return admins | {f"{AWS}.cluster.groups.{group}": arn for group, arn in cluster.groups.items()}


@dataclass(frozen=True)
class ServiceLinked:
    """A role that AWS creates once per account; `setting` needs it."""

    setting: str
    service: str
    name: str

    @property
    def command(self) -> str:
        return f"run `aws iam create-service-linked-role --aws-service-name {self.service}`, once per account"


def service_linked_roles_exist(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """Nodes fail without some of them. AWS creates the others with the permissions of the caller, which the pipeline's
    role does not have."""
    for role in _before_nodes(wanted):
        if _arn(client, role.name) is None:
            yield Finding(role.setting, f"the account has no {role.name}, which such nodes need", role.command)
    caller = caller_role(client)
    if caller is None or caller not in wanted.pipeline_roles.values():
        return
    for role in _with_the_first_resource(wanted):
        if _arn(client, role.name) is None:
            problem = f"the account has no {role.name}, and the pipeline may not create it"
            deploys = caller == wanted.pipeline_roles["deploy"]
            yield Finding(role.setting, problem, f"{role.command}, or `make up` as an administrator", blocking=deploys)


def _before_nodes(wanted: Wanted) -> Iterator[ServiceLinked]:
    """The cluster's role can't create the one for Spot."""
    for pool in wanted.spot[:1]:
        yield ServiceLinked(f"{POOLS}.{pool}.aws.capacity", "spot.amazonaws.com", "AWSServiceRoleForEC2Spot")


def _with_the_first_resource(wanted: Wanted) -> Iterator[ServiceLinked]:
    """AWS creates them together with the account's first cluster, database or pull-through cache."""
    yield ServiceLinked(f"{AWS}.cluster", "eks.amazonaws.com", "AWSServiceRoleForAmazonEKS")
    yield ServiceLinked(f"{AWS}.database", "rds.amazonaws.com", "AWSServiceRoleForRDS")
    mirrors = ServiceLinked(
        f"{AWS}.registry.mirrors", "pullthroughcache.ecr.amazonaws.com", "AWSServiceRoleForECRPullThroughCache"
    )
    yield from [mirrors] if wanted.aws.registry.mirrors else []


def _arn(client: Client, role: str) -> str | None:
    """The ARN of the role with this name, which no other role of the account has; None: there is none."""
    try:
        return str(client("iam").get_role(RoleName=role)["Role"]["Arn"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise
        return None
