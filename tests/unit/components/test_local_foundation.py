"""One machine as a foundation."""

from __future__ import annotations

import json

import bcrypt
import pytest
import yaml

from infra.foundation.local.object_store import bucket_policy
from infra.secrets.derive import derived_password
from offline import docker_engine
from tests.unit.components.recorder import Recorder, created, forget_builds, inputs, platform, pods
from tests.unit.declaration.samples import small

CONTAINER = "docker:index/container:Container"


def test_the_registry_answers_on_loopback_only_and_asks_for_a_password() -> None:
    recorder = platform(small())
    container = inputs(recorder, "docker:index/container:Container", "registry")
    assert container["ports"] == [
        {"internal": 5000, "external": 5000, "ip": "127.0.0.1"},
        {"internal": 5001, "external": 5001, "ip": "127.0.0.1"},
    ]
    (upload,) = inputs(recorder, "docker:index/container:Container", "registry-passwords")["uploads"]
    assert upload["file"] == "/auth/htpasswd"
    hashes = dict(line.split(":") for line in upload["content"].splitlines())
    assert list(hashes) == ["platform-0", "platform-1", "platform-2"]
    for slot, hashed in enumerate(hashes.values()):
        assert bcrypt.checkpw(f"password-of-registry-{slot}".encode(), hashed.encode())
        assert not bcrypt.checkpw(b"password-of-registry-3", hashed.encode())


def test_passwords_of_the_registry_have_the_same_hashes_in_each_run() -> None:
    first, second = (inputs(platform(small()), CONTAINER, "registry-passwords") for _ in range(2))
    assert first["uploads"] == second["uploads"]


def test_the_registry_s_metrics_are_scraped_through_the_node() -> None:
    stack = platform(small(**{"foundation.local.registryPort": 5055, "monitoring": {}}))
    config = inputs(stack, "kubernetes:core/v1:ConfigMap", "prometheus")
    jobs = {job["job_name"]: job for job in yaml.safe_load(config["data"]["prometheus.yml"])["scrape_configs"]}
    assert jobs["registry"]["static_configs"] == [{"targets": ["10.244.0.1:5056"]}]


def test_a_new_password_needs_no_new_registry() -> None:
    before, after = (platform(small(rotations={"registry": count})) for count in (1, 2))
    type_ = "docker:index/container:Container"
    assert inputs(before, type_, "registry") == inputs(after, type_, "registry")
    login = inputs(after, "docker:index/image:Image", "serving")["registry"]
    assert (login["username"], login["password"]) == ("platform-2", "password-of-registry-2")


def test_the_registry_keeps_its_data_in_a_volume() -> None:
    container = inputs(platform(small()), "docker:index/container:Container", "registry")
    assert container["volumes"] == [
        {"volumeName": "ml-platform-registry", "containerPath": "/var/lib/registry"},
        {"volumeName": "ml-platform-registry-passwords", "containerPath": "/auth", "readOnly": True},
    ]


def test_images_stay_in_the_registry_s_volume_and_the_engine_knows_it_as_a_cache() -> None:
    volume = inputs(platform(small()), "docker:index/volume:Volume", "registry")
    assert volume["labels"] == [{"label": docker_engine.PART_LABEL, "value": volume["name"]}]
    assert volume["name"].endswith("-registry")


def test_pods_log_in_to_the_declared_port() -> None:
    stack = platform(small(**{"foundation.local.registryPort": 5055}))
    secret = inputs(stack, "kubernetes:core/v1:Secret", "vision-registry")
    login = json.loads(secret["stringData"][".dockerconfigjson"])["auths"]["127.0.0.1:5055"]
    assert (login["username"], login["password"]) == ("platform-0", "password-of-registry-0")


def test_the_cluster_is_the_local_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)  # the SDK would take its path for the provider
    forget_builds()
    provider = inputs(platform(small()), "pulumi:providers:kubernetes", "kubernetes")
    assert provider["context"] == "ml-platform"
    assert "kubeconfig" not in provider


def test_a_simulated_node_offers_what_its_pool_declares() -> None:
    node = inputs(
        platform(small(**{"nodePools.a10g.taints": ["team=vision:NoExecute"]})), "kubernetes:core/v1:Node", "a10g-1"
    )
    assert node["metadata"]["annotations"] == {"kwok.x-k8s.io/node": "fake"}
    of_every_node = {"pods": "110", "ephemeral-storage": "1Ti"}
    assert node["status"]["capacity"] == {"cpu": "8", "memory": "32Gi", "nvidia.com/gpu": "1", **of_every_node}
    assert node["status"]["allocatable"] == node["status"]["capacity"]
    assert node["metadata"]["labels"]["nvidia.com/gpu.product"] == "NVIDIA-A10G"
    assert node["spec"]["taints"] == [
        {"key": "ml-platform.io/simulated", "value": "true", "effect": "NoSchedule"},
        {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"},
        {"key": "team", "value": "vision", "effect": "NoExecute"},
    ]


def test_a_pool_without_gpus_has_none() -> None:
    node = inputs(platform(small()), "kubernetes:core/v1:Node", "plain-0")
    assert "nvidia.com/gpu" not in node["status"]["capacity"]
    assert [taint["key"] for taint in node["spec"]["taints"]] == ["ml-platform.io/simulated"]


# Datasets


def with_objects(**changes: object) -> Recorder:
    datasets = {
        "imagenet": {"team": "vision", "objects": {"prefix": "imagenet"}},
        "more": {"team": "vision", "objects": {"prefix": "vision/more"}},
        "talks": {"team": "speech", "objects": {"prefix": "talks"}},
    }
    return platform(small(datasets=datasets, **changes))


def key(user: str) -> str:
    return derived_password("password-of-object-store-0", user)


def test_without_datasets_as_objects_there_is_no_store() -> None:
    recorder = platform(small(datasets={"corpus": {"team": "vision", "volume": {"claim": "texts"}}}))
    assert "object-store" not in [resource.name for resource in recorder.resources]
    assert recorder.outputs["datasets"] is None


def test_the_store_answers_on_loopback_only_and_keeps_its_data_in_a_volume() -> None:
    recorder = with_objects(**{"foundation.local.registryPort": 5055})
    container = inputs(recorder, CONTAINER, "object-store")
    assert container["ports"] == [{"internal": 7070, "external": 5057, "ip": "127.0.0.1"}]
    assert container["volumes"] == [{"volumeName": "ml-platform-object-store", "containerPath": "/data"}]
    assert inputs(recorder, "docker:index/volume:Volume", "object-store")["name"] == "ml-platform-object-store"


def test_the_store_s_keys_are_in_files_that_only_it_reads() -> None:
    container = inputs(with_objects(), CONTAINER, "object-store")
    uploads = {each["file"].removeprefix("/etc/object-store/"): each["content"] for each in container["uploads"]}
    users = json.loads(uploads["users.json"])["accessAccounts"]
    assert users == {team: {"access": team, "secret": key(team), "role": "user"} for team in ("speech", "vision")}
    assert uploads["admin"] == key("admin")
    assert json.loads(uploads["policy.json"]) == bucket_policy(
        {"vision": ["imagenet/", "vision/more/"], "speech": ["talks/"]}
    )
    shown = json.dumps({name: value for name, value in container.items() if name != "uploads"})
    assert [user for user in ("admin", "speech", "vision") if key(user) in shown] == []


def test_the_policy_allows_each_team_to_read_its_own_prefixes_only() -> None:
    policy = bucket_policy({"vision": ["imagenet/", "vision/more/"], "speech": ["talks/"]})
    bucket = "arn:aws:s3:::datasets"

    def statements(team: str, *keys: str) -> list[dict[str, object]]:
        allowed = {"Effect": "Allow", "Principal": {"AWS": [team]}}
        condition = {"StringLike": {"s3:prefix": [*keys]}}
        return [
            {**allowed, "Action": "s3:GetObject", "Resource": [f"{bucket}/{each}" for each in keys]},
            {**allowed, "Action": "s3:ListBucket", "Resource": bucket, "Condition": condition},
        ]

    assert policy["Statement"] == [
        *statements("speech", "talks/*"),
        *statements("vision", "imagenet/*", "vision/more/*"),
    ]


def test_pods_that_name_a_dataset_reach_the_store_with_their_team_s_key() -> None:
    recorder = with_objects(**{"training.digits.datasets": ["imagenet"]})
    secret = inputs(recorder, "kubernetes:core/v1:Secret", "vision-dataset-credentials")["stringData"]["credentials"]
    assert secret.splitlines() == [
        "[default]",
        "aws_access_key_id = vision",
        f"aws_secret_access_key = {key('vision')}",
    ]
    policies = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
    (rule,) = inputs(recorder, policies, "vision-training-digits")["spec"]["egress"]
    assert rule == {"to": [{"ipBlock": {"cidr": "10.244.0.1/32"}}], "ports": [{"protocol": "TCP", "port": 5002}]}
    assert [name for name in created(recorder, policies) if name.endswith("-digits")] == ["vision-training-digits"]
    (container,) = pods(recorder)["Job digits"]["spec"]["containers"]
    env = {each["name"]: each["value"] for each in container["env"]}
    assert env["DATASET_IMAGENET"] == "s3://datasets/imagenet/"
    assert env["AWS_ENDPOINT_URL_S3"] == "http://10.244.0.1:5002"
    assert env["AWS_SHARED_CREDENTIALS_FILE"] == "/var/run/secrets/dataset-credentials/credentials"


def test_people_write_datasets_with_the_administrator_s_key() -> None:
    assert with_objects().outputs["datasets"] == {
        "endpoint": "http://127.0.0.1:5002",
        "bucket": "datasets",
        "access_key": "admin",
        "secret_key": key("admin"),
    }


def test_the_store_s_image_stays_in_the_engine() -> None:
    image = inputs(with_objects(), "docker:index/image:Image", "object-store")
    assert image["skipPush"] is True
    assert "registry" not in image
