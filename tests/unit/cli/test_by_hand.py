"""Changes by hand: which fields they are, and what is taken back before the next update."""

from __future__ import annotations

from typing import Any

import pytest

from cli.by_hand import fields
from cli.by_hand.edits import _added, _changed, restored, unclaimed
from common.pulumi import SECRET, SIGNATURE

ENV = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
INPUTS: dict[str, Any] = {
    "kind": "Deployment",
    "metadata": {"name": "digits", "labels": {"app": "digits"}},
    "spec": {"replicas": 2, "template": {"containers": [{"name": "main", "env": ENV, "args": ["x", "y"]}]}},
}
MAIN = 'k:{"name": "main"}'


def live(**changes: Any) -> dict[str, Any]:
    """The object with other containers or replicas."""
    containers = [{"name": "main", "env": changes.get("env", ENV), "args": changes.get("args", ["x", "y"])}]
    return {
        "kind": "Deployment",
        "metadata": {"name": "digits", "labels": changes.get("labels", {"app": "digits"}), "managedFields": []},
        "spec": {"replicas": changes.get("replicas", 2), "template": {"containers": containers}},
    }


def claimed(found: dict[str, Any], manager: str, claims: dict[str, Any]) -> dict[str, Any]:
    found["metadata"]["managedFields"].append({"manager": manager, "operation": "Update", "fieldsV1": claims})
    return found


def env_claim(name: str) -> dict[str, Any]:
    item: dict[str, Any] = {f'k:{{"name":"{name}"}}': {".": {}, "f:name": {}, "f:value": {}}}
    return {"f:spec": {"f:template": {"f:containers": {'k:{"name":"main"}': {"f:env": item}}}}}


def changed(found: dict[str, Any]) -> list[str]:
    return [fields.shown(path) for path in _changed(INPUTS, live(), found)]


def added(found: dict[str, Any]) -> list[str]:
    return [fields.shown(path) for path in _added(INPUTS, found)]


def test_an_untouched_object_has_no_changes() -> None:
    found = claimed(live(), "pulumi-kubernetes", env_claim("A"))
    assert (changed(found), added(found)) == ([], [])


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"replicas": 1}, ["spec.replicas"]),
        ({"env": [{"name": "A", "value": "9"}, ENV[1]]}, ["spec.template.containers[main].env[A].value"]),
        (
            {"env": [ENV[0]]},
            ["spec.template.containers[main].env[B].name", "spec.template.containers[main].env[B].value"],
        ),
        ({"args": ["x"]}, ["spec.template.containers[main].args"]),
        ({"labels": {}}, ["metadata.labels.app"]),
        ({"labels": {"app": "digits", "of-a-controller": "x"}}, []),
        ({"env": [*reversed(ENV)]}, []),
    ],
)
def test_declared_fields_with_another_value_are_changes_whoever_made_them(
    changes: dict[str, Any], path: list[str]
) -> None:
    assert changed(live(**changes)) == path


def test_replicas_that_an_autoscaler_has_set_are_none() -> None:
    claims: dict[str, Any] = {"f:spec": {"f:replicas": {}}}
    assert changed(claimed(live(replicas=5), "kube-controller-manager", claims)) == []
    assert changed(claimed(live(replicas=5), "kubectl", claims)) == ["spec.replicas"]


def test_a_field_that_the_stack_ignores_is_none() -> None:
    """Nobody claims replicas that an autoscaler has set to 0: the API server leaves that number out."""
    found = [fields.shown(path) for path in _changed(INPUTS, live(), live(replicas=0), ["spec.replicas"])]
    assert found == []


def test_what_kubectl_adds_is_taken_back_and_what_a_controller_adds_is_not() -> None:
    more = [*ENV, {"name": "C", "value": "3"}]
    assert added(claimed(live(env=more), "kubectl-set", env_claim("C"))) == ["spec.template.containers[main].env[C]"]
    assert added(claimed(live(env=more), "istio-injector", env_claim("C"))) == []
    assert added(claimed(live(env=more), "kubectl-rollout", env_claim("C"))) == []


def test_what_is_gone_or_changed_comes_back_and_what_was_added_goes() -> None:
    path = ("spec", "template", "containers", MAIN, "env")
    found = live(env=[{"name": "A", "value": "9"}, {"name": "C", "value": "3"}], replicas=1)
    made = restored(
        found,
        live(),
        [("spec", "replicas"), (*path, 'k:{"name": "A"}', "value"), (*path, 'k:{"name": "B"}', "value")],
        [(*path, 'k:{"name": "C"}')],
    )
    assert made == live()
    assert found["spec"]["replicas"] == 1, "the object itself is left as it is"


def test_claims_to_touched_fields_go_and_all_others_stay() -> None:
    found = claimed(claimed(live(), "kubectl-set", env_claim("A")), "pulumi-kubernetes", env_claim("A"))
    found = claimed(found, "kubectl-label", {"f:metadata": {"f:labels": {"f:other": {}}}})
    path = ("spec", "template", "containers", MAIN, "env", 'k:{"name": "A"}', "value")
    managers = [each["manager"] for each in unclaimed(found, {path})["metadata"]["managedFields"]]
    assert managers == ["pulumi-kubernetes", "kubectl-label"]


def secret(**data: str) -> dict[str, Any]:
    return {"data": data, "metadata": {"managedFields": []}}


ENCRYPTED = {SIGNATURE: SECRET, "ciphertext": "v1:x"}
SECRET_INPUTS = {"stringData": ENCRYPTED}
SECRET_OUTPUTS = claimed(secret() | {"data": ENCRYPTED}, "pulumi-kubernetes", {"f:data": {"f:key": {}, "f:value": {}}})


def test_what_is_secret_is_not_compared() -> None:
    found = secret(key="eA==", value="other")
    assert list(_changed(SECRET_INPUTS, SECRET_OUTPUTS, found)) == []
    assert [*_added(SECRET_INPUTS, claimed(found, "kubectl-patch", {"f:data": {"f:key": {}}}))] == [("data", "key")]


def test_a_key_that_is_gone_from_a_secret_is_named_and_left_to_the_next_update() -> None:
    found = secret(value="eA==")
    gone = list(_changed(SECRET_INPUTS, SECRET_OUTPUTS, found))
    assert gone == [("data", "key")]
    assert restored(found, SECRET_OUTPUTS, gone, []) == found
    assert list(_changed(SECRET_INPUTS, SECRET_OUTPUTS, {"metadata": {}})) == [("data",)]
