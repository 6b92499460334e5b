"""What is said offline of the support of a Kubernetes version by EKS."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from infra.catalogue.versions import EKS_DEFAULT, EKS_VERSIONS
from infra.declaration import __main__
from infra.declaration.aws import support
from infra.declaration.aws.settings import Cluster
from infra.declaration.aws.support import WARNED_DAYS, warnings
from tests.examples import PROD, validated

ENDS = EKS_VERSIONS[EKS_DEFAULT].end_of_standard_support


def cluster(version: str = EKS_DEFAULT, policy: str = "STANDARD") -> Cluster:
    admins = ["arn:aws:iam::123456789012:role/admin"]
    return Cluster.model_validate({"version": version, "admins": admins, "upgradePolicy": policy})


@pytest.mark.parametrize(
    ("days", "policy", "said"),
    [
        (WARNED_DAYS + 1, "STANDARD", []),
        (WARNED_DAYS, "STANDARD", [f"ends on {ENDS}; EKS then upgrades the cluster by itself"]),
        (-1, "STANDARD", [f"ended on {ENDS}; EKS then upgrades the cluster by itself"]),
        (0, "EXTENDED", [f"ends on {ENDS}; extended support costs extra"]),
    ],
)
def test_the_end_of_support_is_announced(days: int, policy: str, said: list[str]) -> None:
    found = list(warnings(cluster(policy=policy), ENDS - timedelta(days=days)))
    assert len(found) == len(said)
    for line, part in zip(found, said, strict=True):
        assert line.startswith(f"Kubernetes {EKS_DEFAULT}: standard support {part}; write the next version")


def test_a_version_newer_than_the_list_is_accepted_and_nothing_is_known_of_it() -> None:
    assert list(warnings(cluster("1.99"), ENDS)) == []


@pytest.mark.parametrize(("days", "warned"), [(10, True), (400, False)])
def test_check_warns_and_still_says_that_the_file_is_valid(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, days: int, warned: bool
) -> None:
    prod = validated(PROD)
    assert prod.foundation.aws is not None
    version = prod.foundation.aws.cluster.version
    ends = datetime.now(UTC).date() + timedelta(days=days)
    known = replace(EKS_VERSIONS[version], end_of_standard_support=ends)
    monkeypatch.setattr(support, "EKS_VERSIONS", {version: known})
    monkeypatch.setattr(__main__, "load", lambda _: prod)  # the example's images are not beside it
    assert __main__.main([str(PROD)]) == 0
    said = capsys.readouterr()
    assert said.out == f"{PROD.name}: valid\n"
    assert (f"warning: Kubernetes {version}: standard support ends on {ends}" in said.err) == warned
