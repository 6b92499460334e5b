"""Drift of Kubernetes objects: which of them and which fields are named, and that no secret is in it."""

from __future__ import annotations

import copy
import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import pytest
from kubernetes import client

from cli.by_hand import edits
from cli.by_hand.ignored import is_ignored
from cli.by_hand.revealed import revealed, secret_paths
from cli.drift import fixes, markdown, objects, screen, values
from cli.drift.report import Drift, Report
from cli.printed import as_document
from common.pulumi import SECRET, SIGNATURE

MAIN = 'k:{"name": "main"}'
Object = dict[str, Any]


def secret(value: object) -> Object:
    """As `pulumi stack export --show-secrets` writes it."""
    return {SIGNATURE: SECRET, "plaintext": json.dumps(value)}


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


def resource(kind: str, name: str, types: str, inputs: Object, **options: Any) -> Object:
    group = {"Deployment": "apps/v1"}.get(kind, "v1")
    token = f"kubernetes:{group if '/' in group else f'core/{group}'}:{kind}"
    metadata = {"name": name, "namespace": "vision", "uid": f"uid-{name}", "managedFields": []}
    common = {"apiVersion": group, "kind": kind}
    return {
        "urn": f"urn:pulumi:dev::ml-platform::{types}${token}::{name}",
        "type": token,
        "custom": True,
        "inputs": {**common, "metadata": {"name": name, "namespace": "vision"}, **inputs},
        "outputs": {**common, "metadata": metadata, **inputs},
        **options,
    }


DEPLOYMENT = resource(
    "Deployment",
    "digits",
    "ml-platform:index:Serving",
    {
        "spec": {
            "replicas": 2,
            "containers": [
                {"name": "main", "env": [{"name": "A", "value": "1"}, {"name": "KEY", "value": secret("k")}]}
            ],
        }
    },
)
SCALED = resource("Deployment", "scaled", "ml-platform:index:Serving", {"spec": {"replicas": 0}}) | {
    "ignoreChanges": ["spec.replicas"]
}
KEY = resource("Secret", "digits-key", "ml-platform:index:TeamSecrets", {"data": secret({"value": encoded("hunter2")})})
CERTIFICATE = resource("Secret", "kueue", "ml-platform:index:QueueController", {"data": secret({"ca": encoded("old")})})
CERTIFICATE |= {"ignoreChanges": ["data"]}
CLAIM = resource("PersistentVolumeClaim", "data", "ml-platform:index:Tracking", {"spec": {"size": "1Gi"}})
STATE = [DEPLOYMENT, SCALED, KEY, CERTIFICATE, CLAIM]
PLURALS = {
    "Deployment": "deployments",
    "Secret": "secrets",
    "PersistentVolumeClaim": "persistentvolumeclaims",
}


def url(of: Mapping[str, Any]) -> str:
    version = of["outputs"]["apiVersion"]
    return (
        f"{'/apis' if '/' in version else '/api'}/{version}/namespaces/vision/{PLURALS[of['outputs']['kind']]}/"
        + str(of["outputs"]["metadata"]["name"])
    )


class World:
    """A cluster that has what the state says, and an object of somebody else's."""

    def __init__(self) -> None:
        self.objects = {url(each): copy.deepcopy(revealed(each["outputs"])) for each in STATE}
        self.objects[url(KEY).replace("digits-key", "theirs")] = {"kind": "Secret", "data": {"value": "eA=="}}
        self.read: list[str] = []

    def of(self, resource: Mapping[str, Any]) -> Object:
        found: Object = self.objects[url(resource)]
        return found

    def claim(self, resource: Mapping[str, Any], manager: str, claims: Object) -> None:
        self.of(resource)["metadata"]["managedFields"].append({"manager": manager, "fieldsV1": claims})

    def answer(self, api: object, path: str) -> Object | None:
        self.read.append(path)
        if path in ("/api/v1", "/apis/apps/v1"):
            return {"resources": [{"kind": kind, "name": name, "namespaced": True} for kind, name in PLURALS.items()]}
        return self.objects.get(path)

    def drift(self) -> list[Drift]:
        return objects.find(client.ApiClient(), STATE, "dev")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(edits, "_read", made.answer)
    return made


def test_a_stack_that_nobody_has_touched_has_no_drift_and_others_objects_are_not_read(world: World) -> None:
    assert world.drift() == []
    assert [path for path in world.read if "theirs" in path] == []


def test_what_controllers_set_is_no_drift(world: World) -> None:
    world.of(DEPLOYMENT)["spec"]["replicas"] = 5
    world.claim(DEPLOYMENT, "kube-controller-manager", {"f:spec": {"f:replicas": {}}})
    world.of(DEPLOYMENT)["status"] = {"readyReplicas": 5}
    world.of(DEPLOYMENT)["spec"]["terminationGracePeriodSeconds"] = 30
    world.of(SCALED)["spec"]["replicas"] = 3
    world.of(CERTIFICATE)["data"]["ca"] = encoded("new")
    world.of(CLAIM)["spec"]["size"] = "2Gi"
    assert world.drift() == []


def test_changed_fields_are_named_with_both_values_and_a_fix(world: World) -> None:
    world.of(DEPLOYMENT)["spec"]["replicas"] = 1
    (found,) = world.drift()
    assert (found.kind, found.object, found.field) == ("changed", "Deployment vision/digits", "spec.replicas")
    assert (found.declared, found.found) == ("2", "1")
    assert (
        found.fix == "`make up STACK=dev` puts it back; to keep it, declare it in platform.serving in Pulumi.dev.yaml"
    )


def test_what_kubectl_has_added_is_named_without_its_content(world: World) -> None:
    world.of(DEPLOYMENT)["spec"]["containers"][0]["env"].append({"name": "B", "value": "private"})
    item: Object = {'k:{"name":"B"}': {".": {}, "f:name": {}, "f:value": {}}}
    claims = {"f:spec": {"f:containers": {'k:{"name":"main"}': {"f:env": item}}}}
    world.claim(DEPLOYMENT, "kubectl-set", claims)
    (found,) = world.drift()
    assert (found.kind, found.field, found.found) == ("added", "spec.containers[main].env[B]", values.HIDDEN)


@pytest.mark.parametrize("manager", ["kubectl-patch", "OpenAPI-Generator", "k9s"])
def test_a_changed_secret_is_named_whoever_has_changed_it_and_no_value_is_in_the_report(
    world: World, manager: str
) -> None:
    world.of(KEY)["data"]["value"] = encoded("another one")
    world.claim(KEY, manager, {"f:data": {"f:value": {}}})
    (found,) = world.drift()
    assert (found.object, found.field) == ("Secret vision/digits-key", "data.value")
    assert (found.declared, found.found) == (values.HIDDEN, values.HIDDEN)
    report = Report("dev", 1, [found])
    text = as_document(report) + markdown.render(report) + "\n".join(screen.lines(report))
    for value in ("hunter2", "another one"):
        assert value not in text
        assert encoded(value) not in text


def test_a_secret_with_the_value_of_the_state_has_not_drifted_though_kubectl_has_set_it(world: World) -> None:
    world.claim(KEY, "kubectl-patch", {"f:data": {"f:value": {}}})
    assert world.drift() == []


def test_a_secret_value_in_another_object_is_hidden(world: World) -> None:
    world.of(DEPLOYMENT)["spec"]["containers"][0]["env"][1]["value"] = "leaked"
    (found,) = world.drift()
    assert (found.field, found.declared, found.found) == (
        "spec.containers[main].env[KEY].value",
        values.HIDDEN,
        values.HIDDEN,
    )


def test_what_is_gone_or_was_made_again_by_somebody_else_is_deleted(world: World) -> None:
    del world.objects[url(CLAIM)]
    world.of(DEPLOYMENT)["metadata"]["uid"] = "another"
    found = {each.object: each for each in world.drift()}
    assert {each.kind for each in found.values()} == {"deleted"}
    assert set(found) == {"PersistentVolumeClaim vision/data", "Deployment vision/digits"}
    assert found["PersistentVolumeClaim vision/data"].fix == "`make up STACK=dev` creates it again, without its data"
    assert "remove it from platform.serving in Pulumi.dev.yaml" in found["Deployment vision/digits"].fix


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("spec.replicas", ("spec", "replicas")),
        ("data", ("data", "ca.crt")),
        ("spec", ("spec", "template", MAIN)),
        ("webhooks[*].clientConfig.caBundle", ("webhooks", MAIN, "clientConfig", "caBundle")),
        ('metadata.labels["a.b/c"]', ("metadata", "labels", "a.b/c")),
    ],
)
def test_an_ignored_path_covers_its_field_and_what_is_below(pattern: str, path: tuple[str, ...]) -> None:
    assert is_ignored(path, [pattern])
    assert not is_ignored((*path[:-1], "other"), [pattern]) or pattern in ("data", "spec")
    assert not is_ignored(("metadata", "name"), [pattern])


def test_secrets_are_revealed_where_they_are_marked() -> None:
    marked = {"a": secret({"b": "c"}), "d": [secret("e")], "f": 1}
    assert revealed(marked) == {"a": {"b": "c"}, "d": ["e"], "f": 1}
    assert set(secret_paths(marked)) == {("a",), ("d",)}
    encrypted = {SIGNATURE: SECRET, "ciphertext": "v1:x"}
    assert revealed({"a": encrypted}) == {"a": encrypted}


def test_a_fix_names_a_setting_only_where_there_is_one() -> None:
    part = {**DEPLOYMENT, "urn": DEPLOYMENT["urn"].replace("Serving", "StatusPage")}
    assert fixes.of_object("dev", part, "changed") == "`make up STACK=dev` puts it back"
    assert "make rotate STACK=dev" in fixes.of_object("dev", KEY, "changed")
