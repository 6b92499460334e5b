"""Preflight of an existing GatewayClass: what the cluster's API answers, and what is wrong with it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from cli import proxies
from cli.aws_preflight import gateway_class as in_eks
from cli.aws_preflight.wanted import Wanted as AwsWanted
from cli.cluster_preflight import rights
from cli.cluster_preflight.check import CHECKS
from cli.cluster_preflight.cluster import the_gateway_class_fits
from cli.cluster_preflight.wanted import Wanted
from cli.gateway_class import FIELDS, unfit
from cli.objects import Objects
from cli.upgrade.parts import declared_parts
from common.errors import CommandError
from infra.declaration.gateway import Gateway
from infra.declaration.loader import declare
from tests.unit.cli.conformance_world import RecordedObjects, conditions
from tests.unit.components.recorder import Recorder, platform
from tests.unit.components.test_existing_gateway_class import VALUES, with_pages
from tests.unit.declaration.samples import REPOSITORY, on_aws, project
from tests.unit.declaration.test_gateway_class import existing

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
CLASSES = "/apis/gateway.networking.k8s.io/v1/gatewayclasses"
PARAMETERS = "/apis/gateway.envoyproxy.io/v1alpha1/namespaces/edge/envoyproxies/settings"
NAMESPACE = "/api/v1/namespaces/envoy-gateway-system"
TRAFFIC, GRANTS = "backendtrafficpolicies.gateway.envoyproxy.io", "referencegrants.gateway.networking.k8s.io"
CLASS = "platform.gateway.gatewayClassName: "
INSTALL = "install the CRDs of Envoy Gateway 1.8 or later, and that version"
Answers = dict[str, Any]
Spoil = Callable[[Answers], object]
WITH_PAGES = Gateway.model_validate({"gatewayClassName": "eg", "hosts": {"tracking": "mlflow.example.com"}})


def class_(name: str, controller: str = "gateway.envoyproxy.io/gatewayclass-controller") -> dict[str, Any]:
    parameters = {"group": "gateway.envoyproxy.io", "kind": "EnvoyProxy", "name": "settings", "namespace": "edge"}
    spec = {"controllerName": controller, "parametersRef": parameters}
    return {"metadata": {"name": name}, "spec": spec, "status": conditions("Accepted")}


def answers() -> Answers:
    """Of a cluster with an Envoy Gateway of the version that the platform itself installs, and another controller."""
    files = [json.loads(file.read_text()) for file in (REPOSITORY / "infra/gateway/crds").glob("*.json")]
    return {
        CLASSES: [class_("eg"), class_("internal"), class_("nginx", "gateway.nginx.org/nginx-gateway-controller")],
        PARAMETERS: {"spec": {"provider": {"type": "Kubernetes"}}},
        NAMESPACE: {"metadata": {"name": "envoy-gateway-system"}},
        **{f"{DEFINITIONS}/{each['metadata']['name']}": each for each in files},
    }


def found(spoil: Spoil | None = None, gateway: Gateway = WITH_PAGES) -> list[str]:
    there = copy.deepcopy(answers())
    if spoil:
        spoil(there)
    return [str(each) for each in unfit(RecordedObjects(there), gateway)]


def fields(there: Answers, path: str, *names: str) -> dict[str, Any]:
    """The properties of a field of the policies for traffic."""
    inside = there[f"{DEFINITIONS}/{path}"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    for name in ("spec", *names):
        inside = inside[name]
        inside = inside.get("items", inside)["properties"]
    return cast("dict[str, Any]", inside)


def test_nothing_is_found_where_everything_fits() -> None:
    assert found() == []


def test_nothing_is_asked_without_an_existing_class() -> None:
    for gateway in (None, Gateway()):
        assert list(unfit(RecordedObjects({}), gateway)) == []


@pytest.mark.parametrize(
    ("spoil", "finding"),
    [
        (
            lambda there: there[CLASSES].pop(0),
            f"{CLASS}there is no GatewayClass 'eg'; there is internal",
        ),
        (
            lambda there: there.update({CLASSES: []}),
            f"{CLASS}there is no GatewayClass 'eg'; the cluster has none of Envoy Gateway; install it",
        ),
        (
            lambda there: there[CLASSES].__setitem__(0, class_("eg", "istio.io/gateway-controller")),
            f"{CLASS}the controller of GatewayClass 'eg' is istio.io/gateway-controller, and API keys, rate limits and "
            "timeouts need Envoy Gateway (gateway.envoyproxy.io/…); write another one: there is internal",
        ),
        (
            lambda there: there[CLASSES][0].update(
                status=conditions("Accepted", status="False", message="invalid parametersRef")
            ),
            f"{CLASS}GatewayClass 'eg' is not accepted (invalid parametersRef); see the log of Envoy Gateway",
        ),
        (
            lambda there: there[CLASSES][0].update(status={}),
            f"{CLASS}GatewayClass 'eg' is not accepted (its controller has not answered); see the log of Envoy Gateway",
        ),
        (
            lambda there: there[PARAMETERS]["spec"].update(mergeGateways=True),
            f"{CLASS}GatewayClass 'eg' merges Gateways: network policies can't select the proxies of one of them; "
            "write a class without mergeGateways in its EnvoyProxy edge/settings",
        ),
        (
            lambda there: there.pop(NAMESPACE),
            "platform.gateway.proxyNamespace: there is no namespace 'envoy-gateway-system'; write the one in which "
            "Envoy Gateway runs proxies",
        ),
        (
            lambda there: there.pop(f"{DEFINITIONS}/{TRAFFIC}"),
            f"{CLASS}there is no CRD {TRAFFIC}; {INSTALL}",
        ),
        (
            lambda there: there[f"{DEFINITIONS}/{TRAFFIC}"]["spec"]["versions"][0].update(served=False),
            f"{CLASS}the CRD {TRAFFIC} has no version v1alpha1, but none; {INSTALL}",
        ),
        (
            lambda there: there[f"{DEFINITIONS}/{GRANTS}"]["spec"]["versions"][0].update(name="v1alpha2"),
            f"{CLASS}the CRD {GRANTS} has no version v1beta1, but v1alpha2; {INSTALL}",
        ),
        (
            lambda there: fields(there, TRAFFIC).pop("routingType"),
            f"{CLASS}the CRD {TRAFFIC} has no field spec.routingType; {INSTALL}",
        ),
        (
            lambda there: fields(there, TRAFFIC, "responseOverride").pop("source"),
            f"{CLASS}the CRD {TRAFFIC} has no field spec.responseOverride.source; {INSTALL}",
        ),
        (
            lambda there: fields(there, "securitypolicies.gateway.envoyproxy.io").pop("apiKeyAuth"),
            f"{CLASS}the CRD securitypolicies.gateway.envoyproxy.io has no field spec.apiKeyAuth.credentialRefs.group, "
            f"spec.apiKeyAuth.credentialRefs.kind, spec.apiKeyAuth.credentialRefs.name and 3 more; {INSTALL}",
        ),
    ],
)
def test_what_does_not_fit_is_one_finding(spoil: Spoil, finding: str) -> None:
    assert found(spoil) == [finding]


def test_grants_are_for_routes_to_pages() -> None:
    without = Gateway.model_validate({"gatewayClassName": "eg"})
    assert found(lambda there: there.pop(f"{DEFINITIONS}/{GRANTS}"), without) == []


def written(value: object, path: str = "") -> Iterator[str]:
    """The fields of a spec that have values."""
    if isinstance(value, Mapping):
        for name, inside in value.items():
            yield from written(inside, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
        for inside in value:
            yield from written(inside, path)
    else:
        yield path


@pytest.fixture
def everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """The platform with pages, and endpoints that use all that the gateway can do with an existing class."""
    monkeypatch.chdir(project(tmp_path))
    chat = {
        "team": "vision",
        "image": "llm",
        "engine": "llm",
        "model": "digits",
        "version": 1,
        "resources": {"cpu": 1, "memory": "2Gi", "scratch": "2Gi"},
        "expose": {
            "host": "digits.example.com",
            "path": "/chat",
            "callers": ["ci"],
            "rateLimit": {"requests": 5},
            "timeout": "10m",
        },
    }
    return platform(with_pages(**{"serving.chat": chat}), **VALUES)


def test_the_fields_that_are_checked_are_those_that_the_platform_writes(everything: Recorder) -> None:
    kinds = {f"{plural[:-3]}y".lower(): plural for plural in FIELDS}
    seen: dict[str, set[str]] = {plural: set() for plural in FIELDS}
    for each in everything.resources:
        kind = each.type.rpartition(":")[2].lower()
        if kind in kinds:
            seen[kinds[kind]] |= {*written(each.inputs["spec"])}
    assert seen == {plural: {*names} for plural, names in FIELDS.items()}


def test_the_role_allows_just_the_kinds_that_are_created(everything: Recorder) -> None:
    rules = yaml.safe_load(rights.GATEWAY_ROLE.read_text())["rules"]
    allowed = {
        (group, kind)
        for rule in rules
        if "create" in rule["verbs"]
        for group in rule["apiGroups"]
        for kind in rule["resources"]
    }
    made = {
        (group, f"{kind[:-1]}ies" if kind.endswith("policy") else f"{kind}s")
        for each in everything.resources
        for group, kind in [(each.type.split(":")[1].split("/")[0], each.type.rpartition(":")[2].lower())]
        if group.startswith("gateway.")
    }
    assert allowed == made


def wanted(root: Path, **changes: object) -> Wanted:
    declared = declare(existing(**changes), "Pulumi.test.yaml", root)
    assert declared.foundation.cluster is not None
    return Wanted("test", declared, declared.foundation.cluster, {}, {}, {})


def test_the_rights_of_the_gateway_are_asked_for_with_an_existing_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Reviews:
        def __init__(self, _: object) -> None: ...

        def create_self_subject_access_review(self, review: Any) -> Any:
            attributes = review["spec"]["resourceAttributes"]
            asked.append(attributes["group"])
            return SimpleNamespace(status=SimpleNamespace(allowed=not attributes["group"].startswith("gateway.")))

    monkeypatch.setattr(client, "AuthorizationV1Api", Reviews)
    root = project(tmp_path)
    own = {"gateway": {"cluster": {"sourceCidrs": ["203.0.113.0/24"]}}}
    assert list(rights.caller_may_deploy(cast("Any", None), wanted(root, **own))) == []
    assert not [group for group in asked if group.startswith("gateway.")]
    (finding,) = rights.caller_may_deploy(cast("Any", None), wanted(root))
    assert finding.fix == "bind the ClusterRole in docs/own-cluster-gateway-rbac.yaml to the user"


def test_the_class_is_among_what_preflight_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert the_gateway_class_fits in CHECKS
    monkeypatch.setattr(Objects, "get", lambda *_, **__: {})
    checked = the_gateway_class_fits(cast("Any", None), wanted(project(tmp_path)))
    assert next(checked).problem == "there is no GatewayClass 'eg'"


def test_an_answer_that_is_refused_is_not_taken_for_a_missing_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Objects, "get", lambda *_, **__: None)
    with pytest.raises(ApiException, match="Forbidden"):
        list(unfit(Objects(cast("Any", None)), WITH_PAGES))


class Eks:
    """Of an account that has a cluster, or none."""

    exceptions = SimpleNamespace(ResourceNotFoundException=LookupError)

    def __init__(self, *, there: bool) -> None:
        self._there = there

    def __call__(self, service: str) -> Eks:
        return self

    def describe_cluster(self, name: str) -> None:
        if not self._there:
            raise LookupError(name)


def on_eks(root: Path) -> AwsWanted:
    declared = declare(on_aws(gateway={"gatewayClassName": "eg"}), "Pulumi.test.yaml", root)
    assert declared.foundation.aws is not None
    return AwsWanted(declared.foundation.aws, {}, "ml-platform-test", gateway=declared.gateway, kube_context="eks")


def test_on_aws_the_cluster_comes_before_its_class(tmp_path: Path) -> None:
    (finding,) = in_eks.the_gateway_class_is_in_the_cluster(Eks(there=False), on_eks(project(tmp_path)))
    assert finding.blocking
    assert str(finding) == (
        f"{CLASS}cluster ml-platform-test does not exist yet, so it has no GatewayClass; deploy without 'gateway' "
        "first, install Envoy Gateway, and declare it then"
    )


def test_on_aws_the_class_is_looked_for_in_the_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(in_eks, "api_client", asked.append)
    monkeypatch.setattr(Objects, "get", lambda *_, **__: {})
    first = next(iter(in_eks.the_gateway_class_is_in_the_cluster(Eks(there=True), on_eks(project(tmp_path)))))
    assert (first.problem, first.blocking, asked) == ("there is no GatewayClass 'eg'", True, ["eks"])


def test_on_aws_a_cluster_without_a_login_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(context: str) -> None:
        raise CommandError(f"the kube context '{context}' can't be used")

    monkeypatch.setattr(in_eks, "api_client", refuse)
    (finding,) = in_eks.the_gateway_class_is_in_the_cluster(Eks(there=True), on_eks(project(tmp_path)))
    assert not finding.blocking
    assert "aws eks update-kubeconfig --name ml-platform-test" in finding.fix


def test_keys_are_tried_at_the_service_that_envoy_gateway_has_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []
    there = [SimpleNamespace(metadata=SimpleNamespace(name="envoy-ml-platform-gateway-gateway-1a2b3c4d"))]

    class Core:
        def __init__(self, _: object) -> None: ...

        def list_namespaced_service(self, namespace: str, label_selector: str) -> Any:
            asked.append((namespace, label_selector))
            return SimpleNamespace(items=there)

    monkeypatch.setattr(client, "CoreV1Api", Core)
    root = project(tmp_path)
    api = cast("Any", None)
    declared = declare(existing(), "Pulumi.test.yaml", root)
    assert proxies.service(declared, api) == ("envoy-gateway-system", "envoy-ml-platform-gateway-gateway-1a2b3c4d")
    assert "gateway.envoyproxy.io/owning-gateway-namespace=ml-platform-gateway" in asked[0][1]
    there.clear()
    with pytest.raises(CommandError, match="no Service of the gateway's proxies"):
        proxies.service(declared, api)
    own = {"gateway": {"cluster": {"sourceCidrs": ["203.0.113.0/24"]}}}
    assert proxies.service(declare(existing(**own), "Pulumi.test.yaml", root), api) == ("ml-platform-gateway", "envoy")


def test_an_existing_envoy_gateway_is_upgraded_by_its_owner(tmp_path: Path) -> None:
    def parts(**changes: object) -> set[str]:
        declared = declare(existing(**changes), "Pulumi.test.yaml", root)
        return {part.title for part in declared_parts(declared)}

    root = project(tmp_path)
    own = {"gateway": {"cluster": {"sourceCidrs": ["203.0.113.0/24"]}}}
    assert parts(**own) - parts() == {"Envoy Gateway", "Gateway API"}
