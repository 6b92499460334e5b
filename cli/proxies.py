"""The Service in front of the gateway's proxies."""

from __future__ import annotations

from kubernetes import client

from common.errors import CommandError
from infra.catalogue.names import PROXY, gateway_namespace
from infra.declaration.model import Platform
from infra.networking.gateway import proxies_of_existing_class


def service(declared: Platform, api: client.ApiClient) -> tuple[str, str]:
    """Its namespace and name. Envoy Gateway gives that of an existing class a name with a hash."""
    gateway = declared.gateway
    if gateway is None or gateway.gateway_class_name is None:
        return gateway_namespace(declared.namespace), PROXY
    proxies = proxies_of_existing_class(declared.namespace, gateway.proxy_namespace)
    selector = ",".join(f"{key}={value}" for key, value in proxies.labels.items())
    found = client.CoreV1Api(api).list_namespaced_service(proxies.namespace, label_selector=selector).items
    if not found:
        raise CommandError(
            f"no Service of the gateway's proxies in namespace '{proxies.namespace}'",
            f"none has the labels {selector}",
            hint="write the namespace of Envoy Gateway's proxies as platform.gateway.proxyNamespace, and run `make up`",
        )
    return proxies.namespace, str(found[0].metadata.name)
