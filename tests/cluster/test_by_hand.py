"""A Secret that somebody has changed: of an encrypted state only its keys are compared, of one in clear its values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes import client

from cli.by_hand.edits import find, undo
from cli.by_hand.revealed import revealed
from common import paths
from tests.pulumi_engine import Pulumi, find_engine

_PROGRAM = """
import pulumi_kubernetes as k8s
k8s.core.v1.Secret(
    "keys", metadata={{"name": "keys", "namespace": "{namespace}"}}, string_data={{"accepted": "a", "value": "b"}}
)
"""


@pytest.fixture
def pulumi(tmp_path: Path) -> Iterator[Pulumi]:
    if find_engine() is None:
        pytest.skip("needs pulumi; `make test` starts it where it can")
    settings = {"KUBECONFIG": str(paths.KUBECONFIG), "PULUMI_K8S_ENABLE_SECRET_MUTABLE": "true"}  # as in the program
    with Pulumi(tmp_path, settings) as started:
        yield started


def test_a_key_that_was_deleted_from_a_secret_comes_back(
    pulumi: Pulumi, core: client.CoreV1Api, namespace: str
) -> None:
    pulumi.program(_PROGRAM.format(namespace=namespace))
    pulumi.up()
    assert find(core.api_client, pulumi.resources()) == []

    core.patch_namespaced_secret("keys", namespace, {"data": {"value": None}})
    (edit,) = edits = find(core.api_client, pulumi.resources())
    assert str(edit) == f"Secret {namespace}/keys: data.value"

    undo(core.api_client, edits)
    pulumi.refresh("--target", edit.urn)
    assert pulumi.up().changes()["update"] == 1
    assert set(core.read_namespaced_secret("keys", namespace).data) == {"accepted", "value"}
    assert find(core.api_client, pulumi.resources()) == []


def test_a_value_comes_back_whoever_has_changed_it(pulumi: Pulumi, core: client.CoreV1Api, namespace: str) -> None:
    pulumi.program(_PROGRAM.format(namespace=namespace))
    pulumi.up()
    declared = core.read_namespaced_secret("keys", namespace).data
    assert find(core.api_client, revealed(pulumi.revealed())) == []

    core.patch_namespaced_secret("keys", namespace, {"stringData": {"value": "changed"}})
    assert find(core.api_client, pulumi.resources()) == [], "only kubectl's changes are known of encrypted values"
    (edit,) = edits = find(core.api_client, revealed(pulumi.revealed()))
    assert str(edit) == f"Secret {namespace}/keys: data.value"

    undo(core.api_client, edits)
    assert core.read_namespaced_secret("keys", namespace).data == declared
    pulumi.refresh("--target", edit.urn)
    assert set(pulumi.up().changes()) == {"unchanged"}
    assert find(core.api_client, revealed(pulumi.revealed())) == []
