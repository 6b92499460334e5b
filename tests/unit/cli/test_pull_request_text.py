"""How the comment on a pull request reads: the part of a value that differs, equal differences once, alarms on top."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.plan import MASKED, UNKNOWN
from cli.pull_request import base
from cli.pull_request.attention import MOST
from cli.pull_request.changes import EMPTY
from cli.pull_request.checkout import Planned
from cli.pull_request.comment import report
from cli.pull_request.differences import Difference, differences
from cli.pull_request.render import render
from cli.pull_request.values import MOST_LINES, lines

BUCKET = "aws:s3/bucket:Bucket"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
SUBNET = "aws:ec2/subnet:Subnet"
ROUTE = "kubernetes:gateway.networking.k8s.io/v1:HTTPRoute"


def step(type_: str, name: str, protect: bool = False, **inputs: object) -> dict[str, Any]:
    urn = f"urn:pulumi:prod::ml-platform::{type_}::{name}"
    return {"urn": urn, "type": type_, "custom": True, "protect": protect, "provider": "", "inputs": inputs}


def planned(*steps: dict[str, Any], problems: tuple[dict[str, Any], ...] = ()) -> Planned:
    return Planned({"steps": list(steps), "problems": list(problems)})


def comment(before: Planned, after: Planned) -> str:
    return render([report("prod", before, after)])


def environment(**variables: str) -> dict[str, Any]:
    return {"containers": [{"name": "web", "env": [{"name": key, "value": each} for key, each in variables.items()]}]}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # An item that comes first does not change the items after it.
        (
            environment(B="1", C="1"),
            environment(A="1", B="1", C="2"),
            [("containers[web].env[C].value", "1", "2"), ("containers[web].env[A]", None, {"name": "A", "value": "1"})],
        ),
        ({"a": ["x", "y", "z"]}, {"a": ["x", "z"]}, [("a[1]", "y", None)]),
        ({"a": ["x", "z"]}, {"a": ["x", "y", "z"]}, [("a[1]", None, "y")]),
        (
            {"a": [{"cidr": "10.0.0.0/8"}]},
            {"a": [{"cidr": "10.0.0.0/16"}]},
            [("a[0].cidr", "10.0.0.0/8", "10.0.0.0/16")],
        ),
        # An order that changes is a change.
        (
            {"a": [{"name": "x"}, {"name": "y"}]},
            {"a": [{"name": "y"}, {"name": "x"}]},
            [("a[0]", None, {"name": "y"}), ("a[1]", {"name": "y"}, None)],
        ),
        # An IAM policy is a text.
        (
            {"policy": json.dumps({"Statement": [{"Action": ["s3:GetObject"]}]})},
            {"policy": json.dumps({"Statement": [{"Action": ["s3:GetObject", "s3:*"]}]})},
            [("policy.Statement[0].Action[1]", None, "s3:*")],
        ),
        ({"policy": '{"a": 1}'}, {"policy": '{"a":1}'}, [("policy", '{"a": 1}', '{"a":1}')]),
        ({"key": MASKED}, {"key": "[1]"}, [("key", MASKED, "[1]")]),
        ({"a": {}}, {}, [("a", {}, None)]),
        ({"a": {"b": 1}}, {"a": UNKNOWN}, [("a", {"b": 1}, UNKNOWN)]),
        ({"a": 1}, {"a": 1}, []),
    ],
)
def test_the_smallest_part_that_differs_is_found(
    before: object, after: object, expected: list[tuple[Any, ...]]
) -> None:
    assert list(differences(before, after)) == [Difference(*each) for each in expected]


def test_of_a_text_with_many_lines_those_that_differ_are_shown() -> None:
    before = "\n".join(f"line {number}" for number in range(500))
    after = before.replace("line 77\n", "line 77 b\n")
    assert list(lines(Difference("data", before, after))) == ["data:", "    - line 77", "    + line 77 b"]


def test_of_a_text_with_too_many_changed_lines_the_first_are_shown() -> None:
    before, after = ("".join(f"{letter}{number}\n" for number in range(50)) for letter in "ab")
    shown = list(lines(Difference("data", before, after)))
    assert len(shown) == 1 + MOST_LINES + 1
    assert shown[-1] == f"    … {100 - MOST_LINES} more lines"


def test_of_a_long_value_the_part_that_differs_is_shown() -> None:
    (line,) = lines(Difference("args", "a" * 400 + "old" + "c" * 400, "a" * 400 + "new" + "c" * 400))
    before, after = line.removeprefix("args: ").split(" => ")
    assert "aold" in before
    assert "anew" in after
    assert before.endswith("… (805 characters)")


def test_equal_differences_are_written_once() -> None:
    before, after = ([step(CONFIG_MAP, f"map-{number}", data={"a": value}) for number in range(9)] for value in "xy")
    text = comment(planned(*before), planned(*after))
    assert text.count('data.a: "x" => "y"') == 1
    assert all(f"~ {CONFIG_MAP} map-{number}\n" in text for number in range(9))


def test_a_data_store_that_is_protected_will_stop_the_update() -> None:
    text = comment(planned(step(BUCKET, "kept", protect=True), step(BUCKET, "gone")), planned())
    assert f"> - stack **prod**: bucket **gone** is deleted (`{BUCKET}`)" in text
    assert (
        f"> - stack **prod**: bucket **kept** is deleted, but protected: the update will refuse it (`{BUCKET}`)" in text
    )


def test_what_is_replaced_stands_on_top_by_type() -> None:
    before, after = (
        [step(SUBNET, f"net-{n}", cidrBlock=f"10.{second}.{n}.0/24") for n in range(9)] for second in (1, 2)
    )
    text = comment(planned(*before), planned(*after))
    top = text.splitlines()[:10]
    assert "> [!WARNING]" in top
    assert f"> - stack **prod**: 9 of `{SUBNET}`" in top


def test_an_alarm_has_a_few_lines() -> None:
    text = comment(planned(*(step(BUCKET, f"bucket-{number}") for number in range(40))), planned())
    alarm = [line for line in text.splitlines() if line.startswith("> - ")]
    assert len(alarm) == MOST + 1
    assert alarm[-1] == f"> - and {40 - MOST} more"


def violation(number: int) -> dict[str, Any]:
    urn = f"urn:pulumi:prod::ml-platform::a:b:Parent${DEPLOYMENT}::server-{number}"
    message = f"No container runs as root.\nserver-{number}: may run as root"
    return {"urn": urn, "policy": "no-root-containers", "mandatory": True, "message": message}


def test_a_policy_is_written_once_with_all_that_violate_it() -> None:
    advice = {"urn": "", "policy": "advice", "mandatory": False, "message": "consider it"}
    failed = planned(problems=(advice, violation(1), violation(2)))
    text = comment(planned(), Planned(failed.plan, "failed preview of stack prod\n   why policy …"))
    said = "> - stack **prod**: policy `no-root-containers` is violated by 2 resources: `No container runs as root.`"
    assert said in text.splitlines()[:10]
    assert (
        "❌ policy `no-root-containers` on 2 resources\n\n```\nNo container runs as root.\n"
        f"- {DEPLOYMENT}::server-1\n    server-1: may run as root\n"
        f"- {DEPLOYMENT}::server-2\n    server-2: may run as root\n```\n"
    ) in text
    assert text.index("❌") < text.index("⚠️ policy `advice`")


def test_of_a_policy_that_one_resource_violates_the_finding_stands_on_top() -> None:
    text = comment(planned(), Planned(planned(problems=(violation(1),)).plan, "failed"))
    said = "> - stack **prod**: policy `no-root-containers` is violated by one resource: `server-1: may run as root`"
    assert said in text.splitlines()[:10]


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        ("failed Pulumi.prod.yaml is invalid\n   why platform.x: unknown\n  next fix it", "platform.x: unknown"),
        ("exit code 1", "exit code 1"),
        (
            "it failed:\nTraceback (most recent call last):\n  File x\nValueError: no pool l4\n",
            "ValueError: no pool l4",
        ),
        ("failed\n   why it says `@all` and more", "it says '@all' and more"),
    ],
)
def test_why_there_is_no_preview_stands_on_top(failure: str, said: str) -> None:
    text = comment(planned(), Planned(EMPTY, failure))
    assert f"> - stack **prod**: `{said}`" in text.splitlines()[:10]


def served(uri: str, digest: str = "", **more: object) -> dict[str, Any]:
    env = [{"name": "MODEL_URI", "value": uri}, *([{"name": "MODEL_SHA256", "value": digest}] if digest else [])]
    container = {"name": "serving", "image": UNKNOWN, "env": env}
    spec = {"template": {"spec": {"containers": [container, {"name": "sidecar"}]}}}
    return step(DEPLOYMENT, "digits", metadata={"namespace": "vision", "name": "digits"}, spec=spec)


def test_a_version_that_is_rolled_is_told_in_words() -> None:
    before, after = served("models:/digits@champion"), served("models:/digits/7")
    assert "- **digits serves version 7 instead of the champion**" in comment(planned(before), planned(after))
    assert "serves" not in comment(planned(before), planned(before))
    assert "serves" not in comment(planned(), planned(after))


def test_weights_are_told_by_their_file_and_digest() -> None:
    before, after = (served("s3://models/llama/a.gguf", digit * 64) for digit in "ab")
    told = f"- **digits serves a.gguf with digest {'b' * 12} instead of a.gguf with digest {'a' * 12}**"
    assert told in comment(planned(before), planned(after))
    assert "serves" not in comment(planned(before), planned(before))
    from_registry = served("models:/digits/7")
    assert f"serves a.gguf with digest {'b' * 12} instead of version 7" in comment(
        planned(from_registry), planned(after)
    )


def test_the_comment_says_which_components_change() -> None:
    before = step("kubernetes:core/v1:ConfigMap", "a", data={"a": "1"})
    urn = before["urn"].replace("::kubernetes", "::ml-platform:index:Serving$kubernetes")
    after = {**before, "urn": urn, "inputs": {"data": {"a": "2"}}}
    assert "serving: 1 changed" in comment(planned({**before, "urn": urn}), planned(after)).splitlines()[:10]


def shapes() -> list[dict[str, Any]]:
    """A resource of each kind that the comment looks into."""
    metadata = {
        "namespace": "vision",
        "name": "digits",
        "labels": {"a": "b"},
        "annotations": {"pulumi.com/skipAwait": "true"},
    }
    rule = {
        "backendRefs": [{"name": "digits", "weight": 90}, {"name": "digits-canary", "weight": 10}],
        "filters": [{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "digits-canary"}}}],
    }
    spec = {"storageClassName": "fast", "template": {"spec": {"containers": [{"name": "a"}]}}, "backoffLimit": 1}
    return [
        served("models:/digits/7"),
        step(ROUTE, "digits", metadata=metadata, spec={"rules": [rule]}),
        step("kubernetes:core/v1:PersistentVolumeClaim", "data", apiVersion="v1", metadata=metadata, spec=spec),
        step("kubernetes:batch/v1:Job", "run", apiVersion="batch/v1", metadata=metadata, spec=spec),
        step("kubernetes:jobset.x-k8s.io/v1alpha2:JobSet", "run", metadata=metadata, spec=spec),
        step(
            "kubernetes:core/v1:Secret", "key", apiVersion="v1", kind="Secret", metadata=metadata, stringData={"a": "b"}
        ),
        step("aws:rds/instance:Instance", "db", tags={"a": "b"}, vpcSecurityGroupIds=["sg-1"]),
        step("aws:iam/policy:Policy", "boundary", policy=json.dumps({"Statement": [{"Action": ["a", "b"]}]})),
        step("docker:index/container:Container", "registry", ports=[{"external": 5000, "internal": 5000}], image="a"),
        step("docker:index/image:Image", "base", imageName="r/base:1", build={"context": ".", "args": {"a": "b"}}),
        step("pulumi:providers:aws", "aws", region="eu-central-1", defaultTags={"tags": {"a": "b"}}),
        step("pulumi:providers:docker", "docker", host="unix:///var/run/docker.sock"),
        step("random:index/randomPassword:RandomPassword", "p", length=8, keepers={"a": "b"}),
    ]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in a tree, with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from places(value[key])


ODD: tuple[Any, ...] = (UNKNOWN, None, 0, [], {}, [None], {"name": MASKED}, [{"name": "a"}, {"name": "a"}])


@pytest.mark.parametrize("number", range(len(shapes())), ids=[each["type"] for each in shapes()])
def test_no_shape_of_a_resource_ends_the_comment(number: int) -> None:
    """Whatever value is in each place: known only after an update, empty, of another type."""
    count = len(list(places(shapes()[number]["inputs"])))
    for index in range(count):
        for odd in ODD:
            steps = shapes()
            steps[number]["inputs"]["changed"] = "always"
            container, key = list(places(steps[number]["inputs"]))[index]
            container[key] = odd
            for before, after in ((planned(*shapes()), planned(*steps)), (planned(*steps), planned(*shapes()))):
                assert "### Stack `prod`" in comment(before, after)


def test_the_plan_of_a_base_is_kept_until_another_commit_is_the_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "FOLDER", tmp_path / "plans")
    assert base.kept("dev", "one") is None
    base.keep("dev", "one", {"steps": [1]})
    assert base.kept("dev", "one") == {"steps": [1]}
    assert base.kept("dev", "two") is None
    assert base.kept("prod", "one") is None
    base.keep("dev", "two", {"steps": [2]})
    assert base.kept("dev", "one") is None
    assert base.kept("dev", "two") == {"steps": [2]}
    assert [file.name for file in (tmp_path / "plans").iterdir()] == ["dev.json"]


def test_a_kept_plan_that_was_cut_off_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "FOLDER", tmp_path)
    (tmp_path / "dev.json").write_text('{"commit": "one", "pl')
    assert base.kept("dev", "one") is None
