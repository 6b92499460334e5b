"""Whether a kube context is still that of the cluster that the stack was deployed to.

A context's name says little: `default` and `kubernetes-admin@kubernetes` are in many kubeconfigs, and the provider
would update or delete whatever has the names of the stack's objects. A namespace has an id that is nowhere else.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from cli import stack
from cli.kubeconfig import api_client
from common.errors import CommandError
from infra.declaration.model import Platform

_NAMESPACE = "kubernetes:core/v1:Namespace"


def namespaces(name: str) -> dict[str, str]:
    """The ids of the namespaces in the state of stack `name`."""
    return uids(stack.resources(name)) if stack.exists(name) else {}


def uids(resources: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The ids of namespaces among resources of a state."""
    found = [each["outputs"]["metadata"] for each in resources if each["type"] == _NAMESPACE and each.get("outputs")]
    return {each["name"]: each["uid"] for each in found if "uid" in each}


def require(name: str, declared: Platform) -> None:
    """Fail before anything is changed if an existing cluster is another one."""
    cluster = declared.foundation.cluster
    known = namespaces(name) if cluster is not None else {}
    if cluster is None or not known:
        return
    context = cluster.kube_context
    api = api_client(context)
    try:
        live = {each.metadata.name: each.metadata.uid for each in client.CoreV1Api(api).list_namespace().items}
    except (ApiException, HTTPError) as error:
        why = str(getattr(error, "reason", None) or error)
        raise CommandError(f"the cluster of context '{context}' can't be queried", why, hint="see KUBECONFIG") from None
    if strange := strangers(known, live):
        raise CommandError(
            f"the context '{context}' leads to another cluster than the one that stack {name} was deployed to",
            f"the namespace '{strange[0]}' that the stack has created is not there",
            hint="nothing was changed; use the kubeconfig of the stack's own cluster. If that cluster is gone:\n"
            f"`pulumi stack rm {name} --force` in `make shell STACK={name}`",
        )


def strangers(known: Mapping[str, str], live: Mapping[str, str]) -> list[str]:
    """The stack's namespaces if none of them is there; else those whose name another namespace has."""
    if not known.keys() & live.keys():
        return sorted(known)
    return sorted(name for name, uid in known.items() if live.get(name, uid) != uid)
