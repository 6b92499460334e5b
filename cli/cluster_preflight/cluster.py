"""Checks of the cluster's version, namespaces, storage and DNS."""

from collections.abc import Iterator

from kubernetes import client

from cli.cluster_preflight.wanted import CLUSTER, CONTEXT, Wanted
from cli.finding import Finding
from cli.gateway_class import unfit
from cli.objects import Objects
from cli.same_cluster import strangers
from infra.catalogue.names import PLATFORM_LABEL, devices_namespace, gateway_namespace, logs_namespace
from infra.catalogue.versions import OLDEST_KUBERNETES

_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


def version_is_supported(api: client.ApiClient, wanted: Wanted) -> Iterator[Finding]:
    """Admission policies need it."""
    found = client.VersionApi(api).get_code()
    version = (int(found.major), int("".join(filter(str.isdigit, found.minor))))  # `30+` of some clouds
    if version < tuple(map(int, OLDEST_KUBERNETES.split("."))):
        problem = f"the cluster has Kubernetes {version[0]}.{version[1]}, and {OLDEST_KUBERNETES} is needed"
        yield Finding(CONTEXT, problem, "upgrade the cluster, or use another one")


def namespaces_are_free(api: client.ApiClient, wanted: Wanted) -> Iterator[Finding]:
    """Each is the stack's own, or does not exist yet."""
    found = {each.metadata.name: each.metadata for each in client.CoreV1Api(api).list_namespace().items}
    if strangers(wanted.namespaces, {name: each.uid for name, each in found.items()}):
        problem = f"this is another cluster than the one that stack {wanted.stack} was deployed to"
        yield Finding(CONTEXT, problem, "use the kubeconfig of the stack's own cluster")
        return
    platform = wanted.declared.namespace
    own = (platform, devices_namespace(platform), logs_namespace(platform), gateway_namespace(platform))
    paths = dict.fromkeys(own, "platform.namespace")
    paths |= {name: f"platform.teams.{name}" for name in wanted.declared.teams}
    for name, path in paths.items():
        if name in found and name not in wanted.namespaces:
            owner = (found[name].labels or {}).get(PLATFORM_LABEL)
            whose = f"is of the platform in '{owner}'" if owner else "exists already"
            yield Finding(path, f"namespace '{name}' {whose}, and is not in this stack's state", "write another name")


def volumes_have_a_class(api: client.ApiClient, wanted: Wanted) -> Iterator[Finding]:
    """The declared StorageClass, or a default one."""
    classes = client.StorageV1Api(api).list_storage_class().items
    known = ", ".join(sorted(each.metadata.name for each in classes)) or "none"
    path, declared = f"{CLUSTER}.storageClass", wanted.settings.storage_class
    if declared is not None and declared not in {each.metadata.name for each in classes}:
        yield Finding(path, f"there is no StorageClass '{declared}'", f"there is {known}")
    elif declared is None and not any(
        (each.metadata.annotations or {}).get(_DEFAULT_CLASS) == "true" for each in classes
    ):
        yield Finding(path, "the cluster has no default StorageClass", f"write one; there is {known}")


def dns_is_there(api: client.ApiClient, wanted: Wanted) -> Iterator[Finding]:
    """Network policies let pods reach no other DNS server."""
    dns = wanted.settings.dns
    chosen = ",".join(f"{key}={value}" for key, value in dns.labels.items())
    if (
        dns.address is None
        and not client.CoreV1Api(api).list_namespaced_pod(dns.namespace, label_selector=chosen).items
    ):
        problem = f"no pod in namespace '{dns.namespace}' has the labels {chosen}"
        yield Finding(f"{CLUSTER}.dns", problem, "write namespace and labels of the DNS server's pods, or its address")


def the_gateway_class_fits(api: client.ApiClient, wanted: Wanted) -> Iterator[Finding]:
    """One that exists already is of an Envoy Gateway that knows the platform's policies."""
    yield from unfit(Objects(api), wanted.declared.gateway)
