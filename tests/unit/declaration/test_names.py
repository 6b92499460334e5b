"""Names that are put together of others fit where they are used."""
# ruff: noqa: E501 - a message is one line

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.declaration.loader import declare
from infra.declaration.problems import DeclarationError
from tests.unit.declaration.samples import accepted, in_cluster, on_aws, refusal, refused, small

AWS = "rename the file to Pulumi.<stack>.yaml with a name of at most 26 characters: lower-case letters, digits and single '-' between them"
ANYWHERE = "rename the file to Pulumi.<stack>.yaml with a name of at most 63 characters: letters, digits, '-', '_' and '.', with a letter or digit first and last"
NAMES = "the names of buckets, the database and the cluster"


def refused_stack(root: Path, stack: str, declaration: dict[str, Any]) -> str:
    with pytest.raises(DeclarationError) as error:
        declare(declaration, f"Pulumi.{stack}.yaml", root)
    return str(error.value).removeprefix(f"Pulumi.{stack}.yaml: the stack's name '{stack}'")


@pytest.mark.parametrize("stack", ["Prod_EU", "prod.eu", "prod--eu", "prod-", "PROD", "prod_eu"])
def test_a_stack_that_aws_can_not_name_is_refused(root: Path, stack: str) -> None:
    assert refused_stack(root, stack, on_aws()) == f" can't be part of {NAMES}; {AWS}"


def test_a_stack_that_is_too_long_for_its_buckets_is_refused(root: Path) -> None:
    long = "production-eu-central-1-blue"
    assert refused_stack(root, long, on_aws()) == f", part of {NAMES}, has 28 characters; {AWS}"
    assert declare(on_aws(), f"Pulumi.{long[:26]}.yaml", root).foundation.aws


@pytest.mark.parametrize("stack", ["Prod_EU", "prod.eu", "a" * 63, "1"])
def test_elsewhere_its_name_is_a_label_only(root: Path, stack: str) -> None:
    for declaration in (small(), in_cluster()):
        assert declare(declaration, f"Pulumi.{stack}.yaml", root).teams


def test_what_can_be_no_label_is_refused_everywhere(root: Path) -> None:
    assert refused_stack(root, "prod_", small()) == f" can't be part of labels; {ANYWHERE}"
    assert refused_stack(root, "a" * 64, small()) == f", part of labels, has 64 characters; {ANYWHERE}"


def test_a_namespace_leaves_room_for_that_of_the_agents_on_nodes(root: Path) -> None:
    long = "n" * 56
    assert refused(root, namespace=long) == [
        f"Pulumi.dev.yaml: platform.namespace: with the namespace '{long}-devices' for agents on nodes, it is too long; write a name of at most 55 characters"
    ]
    assert accepted(root, namespace=long[:55])


@pytest.mark.parametrize(
    ("setting", "purpose", "longest"),
    [("devicePlugin", "a device plugin", 42), ("gpu.checkImage", "checkImage", 42)],
)
def test_a_pool_leaves_room_for_what_is_named_after_it(root: Path, setting: str, purpose: str, longest: int) -> None:
    name = "p" * (longest + 1)
    value: object = True if setting == "devicePlugin" else "training"
    pool: dict[str, Any] = {**in_cluster()["nodePools"]["l4"], "gpu": {"model": "NVIDIA-L4"}}
    changes = {f"nodePools.{name}": pool, f"nodePools.{name}.{setting}": value}
    assert refusal(root, in_cluster(**changes)) == [
        f"Pulumi.dev.yaml: platform.nodePools.{name}: the name has {longest + 1} characters; with {purpose}, write a name of at most {longest}"
    ]
    short = {f"nodePools.{name[1:]}": pool, f"nodePools.{name[1:]}.{setting}": value}
    assert declare(in_cluster(**short), "Pulumi.dev.yaml", root).node_pools


def test_an_image_that_ecr_has_no_name_for_is_refused_there(root: Path) -> None:
    images = {"images.my--image": {"context": "images/training"}}
    assert refusal(root, on_aws(**images)) == [
        "Pulumi.dev.yaml: platform.images.my--image: ECR has no repository 'my--image'; write a name without '--'"
    ]
    assert accepted(root, **images)


REGISTRY = "foundation.cluster.registry"


@pytest.mark.parametrize("prefix", ["a..b", "a_-b", "a___b", "a._b", "a/-b"])
def test_a_prefix_that_no_repository_can_have_is_refused(root: Path, prefix: str) -> None:
    (line,) = refusal(root, in_cluster(**{f"{REGISTRY}.prefix": prefix}))
    assert line.startswith(f"Pulumi.dev.yaml: platform.{REGISTRY}.prefix: '{prefix}' is not the beginning of a repos")


@pytest.mark.parametrize("prefix", ["a.b", "a_b", "a__b", "a--b/c", "a-b"])
def test_other_prefixes_are_accepted(root: Path, prefix: str) -> None:
    assert declare(in_cluster(**{f"{REGISTRY}.prefix": prefix}), "Pulumi.dev.yaml", root).foundation.cluster


def test_a_prefix_leaves_room_for_the_longest_image(root: Path) -> None:
    server = "registry.example.com"
    longest = 255 - len(f"{server}//nvidia-device-plugin")
    assert refusal(root, in_cluster(**{f"{REGISTRY}.prefix": "a" * (longest + 1)})) == [
        f"Pulumi.dev.yaml: platform.{REGISTRY}.prefix: has {longest + 1} characters; for image 'nvidia-device-plugin', write one of at most {longest}"
    ]
    assert declare(in_cluster(**{f"{REGISTRY}.prefix": "a" * longest}), "Pulumi.dev.yaml", root).foundation.cluster


def test_two_workloads_have_two_iam_roles(root: Path) -> None:
    job = {"image": "training", "model": "digits"}
    changes = {
        "teams.vision-training": {},
        "models.other": {"team": "vision-training"},
        "training.training-x": {**job, "team": "vision"},
        "training.x": {**job, "model": "other", "team": "vision-training"},
    }
    (line,) = refusal(root, on_aws(**changes))
    assert line.endswith(
        "platform.training.x: its IAM role would have the name of that of 'training.training-x'; write another name"
    )
