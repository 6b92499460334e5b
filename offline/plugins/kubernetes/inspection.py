"""Questions about a manifest that several steps of a resource's life ask."""

from __future__ import annotations

from offline.plugins.marshal import UNKNOWN
from offline.plugins.provider import ProviderError

from .cluster import ApiError, Cluster, NoSuchKind, Unreachable
from .kinds import CLUSTER_SCOPED, GVK
from .objects import (
    AUTONAMED,
    Manifest,
    annotated_true,
    name_of,
    namespace_of,
    normalise,
    set_name,
)
from .waits.workloads import job

Scopes = dict[tuple[str, str], bool]
_NOT_INPUTS = ("deployment.kubernetes.io/revision", "kubectl.kubernetes.io/last-applied-configuration")


def refuse_foreign(gvk: GVK, kind: str) -> None:
    """Refuses what is no object of the API: lists, and resources that only the official plugin offers."""
    if gvk.kind == f"{kind}Patch" or gvk.group in ("helm.sh", "kustomize"):
        raise ProviderError(f"{gvk.api_version}/{gvk.kind} needs the official kubernetes plugin")
    if gvk.built_in and gvk.kind.endswith("List"):
        raise ProviderError(
            "list resources exist for compatibility with YAML manifests and Helm charts, and cannot be created "
            "directly. Use the underlying resource type instead"
        )


def named(inputs: Manifest) -> bool:
    """Whether the program gives a name, known or not."""
    return bool((inputs.get("metadata") or {}).get("name"))


def autoname(inputs: Manifest, name: str) -> None:
    """Names the object; an unknown `metadata` can't be completed and stays as it is."""
    if isinstance(inputs.setdefault("metadata", {}), dict):
        set_name(inputs, name)


def namespaced(gvk: GVK, scopes: Scopes, cluster: Cluster) -> bool:
    """Whether objects of the kind live in namespaces; a custom kind that nobody knows yet is taken to."""
    if gvk.built_in:
        return gvk.kind not in CLUSTER_SCOPED
    if (gvk.group, gvk.kind) in scopes:
        return scopes[gvk.group, gvk.kind]
    try:
        return cluster.served(gvk).namespaced
    except ProviderError:
        return True


def remember_scope(inputs: Manifest, scopes: Scopes) -> None:
    """Learns from a CRD of this program, so that its objects are checked right before it exists."""
    spec = inputs.get("spec")
    if inputs.get("kind") != "CustomResourceDefinition" or not isinstance(spec, dict):
        return
    names = spec.get("names")
    if isinstance(names, dict) and spec.get("scope") in ("Namespaced", "Cluster"):
        scopes[str(spec.get("group")), str(names.get("kind"))] = spec["scope"] == "Namespaced"


def with_identity(manifest: Manifest, gvk: GVK, in_namespace: bool, name: str) -> Manifest:
    """A manifest with what identifies it written out, so that only real differences are seen."""
    meta = dict(manifest.get("metadata") or {})
    meta.pop("resourceVersion", None)
    if not in_namespace:
        meta.pop("namespace", None)
    elif meta.get("namespace") is not UNKNOWN:
        meta["namespace"] = meta.get("namespace") or "default"
    if name:
        meta["name"] = name
    return {"apiVersion": gvk.api_version, "kind": gvk.kind, **manifest, "metadata": meta}


def same_identity(new: Manifest, live: Manifest) -> bool:
    """Whether a replacement needs the very name of the old object, so that the old one must go first."""
    same = name_of(new) == name_of(live) and namespace_of(new) == namespace_of(live)
    return bool(name_of(new)) and not annotated_true(new, AUTONAMED) and same


def unready_job(cluster: Cluster, new: Manifest, live: Manifest) -> bool:
    """Whether a job asks to be replaced for not having succeeded."""
    if not annotated_true(new, "pulumi.com/replaceUnready") or GVK.of(new).kind != "Job":
        return False
    try:
        return not job(cluster, cluster.get(live), 0.0).ready
    except ProviderError:
        return False


def as_inputs(live: Manifest) -> Manifest:
    """The inputs that would make a live object: what an import writes down."""
    inputs = normalise({key: value for key, value in live.items() if key != "status"})
    annotations = inputs["metadata"].get("annotations", {})
    for key in _NOT_INPUTS:
        annotations.pop(key, None)
    return normalise(inputs)  # the map of annotations may be empty now


def only_later(error: ProviderError) -> bool:
    """Whether a failed dry run says nothing about the real run: what is missing now may be there by then."""
    if isinstance(error, ApiError):
        return error.namespace_missing or error.status == 403 or error.reason == "AlreadyExists"
    return isinstance(error, NoSuchKind | Unreachable)


def no_kind(verb: str, urn: str, wanted: Manifest, error: ProviderError) -> str:
    """What to say where the API server doesn't know a kind."""
    gvk = GVK.of(wanted)
    action = f'{verb} of resource "{urn}"' + (f" with kind {gvk.api_version}/{gvk.kind}" if verb == "creation" else "")
    return (
        f"{action} failed because the Kubernetes API server reported that the apiVersion for this resource does not "
        f"exist. Verify that any required CRDs have been created: {error}"
    )


def not_ready(urn: str, shown: str, created: bool, error: ProviderError) -> str:
    """The first line of what the state keeps about an object that isn't well."""
    failed = "failed to fully initialize or become live"
    if created:
        done = f'resource "{urn}" was successfully created'
        return f"{done}, but the Kubernetes API server reported that it {failed}: {error}"
    return f'the Kubernetes API server reported that "{shown}" {failed}: {error}'


def creation_error(urn: str, wanted: Manifest, error: ProviderError) -> ProviderError:
    """The error of a create, as the user reads it."""
    if isinstance(error, NoSuchKind):
        return ProviderError(no_kind("creation", urn, wanted, error))
    if isinstance(error, Unreachable):
        return ProviderError(f"configured Kubernetes cluster is unreachable: {error}")
    return ProviderError(f'resource "{urn}" was not successfully created by the Kubernetes API server: {error}')
