"""The rules about pods, as the cluster itself keeps them too: one table makes both.

Their cases are manifests, so that a test can also hand them to `kubectl`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pulumi_policy import ResourceValidationArgs

from infra.catalogue import pod_rules as rules
from infra.catalogue.names import PROJECT
from infra.catalogue.pod_rules import POD_RULES, VARIABLES, PodRule
from infra.tenancy.admission_exceptions import exceptions
from policies.cel import NOT_KNOWN, evaluate, plain
from policies.declared import setting
from policies.rule import ResourceRule, known

_REGISTRIES = rf"(127\.0\.0\.1(:\d+)?|\d{{12}}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?)/{PROJECT}(-[a-z0-9-]+)?"
"""On the machine itself, or an account's own; which of them is the stack's, the cluster's own rule knows."""

IMAGE = f"127.0.0.1:5000/ml-platform/serving@sha256:{'0' * 64}"
_AMOUNTS = {"cpu": "100m", "memory": "64Mi"}
_CONFINED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
_PROBE = {"httpGet": {"path": "/", "port": 8080}}
_PORTS = [{"containerPort": 8080}]
_GPU = {**_AMOUNTS, "nvidia.com/gpu": "1"}

Manifest = Mapping[str, Any]


@dataclass(frozen=True)
class Pair:
    """What a rule refuses, and what it lets pass: as like each other as can be."""

    refuses: Manifest
    passes: Manifest


def pod(changes: Manifest | None = None, spec: Manifest | None = None) -> Manifest:
    """One that every rule lets pass, but for what is changed in its container and itself. No node takes it."""
    return {"apiVersion": "v1", "kind": "Pod", "spec": _spec(changes or {}, spec or {})}


def _server(changes: Manifest) -> Manifest:
    labels = {"app": "server"}
    template = {"metadata": {"labels": labels}, "spec": _spec(changes, {})}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }


def container(**changes: Any) -> Manifest:
    """One that every rule lets pass, but for what is changed."""
    main = {"name": "main", "image": IMAGE, "resources": {"requests": _AMOUNTS, "limits": _AMOUNTS}, **changes}
    context = changes.get("securityContext", {})
    return {**main, "securityContext": {**_CONFINED, **context} if isinstance(context, Mapping) else context}


def _spec(changes: Manifest, spec: Manifest) -> Manifest:
    return {
        "containers": [container(**changes)],
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532},
        "nodeSelector": {"kubernetes.io/hostname": "nowhere"},
        **spec,
    }


def _context(**settings: Any) -> Manifest:
    return pod({"securityContext": settings})


def _volume(**source: Any) -> Manifest:
    return pod(spec={"volumes": [{"name": "data", **source}]})


def _env(name: str, value: str) -> Manifest:
    return {"env": [{"name": name, "value": value}]}


CASES: Mapping[PodRule, Pair] = {
    rules.IMAGES: Pair(pod({"image": "docker.io/library/python:3.12"}), pod()),
    rules.PRIVILEGED: Pair(_context(privileged=True, allowPrivilegeEscalation=True), _context(privileged=False)),
    rules.HOST_NAMESPACES: Pair(pod(spec={"hostNetwork": True}), pod(spec={"hostNetwork": False})),
    rules.HOST_PATHS: Pair(_volume(hostPath={"path": "/"}), _volume(emptyDir={})),
    rules.VOLUMES: Pair(_volume(nfs={"server": "nowhere", "path": "/"}), _volume(emptyDir={"medium": "Memory"})),
    rules.HOST_PORTS: Pair(pod({"ports": [{"containerPort": 8080, "hostPort": 8080}]}), pod({"ports": _PORTS})),
    rules.CAPABILITIES: Pair(
        _context(capabilities={"drop": ["ALL"], "add": ["NET_ADMIN"]}),
        _context(capabilities={"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}),
    ),
    rules.ESCALATION: Pair(_context(allowPrivilegeEscalation=True), _context(allowPrivilegeEscalation=False)),
    rules.SECCOMP: Pair(
        _context(seccompProfile={"type": "Unconfined"}), _context(seccompProfile={"type": "RuntimeDefault"})
    ),
    rules.ROOT: Pair(
        pod({"securityContext": {"runAsNonRoot": False}}),
        pod({"securityContext": {"runAsNonRoot": True}}, {"securityContext": {}}),
    ),
    rules.RESOURCES: Pair(pod({"resources": {"requests": _AMOUNTS}}), pod()),
    rules.GPUS: Pair(
        pod({"resources": {"requests": _GPU, "limits": _GPU}}),
        pod(
            {"resources": {"requests": _GPU, "limits": _GPU}},
            {"tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}]},
        ),
    ),
    rules.PROBES: Pair(
        _server({"ports": _PORTS}), _server({"ports": _PORTS, "readinessProbe": _PROBE, "livenessProbe": _PROBE})
    ),
    rules.SECRETS: Pair(
        pod(_env("DATABASE_PASSWORD", "hunter2")), pod(_env("DATABASE_PASSWORD_FILE", "/var/run/secrets/database"))
    ),
}


def _check(rule: PodRule) -> Callable[[ResourceValidationArgs], Iterator[str]]:
    def findings(args: ResourceValidationArgs) -> Iterator[str]:
        kind = args.resource_type.rpartition(":")[2]
        if args.resource_type.startswith("kubernetes:") and kind in rule.kinds and not excepted(rule.name, args):
            for offender in _offenders(rule, {**plain(args.props), "kind": kind}):
                yield f"{offender}: {rule.wrong}"

    return findings


def excepted(rule: str, args: ResourceValidationArgs, *namespace: str) -> bool:
    """Whether the rule is not kept in a resource's namespace, which is found at a path in it."""
    platform = setting(args.urn, "namespace") or PROJECT
    allowed = exceptions(platform, setting(args.urn, "policy", "exceptions") or {})
    return known(args.props, *(namespace or ("metadata", "namespace"))) in allowed.get(rule, {})


def _offenders(rule: PodRule, manifest: Manifest) -> Iterator[str]:
    """The names of the parts that are certainly wrong."""
    variables: dict[str, Any] = {"registry": _REGISTRIES}
    for name, expression in VARIABLES.items():
        variables[name] = evaluate(expression, object=manifest, variables=variables)
    parts = evaluate(rule.each, variables=variables)
    for part in [] if parts is NOT_KNOWN else parts:
        if evaluate(rule.holds, variables=variables, it=part) is False:
            called = evaluate(rule.called, variables=variables, it=part)
            yield "a part without a name yet" if called is NOT_KNOWN else called


def _program(manifest: Manifest) -> str:
    """The same manifest by the SDK's own class."""
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
        refuses=_program(CASES[rule].refuses),
        passes=_program(CASES[rule].passes),
        check=_check(rule),
    )
    for rule in POD_RULES
)
