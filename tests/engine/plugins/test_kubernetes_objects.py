"""The kubernetes stand-in without a cluster: normal forms, differences, replacements, secrets, reasons."""

from __future__ import annotations

from typing import Any

import pytest

from offline.plugins.diff import Diff
from offline.plugins.kubernetes.changes import compare, immutable_fields, needs_replacement, parse, render
from offline.plugins.kubernetes.kinds import GVK
from offline.plugins.kubernetes.objects import Json, normalise, prune, quantity
from offline.plugins.kubernetes.ownership import others_own, take_over
from offline.plugins.kubernetes.plugin import KubernetesProvider
from offline.plugins.kubernetes.state import load, save
from offline.plugins.kubernetes.waits import pods, workloads
from offline.plugins.kubernetes.waits.custom import wait_for
from offline.plugins.marshal import UNKNOWN, Secret
from offline.plugins.provider import Naming, ProviderError

NOWHERE: Any = None  # judging by status alone asks no cluster
URN = "urn:pulumi:dev::ml::kubernetes:{}::thing"


def provider() -> KubernetesProvider:
    found = KubernetesProvider()
    found.configure({"kubeconfig": "/nowhere\n"})
    return found


def check(token: str, news: dict[str, Any], olds: dict[str, Any] | None = None) -> dict[str, Any]:
    api_version, _, kind = token.partition(":")
    bag = {"apiVersion": api_version.removeprefix("core/"), "kind": kind, **news}
    return provider().check(URN.format(token), olds or {}, bag, Naming(b"seed"))


def diff(old: dict[str, Any], new: dict[str, Any], live: Json = None, **config: Json) -> Diff:
    plugin = provider()
    plugin.configure({"kubeconfig": "/nowhere\n", **config})
    outputs = save({**old, **(live or {})}, old, {}, old["apiVersion"], "manager")
    return plugin.diff("urn", "id", old, outputs, new, [])


def test_a_type_token_names_a_kind() -> None:
    assert GVK.from_urn(URN.format("core/v1:Pod")) == ("", "v1", "Pod")
    assert GVK.from_urn(URN.format("apps/v1:Deployment")).api_version == "apps/v1"
    assert GVK.from_urn("urn:pulumi:s::p::a:b:C$kubernetes:x.io/v1:Y::n").group == "x.io"


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("0.5", "500m"),
        ("1024Mi", "1Gi"),
        ("1000m", "1"),
        (2, "2"),
        ("1.5Gi", "1536Mi"),
        ("100M", "100M"),
        ("1000M", "1G"),
        ("0", "0"),
        ("many", "many"),
    ],
)
def test_quantities_have_one_form(written: object, stored: str) -> None:
    assert quantity(written) == stored


def test_check_names_and_places_an_unnamed_object() -> None:
    inputs = check("core/v1:ConfigMap", {"data": {"a": "b"}})
    meta = inputs["metadata"]
    assert meta["name"].startswith("thing-") and len(meta["name"]) == len("thing-") + 8
    assert meta["annotations"] == {"pulumi.com/autonamed": "true"}
    assert meta["namespace"] == "default"


def test_check_leaves_a_named_object_alone() -> None:
    inputs = check("core/v1:Namespace", {"metadata": {"name": "team"}})
    assert inputs["metadata"] == {"name": "team"}


def test_an_automatic_name_stays() -> None:
    first = check("core/v1:ConfigMap", {})
    again = check("core/v1:ConfigMap", {"data": {"a": "b"}}, olds=first)
    assert again["metadata"] == first["metadata"]


def test_a_name_that_is_not_known_yet_counts_as_a_name() -> None:
    inputs = check("core/v1:ConfigMap", {"metadata": {"name": UNKNOWN}})
    assert inputs["metadata"]["name"] is UNKNOWN
    assert "annotations" not in inputs["metadata"]


def test_lists_and_generated_names_are_refused() -> None:
    with pytest.raises(ProviderError, match="list resources"):
        check("core/v1:ConfigMapList", {})
    with pytest.raises(ProviderError, match="generateName"):
        check("core/v1:ConfigMap", {"metadata": {"generateName": "x-"}})


def test_what_only_the_official_plugin_offers_is_refused_at_once() -> None:
    for token, kind in (("core/v1:ConfigMapPatch", "ConfigMap"), ("helm.sh/v3:Release", "Release")):
        with pytest.raises(ProviderError, match="official kubernetes plugin"):
            provider().check(URN.format(token), {}, {"apiVersion": "v1", "kind": kind}, Naming())


def test_plain_secret_strings_become_secret_data() -> None:
    inputs = check("core/v1:Secret", {"stringData": {"pw": "hunter2"}})
    assert inputs["data"] == Secret({"pw": "aHVudGVyMg=="})
    assert "stringData" not in inputs


def test_a_secret_in_a_config_map_stays_one() -> None:
    inputs = check("core/v1:ConfigMap", {"data": {"open": "a", "hidden": Secret("b")}})
    assert inputs["data"] == {"open": "a", "hidden": Secret("b")}
    outputs = save({"kind": "ConfigMap", "data": {"hidden": "b"}}, {"data": {"hidden": "b"}}, inputs, "v1", "m")
    assert outputs["data"]["hidden"] == outputs["__inputs"]["data"]["hidden"] == Secret("b")
    assert load(outputs).inputs == {"data": {"hidden": "b"}}


def test_what_the_server_adds_or_drops_is_no_difference() -> None:
    old = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s"},
        "spec": {"ports": [{"port": 1, "typo": 2}]},
    }
    live = {"spec": {"clusterIP": "10.0.0.1", "ports": [{"port": 1, "protocol": "TCP"}]}}
    assert not diff(old, old, live).changed


def test_a_difference_is_named_by_its_path() -> None:
    def pod(value: str, labels: dict[str, str]) -> dict[str, Any]:
        container = {"name": "c", "env": [{"name": "A", "value": value}]}
        meta = {"name": "d", "labels": labels}
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": meta,
            "spec": {"template": {"spec": {"containers": [container]}}},
        }

    found = diff(pod("1", {"a.b/c": "x"}), pod("2", {"d": "y"}))
    assert found.detailed == {
        'metadata.labels["a.b/c"]': "delete",
        "metadata.labels.d": "add",
        "spec.template.spec.containers[0].env[0].value": "update",
    }
    assert found.replaces == []


def test_paths_are_read_back() -> None:
    for path in ("spec.containers[0].env", 'metadata.labels["a.b/c"]', "a"):
        assert render(parse(path)) == path


def test_ignored_changes_are_not_seen() -> None:
    plugin = provider()
    old = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"replicas": 1}}
    new = {**old, "spec": {"replicas": 2}}
    outputs = save(old, old, {}, "apps/v1", "m")
    assert not plugin.diff("urn", "id", old, outputs, new, ["spec.replicas"]).changed
    assert plugin.diff("urn", "id", old, outputs, new, ["spec.paused"]).changed


def of(api_version: str, kind: str, **fields: Json) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x", "namespace": "default"}, **fields}


@pytest.mark.parametrize(
    ("api_version", "kind", "old", "new", "replaced"),
    [
        ("v1", "ConfigMap", {"data": {"a": "1"}}, {"data": {"a": "2"}}, True),
        ("v1", "ConfigMap", {"data": {"a": "1", "b": "1"}}, {"data": {"a": "1"}}, True),
        ("v1", "Secret", {"data": {"a": "MQ=="}}, {"data": {"a": "Mg=="}}, True),
        ("apps/v1", "Deployment", {"spec": {"replicas": 1}}, {"spec": {"replicas": 2}}, False),
        (
            "apps/v1",
            "Deployment",
            {"spec": {"selector": {"matchLabels": {"a": "1"}}}},
            {"spec": {"selector": {"matchLabels": {"a": "2"}}}},
            True,
        ),
        ("apps/v1", "StatefulSet", {"spec": {"serviceName": "a"}}, {"spec": {"serviceName": "b"}}, True),
        (
            "batch/v1",
            "Job",
            {"spec": {"template": {"spec": {"a": 1}}}},
            {"spec": {"template": {"spec": {"a": 2}}}},
            True,
        ),
        ("batch/v1", "Job", {"spec": {"backoffLimit": 1}}, {"spec": {"backoffLimit": 2}}, False),
        ("v1", "Service", {"spec": {"clusterIP": "10.0.0.1"}}, {"spec": {"clusterIP": "10.0.0.2"}}, True),
        ("v1", "Service", {"spec": {"ports": [{"port": 1}]}}, {"spec": {"ports": [{"port": 2}]}}, False),
        ("v1", "PersistentVolumeClaim", {"spec": {"storageClassName": "a"}}, {"spec": {"storageClassName": "b"}}, True),
        (
            "v1",
            "PersistentVolumeClaim",
            {"spec": {"resources": {"requests": {"storage": "1Gi"}}}},
            {"spec": {"resources": {"requests": {"storage": "2Gi"}}}},
            False,
        ),
        ("v1", "Pod", {"spec": {"containers": [{"image": "a"}]}}, {"spec": {"containers": [{"image": "b"}]}}, True),
        ("v1", "Pod", {"spec": {"containers": []}}, {"spec": {"containers": [{"image": "b"}]}}, True),
        ("rbac.authorization.k8s.io/v1", "RoleBinding", {"roleRef": {"name": "a"}}, {"roleRef": {"name": "b"}}, True),
        ("scheduling.k8s.io/v1", "PriorityClass", {"value": 1}, {"value": 2}, False),
    ],
)
def test_immutable_fields_replace(
    api_version: str, kind: str, old: dict[str, Any], new: dict[str, Any], replaced: bool
) -> None:
    found = diff(of(api_version, kind, **old), of(api_version, kind, **new))
    assert found.changed
    assert bool(found.replaces) is replaced
    assert found.delete_before_replace is replaced


def test_settings_make_data_mutable_but_not_that_of_immutable_objects() -> None:
    for kind, setting in (("ConfigMap", "enableConfigMapMutable"), ("Secret", "enableSecretMutable")):
        old, new = of("v1", kind, data={"a": "MQ=="}), of("v1", kind, data={"a": "Mg=="})
        assert diff(old, new, **{setting: "true"}).replaces == []
        frozen = diff({**old, "immutable": True}, {**new, "immutable": True}, **{setting: "true"})
        assert frozen.replaces == ["data.a"]


def test_only_the_same_explicit_name_is_deleted_first() -> None:
    old, new = of("v1", "ConfigMap", data={"a": "1"}), of("v1", "ConfigMap", data={"a": "2"})
    automatic = {**new["metadata"], "annotations": {"pulumi.com/autonamed": "true"}}
    assert diff(old, new).delete_before_replace
    assert not diff(old, {**new, "metadata": automatic}).delete_before_replace
    assert not diff(old, {**new, "metadata": {"name": "y", "namespace": "default"}}).delete_before_replace


def test_a_part_of_a_greater_addition_replaces() -> None:
    found = compare({"spec": {}}, {"spec": {"selector": {"a": "b"}}}, {})
    fields = immutable_fields(of("apps/v1", "Deployment"), False, False)
    assert [needs_replacement(change, fields) for change in found] == [True]


def test_another_cluster_replaces_everything() -> None:
    def kubeconfig(server: str, token: str) -> str:
        return (
            f"clusters: [{{name: c, cluster: {{server: {server!r}}}}}]\n"
            f"users: [{{name: u, user: {{token: {token}}}}}]\n"
            "contexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\n"
        )

    first = {"kubeconfig": kubeconfig("https://one", "a")}
    plugin = provider()
    assert plugin.diff_config("urn", first, {"kubeconfig": kubeconfig("https://one", "b")}).replaces == []
    assert plugin.diff_config("urn", first, {"kubeconfig": kubeconfig("https://two", "a")}).replaces == ["kubeconfig"]
    assert plugin.diff_config("urn", first, {"kubeconfig": UNKNOWN}).replaces == ["kubeconfig"]


def test_the_first_apply_takes_over_what_the_create_owned() -> None:
    def entry(manager: str, operation: str, fields: dict[str, Any]) -> dict[str, Any]:
        return {"manager": manager, "operation": operation, "fieldsV1": fields}

    created = entry("pulumi-kubernetes", "Update", {"f:data": {"f:a": {}}})
    foreign = entry("someone", "Apply", {"f:data": {"f:b": {}}})
    live = {"metadata": {"resourceVersion": "7", "managedFields": [created, foreign]}}
    entries, version = take_over(live, "ours")
    assert entries["value"] == [entry("ours", "Apply", {"f:data": {"f:a": {}}}), foreign]
    assert version["value"] == "7"
    taken = {"metadata": {"resourceVersion": "8", "managedFields": entries["value"]}}
    assert take_over(taken, "ours") == []
    assert others_own(taken, "ours", ("data", "b"))
    assert not others_own(taken, "ours", ("data", "a"))


def test_normal_forms_drop_what_the_server_does_not_store() -> None:
    pod = of("v1", "Pod", spec={"tolerations": [], "nodeSelector": {}, "volumes": [{"emptyDir": {}}]})
    assert normalise(pod)["spec"] == {"volumes": [{"emptyDir": {}}]}
    custom = of("example.com/v1", "Thing", spec={"list": [], "limits": {"cpu": "0.5"}})
    assert normalise(custom)["spec"] == {"list": [], "limits": {"cpu": "0.5"}}


def test_pruning_keeps_the_shape_of_the_inputs() -> None:
    live = {"a": 1, "b": {"c": 2, "d": 3}, "e": [{"f": 4, "g": 5}, {"f": 6}]}
    assert prune(live, {"b": {"c": 0}, "e": [{"f": 0}]}) == {"b": {"c": 2}, "e": [{"f": 4}]}


def pod_with(status: dict[str, Any]) -> dict[str, Any]:
    return {**of("v1", "Pod"), "metadata": {"name": "p", "namespace": "team", "uid": "1"}, "status": status}


def test_a_pod_that_cannot_pull_says_so() -> None:
    waiting = {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "nowhere/x"'}
    status = {
        "conditions": [{"type": "Ready", "status": "False", "message": "containers with unready status: [c]"}],
        "containerStatuses": [{"name": "c", "ready": False, "state": {"waiting": waiting}}],
    }
    assert pods.causes(NOWHERE, pod_with(status)) == [
        '[Pod team/p]: containers with unready status: [c][ImagePullBackOff] Back-off pulling image "nowhere/x"'
    ]


def test_a_pod_without_a_place_repeats_the_scheduler() -> None:
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/1 nodes are available",
    }
    found = pods.causes(NOWHERE, pod_with({"conditions": [condition]}))
    assert found == ["[Pod team/p]: [Unschedulable] 0/1 nodes are available"]


def test_a_deployment_is_ready_when_only_new_pods_are_left() -> None:
    def status(**counts: int) -> bool:
        live = of("apps/v1", "Deployment", spec={"replicas": 2}, status={"observedGeneration": 3, **counts})
        live["metadata"]["generation"] = 3
        return workloads.deployment(NOWHERE, live, 0.0).ready

    assert status(replicas=2, updatedReplicas=2, availableReplicas=2)
    assert not status(replicas=3, updatedReplicas=2, availableReplicas=3)
    assert not status(replicas=2, updatedReplicas=1, availableReplicas=2)
    assert not status(replicas=2, updatedReplicas=2, availableReplicas=1)


def test_a_failed_job_is_hopeless() -> None:
    condition = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "too often"}
    verdict = workloads.job(NOWHERE, of("batch/v1", "Job", status={"conditions": [condition]}), 0.0)
    assert verdict.hopeless
    assert verdict.reasons == ["[BackoffLimitExceeded] too often"]


@pytest.mark.parametrize(
    ("annotation", "ready"),
    [
        ("condition=Synced", True),
        ("condition=Synced=False", False),
        ("jsonpath={.status.phase}=Up", True),
        ("jsonpath={.status.parts[0].n}=1", True),
        ("jsonpath={.status.missing}", False),
        ('["condition=Synced", "jsonpath={.status.phase}=Down"]', False),
    ],
)
def test_a_wait_of_the_users_choice(annotation: str, ready: bool) -> None:
    live = {"status": {"phase": "Up", "parts": [{"n": 1}], "conditions": [{"type": "Synced", "status": "True"}]}}
    assert wait_for(annotation).look(NOWHERE, live, 0.0).ready is ready


def test_a_wait_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(ProviderError, match="waitFor"):
        wait_for("phase=Up")
