"""The declared pools on a real API server that has Karpenter's own definitions, with all of their rules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from common import paths
from infra.declaration.aws.pools import ec2_settings
from infra.foundation.aws.node_pools import SYSTEM, node_pool_spec, system_pool_spec
from tests.examples import PROD, validated
from tests.waiting import eventually

DEFINITION = Path(__file__).parent / "crds" / "karpenter.sh_nodepools.yaml"
NAME = "nodepools.karpenter.sh"


@pytest.fixture(scope="module")
def objects() -> Iterator[client.CustomObjectsApi]:
    """An API server that knows NodePools, for as long as these tests run."""
    api = config.new_client_from_config(str(paths.KUBECONFIG))
    definitions = client.ApiextensionsV1Api(api)
    definitions.create_custom_resource_definition(yaml.safe_load(DEFINITION.read_text()))
    try:
        eventually(lambda: _established(definitions), what="Karpenter's definition")
        yield client.CustomObjectsApi(api)
    finally:
        definitions.delete_custom_resource_definition(NAME)


def _established(definitions: Any) -> bool:
    found = definitions.read_custom_resource_definition(NAME)
    return any(each.type == "Established" and each.status == "True" for each in found.status.conditions or [])


def specs() -> dict[str, dict[str, Any]]:
    """Those of the prod stack."""
    declared = validated(PROD)
    aws = declared.foundation.aws
    assert aws is not None
    zones, window = aws.network.zones, aws.maintenance_window
    own = {SYSTEM: system_pool_spec(aws.system_pool, zones, window)}
    return own | {
        name: node_pool_spec(name, pool, ec2_settings(pool).zones or zones, window, 3600)
        for name, pool in declared.node_pools.items()
    }


def submit(objects: client.CustomObjectsApi, name: str, spec: dict[str, Any]) -> None:
    """All checks, and nothing kept."""
    body = {"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": name}, "spec": spec}
    objects.create_cluster_custom_object(
        "karpenter.sh", "v1", "nodepools", body, dry_run="All", field_validation="Strict"
    )


@pytest.mark.parametrize("name", sorted(specs()))
def test_a_declared_pool_is_accepted(objects: client.CustomObjectsApi, name: str) -> None:
    submit(objects, name, specs()[name])


def test_the_rules_are_really_asked(objects: client.CustomObjectsApi) -> None:
    spec = specs()["cpu"]
    spec["template"]["spec"]["requirements"].append(
        {"key": "karpenter.sh/nodepool", "operator": "In", "values": ["cpu"]}
    )
    with pytest.raises(ApiException, match=r"nodepool.*is restricted"):
        submit(objects, "cpu", spec)


def test_a_pool_of_fixed_size_has_nodes_and_no_other_limit(objects: client.CustomObjectsApi) -> None:
    spec = specs()["h100"]
    assert spec["replicas"] == 2
    with pytest.raises(ApiException, match=r"only 'limits.nodes' is supported"):
        submit(objects, "h100", spec | {"limits": {"nvidia.com/gpu": "16"}})


def test_an_unknown_setting_is_refused(objects: client.CustomObjectsApi) -> None:
    with pytest.raises(ApiException, match="unknown field"):
        submit(objects, "cpu", specs()["cpu"] | {"limit": {}})
