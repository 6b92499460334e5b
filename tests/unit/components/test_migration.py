"""The migration of the tracking server's database: what runs, where, and what it may use."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from infra.catalogue.aws import certificates
from infra.catalogue.versions import MLFLOW
from infra.foundation.aws.database import _tls
from tests.unit.components.recorder import Recorder, created, inputs, platform, pods, run
from tests.unit.declaration.samples import in_cluster, on_aws, small

SNAPSHOT = "aws:rds/snapshot:Snapshot"
ON_VOLUME, ALL = ["local", "cluster"], ["local", "cluster", "aws"]


def stack(foundation: str) -> Recorder:
    if foundation == "cluster":
        return platform(in_cluster(), push="value-of-push", pull="value-of-pull")
    return platform(on_aws() if foundation == "aws" else small())


def job(recorder: Recorder) -> dict[str, Any]:
    return run(recorder, "tracking").inputs


def container(pod: dict[str, Any]) -> dict[str, Any]:
    (only,) = pod["spec"]["containers"]
    return dict(only)


def env(pod: dict[str, Any]) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in container(pod)["env"]}


@pytest.mark.parametrize("foundation", ALL)
def test_it_has_the_servers_image_identity_and_database(foundation: str) -> None:
    templates = pods(stack(foundation))
    migration, server = templates["Job tracking"], templates["Deployment tracking"]
    assert container(migration)["image"] == container(server)["image"]
    assert container(migration)["command"] == ["python", "/app/migrate.py"]
    assert migration["spec"]["serviceAccountName"] == server["spec"]["serviceAccountName"]
    assert migration["spec"]["securityContext"] == server["spec"]["securityContext"]
    shared = {name: value for name, value in env(server).items() if name != "MLFLOW_SERVER_ALLOWED_HOSTS"}
    assert shared.items() <= env(migration).items()


@pytest.mark.parametrize("foundation", ON_VOLUME)
def test_it_shares_the_servers_volume_on_the_servers_node(foundation: str) -> None:
    templates = pods(stack(foundation))
    migration, server = templates["Job tracking"], templates["Deployment tracking"]
    volumes = [[each for each in pod["spec"]["volumes"] if each["name"] == "data"] for pod in (migration, server)]
    assert volumes[0] == volumes[1]
    affinity = migration["spec"]["affinity"]["podAffinity"]
    (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]
    chosen = term["labelSelector"]["matchLabels"]
    assert chosen.items() <= server["metadata"]["labels"].items()
    assert chosen.items() <= migration["metadata"]["labels"].items(), "the first pod would never be scheduled"


def test_no_request_reaches_it() -> None:
    recorder = stack("local")
    labels = pods(recorder)["Job tracking"]["metadata"]["labels"]
    selector = inputs(recorder, "kubernetes:core/v1:Service", "tracking")["spec"]["selector"]
    assert not selector.items() <= labels.items()


def test_it_is_awaited_and_a_failed_one_runs_again() -> None:
    found = job(stack("local"))
    metadata, spec = found["metadata"], found["spec"]
    assert metadata["annotations"] == {"pulumi.com/replaceUnready": "true"}
    assert re.fullmatch(r"tracking-migration-[0-9a-f]{8}", metadata["name"])
    actions = [rule["action"] for rule in spec["podFailurePolicy"]["rules"]]
    assert actions == ["Ignore"]


def test_a_snapshot_is_made_for_each_version_of_mlflow() -> None:
    recorder = stack("aws")
    snapshot = inputs(recorder, SNAPSHOT, "tracking")
    name = snapshot["dbSnapshotIdentifier"]
    assert snapshot["dbInstanceIdentifier"] == "ml-platform-test-tracking"
    assert name == f"ml-platform-test-tracking-before-mlflow-{MLFLOW.replace('.', '-')}-password-of-tracking-snapshot"
    suffix = inputs(recorder, "random:index/randomPassword:RandomPassword", "tracking-snapshot")
    assert suffix["keepers"] == {"mlflow": MLFLOW}
    templates = pods(recorder)
    assert env(templates["Job tracking"])["DATABASE_SNAPSHOT"] == name
    assert "DATABASE_SNAPSHOT" not in env(templates["Deployment tracking"])
    assert "affinity" not in templates["Job tracking"]["spec"], "no volume"


@pytest.mark.parametrize("foundation", ON_VOLUME)
def test_a_file_is_copied_by_the_migration_itself(foundation: str) -> None:
    recorder = stack(foundation)
    assert created(recorder, SNAPSHOT) == []
    assert "DATABASE_SNAPSHOT" not in env(pods(recorder)["Job tracking"])


def test_the_database_is_verified_where_its_authority_is_known() -> None:
    assert _tls("eu-central-1") == "sslmode=verify-full&sslrootcert=/app/rds-ca.pem"
    assert _tls("cn-north-1") == "sslmode=require"


def test_the_authorities_of_rds_are_valid_for_years() -> None:
    found = x509.load_pem_x509_certificates(certificates.FILE.read_bytes())
    assert len(found) == len(list(certificates.roots(certificates.FILE.read_bytes())))
    assert min(each.not_valid_after_utc for each in found) > datetime.now(UTC) + timedelta(days=3 * 365)
    kinds = re.findall(r"^# (\S+) (\S+) G1$", certificates.FILE.read_text(), re.MULTILINE)
    assert len(kinds) == len(found)
    assert {kind for region, kind in kinds if region == "eu-central-1"} == {"RSA2048", "RSA4096", "ECC384"}
