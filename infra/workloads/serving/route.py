"""The way from the gateway to an endpoint: its route, who may take it, and how often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.catalogue.names import CANARY, RELEASE_HEADER, STABLE, labels
from infra.declaration.gateway import Expose, RateLimit
from infra.networking.gateway import CALLER, UNDIVIDED, Listener
from infra.networking.network_policies import network_policies, routed_policy
from infra.tenancy import Workspace
from infra.tenancy.team_secrets import TeamSecret
from infra.workloads.definitions import Manifest
from infra.workloads.serving.engines import Refusal

_COMPONENT = "route"
_STANDARD, _ENVOY = "gateway.networking.k8s.io", "gateway.envoyproxy.io"
_BEYOND = 2**16
"""Bytes: a request that is a little too large gets the endpoint's own answer."""
_PATIENCE = {"numRetries": 3, "perRetry": {"backOff": {"baseInterval": "250ms", "maxInterval": "2s"}}}
"""Nodes may take a second to learn where the pods of a new Service are."""
_UNANSWERED = ("connect-failure", "refused-stream", "reset")
"""A prediction changes nothing, so it can be asked for again. One that ends its server does so three times more."""
_UNSENT = ("connect-failure", "refused-stream", "reset-before-request")
"""No server has seen the request."""
_MOST_HELD = 32
"""Requests for which a proxy has memory; others get 503 with Retry-After at once."""
FORCE = {"pulumi.com/patchForce": "true"}
"""Fields that the platform's controllers have changed meanwhile, weights and replicas, are the stack's again when it
declares them."""
_PER = {"second": "Second", "minute": "Minute", "hour": "Hour"}


@dataclass(frozen=True)
class Backend:
    """A Service, and its part of the requests."""

    service: str
    pods: Mapping[str, str]
    """Labels of its pods."""
    percent: int = 100
    mirror: bool = False
    """Whether it gets a copy of each request."""


@dataclass(frozen=True)
class RouteArgs:
    settings: Expose
    protocol: str
    """What the paths of the endpoint's API begin with."""
    refusals: Sequence[Refusal]
    """Of the gateway."""
    listener: Listener
    workspace: Workspace
    services: Sequence[Backend]
    """The endpoint's own, and that of its canary."""
    port: int
    callers: Sequence[TeamSecret]
    max_request_bytes: int
    requests_per_connection: int
    repeatable: bool
    """Whether a request that a server has begun to process may be sent again."""
    wakes: bool = False
    """Whether it may have no pod until a request comes."""
    annotations: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Of the route."""

    @property
    def name(self) -> str:
        return self.services[0].service


def route(args: RouteArgs, parent: pulumi.Resource, after: Sequence[pulumi.Resource]) -> str:
    """Creates it, after who may take it; returns its URL."""
    child = pulumi.ResourceOptions(parent=parent, depends_on=[args.workspace])
    policies = {
        f"{each.service}-gateway": routed_policy(each.pods, args.listener.proxies, args.port) for each in args.services
    }
    reachable = network_policies(args.workspace.namespace, policies, child)
    guards = [_traffic(args, parent), *([_keys(args, parent)] if args.callers else [])]
    after = [*guards, *reachable, *after]
    _object(args, parent, f"{_STANDARD}/v1", "HTTPRoute", _rules(args), after, {**FORCE, **args.annotations})
    return args.listener.url(args.settings.host, args.settings.path)


def _rules(args: RouteArgs) -> Mapping[str, object]:
    """Of the endpoint's API alone: metrics, which need no key, are for the cluster."""
    expose = args.settings
    rewrite = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": args.protocol}}
    filters: list[Mapping[str, object]] = [{"type": "URLRewrite", "urlRewrite": rewrite}] if expose.path != "/" else []
    filters += [
        {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": each.service, "port": args.port}}}
        for each in args.services
        if each.mirror
    ]
    rule = {
        "matches": [{"path": {"type": "PathPrefix", "value": f"{expose.path.rstrip('/')}{args.protocol}"}}],
        **({"filters": filters} if filters else {}),
        "backendRefs": [
            _backend(release, service, weight, args.port)
            for release, (service, weight) in zip((STABLE, CANARY), _traffic_split(args.services), strict=True)
        ],
        "timeouts": {"request": f"{expose.timeout}s"},
    }
    return {"parentRefs": [args.listener.parent], "hostnames": [expose.host], "rules": [rule]}


def _traffic_split(services: Sequence[Backend]) -> tuple[tuple[str, int], tuple[str, int]]:
    """Service and weight of the endpoint, and of its canary. Both are there at any time: where one gets no requests,
    it leads to the other's Service. A proxy may know a route before it knows a new backend, and then answers 500
    (envoyproxy/gateway#9029); Envoy Gateway leaves out those of weight 0.
    """
    stable, canary = services[0], services[-1]
    most, least = UNDIVIDED
    if stable is canary or not canary.percent:
        return (stable.service, most), (stable.service, least)
    if not stable.percent:
        return (canary.service, least), (canary.service, most)
    return (stable.service, stable.percent), (canary.service, canary.percent)


def _backend(release: str, service: str, weight: int, port: int) -> Mapping[str, object]:
    """A filter of its own gives each release metrics of its own."""
    mark = {"set": [{"name": RELEASE_HEADER, "value": release}]}
    filters = [{"type": "RequestHeaderModifier", "requestHeaderModifier": mark}]
    return {"name": service, "port": port, "weight": weight, "filters": filters}


def _traffic(args: RouteArgs, parent: pulumi.Resource) -> pulumi.Resource:
    """Connections go to the Service, not to pods: with those the proxy would refuse requests while none is ready, and
    Envoy may keep a route on pods that are gone (envoyproxy/envoy#46383)."""
    spec = {
        "targetRefs": [_target(args)],
        "routingType": "Service",
        "retry": _retries(args),
        "circuitBreaker": {
            "maxRequestsPerConnection": args.requests_per_connection,
            **({"maxParallelRetries": _MOST_HELD} if args.wakes else {}),
        },
        "requestBuffer": {"limit": str(args.max_request_bytes + _BEYOND)},
        "timeout": {"http": {"requestTimeout": f"{args.settings.timeout}s"}},
        "responseOverride": [refusal.override for refusal in args.refusals],
        **({"rateLimit": _limit(args.settings.rate_limit)} if args.settings.rate_limit else {}),
    }
    return _object(args, parent, f"{_ENVOY}/v1alpha1", "BackendTrafficPolicy", spec, [args.listener.ready])


def _retries(args: RouteArgs) -> Mapping[str, object]:
    """A request is held for a pod to start by tries with pauses of half a second on average, for three quarters of the
    time that it may take: its caller gets an answer with Retry-After before that is over.
    """
    triggers = _UNANSWERED if args.repeatable and not args.wakes else _UNSENT
    held = {
        "numRetries": args.settings.timeout * 3 // 2,
        "perRetry": {"backOff": {"baseInterval": "1s", "maxInterval": "1s"}},
    }
    return {**(held if args.wakes else _PATIENCE), "retryOn": {"triggers": list(triggers)}}


def _limit(settings: RateLimit) -> Mapping[str, object]:
    """Of each caller, as the gateway names them."""
    limit = {"requests": settings.requests, "unit": _PER[settings.per]}
    by_caller = [{"headers": [{"name": CALLER, "type": "Distinct"}]}]
    return {"local": {"rules": [{"clientSelectors": by_caller, "limit": limit}]}}


def _keys(args: RouteArgs, parent: pulumi.Resource) -> pulumi.Resource:
    """Each caller has an entry, and others for its previous and its next key: keys are looked up by their value."""
    name = f"{args.name}-callers"
    entries: dict[str, pulumi.Input[str]] = {}
    for caller in args.callers:
        previous, following = caller.others
        entries |= {
            caller.name: caller.value,
            f"{caller.name}.previous": previous,
            f"{caller.name}.next": following,
        }
    secret = kubernetes.core.v1.Secret(
        f"{args.workspace.namespace}-{name}",
        metadata=ObjectMetaArgs(name=name, namespace=args.workspace.namespace, labels=labels(name, _COMPONENT)),
        string_data=entries,
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[args.workspace]),
    )
    spec = {
        "targetRefs": [_target(args)],
        "apiKeyAuth": {
            "credentialRefs": [{"group": "", "kind": "Secret", "name": name}],
            "extractFrom": [{"headers": ["X-API-Key", "Authorization"]}],
            "forwardClientIDHeader": CALLER,
            "sanitize": True,
        },
    }
    return _object(args, parent, f"{_ENVOY}/v1alpha1", "SecurityPolicy", spec, [secret, args.listener.ready])


def _target(args: RouteArgs) -> Mapping[str, str]:
    return {"group": _STANDARD, "kind": "HTTPRoute", "name": args.name}


def _object(
    args: RouteArgs,
    parent: pulumi.Resource,
    version: str,
    kind: str,
    spec: Mapping[str, object],
    after: Sequence[pulumi.Resource],
    annotations: Mapping[str, pulumi.Input[str]] | None = None,
) -> pulumi.Resource:
    metadata = {
        "name": args.name,
        "namespace": args.workspace.namespace,
        "labels": labels(args.name, _COMPONENT),
        **({"annotations": annotations} if annotations else {}),
    }
    manifest = {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}
    return Manifest(args.name, manifest, pulumi.ResourceOptions(parent=parent, depends_on=[*after]))
