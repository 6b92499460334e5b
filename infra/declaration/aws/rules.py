"""Rules for the aws foundation: mistakes that AWS would reject minutes into a deployment, or accept silently."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from infra.catalogue.aws.instance_types import instance_type, instance_types, partition, regions
from infra.catalogue.aws.names import GITHUB
from infra.catalogue.networks import is_anybody
from infra.catalogue.versions import EKS_DEFAULT, EKS_VERSIONS
from infra.declaration.aws.addresses import LARGEST, SMALLEST, fits_services, is_private, overlap, prefix_length
from infra.declaration.aws.settings import AwsFoundation
from infra.declaration.aws.support import minor
from infra.declaration.problems import Problem, suggestion
from infra.declaration.teams import Team

_RESERVED_GROUPS = ("system:", "eks:", "aws:", "amazon:", "iam:")


def region_has_the_zones(aws: AwsFoundation) -> Iterator[Problem]:
    """The zones exist in the region."""
    letters = regions().get(aws.region)
    if letters is None:
        yield Problem("region", f"'{aws.region}' is not an AWS region{suggestion(aws.region, regions())}")
        return
    known = [f"{aws.region}{letter}" for letter in letters]
    for position, zone in enumerate(aws.network.zones):
        if zone not in known:
            message = f"region '{aws.region}' has no zone '{zone}'; write zones out of {', '.join(known)}"
            yield Problem(f"network.zones.{position}", message)
    if len(set(aws.network.zones)) != len(aws.network.zones):
        yield Problem("network.zones", "a zone is listed twice; write each zone once")


def vpc_can_be_divided(aws: AwsFoundation) -> Iterator[Problem]:
    """The VPC's CIDR is large enough for the pods, small enough for AWS, and private."""
    cidr, length = aws.network.cidr, prefix_length(aws.network.cidr)
    if length > SMALLEST:
        yield Problem("network.cidr", f"{cidr} is too small for nodes and pods in each zone; write /16 to /20")
    elif length < LARGEST:
        yield Problem("network.cidr", f"{cidr} is larger than the maximum of a VPC; write /16 to /20")
    if not is_private(cidr):
        message = f"{cidr} is public; write a network inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"
        yield Problem("network.cidr", message)


def service_cidr_is_supported(aws: AwsFoundation) -> Iterator[Problem]:
    """EKS would reject it only after the VPC is created."""
    if not fits_services(aws.cluster.service_cidr):
        ranges = "10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"
        message = f"{aws.cluster.service_cidr} is not supported by EKS; write a network of /12 to /24 inside {ranges}"
        yield Problem("cluster.serviceCidr", message)


def networks_do_not_overlap(aws: AwsFoundation) -> Iterator[Problem]:
    """The VPC, its Services and its peers have no address in common."""
    own, services = aws.network.cidr, aws.cluster.service_cidr
    if overlap(own, services):
        message = f"{services} overlaps with network.cidr ({own}); write another network"
        yield Problem("cluster.serviceCidr", message)
    for position, peer in enumerate(aws.network.peers):
        if overlap(own, peer):
            yield Problem(f"network.peers.{position}", f"{peer} overlaps with network.cidr ({own}); change one of them")
        if overlap(services, peer):
            message = f"{peer} overlaps with cluster.serviceCidr ({services}); write another serviceCidr"
            yield Problem(f"network.peers.{position}", message)


def kubernetes_version_is_not_too_old(aws: AwsFoundation) -> Iterator[Problem]:
    """EKS no longer offers older ones; of newer ones only EKS itself knows."""
    oldest = min(EKS_VERSIONS, key=minor)
    if minor(aws.cluster.version) < minor(oldest):
        message = f"EKS no longer offers Kubernetes {aws.cluster.version}; write {EKS_DEFAULT}"
        yield Problem("cluster.version", message)


def api_is_not_open_to_the_world(aws: AwsFoundation) -> Iterator[Problem]:
    """The API endpoint is not reachable from the whole internet."""
    for position, cidr in enumerate(aws.cluster.public_cidrs):
        if prefix_length(cidr) == 0:
            message = f"{cidr} is the whole internet; write the networks of your team, or none for a private endpoint"
            yield Problem(f"cluster.publicCidrs.{position}", message)
            return
    if is_anybody(aws.cluster.public_cidrs):
        message = "together these are a large part of the internet; write the networks of your team, or none"
        yield Problem("cluster.publicCidrs", message)


def mapped_groups_are_possible(aws: AwsFoundation) -> Iterator[Problem]:
    """EKS rejects groups with its own prefixes, and a role has one access entry only."""
    for group, arn in aws.cluster.groups.items():
        path = f"cluster.groups.{group}"
        if group.startswith(_RESERVED_GROUPS):
            yield Problem(path, f"'{group}' has a prefix that EKS reserves; write another name")
        if arn.split(":")[4] != aws.account:
            yield Problem(path, f"{arn} is not in account {aws.account}; write a role of that account")
        if arn in aws.cluster.admins:
            message = f"{arn} is already a cluster administrator (cluster.admins); write a role for the group only"
            yield Problem(path, message)


def admins_are_of_the_account(aws: AwsFoundation) -> Iterator[Problem]:
    """Roles of another account could not administer the cluster."""
    for position, arn in enumerate(aws.cluster.admins):
        if arn.split(":")[4] != aws.account:
            yield Problem(
                f"cluster.admins.{position}", f"{arn} is not in account {aws.account}; write a role of that account"
            )


def identity_provider_is_of_the_account(aws: AwsFoundation) -> Iterator[Problem]:
    """A role can only trust an OIDC provider of its own account."""
    if aws.ci is None or aws.ci.provider is None:
        return
    expected = f"arn:{partition(aws.region)}:iam::{aws.account}:oidc-provider/{GITHUB}"
    if aws.ci.provider != expected:
        yield Problem("ci.provider", f"{aws.ci.provider} is not in account {aws.account}; write {expected}")


def system_nodes_are_ordinary_machines(aws: AwsFoundation) -> Iterator[Problem]:
    """Of a current type, for amd64, and without GPUs, which nothing there would use."""
    for position, name in enumerate(aws.system_pool.instance_types):
        path = f"systemPool.instanceTypes.{position}"
        if name not in instance_types() or not instance_type(name).known:
            yield Problem(
                path, f"'{name}' is not an EC2 instance type of a current generation; write one such as m7i.xlarge"
            )
        elif instance_type(name).arch != "x86_64":
            yield Problem(path, f"{name} is not amd64, for which images are built; write one such as m7i.xlarge")
        elif instance_type(name).gpus:
            yield Problem(path, f"{name} has GPUs, which nothing there uses; write one such as m7i.xlarge")


def base_image_is_mirrored(aws: AwsFoundation) -> Iterator[Problem]:
    """No image is pulled from a public registry directly."""
    image, mirrors = aws.registry.base_image, aws.registry.mirrors
    if image.split("/")[0] not in mirrors:
        prefixes = ", ".join(f"{prefix}/" for prefix in sorted(mirrors))
        yield Problem("registry.baseImage", f"'{image}' has no prefix of a mirror; write it with one of {prefixes}")


def former_instances_are_not_the_present_one(aws: AwsFoundation) -> Iterator[Problem]:
    """Each instance has one name, and each name one instance."""
    for position, name in enumerate(aws.database.retained):
        path = f"database.retained.{position}"
        if name == aws.database.name:
            yield Problem(path, f"'{name}' is the present instance; write another database.name, or remove it here")
        elif name in aws.database.retained[:position]:
            yield Problem(path, f"'{name}' is listed twice; write each instance once")


def database_is_restored_beside_its_source(aws: AwsFoundation) -> Iterator[Problem]:
    """RDS restores into a new instance, from a source in the same region."""
    database = aws.database
    if database.restore_from is not None:
        path = "database.restoreFrom"
        yield from database.restore_from.problems(path, database.name, database.retained, aws.region)


def backup_is_in_another_region(aws: AwsFoundation) -> Iterator[Problem]:
    """A copy in the same region is lost with the region; other partitions are other accounts."""
    if aws.backup is None:
        return
    path, region = "backup.region", aws.backup.region
    others = [each for each in regions() if each != aws.region and partition(each) == partition(aws.region)]
    if region == aws.region:
        yield Problem(path, f"{region} is the stack's own region; write another one")
    elif region not in regions():
        yield Problem(path, f"'{region}' is not an AWS region{suggestion(region, others)}")
    elif region not in others:
        yield Problem(path, f"{region} is in another partition than {aws.region}; write a region of the same one")


def grafana_has_metrics_to_show(aws: AwsFoundation) -> Iterator[Problem]:
    """Managed Grafana is outside the VPC and cannot reach the cluster's Prometheus."""
    if aws.managed_grafana is not None and aws.managed_prometheus is None:
        message = "cannot reach the cluster's Prometheus, so it needs managedPrometheus; declare managedPrometheus too"
        yield Problem("managedGrafana", message)


def grafana_groups_have_one_role(aws: AwsFoundation) -> Iterator[Problem]:
    """With two roles, it would be undefined which one applies."""
    grafana = aws.managed_grafana
    if grafana is None:
        return
    seen: dict[str, str] = {}
    roles = {"admins": grafana.admins, "editors": grafana.editors, "viewers": grafana.viewers}
    for role, groups in roles.items():
        for position, group in enumerate(groups):
            if group in seen:
                path = f"managedGrafana.{role}.{position}"
                yield Problem(path, f"{group} is already in {seen[group]}; write each group once")
            seen.setdefault(group, role)


RULES: tuple[Callable[[AwsFoundation], Iterator[Problem]], ...] = (
    region_has_the_zones,
    vpc_can_be_divided,
    service_cidr_is_supported,
    networks_do_not_overlap,
    kubernetes_version_is_not_too_old,
    api_is_not_open_to_the_world,
    admins_are_of_the_account,
    identity_provider_is_of_the_account,
    base_image_is_mirrored,
    system_nodes_are_ordinary_machines,
    former_instances_are_not_the_present_one,
    database_is_restored_beside_its_source,
    backup_is_in_another_region,
    grafana_has_metrics_to_show,
    grafana_groups_have_one_role,
    mapped_groups_are_possible,
)


def broken_rules(aws: AwsFoundation) -> Iterator[Problem]:
    """All problems of the foundation's own settings."""
    return (problem for rule in RULES for problem in rule(aws))


def groups_are_mapped(teams: Mapping[str, Team], aws: AwsFoundation) -> Iterator[Problem]:
    """A group without an IAM role has no members."""
    mapped = aws.cluster.groups
    for name, team in teams.items():
        for path, group in team.groups.named():
            if group not in mapped:
                message = f"no IAM role is mapped to '{group}'; add one to platform.foundation.aws.cluster.groups"
                near = suggestion(group, mapped) if mapped else ""
                yield Problem(f"teams.{name}.groups.{path}", f"{message}{near}")
