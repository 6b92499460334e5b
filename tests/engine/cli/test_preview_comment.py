"""The comment on a pull request: what two plans differ in, how it reads, how it gets there."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli import plan
from cli.pull_request.changes import EMPTY, compare
from cli.pull_request.checkout import Planned
from cli.pull_request.comment import declared_stacks, report
from cli.pull_request.publish import PullRequest, publish
from cli.pull_request.render import LONGEST_BODY, MARKER, render
from cli.pull_request.report import Report
from cli.pull_request.touched import touched_stacks
from common.errors import CommandError
from common.pulumi import SECRET, SIGNATURE, UNKNOWN_TEXT
from infra.catalogue.data_stores import DATA_STORES
from tests.engine.cli.github import GitHub

STACKS = ["dev", "prod"]
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
KUBERNETES = "pulumi:providers:kubernetes"
AWS = "pulumi:providers:aws"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
SUBNET = "aws:ec2/subnet:Subnet"
PASSWORD = "random:index/randomPassword:RandomPassword"


@pytest.mark.parametrize(
    ("files", "stacks"),
    [
        (["Pulumi.prod.yaml"], ["prod"]),
        (["README.md", "tests/stack/test_dev_stack.py", "cli/up.py"], []),
        (["infra/foundation/aws/network.py"], STACKS),
        (["images/serving/serving/app.py"], STACKS),
        (["offline/plugins/docker/image.py"], STACKS),
        (["uv.lock"], STACKS),
        (["Pulumi.dev.yaml", "Pulumi.staging.yaml"], ["dev"]),
    ],
)
def test_file_names_tell_the_stacks(files: list[str], stacks: list[str]) -> None:
    assert touched_stacks(files, STACKS) == stacks


def test_the_name_of_a_stack_may_have_dots(tmp_path: Path) -> None:
    for file in ("Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.prod.eu.yaml"):
        (tmp_path / file).touch()
    stacks = declared_stacks(tmp_path)
    assert stacks == ["dev", "prod.eu"]
    assert touched_stacks(["Pulumi.prod.eu.yaml"], stacks) == ["prod.eu"]


def step(type_: str, name: str, protect: bool = False, **inputs: object) -> dict[str, Any]:
    return {
        "operation": "create",
        "urn": urn(type_, name),
        "type": type_,
        "custom": True,
        "protect": protect,
        "provider": "",
        "inputs": inputs,
    }


def urn(type_: str, name: str) -> str:
    return f"urn:pulumi:dev::ml-platform::{type_}::{name}"


def deployment(replicas: int, app: str = "web") -> dict[str, Any]:
    labels = {"app": app}
    container = {"name": "web", "image": plan.UNKNOWN}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    metadata = {"name": "web", "namespace": "vision"}
    return step(DEPLOYMENT, "web", apiVersion="apps/v1", kind="Deployment", metadata=metadata, spec=spec)


def claim(size: str, class_: str = "fast", protect: bool = False) -> dict[str, Any]:
    spec = {"storageClassName": class_, "resources": {"requests": {"storage": size}}}
    metadata = {"name": "data", "namespace": "vision"}
    inputs = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}
    return step(CLAIM, "data", protect, **inputs)


def planned(*steps: dict[str, Any], problems: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {"steps": list(steps), "problems": list(problems)}


def test_equal_plans_differ_in_nothing() -> None:
    both = planned(deployment(2), claim("1Gi"), step(PASSWORD, "admin", length=32))
    assert compare(both, copy.deepcopy(both)) == []


def test_an_update_in_place_names_what_changes() -> None:
    (change,) = compare(planned(deployment(2)), planned(deployment(3)))
    assert (change.kind, change.type, change.name) == ("changed", DEPLOYMENT, "web")
    assert [(one.path, one.before, one.after) for one in change.differences] == [("spec.replicas", 2, 3)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (deployment(2), deployment(2, app="site")),  # a selector is immutable
        (claim("1Gi"), claim("1Gi", class_="slow")),
        (step(PASSWORD, "admin", length=32), step(PASSWORD, "admin", length=40)),
        (step(SUBNET, "a", cidrBlock="10.0.2.0/24"), step(SUBNET, "a", cidrBlock="10.0.7.0/24")),
        (step(AWS, "aws", region="eu-central-1"), step(AWS, "aws", region="eu-west-1")),
    ],
)
def test_the_plugin_says_what_is_replaced(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert [change.kind for change in compare(planned(before), planned(after))] == ["replaced"]


def test_a_changed_image_is_replaced_by_its_own_provider() -> None:
    """The engine adds the plugin's version to a provider's inputs."""
    docker = "pulumi:providers:docker"

    def plan_with(tag: str) -> dict[str, Any]:
        build = {"context": "images/serving", "platform": "linux/amd64"}
        image = step("docker:index/image:Image", "serving", imageName=f"registry/serving:{tag}", build=build)
        return planned(step(docker, "docker", version="4.8.2"), image | {"provider": urn(docker, "docker")})

    (change,) = compare(plan_with("a"), plan_with("b"))
    assert (change.kind, change.name) == ("changed", "serving")


def test_a_submitted_run_is_left_alone() -> None:
    """Its pod template is ignored after its creation: only another name is another run."""

    def submitted(image: str, retries: int, name: str = "digits-0a1b2c3d") -> dict[str, Any]:
        annotations = {"pulumi.com/skipAwait": "true"}
        metadata = {"name": name, "namespace": "vision", "annotations": annotations}
        template = {"spec": {"containers": [{"name": "training", "image": image}]}}
        spec = {"backoffLimit": retries, "template": template}
        return step("kubernetes:batch/v1:Job", name, apiVersion="batch/v1", kind="Job", metadata=metadata, spec=spec)

    assert compare(planned(submitted("a", 1)), planned(submitted("b", 1))) == []
    (change,) = compare(planned(submitted("a", 1)), planned(submitted("b", 2)))
    assert (change.kind, [one.path for one in change.differences]) == ("changed", ["spec.backoffLimit"])
    changes = compare(planned(submitted("a", 1)), planned(submitted("a", 1, name="digits-4e5f6a7b")))
    assert [change.kind for change in changes] == ["created", "deleted"]


def test_a_node_group_that_grows_is_changed_in_place() -> None:
    before, after = (step(NODE_GROUP, "gpu", scalingConfig={"desiredSize": size}) for size in (1, 3))
    assert [change.kind for change in compare(planned(before), planned(after))] == ["changed"]


@pytest.mark.parametrize("order", [("mutable", "default"), ("default", "mutable")])
def test_each_resource_is_asked_of_its_own_provider(order: tuple[str, str]) -> None:
    """Two providers of one plugin are registered in an order that nothing fixes."""
    config = {"mutable": {"enableConfigMapMutable": "true"}, "default": {}}
    providers = [step(KUBERNETES, name, False, **config[name]) for name in order]

    def plan_with(value: str) -> dict[str, Any]:
        inputs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"key": value}}
        held = [step(CONFIG_MAP, name, False, **inputs) | {"provider": urn(KUBERNETES, name)} for name in config]
        return planned(*providers, *held)

    changes = compare(plan_with("old"), plan_with("new"))
    assert {change.name: change.kind for change in changes} == {"mutable": "changed", "default": "replaced"}


@pytest.mark.parametrize("type_", DATA_STORES)
def test_deleting_a_data_store_endangers_data(type_: str) -> None:
    (change,) = compare(planned(step(type_, "store")), planned())
    assert (change.kind, change.endangers_data) == ("deleted", True)


def test_a_resource_that_is_not_there_any_more_is_deleted() -> None:
    changes = compare(planned(deployment(2), claim("1Gi")), planned(deployment(2), step(PASSWORD, "new", length=8)))
    assert [(change.kind, change.name, change.endangers_data) for change in changes] == [
        ("created", "new", False),
        ("deleted", "data", True),
    ]


def test_what_endangers_data_stands_on_top() -> None:
    text = render(
        [
            Report("dev", compare(planned(deployment(2)), planned(deployment(3)))),
            Report("prod", compare(planned(claim("1Gi")), planned(claim("1Gi", "slow")))),
        ]
    )
    assert text.startswith(MARKER)
    warning = text.index("**Data is at stake.**")
    assert warning < text.index("### Stack `dev`: 1 changed") < text.index("### Stack `prod`: 1 replaced")
    assert f"> - stack **prod**: volume **data** is replaced (`{CLAIM}`)" in text


def test_a_released_protection_is_a_danger_too() -> None:
    text = render([Report("prod", compare(planned(claim("1Gi", protect=True)), planned(claim("1Gi"))))])
    assert f"> - stack **prod**: volume **data** is no longer protected (`{CLAIM}`)" in text


def test_growing_a_volume_is_no_danger() -> None:
    (change,) = compare(planned(claim("1Gi")), planned(claim("2Gi")))
    assert (change.kind, change.endangers_data) == ("changed", False)


def test_a_comment_that_would_be_too_long_loses_details_first() -> None:
    before, after = (
        [step(PASSWORD, f"password-{number}", keepers={"note": f"{number} {letter * 100}"}) for number in range(400)]
        for letter in "xy"
    )
    text = render([Report("dev", compare(planned(*before), planned(*after)))])
    assert len(text) <= LONGEST_BODY
    assert "password-399" in text
    assert "yyy" not in text


def test_a_value_can_not_end_the_code_block() -> None:
    change = compare(planned(step(PASSWORD, "a", note="1")), planned(step(PASSWORD, "a", note="```\n</details>")))
    text = render([Report("dev", change)])
    assert "````diff" in text


def test_a_failed_preview_shows_its_problems_and_no_deletions() -> None:
    problem = {"urn": "urn:pulumi:prod::ml-platform::aws:s3/bucket:Bucket::data", "policy": "protected-data"}
    violated = planned(problems=({**problem, "mandatory": True, "message": "set protect\nto true"},))
    made = report("prod", Planned(planned(claim("1Gi"))), Planned(violated, "failed preview of stack prod"))
    text = render([made])
    assert "❌ policy `protected-data` on `aws:s3/bucket:Bucket::data`\n\n```\nset protect\nto true\n```" in text
    assert "### Stack `prod`: the preview failed" in text
    assert "deleted" not in text


def test_a_base_that_fails_is_said() -> None:
    text = render([report("dev", Planned(planned(), "broken"), Planned(planned(claim("1Gi"))))])
    assert "The base branch can't be previewed" in text
    assert "1 created" in text


ROUTE = "kubernetes:gateway.networking.k8s.io/v1:HTTPRoute"


def served(name: str, uri: str) -> dict[str, Any]:
    container = {"name": "serving", "image": plan.UNKNOWN, "env": [{"name": "MODEL_URI", "value": uri}]}
    spec = {"template": {"spec": {"containers": [container]}}}
    return step(DEPLOYMENT, name, metadata={"namespace": "vision", "name": name}, spec=spec)


def divided(*weights: tuple[str, int], mirrored: str = "") -> list[dict[str, Any]]:
    """A route to `digits`, and its canary with version 7."""
    mirror = [{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": mirrored}}}] if mirrored else []
    rule = {"backendRefs": [{"name": name, "weight": weight} for name, weight in weights], "filters": mirror}
    route = step(ROUTE, "digits", metadata={"namespace": "vision", "name": "digits"}, spec={"rules": [rule]})
    return [served("digits", "models:/digits@champion"), served("digits-canary", "models:/digits/7"), route]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (divided(("digits", 100)), divided(("digits", 90), ("digits-canary", 10)), ["10 % of digits to version 7"]),
        (divided(("digits", 90), ("digits-canary", 10)), divided(("digits", 90), ("digits-canary", 10)), []),
        (
            divided(("digits", 100)),
            divided(("digits", 100), mirrored="digits-canary"),
            ["copies of digits to version 7"],
        ),
        (
            divided(("digits", 90), ("digits-canary", 10)),
            divided(("digits", 100)),
            ["all of digits to the endpoint itself, none to version 7"],
        ),
    ],
)
def test_a_canary_is_told_in_words(before: list[Any], after: list[Any], said: list[str]) -> None:
    made = report("prod", Planned(planned(*before)), Planned(planned(*after)))
    assert made.endpoints == said
    text = render([made])
    assert all(f"- **{line}**" in text.splitlines()[:10] for line in said)


def test_a_page_of_the_platform_divides_nothing() -> None:
    rule = {"backendRefs": [{"group": "gateway.envoyproxy.io", "kind": "Backend", "name": "tracking"}]}
    metadata = {"namespace": "platform-gateway", "name": "tracking-files"}
    page = step(ROUTE, "tracking-files", metadata=metadata, spec={"rules": [rule]})
    assert report("prod", Planned(planned()), Planned(planned(page))).endpoints == []


def event_log(folder: Path, *events: dict[str, Any]) -> Path:
    file = folder / "events"
    file.write_text("\n".join(json.dumps(event) for event in events))
    return file


def created(type_: str, name: str, inputs: dict[str, Any], **more: str) -> dict[str, Any]:
    state = {"type": type_, "urn": urn(type_, name), "custom": True, "inputs": inputs}
    metadata = {"op": "create", "urn": urn(type_, name), "new": state, "old": None, **more}
    return {"resourcePreEvent": {"metadata": metadata}}


def test_a_plan_holds_no_secret_and_no_name_that_is_drawn_anew(tmp_path: Path) -> None:
    secret = {SIGNATURE: SECRET, "ciphertext": "opaque"}
    role = {"name": "reader-0a1b2c3", "path": "/", "__defaults": ["name", "path"], "policy": UNKNOWN_TEXT}
    job = {"metadata": {"name": "digits-cffd9713"}, "stringData": secret}
    pod = {"metadata": {"name": "tool-cffd9713", "annotations": {"pulumi.com/autonamed": "true"}}}
    log = event_log(
        tmp_path,
        created("aws:iam/role:Role", "reader", role),
        created("kubernetes:batch/v1:Job", "digits", job),
        created("kubernetes:core/v1:Pod", "tool", pod),
    )
    first, second, third = (step["inputs"] for step in plan.read(log)["steps"])
    assert first == {"name": plan.AUTOMATIC, "path": "/", "policy": plan.UNKNOWN}
    assert second == {"metadata": {"name": "digits-cffd9713"}, "stringData": plan.MASKED}
    assert third["metadata"]["name"] == plan.AUTOMATIC


def test_a_plan_tells_the_provider_without_its_id(tmp_path: Path) -> None:
    reference = f"{urn(KUBERNETES, 'cluster')}::04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    log = event_log(tmp_path, created(CONFIG_MAP, "a", {}, provider=reference), created(KUBERNETES, "cluster", {}))
    assert [step["provider"] for step in plan.read(log)["steps"]] == [urn(KUBERNETES, "cluster"), ""]


def test_a_plan_tells_what_went_wrong(tmp_path: Path) -> None:
    said = {"severity": "error", "message": "no such image\n", "urn": "urn:x"}
    policy = {"policyName": "digests", "enforcementLevel": "advisory", "message": " pin it ", "resourceUrn": "urn:y"}
    log = event_log(tmp_path, {"diagnosticEvent": said}, {"diagnosticEvent": said}, {"policyEvent": policy})
    assert plan.read(log)["problems"] == [
        {"urn": "urn:x", "policy": "", "mandatory": True, "message": "no such image"},
        {"urn": "urn:y", "policy": "digests", "mandatory": False, "message": "pin it"},
    ]


@pytest.fixture
def pull_request(github: GitHub) -> Callable[[str], str]:
    target = PullRequest(github.address, "o/n", 7, "a-token")
    return lambda body: publish(target, body)


def test_the_comment_is_written_once_and_then_updated(github: GitHub, pull_request: Callable[[str], str]) -> None:
    for number in range(150):  # more than a page of other people's comments
        github.say(f"comment {number} quotes {MARKER}")
    github.comments[0]["body"] = None  # GitHub's schema allows it
    pull_request(f"{MARKER} first")
    pull_request(f"{MARKER} second")
    assert len(github.comments) == 151
    assert github.comments[-1]["body"] == f"{MARKER} second"


def test_a_token_without_permission_is_one_clear_line(github: GitHub, pull_request: Callable[[str], str]) -> None:
    github.refuses = True
    with pytest.raises(CommandError, match="can't be published"):
        pull_request(f"{MARKER} first")


def at(least: str, usual: str, most: str) -> dict[str, str]:
    return {"minimum": least, "usual": usual, "maximum": most}


def priced(monthly: dict[str, str], **components: dict[str, str]) -> dict[str, Any]:
    return planned() | {"cost": {"monthly": monthly, "components": components, "teams": {}}}


def test_the_difference_of_the_cost_comes_first_by_component_and_by_team() -> None:
    before = priced(
        at("1089.33", "2089.33", "10076.87"), network=at("282.51", "282.51", "282.51"), keys=at(*["9.00"] * 3)
    )
    after = priced(
        at("999.44", "2189.33", "10476.87"),
        network=at("200.00", "200.00", "200.00"),
        keys=at(*["9.00"] * 3),
        more=at("0.00", "182.51", "400.00"),
    )
    before["cost"]["teams"] = {"vision": at("0.00", "0.00", "0.00"), "platform": at("291.51", "291.51", "291.51")}
    after["cost"]["teams"] = {"vision": at("0.00", "182.51", "400.00"), "platform": at("291.51", "291.51", "291.51")}
    text = render([report("prod", Planned(before), Planned(after))])
    assert (
        "**Cost a month: +$100.00 usually, -$89.89 without jobs, +$400.00 at the maximum** (list prices)\n"
        "\n"
        "| $ a month | without jobs | usually | at the maximum |\n"
        "|---|---:|---:|---:|\n"
        "| more | 0.00 | +$182.51 (now 182.51) | +$400.00 (now 400.00) |\n"
        "| network | -$82.51 (now 200.00) | -$82.51 (now 200.00) | -$82.51 (now 200.00) |\n"
        "| team vision | 0.00 | +$182.51 (now 182.51) | +$400.00 (now 400.00) |\n"
        "| **stack** | -$89.89 (now 999.44) | +$100.00 (now 2,189.33) | +$400.00 (now 10,476.87) |\n"
    ) in text
    assert "**Cost a month:" in "\n".join(text.splitlines()[:10])
    assert "keys" not in text
    assert "platform |" not in text


def test_without_the_base_s_cost_there_is_no_difference_and_elsewhere_no_cost() -> None:
    after = priced(at("1089.33", "2089.33", "10076.87"), keys=at(*["9.00"] * 3))
    older = planned() | {"cost": {"least": "1.00", "most": "2.00", "components": {}}}
    for before in (Planned(planned()), Planned(older), Planned(EMPTY, "no preview")):
        text = render([report("prod", before, Planned(after))])
        assert (
            "**$2,089.33 a month** usually, $1,089.33 without jobs, $10,076.87 at the maximum; list prices\n\n" in text
        )
        assert "| $ a month" not in text
    assert "a month" not in render([report("dev", Planned(planned()), Planned(planned() | {"cost": None}))])


def test_the_cost_is_shown_beside_the_budget_that_it_exceeds() -> None:
    """A plan that fails otherwise is not complete, and nor is its cost."""
    said = "budget.monthly: the stack usually costs $2,189.33 a month, $189.33 more than $2,000.00"
    for policy, shown in (("budgets", True), ("tags-present", False)):
        problem = {"policy": policy, "urn": "urn:y", "mandatory": True, "message": said}
        after = priced(at("1089.33", "2189.33", "10076.87")) | {"problems": [problem]}
        before = priced(at("1089.33", "2089.33", "10076.87"))
        text = render([report("prod", Planned(before), Planned(after, "exit code 1"))])
        assert ("**Cost a month: +$100.00 usually** (list prices)" in text) == shown
        assert said in text.splitlines()
