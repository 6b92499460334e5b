"""Datasets and egress: what pods mount and find, what opens for them and for nobody else, on each foundation."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from infra.foundation.aws.context import AwsContext
from tests.unit.components.recorder import Recorder, created, inputs, platform, pods, run
from tests.unit.declaration.samples import in_cluster, on_aws, small

POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
BY_NAME = "kubernetes:networking.k8s.aws/v1alpha1:ApplicationNetworkPolicy"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
ROLE = "aws:iam/role:Role"
SECRET = "kubernetes:core/v1:Secret"
PLACE = AwsContext("123456789012", "eu-central-1", "test", "ml-platform", "4711")
VOLUME = {"datasets": {"my-corpus": {"team": "vision", "volume": {"claim": "texts"}}}}
OBJECTS = {"datasets": {"imagenet": {"team": "vision", "objects": {"prefix": "imagenet"}}}}
KINDS = ["training", "serving", "batch"]
OWNERS = {"training": "Job digits", "serving": "Deployment digits", "batch": "CronJob digits"}
BATCH = {"batch.digits": {"team": "vision", "image": "training"}}


def pod(recorder: Recorder, section: str) -> dict[str, Any]:
    if section == "batch":
        (found,) = [each for each in recorder.resources if each.type == "kubernetes:batch/v1:CronJob"]
        return dict(found.inputs["spec"]["jobTemplate"]["spec"]["template"])
    return pods(recorder)[OWNERS[section]]


def env(recorder: Recorder, section: str) -> dict[str, str]:
    (container,) = pod(recorder, section)["spec"]["containers"]
    return {each["name"]: each["value"] for each in container["env"]}


def on_s3(**changes: object) -> Recorder:
    return platform(on_aws(**OBJECTS, **changes))


def on_minio(section: str = "training") -> Recorder:
    store = {
        "bucket": "research",
        "endpoint": "http://minio.example.com:9000",
        "addresses": ["203.0.113.20", "203.0.113.32/28"],
        "accessKeys": {"vision": {"id": "reader", "secret": "data"}},
    }
    secrets = {name: {"team": "platform"} for name in ("push", "pull", "data")}
    reads = {"secrets": secrets, "foundation.cluster.datasetStore": store, f"{section}.digits.datasets": ["imagenet"]}
    declared = in_cluster(**deepcopy({**OBJECTS, **BATCH, **reads}))
    return platform(declared, push="a", pull="b", data="value-of-data")


@pytest.mark.parametrize("section", KINDS)
def test_a_volume_is_mounted_read_only_in_the_pods_that_name_it(section: str) -> None:
    recorder = platform(small(**deepcopy({**VOLUME, **BATCH, f"{section}.digits.datasets": ["my-corpus"]})))
    for kind in KINDS:
        spec = pod(recorder, kind)["spec"]
        claims = [volume for volume in spec["volumes"] if "persistentVolumeClaim" in volume]
        mounts = [mount for mount in spec["containers"][0]["volumeMounts"] if mount["mountPath"].startswith("/data")]
        if kind == section:
            (claim,), (mount,) = claims, mounts
            assert claim["persistentVolumeClaim"] == {"claimName": "texts", "readOnly": True}
            assert mount == {"name": claim["name"], "mountPath": "/datasets/my-corpus", "readOnly": True}
            assert env(recorder, kind)["DATASET_MY_CORPUS"] == "/datasets/my-corpus"
        else:
            assert (claims, mounts, "DATASET_MY_CORPUS" in env(recorder, kind)) == ([], [], False)


@pytest.mark.parametrize("section", KINDS)
def test_a_host_is_open_to_the_pods_of_the_workload_only(section: str) -> None:
    hosts = [{"host": "192.0.2.7", "port": 443}, {"host": "192.0.2.16/28", "port": 5432}]
    recorder = platform(small(**deepcopy({**BATCH, f"{section}.digits.egress": hosts})))
    spec = inputs(recorder, POLICY, f"vision-{section}-digits")["spec"]
    assert spec["policyTypes"] == ["Egress"]
    assert [(rule["to"], rule["ports"]) for rule in spec["egress"]] == [
        ([{"ipBlock": {"cidr": "192.0.2.7/32"}}], [{"protocol": "TCP", "port": 443}]),
        ([{"ipBlock": {"cidr": "192.0.2.16/28"}}], [{"protocol": "TCP", "port": 5432}]),
    ]
    selected = spec["podSelector"]["matchLabels"].items()
    chosen = [kind for kind in KINDS if selected <= pod(recorder, kind)["metadata"]["labels"].items()]
    assert chosen == [section]
    assert [name for name in created(recorder, POLICY) if name.endswith("-digits")] == [f"vision-{section}-digits"]


def test_without_a_declaration_nothing_opens_and_nobody_has_an_identity() -> None:
    recorder = platform(on_aws())
    closed = {"default-deny", "same-namespace", "tracking", "monitoring", "dns"}
    assert {name for name in created(recorder, POLICY) if name.startswith("vision-")} == {
        f"vision-{each}" for each in closed
    }
    assert [name for name in created(recorder, ROLE) if name.startswith("vision-")] == []
    assert "datasets" not in created(recorder, "aws:s3/bucket:Bucket") + created(recorder, ENDPOINT)
    assert "datasets" not in created(recorder, "aws:kms/key:Key")


# Names


def test_on_aws_a_host_is_open_by_its_name() -> None:
    recorder = platform(on_aws(**{"training.digits.egress": [{"host": "api.example.com", "port": 443}]}))
    policy = inputs(recorder, BY_NAME, "vision-training-digits")
    assert policy["metadata"]["namespace"] == "vision"
    assert policy["spec"]["podSelector"]["matchLabels"] == {
        "app.kubernetes.io/name": "digits",
        "app.kubernetes.io/component": "training",
    }
    udp, tcp = ({"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP"))
    assert policy["spec"]["policyTypes"] == ["Egress"]
    assert policy["spec"]["egress"] == [
        {"to": [{"ipBlock": {"cidr": "172.20.0.10/32"}}], "ports": [udp, tcp]},
        {"to": [{"domainNames": ["api.example.com"]}], "ports": [{"protocol": "TCP", "port": 443}]},
    ]
    assert "vision-training-digits" not in created(recorder, POLICY)
    assert created(platform(on_aws()), BY_NAME) == []


# Objects


def test_in_s3_a_job_has_a_role_for_its_prefix_and_finds_the_endpoint() -> None:
    recorder = on_s3(**{"training.digits.datasets": ["imagenet"]})
    assert [name for name in created(recorder, ROLE) if name.startswith("vision-")] == ["vision-training-digits"]
    policy = json.loads(inputs(recorder, "aws:iam/rolePolicy:RolePolicy", "vision-training-digits-datasets")["policy"])
    read, listed, decrypt = policy["Statement"]
    bucket = PLACE.bucket_arn("datasets")
    assert (read["Action"], read["Resource"]) == (["s3:GetObject"], [f"{bucket}/imagenet/*"])
    inside = {"StringEquals": {"aws:SourceVpce": "datasets-id"}}
    assert read["Condition"] == inside
    assert listed["Condition"] == {"StringLike": {"s3:prefix": ["imagenet/*"]}, **inside}
    assert decrypt["Action"] == ["kms:Decrypt"]
    assert PLACE.key_alias("datasets") in json.dumps(decrypt)
    found = env(recorder, "training")
    assert found["DATASET_IMAGENET"] == "s3://ml-platform-test-datasets-123456789012/imagenet/"
    assert found["AWS_ENDPOINT_URL_S3"] == "https://bucket.vpce-1-2.s3.eu-central-1.vpce.amazonaws.com"
    assert (found["AWS_REGION"], found["AWS_DEFAULT_REGION"]) == ("eu-central-1", "eu-central-1")
    assert [name for name in env(recorder, "serving") if "AWS" in name or "DATASET" in name] == []


def test_the_endpoint_stands_in_the_isolated_subnets_and_reads_one_bucket() -> None:
    recorder = on_s3(**{"training.digits.datasets": ["imagenet"]})
    endpoint = inputs(recorder, ENDPOINT, "datasets")
    assert endpoint["vpcEndpointType"] == "Interface"
    assert endpoint["subnetIds"] == [f"isolated-eu-central-1{letter}-id" for letter in "abc"]
    assert endpoint["privateDnsEnabled"] is False, "nodes stay on the gateway endpoint"
    (statement,) = json.loads(endpoint["policy"])["Statement"]
    assert statement["Action"] == ["s3:GetObject", "s3:ListBucket"]
    assert {each.partition("/")[0] for each in statement["Resource"]} == {PLACE.bucket_arn("datasets")}
    assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": "123456789012"}}
    subnets = [
        inputs(recorder, "aws:ec2/subnet:Subnet", f"isolated-eu-central-1{letter}")["cidrBlock"] for letter in "abc"
    ]
    rules = inputs(recorder, POLICY, "vision-training-digits")["spec"]["egress"]
    assert [(rule["to"][0]["ipBlock"]["cidr"], rule["ports"][0]["port"]) for rule in rules] == [
        ("169.254.170.23/32", 80),
        *((subnet, 443) for subnet in subnets),
    ]


def test_the_bucket_for_datasets_is_there_before_a_job_reads_it() -> None:
    recorder = on_s3()
    bucket = inputs(recorder, "aws:s3/bucket:Bucket", "datasets")
    assert bucket["bucket"] == "ml-platform-test-datasets-123456789012"
    for kind in ("BucketPublicAccessBlock", "BucketVersioning", "BucketLogging", "BucketPolicy"):
        assert "datasets" in created(recorder, f"aws:s3/{kind[0].lower()}{kind[1:]}:{kind}")
    logs = json.loads(inputs(recorder, "aws:s3/bucketPolicy:BucketPolicy", "access-logs")["policy"])
    assert f"{PLACE.bucket_arn('access-logs')}/datasets/*" in json.dumps(logs)
    assert [name for name in created(recorder, ROLE) if name.startswith("vision-")] == []


@pytest.mark.parametrize("section", KINDS)
def test_in_an_existing_store_a_team_has_its_own_key(section: str) -> None:
    recorder = on_minio(section)
    secret = inputs(recorder, SECRET, "vision-dataset-credentials")
    lines = ["[default]", "aws_access_key_id = reader", "aws_secret_access_key = value-of-data"]
    assert secret["stringData"]["credentials"].splitlines() == lines
    assert "speech-dataset-credentials" not in created(recorder, SECRET)
    found = env(recorder, section)
    assert found["DATASET_IMAGENET"] == "s3://research/imagenet/"
    assert found["AWS_ENDPOINT_URL_S3"] == "http://minio.example.com:9000"
    assert found["AWS_SHARED_CREDENTIALS_FILE"] == "/var/run/secrets/dataset-credentials/credentials"
    rules = inputs(recorder, POLICY, f"vision-{section}-digits")["spec"]["egress"]
    assert [(rule["to"][0]["ipBlock"]["cidr"], rule["ports"][0]["port"]) for rule in rules] == [
        ("203.0.113.20/32", 9000),
        ("203.0.113.32/28", 9000),
    ]
    for kind in KINDS:
        names = [volume.get("secret", {}).get("secretName") for volume in pod(recorder, kind)["spec"]["volumes"]]
        assert ("dataset-credentials" in names) == (kind == section)


def test_an_endpoint_rolls_when_its_team_s_key_changes() -> None:
    assert "ml-platform.io/datasets" in pod(on_minio("serving"), "serving")["metadata"]["annotations"]


# Runs


def test_other_data_is_another_run_and_another_host_is_not() -> None:
    plain = run(platform(small()), "digits").name
    host = {"training.digits.egress": [{"host": "192.0.2.7", "port": 443}]}
    assert run(platform(small(**host)), "digits").name == plain
    reads = {**VOLUME, "training.digits.datasets": ["my-corpus"]}
    first = run(platform(small(**reads)), "digits").name
    other = deepcopy({**reads, "datasets.my-corpus.volume.claim": "more-texts"})
    second = run(platform(small(**other)), "digits").name
    assert len({plain, first, second}) == 3
