"""Names that are put together of declared ones and the stack's: each must fit where it is used, or the deployment would
fail halfway."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from infra.catalogue.aws.names import ACCESS_LOGS, ARTIFACTS, bucket_name
from infra.catalogue.images import NVIDIA_DEVICE_PLUGIN, OWN_IMAGES
from infra.catalogue.names import GPU_CHECK, devices_namespace
from infra.declaration.problems import Problem, shortened

if TYPE_CHECKING:
    from infra.declaration.model import Platform

_LONGEST_BUCKET = 63
_LONGEST_LABEL = 63
"""Characters of a value of a label, and of a namespace's name."""
_LONGEST_CRON_JOB = 52
_LONGEST_REPOSITORY = 255
"""With the registry's host."""

_STACK_FILE = re.compile(r"Pulumi\.(.+)\.ya?ml")
_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?", re.ASCII)
_IN_AWS = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)
"""What buckets, databases, clusters, topics and repositories of ECR all accept."""


def broken_stack_name(file: str, platform: Platform) -> Iterator[Problem]:
    """The stack's name, which is that of its file, is part of the names of its resources."""
    found = _STACK_FILE.fullmatch(file)
    if found is None:
        return
    stack, aws = found[1], platform.foundation.aws
    longest, pattern = _LONGEST_LABEL, _LABEL_VALUE
    where, write = "labels", "letters, digits, '-', '_' and '.', with a letter or digit first and last"
    if aws is not None:
        longest = _LONGEST_BUCKET - max(len(bucket_name("", each, aws.account)) for each in (ARTIFACTS, ACCESS_LOGS))
        pattern, where = _IN_AWS, "the names of buckets, the database and the cluster"
        write = "lower-case letters, digits and single '-' between them"
    fix = f"rename the file to Pulumi.<stack>.yaml with a name of at most {longest} characters: {write}"
    shown = shortened(stack)
    if len(stack) > longest:
        yield Problem("", f"the stack's name '{shown}', part of {where}, has {len(stack)} characters; {fix}")
    elif not pattern.fullmatch(stack):
        yield Problem("", f"the stack's name '{shown}' can't be part of {where}; {fix}")


def device_namespace_fits(platform: Platform, root: Path) -> Iterator[Problem]:
    """Agents on nodes have a namespace of their own."""
    longest = _LONGEST_LABEL - len(devices_namespace(""))
    if len(platform.namespace) > longest:
        message = f"with the namespace '{devices_namespace(platform.namespace)}' for agents on nodes, it is too long"
        yield Problem("namespace", f"{message}; write a name of at most {longest} characters")


def names_of_pools_fit(platform: Platform, root: Path) -> Iterator[Problem]:
    """The check of a pool's GPUs is a CronJob, and its device plugin a DaemonSet, that is named after the pool."""
    for name, pool in platform.node_pools.items():
        limits = {}
        if pool.gpu is not None and pool.gpu.check_image is not None:
            limits["checkImage"] = _LONGEST_CRON_JOB - len(f"{GPU_CHECK}-")
        if pool.device_plugin:
            limits["a device plugin"] = _LONGEST_LABEL - len(f"{NVIDIA_DEVICE_PLUGIN}-")
        for purpose, longest in limits.items():
            if len(name) > longest:
                message = f"the name has {len(name)} characters; with {purpose}, write a name of at most {longest}"
                yield Problem(f"nodePools.{name}", message)


def names_of_images_are_repositories(platform: Platform, root: Path) -> Iterator[Problem]:
    """ECR accepts fewer names than Docker, and Docker's have a longest one."""
    aws, cluster = platform.foundation.aws, platform.foundation.cluster
    for name in platform.images if aws else ():
        if not _IN_AWS.fullmatch(name):
            yield Problem(f"images.{name}", f"ECR has no repository '{name}'; write a name without '--'")
    if cluster is not None:
        registry, image = cluster.registry, max((*platform.images, *OWN_IMAGES), key=len)
        longest = _LONGEST_REPOSITORY - len(f"{registry.server}//{image}")
        if len(registry.prefix) > longest:
            message = f"has {len(registry.prefix)} characters; for image '{image}', write one of at most {longest}"
            yield Problem("foundation.cluster.registry.prefix", message)


def roles_of_workloads_differ(platform: Platform, root: Path) -> Iterator[Problem]:
    """A workload's IAM role is named after its team, kind and name, joined by '-'."""
    if platform.foundation.aws is None:
        return
    taken: dict[str, str] = {}
    for kind, name, workload in platform.workloads():
        role, path = f"{workload.team}-{kind.section}-{name}", f"{kind.section}.{name}"
        if role in taken:
            yield Problem(path, f"its IAM role would have the name of that of '{taken[role]}'; write another name")
        taken.setdefault(role, path)


NAME_RULES = (roles_of_workloads_differ, device_namespace_fits, names_of_pools_fit, names_of_images_are_repositories)
