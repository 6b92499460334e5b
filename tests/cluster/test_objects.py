"""Datasets that are objects, in the local foundation's store: open to the pods that name one, and to no others."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import boto3
import docker
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError
from kubernetes import client

from common import daemons, paths
from infra.catalogue.names import PART_LABEL
from offline import docker_engine
from offline.cluster import gateways
from tests.cluster.object_store import WORD, World, compiled
from tests.cluster.test_datasets import runs
from tests.ports import free_port
from tests.pulumi_engine import Pulumi, find_engine
from tests.waiting import eventually

AsPod = Callable[[str], Any]


@pytest.fixture(scope="module")
def world(core: client.CoreV1Api, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if find_engine() is None:
        pytest.skip("no pulumi on this machine: set ML_PLATFORM_BIN to the folder that holds it")
    if docker_engine.host() is None:
        pytest.skip("needs a Docker engine; `make test` starts one where it can")
    engine = compiled()
    name, port = f"objects-{uuid4().hex[:6]}", free_port()
    stack = Pulumi(tmp_path_factory.mktemp("objects"), {"KUBECONFIG": str(paths.KUBECONFIG)})
    (stack.folder / "images").symlink_to(paths.REPOSITORY / "images")
    gateway = gateways.to_loopback(port)
    gateway.start()
    try:
        with stack:
            found = World(core, engine, stack, name, port, tmp_path_factory.mktemp("keys"))
            store = found.administrator(found.up())
            for key in ("images/word", "talks/word", "unread/word"):
                store.put_object(Bucket="datasets", Key=key, Body=f"{WORD} in {key}".encode())
            for team, jobs in found.jobs.items():
                for job in jobs:
                    eventually(lambda team=team, job=job: runs(core, team, job), 120, f"the pod of {job}")  # type: ignore[misc] # by the default
            yield found
        assert parts(engine, name) == []
    finally:
        daemons.stop(gateway.name)


def parts(engine: docker.DockerClient, name: str) -> list[str]:
    """What the engine has of a store."""
    label: dict[str, str | list[str] | bool] = {"label": f"{PART_LABEL}={name}"}
    containers = [str(each.name) for each in engine.containers.list(all=True, filters=label)]
    return [*containers, *(str(each.id) for each in engine.volumes.list(filters=label))]


@pytest.fixture
def as_pod(world: World, monkeypatch: pytest.MonkeyPatch) -> AsPod:
    """A client of S3 that knows what a pod's environment says, and nothing else."""

    def client_of(job: str) -> Any:
        for name, value in {**world.env(job), "AWS_SHARED_CREDENTIALS_FILE": str(world.key(job))}.items():
            monkeypatch.setenv(name, value)
        return boto3.session.Session().client("s3", config=Config(signature_version="s3v4"))

    return client_of


def signed(store: Any, key: str) -> str:
    """The URL of an object for a pod, which has no client of its own."""
    return str(store.generate_presigned_url("get_object", Params={"Bucket": "datasets", "Key": key}))


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(ClientError) as refused:
        call()
    return str(refused.value.response["Error"]["Code"])


def test_a_pod_reads_the_objects_of_its_dataset(world: World, as_pod: AsPod) -> None:
    assert world.env("reader")[f"DATASET_OF_{world.team.upper().replace('-', '_')}"] == "s3://datasets/images/"
    store = as_pod("reader")
    eventually(lambda: world.get("reader", signed(store, "images/word")) == f"{WORD} in images/word", what="the object")
    listed = store.list_objects_v2(Bucket="datasets", Prefix="images/")
    assert [each["Key"] for each in listed["Contents"]] == ["images/word"]


@pytest.mark.parametrize("key", ["talks/word", "unread/word", "images/../talks/word"])
def test_other_prefixes_are_refused(world: World, as_pod: AsPod, key: str) -> None:
    store = as_pod("reader")
    assert "403 Forbidden" in world.get("reader", signed(store, key))
    assert refusal(lambda: store.get_object(Bucket="datasets", Key=key)) == "AccessDenied"
    folder = key.rpartition("/")[0]
    if not folder.startswith("images/"):
        assert refusal(lambda: store.list_objects_v2(Bucket="datasets", Prefix=f"{folder}/")) == "AccessDenied"
    else:
        assert "Contents" not in store.list_objects_v2(Bucket="datasets", Prefix=f"{folder}/")


def test_the_whole_bucket_is_not_listed(as_pod: AsPod) -> None:
    store = as_pod("reader")
    for prefix in ("", "i", "images"):
        assert refusal(lambda prefix=prefix: store.list_objects_v2(Bucket="datasets", Prefix=prefix)) == "AccessDenied"  # type: ignore[misc] # by the default


def test_a_pod_writes_and_deletes_nothing(as_pod: AsPod) -> None:
    store, object_ = as_pod("reader"), {"Bucket": "datasets", "Key": "images/word"}
    copied = {**object_, "Key": "images/copy", "CopySource": "datasets/images/word"}
    attempts: dict[str, Callable[[], object]] = {
        "put": lambda: store.put_object(**object_, Body=b"mine"),
        "upload": lambda: store.create_multipart_upload(**object_),
        "copy": lambda: store.copy_object(**copied),
        "delete": lambda: store.delete_object(**object_),
        "policy": lambda: store.delete_bucket_policy(Bucket="datasets"),
        "access": lambda: store.put_bucket_acl(Bucket="datasets", ACL="public-read-write"),
        "bucket": lambda: store.create_bucket(Bucket="mine"),
        "end": lambda: store.delete_bucket(Bucket="datasets"),
    }
    assert {name: refusal(attempt) for name, attempt in attempts.items()} == dict.fromkeys(attempts, "AccessDenied")
    (failed,) = store.delete_objects(Bucket="datasets", Delete={"Objects": [{"Key": "images/word"}]})["Errors"]
    assert failed["Code"] == "AccessDenied"
    assert store.get_object(**object_)["Body"].read().decode() == f"{WORD} in images/word"


def test_another_team_s_pod_gets_none_of_it(world: World, as_pod: AsPod) -> None:
    store = as_pod("stranger")
    eventually(lambda: world.get("stranger", signed(store, "talks/word")) == f"{WORD} in talks/word", what="its own")
    assert "403 Forbidden" in world.get("stranger", signed(store, "images/word"))
    assert refusal(lambda: store.list_objects_v2(Bucket="datasets", Prefix="images/")) == "AccessDenied"


def test_a_pod_that_names_no_dataset_has_no_key_and_reaches_no_store(world: World, as_pod: AsPod) -> None:
    assert world.env("plain") == {}
    assert "No such file" in world.shell("plain", "/busybox ls /var/run/secrets/dataset-credentials")
    url = signed(as_pod("reader"), "images/word")
    eventually(lambda: WORD in world.get("reader", url), what="the object")
    assert WORD not in world.get("plain", url)


def test_nobody_reads_without_a_key(world: World) -> None:
    for path in ("/", "/datasets?list-type=2&prefix=images/", "/datasets/images/word"):
        assert requests.get(f"http://127.0.0.1:{world.port}{path}", timeout=20).status_code == 403


def test_keys_are_in_no_state_no_container_s_description_and_no_list_of_processes(world: World) -> None:
    (admin,) = [world.stack.outputs()["secret"]]
    keys = [admin, *(world.key(job).read_text().split()[-1] for job in ("reader", "stranger"))]
    container = world.engine.containers.get(world.name)
    shown = [world.stack.stored(), json.dumps(container.attrs), json.dumps(container.top()), container.logs().decode()]
    assert [key for key in keys for text in shown if key in text] == []
    assert len({*keys}) == 3


def test_the_same_declaration_changes_nothing(world: World) -> None:
    assert set(world.stack.preview("--expect-no-changes").changes()) == {"unchanged"}


def test_with_another_prefix_the_store_keeps_its_objects(world: World, as_pod: AsPod) -> None:
    assert refusal(lambda: as_pod("reader").get_object(Bucket="datasets", Key="unread/word")) == "AccessDenied"
    world.more = ("unread/",)
    world.up()
    for key in ("images/word", "unread/word"):
        assert as_pod("reader").get_object(Bucket="datasets", Key=key)["Body"].read().decode() == f"{WORD} in {key}"
