"""The stack that is looked at, and the ways to look at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from cli.objects import Object, Objects, condition, is_true
from infra.catalogue.names import PLATFORM_LABEL, POOL_LABEL, SIMULATED_LABEL
from infra.declaration.model import Platform

Sample = tuple[Mapping[str, str], float]


@dataclass(frozen=True)
class Stack:
    """Its declaration and its outputs, with secrets in clear."""

    declared: Platform
    outputs: Mapping[str, Any]

    @property
    def platform(self) -> str:
        """The namespace of its own components."""
        return self.declared.namespace

    @property
    def gpu_pools(self) -> dict[str, str]:
        """The label selector of the nodes of each pool with GPUs."""
        pools = {name: pool for name, pool in self.declared.node_pools.items() if pool.gpu is not None}
        existing = self.declared.foundation.cluster is not None
        return {name: _selector(pool.labels if existing else {POOL_LABEL: name}) for name, pool in pools.items()}

    @property
    def exposed(self) -> dict[str, Mapping[str, Any]]:
        """Outputs of endpoints that the gateway serves."""
        return {name: each for name, each in self.outputs.get("endpoints", {}).items() if "url" in each}


def _selector(labels: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in labels.items())


@dataclass(frozen=True)
class Answer:
    """Of the API server to a manifest that it was not to store: the object as admitted, or why it was refused."""

    admitted: Object | None = None
    refusal: str = ""


class Cluster(Protocol):
    """A running stack, as the checks ask it. Nothing that they do changes an object of the stack."""

    @property
    def objects(self) -> Objects: ...

    def versions(self) -> Mapping[str, str]:
        """Of Kubernetes, and of what runs pods."""
        ...

    def dry_run(self, path: str, manifest: Object) -> Answer:
        """Create an object with `dryRun=All`: it is admitted or refused, and never stored."""
        ...

    def may(self, groups: Sequence[str], verb: str, resource: str, namespace: str) -> bool:
        """Whether RBAC allows it to a member of these groups."""
        ...

    def query(self, promql: str) -> list[Sample]:
        """Of the platform's Prometheus."""
        ...

    def request(self, endpoint: Mapping[str, Any], key: str | None) -> int:
        """The status code of an endpoint's answer through the gateway."""
        ...

    def run_in(self, namespace: str, pod: str, command: Sequence[str]) -> str:
        """What a command prints in a pod's container."""
        ...

    def gpu_checks(self, namespace: str, nodes: Sequence[str]) -> Mapping[str, str]:
        """What `make gpu-check` found last, by node."""
        ...

    def stranger(self) -> AbstractContextManager[tuple[str, str, str]]:
        """Two pods in a namespace of their own, which is removed at the end: the namespace, the name of one that
        asks, and the address of one that answers."""
        ...


def namespaces(stack: Stack, objects: Objects) -> list[str]:
    """All namespaces of the stack."""
    selector = f"{PLATFORM_LABEL}={stack.platform}"
    return [each["metadata"]["name"] for each in objects.listed("/api/v1/namespaces", labelSelector=selector)]


def unready(objects: Objects, namespace: str) -> Iterator[str]:
    """A line for each Deployment of a namespace of the platform that has not all of its pods."""
    for each in objects.listed(f"/apis/apps/v1/namespaces/{namespace}/deployments"):
        wanted, there = each["spec"].get("replicas", 1), each.get("status", {}).get("availableReplicas", 0)
        if not wanted or there < wanted:
            yield f"Deployment {namespace}/{each['metadata']['name']} has {there} of {wanted or 1} pods"


def holds(found: Object, type_: str) -> bool:
    """Whether a condition is true, and of the object's current generation."""
    seen = condition(found, type_).get("observedGeneration")
    generation = found.get("metadata", {}).get("generation")
    return is_true(found, type_) and (seen is None or generation is None or seen >= generation)


def is_ready(found: Object) -> bool:
    """A pod that is really there, and not about to go."""
    metadata = found["metadata"]
    simulated = metadata.get("labels", {}).get(SIMULATED_LABEL) == "true"
    return is_true(found, "Ready") and not simulated and "deletionTimestamp" not in metadata
