"""What runs was built or mirrored here, and is exactly what was looked at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pulumi_policy import ResourceValidationArgs

from policies.rule import Rule, known, known_items

_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
_PRIVATE = re.compile(r"^(127\.0\.0\.1(:\d+)?|\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?)/")
"""A registry on the machine itself, or an account's own."""

_POD_SPECS = (("spec",), ("spec", "template", "spec"), ("spec", "jobTemplate", "spec", "template", "spec"))
_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")


def _findings(args: ResourceValidationArgs) -> Iterator[str]:
    if not args.resource_type.startswith("kubernetes:"):
        return
    for image in _images(args.props):
        if not _DIGEST.search(image):
            yield f"image '{image}' is named by a tag, which may be another image tomorrow"
        elif not _PRIVATE.match(image):
            yield f"image '{image}' comes from a registry that is not ours"


def _images(props: Any) -> Iterator[str]:  # noqa: ANN401
    for path in _POD_SPECS:
        spec = known(props, *path)
        for kind in _CONTAINERS:
            for container in known_items(known(spec, kind)):
                image = known(container, "image")
                if isinstance(image, str):
                    yield image


RULE = Rule(
    name="images-by-digest",
    reason="Pods run images of the private registry, by digest.",
    fix="declare it under 'images' and use the reference that the build returns",
    check=_findings,
    refuses="""
import pulumi_kubernetes as kubernetes

kubernetes.core.v1.Pod(
    "bad",
    metadata={"name": "bad", "namespace": "default"},
    spec={"containers": [{"name": "main", "image": "docker.io/library/python:3.12"}]},
)
""",
)
