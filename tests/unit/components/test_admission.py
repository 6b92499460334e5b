"""What the platform tells its cluster to refuse, and where it makes an exception."""

from __future__ import annotations

import json
from typing import Any

from infra.catalogue.names import PLATFORM_LABEL
from infra.catalogue.pod_exceptions import exceptions, pod_security
from infra.catalogue.pod_rules import HOST_PATHS, POD_RULES, ROOT, SECRETS
from tests.unit.components.recorder import Recorder, created, inputs, platform
from tests.unit.declaration.samples import in_cluster, on_aws, small

POLICY = "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy"
BINDING = f"{POLICY}Binding"
REASON = "reads the scanner's device, allowed by the platform team"
RULES = sorted(rule.name for rule in POD_RULES)


def selector(recorder: Recorder, rule: str) -> dict[str, Any]:
    found: dict[str, Any] = inputs(recorder, BINDING, rule)["spec"]["matchResources"]["namespaceSelector"]
    return found


def level(recorder: Recorder, namespace: str) -> str:
    labels = inputs(recorder, "kubernetes:core/v1:Namespace", namespace)["metadata"]["labels"]
    return str(labels["pod-security.kubernetes.io/enforce"])


def registry(recorder: Recorder) -> str:
    variables = inputs(recorder, POLICY, "images-by-digest")["spec"]["variables"]
    return str({each["name"]: each["expression"] for each in variables}["registry"])


def test_each_rule_is_a_policy_that_denies_in_the_stack_s_namespaces() -> None:
    recorder = platform(small())
    assert created(recorder, POLICY) == created(recorder, BINDING) == RULES
    for rule in RULES:
        spec = inputs(recorder, BINDING, rule)["spec"]
        assert (spec["policyName"], spec["validationActions"]) == (f"ml-platform-{rule}", ["Deny"])
        assert inputs(recorder, POLICY, rule)["spec"]["failurePolicy"] == "Fail"
        assert selector(recorder, rule)["matchLabels"] == {PLATFORM_LABEL: "ml-platform"}


def test_two_platforms_in_one_cluster_have_policies_of_their_own() -> None:
    recorder = platform(small(namespace="other"))
    assert inputs(recorder, POLICY, RULES[0])["metadata"]["name"] == f"other-{RULES[0]}"


def test_images_come_from_the_stack_s_own_registry() -> None:
    assert registry(platform(small())) == r"r'127\.0\.0\.1:5000/ml\-platform'"
    account = r"123456789012\.dkr\.ecr\.eu\-central\-1\.amazonaws\.com"
    assert registry(platform(on_aws())) == rf"r'{account}/ml\-platform\-test'"


def test_a_declared_exception_is_one_rule_less_in_one_namespace_and_says_why() -> None:
    recorder = platform(small(**{"policy.exceptions": {SECRETS.name: {"vision": REASON}}}))
    (others,) = selector(recorder, SECRETS.name)["matchExpressions"]
    assert (others["operator"], others["values"]) == ("NotIn", ["vision"])
    annotations = inputs(recorder, BINDING, SECRETS.name)["metadata"]["annotations"]
    assert json.loads(annotations["ml-platform.io/exceptions"]) == {"vision": REASON}
    assert "matchExpressions" not in selector(recorder, "images-by-digest")
    assert {level(recorder, team) for team in ("vision", "speech", "ml-platform")} == {"restricted"}


def test_pod_security_gives_way_only_where_an_exception_would_mean_nothing_otherwise() -> None:
    recorder = platform(small(**{"policy.exceptions": {HOST_PATHS.name: {"vision": REASON}}}))
    assert (level(recorder, "vision"), level(recorder, "speech")) == ("privileged", "restricted")
    assert pod_security("vision", exceptions("ml-platform", {ROOT.name: {"vision": REASON}})) == "baseline"


def test_device_plugins_are_excepted_from_what_they_need_and_no_more() -> None:
    declared = in_cluster(**{"nodePools.l4.devicePlugin": True})
    recorder = platform(declared, push="value-of-push", pull="value-of-pull")
    excepted = {rule for rule in RULES if "matchExpressions" in selector(recorder, rule)}
    assert excepted == {HOST_PATHS.name, ROOT.name}
    assert level(recorder, "ml-platform-devices") == "privileged"
