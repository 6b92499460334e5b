"""Checks that the context's user may do what a deployment does."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml
from kubernetes import client

from cli.cluster_preflight.wanted import CONTEXT, Wanted
from cli.finding import Finding
from common import paths

ROLE = paths.REPOSITORY / "docs" / "own-cluster-rbac.yaml"
"""The ClusterRole with just what a deployment needs."""
GATEWAY_ROLE = ROLE.with_name("own-cluster-gateway-rbac.yaml")
"""What it needs besides with an existing GatewayClass."""
_AT_ONCE = 8
_SHOWN = 5

Right = tuple[str, str, str]
"""Verb, API group, resource."""


def needed(role: Path = ROLE) -> list[Right]:
    """All rights of the role."""
    rules = yaml.safe_load(role.read_text(encoding="utf-8"))["rules"]
    return sorted(
        (verb, group, resource)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    )


def caller_may_deploy(api: client.ApiClient, wanted: Wanted) -> Iterator[Finding]:
    """Asks for every right, in all namespaces."""
    yield from _lacks(api, ROLE)
    gateway = wanted.declared.gateway
    if gateway is not None and gateway.gateway_class_name is not None:
        yield from _lacks(api, GATEWAY_ROLE)


def _lacks(api: client.ApiClient, role: Path) -> Iterator[Finding]:
    """What of a role."""
    reviews, rights = client.AuthorizationV1Api(api), needed(role)

    def is_missing(right: Right) -> bool:
        verb, group, resource = right
        kind, _, part = resource.partition("/")
        asked = {"verb": verb, "group": group, "resource": kind, "subresource": part}
        review = {"spec": {"resourceAttributes": asked}}
        return not reviews.create_self_subject_access_review(review).status.allowed

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        missing = [right for right, lacks in zip(rights, pool.map(is_missing, rights), strict=True) if lacks]
    if missing:
        named = ", ".join(f"{verb} {resource}" for verb, _, resource in missing[:_SHOWN])
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        problem = f"its user lacks {len(missing)} of {len(rights)} rights: {named}{more}"
        fix = f"bind the ClusterRole in {role.relative_to(paths.REPOSITORY)} to the user"
        yield Finding(CONTEXT, problem, fix)
