"""Before the first deployment: the store limits each team's key to the team's datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from cli.cluster_preflight import dataset_store
from cli.cluster_preflight.wanted import Wanted
from infra.declaration.loader import declare
from tests.unit.declaration.samples import in_cluster, project

STORE = {
    "bucket": "datasets",
    "endpoint": "https://minio.example.com",
    "addresses": ["203.0.113.20"],
    "accessKeys": {team: {"id": f"{team}-reader", "secret": team} for team in ("vision", "speech")},
}
PREFIXES = {"vision": "vision/images/", "speech": "speech/texts/"}
PATH = "platform.foundation.cluster.datasetStore"


@pytest.fixture
def wanted(tmp_path: Path) -> Wanted:
    secrets = {name: {"team": "platform"} for name in ("push", "pull", *PREFIXES)}
    datasets = {team: {"team": team, "objects": {"prefix": prefix}} for team, prefix in PREFIXES.items()}
    declaration = in_cluster(secrets=secrets, datasets=datasets, **{"foundation.cluster.datasetStore": STORE})
    declared = declare(declaration, "Pulumi.test.yaml", project(tmp_path))
    assert declared.foundation.cluster is not None
    passwords = dict.fromkeys(secrets, "a-key")
    return Wanted("test", declared, declared.foundation.cluster, passwords, {}, {})


class Store:
    """What it lets a user list, by the user's key."""

    def __init__(self, allowed: dict[str, list[str]], user: str) -> None:
        self._allowed = allowed[user]

    def list_objects_v2(self, Bucket: str, Prefix: str, MaxKeys: int) -> dict[str, Any]:
        if not any(Prefix.startswith(each) for each in self._allowed):
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "ListObjectsV2")
        return {}


def findings(wanted: Wanted, monkeypatch: pytest.MonkeyPatch, allowed: dict[str, list[str]]) -> dict[str, str]:
    monkeypatch.setattr(dataset_store, "client_of", lambda store, key, wanted: Store(allowed, key.id))
    return {each.setting: each.problem for each in dataset_store.keys_are_limited(wanted)}


def test_keys_for_their_own_prefixes_are_fine(wanted: Wanted, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = {f"{team}-reader": [prefix] for team, prefix in PREFIXES.items()}
    assert findings(wanted, monkeypatch, allowed) == {}


def test_a_key_that_lists_another_team_s_data_is_refused(wanted: Wanted, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = {"vision-reader": [""], "speech-reader": ["speech/"]}
    assert findings(wanted, monkeypatch, allowed) == {
        f"{PATH}.accessKeys.vision": "'vision-reader' may list 'speech/texts/' of dataset 'speech', "
        "which is of team 'speech'"
    }


def test_a_key_that_opens_nothing_is_refused(wanted: Wanted, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = {"vision-reader": [], "speech-reader": ["speech/"]}
    assert findings(wanted, monkeypatch, allowed) == {
        f"{PATH}.accessKeys.vision": "'vision-reader' may not list 'vision/images/' of dataset 'vision' (AccessDenied)"
    }


def test_a_store_that_only_pods_reach_blocks_nothing(wanted: Wanted, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object) -> None:
        raise EndpointConnectionError(endpoint_url=STORE["endpoint"])

    monkeypatch.setattr(dataset_store, "client_of", unreachable)
    (found,) = dataset_store.keys_are_limited(wanted)
    assert (found.setting, found.blocking) == (f"{PATH}.endpoint", False)
