"""Datasets and egress in the declaration: what can't work on a foundation is refused at its path."""
# ruff: noqa: E501 - a message is one line

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from infra.declaration.loader import declare
from tests.unit.declaration.samples import accepted, in_cluster, on_aws, refusal, refused

VOLUME = {"team": "vision", "volume": {"claim": "corpus"}}
OBJECTS = {"team": "vision", "objects": {"prefix": "imagenet/"}}
STORE = {
    "bucket": "research-datasets",
    "endpoint": "https://minio.example.com:9000",
    "addresses": ["203.0.113.20"],
    "accessKeys": {"vision": {"id": "vision", "secret": "data"}},
}
INTERNAL = "foundation.cluster.internalCidrs"
HOST = "platform.training.digits.egress.0.host"


def lines(found: list[str]) -> list[str]:
    return [line.removeprefix("Pulumi.dev.yaml: ") for line in found]


def with_store(**changes: object) -> dict[str, Any]:
    secrets = {name: {"team": "platform"} for name in ("push", "pull", "data")}
    return in_cluster(**deepcopy({"secrets": secrets, "foundation.cluster.datasetStore": STORE, **changes}))


@pytest.mark.parametrize("section", ["training", "serving", "batch"])
def test_a_workload_of_any_kind_reads_datasets_and_reaches_hosts(root: Path, section: str) -> None:
    workload = {"team": "vision", "image": "training", "datasets": ["corpus"]}
    model = {} if section == "batch" else {"model": "digits"}
    hosts = [{"host": "192.0.2.7", "port": 443}, {"host": "192.0.2.16/28", "port": 5432}]
    platform = accepted(root, datasets={"corpus": VOLUME}, **{f"{section}.one": {**workload, **model, "egress": hosts}})
    found = getattr(platform, section)["one"]
    assert [each.cidr for each in found.egress] == ["192.0.2.7/32", "192.0.2.16/28"]
    assert found.datasets == ("corpus",)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"training.digits.datasets": ["corpsu"]},
            "platform.training.digits.datasets.0: dataset 'corpsu' is not declared; did you mean 'corpus'?",
        ),
        (
            {"datasets.corpus.team": "visoin"},
            "platform.datasets.corpus.team: team 'visoin' is not declared; did you mean 'vision'?",
        ),
        (
            {"datasets.corpus.team": "speech"},
            "platform.training.digits.datasets.0: dataset 'corpus' belongs to team 'speech'; write a dataset of team 'vision'",
        ),
        (
            {"training.digits.datasets": ["corpus", "corpus"]},
            "platform.training.digits.datasets.1: dataset 'corpus' is listed twice; write it once",
        ),
        (
            {"datasets.corpus": {"team": "vision", "objects": {"prefix": "a" * 501}}},
            "platform.datasets.corpus.objects.prefix: has 501 characters; write at most 500",
        ),
        (
            {"datasets.corpus": {"team": "vision"}},
            "platform.datasets.corpus: no data is declared; declare one of 'objects' and 'volume'",
        ),
        (
            {"datasets.corpus": {**VOLUME, **OBJECTS}},
            "platform.datasets.corpus: both 'objects' and 'volume' are declared; declare one of 'objects' and 'volume'",
        ),
        (
            {"datasets.corpus": {"team": "vision", "objects": {"prefix": "a/*"}}},
            "platform.datasets.corpus.objects.prefix: 'a/*' is not a prefix of keys; write folders of letters, digits and any of _.=-, such as imagenet/ or vision/imagenet/",
        ),
        (
            {"teams.vision.quota": {"cpu": 12, "memory": "32Gi"}},
            "platform.datasets.corpus.volume: the quota of team 'vision' allows no volumes, so the claim can't exist; write teams.vision.quota.storage",
        ),
        (
            {"training.digits.pool": "plain"},
            "platform.training.digits.datasets.0: dataset 'corpus' is a volume, which simulated nodes of pool 'plain' don't have; remove it, or 'pool', in this stack",
        ),
    ],
)
def test_datasets_that_can_not_be_read_are_refused(root: Path, changes: dict[str, object], expected: str) -> None:
    whole = {"datasets": {"corpus": VOLUME}, "training.digits.datasets": ["corpus"], **changes}
    assert expected in lines(refused(root, **deepcopy(whole)))


def test_the_local_foundation_takes_objects(root: Path) -> None:
    more = {"team": "vision", "objects": {"prefix": "more"}}
    platform = accepted(root, datasets={"corpus": VOLUME, "imagenet": OBJECTS, "more": more, "again": more})
    assert platform.dataset_prefixes() == {"vision": ["imagenet/", "more/"]}
    assert accepted(root, datasets={"corpus": VOLUME}).dataset_teams() == []


def test_no_team_reads_a_prefix_inside_another_s(root: Path) -> None:
    datasets = {"outer": {"team": "speech", "objects": {"prefix": "all"}}}
    inner = {"inner": {"team": "vision", "objects": {"prefix": "all/images"}}}
    beside = {"beside": {"team": "vision", "objects": {"prefix": "all-images"}}}
    declare(on_aws(datasets={**datasets, **beside}), "Pulumi.dev.yaml", root)
    assert lines(refusal(root, on_aws(datasets={**datasets, **inner}))) == [
        "platform.datasets.inner.objects.prefix: 'all/images/' is in dataset 'outer' ('all/') of team 'speech'; write a prefix outside of it"
    ]


def test_objects_in_s3_need_the_isolated_subnets(root: Path) -> None:
    declaration = on_aws(datasets={"imagenet": OBJECTS}, **{"foundation.aws.network.isolatedSubnets": False})
    assert lines(refusal(root, declaration)) == [
        "platform.datasets.imagenet.objects: pods reach S3 by an endpoint in the isolated subnets, and there are none; remove isolatedSubnets: false from foundation.aws.network"
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"datasets.more": {"team": "speech", "objects": {"prefix": "speech"}}},
            "platform.datasets.more.objects: team 'speech' has no access key; write one in foundation.cluster.datasetStore.accessKeys.speech",
        ),
        (
            {"datasets": {}},
            "platform.foundation.cluster.datasetStore.accessKeys.vision: no dataset of team 'vision' has 'objects'; declare one, or remove this",
        ),
        (
            {"foundation.cluster.datasetStore.accessKeys.visoin": {"id": "x", "secret": "push"}},
            "platform.foundation.cluster.datasetStore.accessKeys.visoin: team 'visoin' is not declared; did you mean 'vision'?",
        ),
        (
            {"foundation.cluster.artifactStore": {"bucket": "models", "accessKey": {"id": "x", "secret": "data"}}},
            "platform.foundation.cluster.datasetStore.accessKeys.vision.secret: secret 'data' is that of artifactStore, too; write a key of team 'vision' only",
        ),
        (
            {INTERNAL: ["203.0.113.0/24"]},
            "platform.foundation.cluster.datasetStore.addresses.0: 203.0.113.20/32 overlaps 203.0.113.0/24 (foundation.cluster.internalCidrs); write addresses of a store outside the cluster",
        ),
        (
            {"foundation.cluster.datasetStore.addresses": ["minio.example.com"]},
            "platform.foundation.cluster.datasetStore.addresses.0: 'minio.example.com' is not an IPv4 address or a CIDR; write one such as 10.0.0.2 or 10.0.0.0/28",
        ),
    ],
)
def test_a_store_that_a_team_can_not_use_is_refused(root: Path, changes: dict[str, object], expected: str) -> None:
    declaration = with_store(**{"datasets": {"imagenet": OBJECTS}})
    declare(declaration, "Pulumi.dev.yaml", root)
    assert expected in lines(refusal(root, with_store(**{"datasets": {"imagenet": OBJECTS}, **changes})))


def test_objects_need_a_declared_store_in_an_existing_cluster(root: Path) -> None:
    assert lines(refusal(root, in_cluster(datasets={"imagenet": OBJECTS}))) == [
        "platform.datasets.imagenet.objects: no bucket for datasets is declared; declare foundation.cluster.datasetStore, or write 'volume'"
    ]


NO_HOST = "is not a host; write"
EXAMPLES = "a DNS name such as api.example.com, an IPv4 address, or a CIDR such as 203.0.113.0/28"


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("https://a.example.com/", f"{NO_HOST} it without a scheme and a port, such as api.example.com"),
        ("a.example.com:443", f"{NO_HOST} it without a scheme and a port, such as api.example.com"),
        ("fd00::1", "is an IPv6 address, which pods can't reach; write an IPv4 address or a DNS name"),
        ("*.example.com", "is a pattern; write each host by its own name"),
        ("tracking", f"{NO_HOST} {EXAMPLES}"),
        ("10.0.0.300", f"{NO_HOST} {EXAMPLES}"),
        ("tracking.ml-platform.svc", "is a name inside the cluster or of a node; write that of a host outside"),
        ("a.b.svc.cluster.local", "is a name inside the cluster or of a node; write that of a host outside"),
        ("metadata.google.internal", "is a name inside the cluster or of a node; write that of a host outside"),
        ("192.0.2.1/28", "is not a CIDR; write the first address of the network, such as 203.0.113.0/28"),
        ("32.0.0.0/4", "is a large part of the internet; write the address of one host, or its network"),
        (
            "169.254.169.254",
            "overlaps 169.254.0.0/16 (link-local addresses, such as those of metadata services); write the address of a host outside the cluster",
        ),
        (
            "127.0.0.1",
            "overlaps 127.0.0.0/8 (loopback addresses); write the address of a host outside the cluster",
        ),
        (
            "0.0.0.0",
            "overlaps 0.0.0.0/8 (addresses of the pod itself); write the address of a host outside the cluster",
        ),
        *(
            (network, "is a large part of the internet; write the address of one host, or its network")
            for network in ("0.0.0.0/0", "0.0.0.0/1", "224.0.0.0/3")
        ),
    ],
)
def test_what_is_no_host_outside_is_refused_everywhere(root: Path, host: str, why: str) -> None:
    change = {"training.digits.egress": [{"host": host, "port": 443}]}
    assert lines(refused(root, **change)) == [f"{HOST}: {host!r} {why}"]
    assert lines(refusal(root, on_aws(**change))) == [f"{HOST}: {host!r} {why}"]


OUTSIDE = "write the address of a host outside the cluster"


def test_the_cluster_s_own_networks_are_refused(root: Path) -> None:
    def egress(host: str) -> dict[str, object]:
        return {"training.digits.egress": [{"host": host, "port": 443}]}

    assert lines(refused(root, **egress("10.244.0.1"))) == [
        f"{HOST}: 10.244.0.1 overlaps 10.244.0.0/16 (pods and the node); {OUTSIDE}"
    ]
    assert lines(refused(root, **egress("10.96.0.1"))) == [
        f"{HOST}: 10.96.0.1 overlaps 10.96.0.0/16 (Services); {OUTSIDE}"
    ]
    assert lines(refusal(root, on_aws(**egress("10.0.0.0/8")))) == [
        f"{HOST}: 10.0.0.0/8 overlaps 10.20.0.0/16 (the VPC's nodes and pods); {OUTSIDE}"
    ]
    assert lines(refusal(root, on_aws(**egress("172.20.0.1")))) == [
        f"{HOST}: 172.20.0.1 overlaps 172.20.0.0/16 (Services); {OUTSIDE}"
    ]
    assert lines(refusal(root, in_cluster(**egress("192.0.2.7")))) == [
        "platform.training.digits.egress.0: which networks are the cluster's own is not declared, and egress must not reach them; write the CIDRs of its pods, Services and nodes in foundation.cluster.internalCidrs"
    ]
    assert lines(refusal(root, in_cluster(**egress("10.42.3.4"), **{INTERNAL: ["10.42.0.0/16"]}))) == [
        f"{HOST}: 10.42.3.4 overlaps 10.42.0.0/16 (foundation.cluster.internalCidrs); {OUTSIDE}"
    ]


def test_names_are_refused_where_nothing_enforces_them(root: Path) -> None:
    change = {"training.digits.egress": [{"host": "API.example.com", "port": 443}]}
    here = "network policies know addresses only on this foundation; write the IPv4 address of api.example.com, or its network as a CIDR"
    assert lines(refused(root, **change)) == [f"{HOST}: {here}"]
    assert lines(refusal(root, in_cluster(**change, **{INTERNAL: ["10.42.0.0/16"]}))) == [f"{HOST}: {here}"]
    platform = declare(on_aws(**change), "Pulumi.dev.yaml", root)
    assert platform.training["digits"].egress[0].host == "api.example.com"


@pytest.mark.parametrize(
    "host",
    [
        *("10-20-0-5.vision.pod.cluster.local", "foo.cluster.local", "tracking.ml-platform.svc", "a.internal"),
        *("x.eu-central-1.rds.amazonaws.com", "x.gr7.eu-central-1.eks.amazonaws.com", "x.vpce.amazonaws.com"),
    ],
)
def test_names_that_lead_inside_are_refused(root: Path, host: str) -> None:
    declaration = on_aws(**{"training.digits.egress": [{"host": host, "port": 443}]})
    (line,) = lines(refusal(root, declaration))
    assert line.endswith("is a name inside the cluster or of a node; write that of a host outside")


@pytest.mark.parametrize("host", ["kubernetes.default", "tracking.ml-platform", "digits.vision", "x.kube-system"])
def test_a_service_by_its_short_name_is_refused(root: Path, host: str) -> None:
    (line,) = lines(refusal(root, on_aws(**{"training.digits.egress": [{"host": host, "port": 443}]})))
    assert line.endswith(
        f"is a Service's name in the namespace '{host.split('.')[1]}'; write a host outside the cluster"
    )


def test_networks_are_counted_together_over_a_team(root: Path) -> None:
    large = [{"host": f"{first}.0.0.0/6", "port": 443} for first in (4, 20, 32, 40)]
    accepted(root, **{"training.digits.egress": large[:2]})
    (line,) = lines(refused(root, **{"training.digits.egress": large[:2], "serving.digits.egress": large[2:]}))
    assert line.endswith(
        "team 'vision' declares a large part of the internet in all; write the networks of single hosts"
    )


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"hots": "192.0.2.7", "port": 443}, "unknown setting 'hots'; did you mean 'host'?"),
        ({"host": "192.0.2.7"}, "missing setting 'port'"),
    ],
)
def test_a_mistyped_host_is_reported_at_its_position(root: Path, entry: dict[str, object], expected: str) -> None:
    found = lines(refused(root, **{"training.digits.egress": [entry]}))
    assert f"platform.training.digits.egress.0: {expected}" in found


def test_a_host_is_listed_once(root: Path) -> None:
    hosts = [{"host": "192.0.2.7", "port": 443}, {"host": "192.0.2.7", "port": 443}]
    assert lines(refused(root, **{"training.digits.egress": hosts})) == [
        "platform.training.digits.egress.1: 192.0.2.7:443 is listed twice; write it once"
    ]
