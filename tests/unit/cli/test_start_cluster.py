"""What `make up` connects the local cluster to."""

from __future__ import annotations

import pytest

from cli import up
from common.console import Progress
from infra.declaration.loader import declare
from offline import machine
from tests.unit.declaration.samples import REPOSITORY, WHERE, small


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The ports of each connection."""
    ports: list[tuple[int, ...]] = []
    monkeypatch.setattr(machine, "start_cluster", lambda report: None)
    monkeypatch.setattr(machine, "connect_registry", lambda *each: ports.append(each))
    monkeypatch.setattr(machine, "connect_object_store", lambda *each: ports.append(each))
    return ports


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"volume": {"claim": "texts"}}, [(5055, 5056)]),
        ({"objects": {"prefix": "texts"}}, [(5055, 5056), (5057,)]),
    ],
)
def test_pods_reach_the_object_store_if_a_dataset_is_in_it(
    connected: list[tuple[int, ...]], data: dict[str, object], expected: list[tuple[int, ...]]
) -> None:
    changes = {"foundation.local.registryPort": 5055, "datasets": {"corpus": {"team": "vision", **data}}}
    declared = declare(small(**changes), WHERE, REPOSITORY)
    assert declared.foundation.local is not None
    up.start_cluster(Progress(), declared, declared.foundation.local)
    assert connected == expected
