"""Rules of an AWS account and region: what would be refused only after minutes of `up`, or never noticed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from infra.catalogue.aws.instance_types import partition, regions
from infra.catalogue.aws.names import GITHUB
from infra.catalogue.versions import EKS_VERSIONS
from infra.declaration.aws.addresses import LARGEST, SMALLEST, fits_services, is_private, overlap, prefix_length
from infra.declaration.aws.settings import AwsFoundation
from infra.declaration.problems import Problem, suggestion


def region_has_the_zones(aws: AwsFoundation) -> Iterator[Problem]:
    """A zone is named after its region."""
    letters = regions().get(aws.region)
    if letters is None:
        yield Problem("region", f"'{aws.region}' is no region of AWS{suggestion(aws.region, regions())}")
        return
    known = [f"{aws.region}{letter}" for letter in letters]
    for position, zone in enumerate(aws.network.zones):
        if zone not in known:
            words = f"region '{aws.region}' has no zone '{zone}'; write some of {', '.join(known)}"
            yield Problem(f"network.zones.{position}", words)
    if len(set(aws.network.zones)) != len(aws.network.zones):
        yield Problem("network.zones", "the same zone twice; write each once")


def network_can_be_divided(aws: AwsFoundation) -> Iterator[Problem]:
    """Neither too small for the pods, nor larger than AWS takes, nor somebody else's on the internet."""
    cidr, length = aws.network.cidr, prefix_length(aws.network.cidr)
    if length > SMALLEST:
        yield Problem("network.cidr", f"{cidr} is too small for nodes and pods in each zone; write /16 to /20")
    elif length < LARGEST:
        yield Problem("network.cidr", f"{cidr} is larger than a VPC may be; write /16 to /20")
    if not is_private(cidr):
        words = f"{cidr} is part of the internet; write one inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"
        yield Problem("network.cidr", words)


def services_have_a_network_that_eks_takes(aws: AwsFoundation) -> Iterator[Problem]:
    """EKS would say so only after the network is there."""
    if not fits_services(aws.cluster.service_cidr):
        words = "is none that EKS takes; write /12 to /24 inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"
        yield Problem("cluster.serviceCidr", f"{aws.cluster.service_cidr} {words}")


def networks_do_not_overlap(aws: AwsFoundation) -> Iterator[Problem]:
    """An address that is in two networks is reached in one of them only."""
    own, services = aws.network.cidr, aws.cluster.service_cidr
    if overlap(own, services):
        words = f"{services} overlaps with network.cidr ({own}); write another network"
        yield Problem("cluster.serviceCidr", words)
    for position, peer in enumerate(aws.network.peers):
        if overlap(own, peer):
            yield Problem(
                f"network.peers.{position}", f"{peer} overlaps with network.cidr ({own}); renumber one of them"
            )
        if overlap(services, peer):
            words = f"{peer} overlaps with cluster.serviceCidr ({services}); write another serviceCidr"
            yield Problem(f"network.peers.{position}", words)


def kubernetes_version_is_offered(aws: AwsFoundation) -> Iterator[Problem]:
    """EKS takes minor versions, and not all of them."""
    if aws.cluster.version not in EKS_VERSIONS:
        words = f"EKS does not offer Kubernetes '{aws.cluster.version}'; write one of {', '.join(EKS_VERSIONS)}"
        yield Problem("cluster.version", words)


def api_is_not_open_to_the_world(aws: AwsFoundation) -> Iterator[Problem]:
    """Credentials are the second wall, not the first."""
    for position, cidr in enumerate(aws.cluster.public_cidrs):
        if prefix_length(cidr) == 0:
            words = "the whole internet; write the networks that you come from, or none to go through the VPC"
            yield Problem(f"cluster.publicCidrs.{position}", f"{cidr} is {words}")


def admins_are_of_the_account(aws: AwsFoundation) -> Iterator[Problem]:
    """A mistyped account would lock everybody out."""
    for position, arn in enumerate(aws.cluster.admins):
        if arn.split(":")[4] != aws.account:
            yield Problem(
                f"cluster.admins.{position}", f"{arn} is not a role of account {aws.account}; write one that is"
            )


def pipeline_comes_in_by_the_account(aws: AwsFoundation) -> Iterator[Problem]:
    """No role trusts an identity provider of another account."""
    if aws.ci is None or aws.ci.provider is None:
        return
    expected = f"arn:{partition(aws.region)}:iam::{aws.account}:oidc-provider/{GITHUB}"
    if aws.ci.provider != expected:
        yield Problem("ci.provider", f"{aws.ci.provider} is not in account {aws.account}; write {expected}")


def base_image_comes_through_a_mirror(aws: AwsFoundation) -> Iterator[Problem]:
    """Nothing is pulled from a public registry directly."""
    image, mirrors = aws.registry.base_image, aws.registry.mirrors
    if image.split("/")[0] not in mirrors:
        words = f"'{image}' does not begin with a mirror; write one of {', '.join(sorted(mirrors))} before it"
        yield Problem("registry.baseImage", words)


def grafana_has_metrics_to_show(aws: AwsFoundation) -> Iterator[Problem]:
    """It is outside the network, from where Prometheus in the cluster can't be reached."""
    if aws.managed_grafana is not None and aws.managed_prometheus is None:
        words = "has nothing to show without managedPrometheus, because it can't reach the cluster's own"
        yield Problem("managedGrafana", f"{words}; declare managedPrometheus too")


def people_have_one_role_in_grafana(aws: AwsFoundation) -> Iterator[Problem]:
    """Of two, nobody could say which one holds."""
    grafana = aws.managed_grafana
    if grafana is None:
        return
    seen: dict[str, str] = {}
    roles = {"admins": grafana.admins, "editors": grafana.editors, "viewers": grafana.viewers}
    for role, groups in roles.items():
        for position, group in enumerate(groups):
            if group in seen:
                path = f"managedGrafana.{role}.{position}"
                yield Problem(path, f"{group} is among the {seen[group]} already; write it once")
            seen.setdefault(group, role)


RULES: tuple[Callable[[AwsFoundation], Iterator[Problem]], ...] = (
    region_has_the_zones,
    network_can_be_divided,
    services_have_a_network_that_eks_takes,
    networks_do_not_overlap,
    kubernetes_version_is_offered,
    api_is_not_open_to_the_world,
    admins_are_of_the_account,
    pipeline_comes_in_by_the_account,
    base_image_comes_through_a_mirror,
    grafana_has_metrics_to_show,
    people_have_one_role_in_grafana,
)


def broken_rules(aws: AwsFoundation) -> Iterator[Problem]:
    """All that is wrong with the place itself."""
    return (problem for rule in RULES for problem in rule(aws))
