"""Checks the declared GatewayClass in the stack's cluster, which has to be there first."""

from collections.abc import Iterator

from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from cli.aws_preflight.wanted import Client, Wanted
from cli.finding import Finding
from cli.gateway_class import CLASS, unfit
from cli.kubeconfig import api_client
from cli.objects import Objects
from common.errors import CommandError


def the_gateway_class_is_in_the_cluster(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """Somebody has installed Envoy Gateway after the first deployment."""
    if wanted.gateway is None or wanted.gateway.gateway_class_name is None:
        return
    eks = client("eks")
    try:
        eks.describe_cluster(name=wanted.cluster)
    except eks.exceptions.ResourceNotFoundException:
        fix = "deploy without 'gateway' first, install Envoy Gateway, and declare it then"
        yield Finding(CLASS, f"cluster {wanted.cluster} does not exist yet, so it has no GatewayClass", fix)
        return
    try:
        yield from unfit(Objects(api_client(wanted.kube_context)), wanted.gateway)
    except (ApiException, HTTPError, CommandError) as error:
        why = str(getattr(error, "reason", None) or error).splitlines()[0][:200]
        fix = f"run `aws eks update-kubeconfig --name {wanted.cluster}`, or check it yourself"
        yield Finding(CLASS, f"could not be checked in cluster {wanted.cluster} ({why})", fix, blocking=False)
