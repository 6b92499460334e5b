"""Checks of the declared GatewayClass, if it exists already: the cluster has it, and its Envoy Gateway knows what the
platform writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from kubernetes.client.exceptions import ApiException

from cli.finding import Finding
from cli.objects import Object, Objects, condition, is_true
from infra.declaration.gateway import Gateway

CLASS, PROXIES = "platform.gateway.gatewayClassName", "platform.gateway.proxyNamespace"
OLDEST = "1.8"
"""Of Envoy Gateway: it is the first with all of these fields."""
CONTROLLERS = "gateway.envoyproxy.io/"
"""What the controllers of Envoy Gateway are called, up to a name of their own."""
STANDARD, ENVOY = "gateway.networking.k8s.io", "gateway.envoyproxy.io"
_RESPONSE = "responseOverride.response"
_LIMIT = "rateLimit.local.rules"
FIELDS: Mapping[str, Sequence[str]] = {
    "backendtrafficpolicies": (
        *("targetRefs.group", "targetRefs.kind", "targetRefs.name", "routingType", "requestBuffer.limit"),
        *("retry.numRetries", "retry.perRetry.backOff.baseInterval", "retry.perRetry.backOff.maxInterval"),
        *("retry.retryOn.triggers", "timeout.http.requestTimeout"),
        *("circuitBreaker.maxParallelRequests", "circuitBreaker.maxRequestsPerConnection"),
        *("responseOverride.source", "responseOverride.match.statusCodes.type"),
        *("responseOverride.match.statusCodes.value", f"{_RESPONSE}.statusCode", f"{_RESPONSE}.contentType"),
        *(f"{_RESPONSE}.body.type", f"{_RESPONSE}.body.inline"),
        *(f"{_RESPONSE}.header.set.name", f"{_RESPONSE}.header.set.value"),
        *(f"{_LIMIT}.limit.requests", f"{_LIMIT}.limit.unit"),
        *(f"{_LIMIT}.clientSelectors.headers.name", f"{_LIMIT}.clientSelectors.headers.type"),
    ),
    "clienttrafficpolicies": (
        *("targetRefs.group", "targetRefs.kind", "targetRefs.name", "targetRefs.sectionName"),
        *("tls.minVersion", "tls.alpnProtocols", "path.escapedSlashesAction"),
        *("timeout.http.requestReceivedTimeout", "timeout.http.idleTimeout", "timeout.http.streamIdleTimeout"),
        "headers.earlyRequestHeaders.remove",
        *("headers.lateResponseHeaders.set.name", "headers.lateResponseHeaders.set.value"),
    ),
    "securitypolicies": (
        *("targetRefs.group", "targetRefs.kind", "targetRefs.name"),
        *("apiKeyAuth.credentialRefs.group", "apiKeyAuth.credentialRefs.kind", "apiKeyAuth.credentialRefs.name"),
        *("apiKeyAuth.extractFrom.headers", "apiKeyAuth.forwardClientIDHeader", "apiKeyAuth.sanitize"),
    ),
}
"""What the platform writes into the specs of Envoy Gateway's policies."""
_VERSIONS = {
    **dict.fromkeys((f"gateways.{STANDARD}", f"httproutes.{STANDARD}"), "v1"),
    **{f"{plural}.{ENVOY}": "v1alpha1" for plural in FIELDS},
}
_GRANTS = {f"referencegrants.{STANDARD}": "v1beta1"}
"""Routes to pages of the platform need them."""
_SHOWN = 3


def unfit(objects: Objects, gateway: Gateway | None) -> Iterator[Finding]:
    """Nothing without an existing class."""
    if gateway is None or gateway.gateway_class_name is None:
        return
    yield from _class(objects, gateway.gateway_class_name)
    if not _read(objects, f"/api/v1/namespaces/{gateway.proxy_namespace}"):
        problem = f"there is no namespace '{gateway.proxy_namespace}'"
        yield Finding(PROXIES, problem, "write the one in which Envoy Gateway runs proxies")
    for definition, version in {**_VERSIONS, **(_GRANTS if gateway.hosts else {})}.items():
        yield from _definition(objects, definition, version)


def _class(objects: Objects, name: str) -> Iterator[Finding]:
    path = f"/apis/{STANDARD}/v1/gatewayclasses"
    known = {str(each["metadata"]["name"]): each for each in objects.listed(path)}
    others = [each for each, found in known.items() if _controller(found).startswith(CONTROLLERS)]
    there = f"there is {', '.join(sorted(others))}" if others else "the cluster has none of Envoy Gateway; install it"
    found = known.get(name)
    if found is None:
        yield Finding(CLASS, f"there is no GatewayClass '{name}'", there)
    elif not _controller(found).startswith(CONTROLLERS):
        problem = f"the controller of GatewayClass '{name}' is {_controller(found)}, and API keys, rate limits and "
        problem += f"timeouts need Envoy Gateway ({CONTROLLERS}…)"
        yield Finding(CLASS, problem, f"write another one: {there}")
    elif not is_true(found, "Accepted"):
        why = condition(found, "Accepted").get("message") or "its controller has not answered"
        yield Finding(CLASS, f"GatewayClass '{name}' is not accepted ({why})", "see the log of Envoy Gateway")
    else:
        yield from _parameters(objects, name, found)


def _controller(found: Object) -> str:
    return str(found["spec"]["controllerName"])


def _parameters(objects: Objects, name: str, found: Object) -> Iterator[Finding]:
    """Proxies of merged Gateways have other labels, and one policy for all their clients."""
    parameters = found["spec"].get("parametersRef") or {}
    if parameters.get("kind") != "EnvoyProxy":
        return
    namespaced = f"namespaces/{parameters.get('namespace')}/envoyproxies/{parameters['name']}"
    settings = _read(objects, f"/apis/{ENVOY}/v1alpha1/{namespaced}")
    if settings.get("spec", {}).get("mergeGateways"):
        problem = f"GatewayClass '{name}' merges Gateways: network policies can't select the proxies of one of them"
        fix = f"write a class without mergeGateways in its EnvoyProxy {parameters.get('namespace')}/"
        yield Finding(CLASS, problem, f"{fix}{parameters['name']}")


def _definition(objects: Objects, name: str, version: str) -> Iterator[Finding]:
    found = _read(objects, f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")
    install = f"install the CRDs of Envoy Gateway {OLDEST} or later, and that version"
    if not found:
        yield Finding(CLASS, f"there is no CRD {name}", install)
        return
    served = {each["name"]: each for each in found["spec"]["versions"] if each["served"]}
    if version not in served:
        problem = f"the CRD {name} has no version {version}, but {', '.join(served) or 'none'}"
        yield Finding(CLASS, problem, install)
        return
    spec = served[version]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    lacking = [each for each in FIELDS.get(name.partition(".")[0], ()) if not _has(spec, each.split("."))]
    if lacking:
        more = f" and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
        shown = ", ".join(f"spec.{each}" for each in lacking[:_SHOWN])
        yield Finding(CLASS, f"the CRD {name} has no field {shown}{more}", install)


def _has(schema: Object, path: Sequence[str]) -> bool:
    while schema.get("type") == "array":
        schema = schema["items"]
    if not path or schema.get("x-kubernetes-preserve-unknown-fields"):
        return True
    inside = schema.get("properties", {}).get(path[0])
    return inside is not None and _has(inside, path[1:])


def _read(objects: Objects, path: str) -> Object:
    """An empty one if there is none."""
    found = objects.get(path)
    if found is None:
        raise ApiException(status=403, reason=f"Forbidden: {path}")
    return found
