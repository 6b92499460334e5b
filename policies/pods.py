"""Policies from the rules about pods in `infra/catalogue/pod_rules.py`, which the cluster's admission enforces too."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from pulumi_policy import ResourceValidationArgs

from infra.catalogue.aws.names import ECR_HOST
from infra.catalogue.names import PROJECT
from infra.catalogue.pod_exceptions import exceptions
from infra.catalogue.pod_manifests import Manifest
from infra.catalogue.pod_rules import POD_RULES, VARIABLES, PodRule
from policies.cel import NOT_KNOWN, evaluate, plain
from policies.declared import setting
from policies.rule import ResourceRule, known

_REGISTRIES = rf"(127\.0\.0\.1(:\d+)?|{ECR_HOST})/{PROJECT}(-[a-z0-9-]+)?"
"""The local registry, or that of any account: the stack's own one is known to the cluster's admission policies."""


def registries(urn: str) -> str:
    """A regular expression for what repositories of the stack's registry begin with."""
    server = setting(urn, "foundation", "cluster", "registry", "server")
    prefix = setting(urn, "foundation", "cluster", "registry", "prefix")
    return re.escape(f"{server}/{prefix}") if server and prefix else _REGISTRIES


def _check(rule: PodRule) -> Callable[[ResourceValidationArgs], Iterator[str]]:
    def findings(args: ResourceValidationArgs) -> Iterator[str]:
        if not args.resource_type.startswith("kubernetes:") or excepted(rule.name, args):
            return
        for manifest in _manifests(args.resource_type.rpartition(":")[2], plain(args.props)):
            if manifest["kind"] in rule.kinds:
                for offender in _offenders(rule, manifest, registries(args.urn)):
                    yield f"{offender}: {rule.message}"

    return findings


def _manifests(kind: str, props: Manifest) -> Iterator[Manifest]:
    """The object, or the Jobs that are made of a JobSet."""
    if kind != "JobSet":
        yield {**props, "kind": kind}
        return
    jobs = props["spec"].get("replicatedJobs", [])
    for job in [] if jobs is NOT_KNOWN else jobs:
        yield {"metadata": props.get("metadata", {}), "spec": job["template"]["spec"], "kind": "Job"}


def excepted(rule: str, args: ResourceValidationArgs, *namespace: str) -> bool:
    """Whether an exception from the rule is declared for the resource's namespace, which is found at a path in it."""
    platform = setting(args.urn, "namespace") or PROJECT
    allowed = exceptions(platform, setting(args.urn, "policy", "exceptions") or {})
    return known(args.props, *(namespace or ("metadata", "namespace"))) in allowed.get(rule, {})


def _offenders(rule: PodRule, manifest: Manifest, registry: str) -> Iterator[str]:
    """The names of the parts that violate the rule whatever the unknown values are."""
    variables: dict[str, Any] = {"registry": registry}
    for name, expression in VARIABLES.items():
        variables[name] = evaluate(expression, object=manifest, variables=variables)
    parts = evaluate(rule.each, variables=variables)
    for part in [] if parts is NOT_KNOWN else parts:
        if evaluate(rule.holds, variables=variables, it=part) is False:
            named = evaluate(rule.named, variables=variables, it=part)
            yield "a part without a name yet" if named is NOT_KNOWN else named


def _program(manifest: Manifest) -> str:
    """The manifest as a program with the SDK's class."""
    group = manifest["apiVersion"].rpartition("/")[0] or "core"
    return f"""
kubernetes.{group}.v1.{manifest["kind"]}(
    name, metadata={{"name": name, "namespace": "vision"}}, spec={manifest["spec"]!r}
)
"""


RULES = tuple(
    ResourceRule(
        name=rule.name,
        reason=rule.reason,
        fix=rule.fix,
        refuses=_program(rule.violates),
        passes=_program(rule.complies),
        check=_check(rule),
    )
    for rule in POD_RULES
)
