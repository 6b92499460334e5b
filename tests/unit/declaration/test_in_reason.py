"""Values that a type alone would allow: empty texts, emptied sections, numbers out of reason, open networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from infra.catalogue.networks import is_anybody
from infra.declaration.model import Platform
from infra.declaration.problems import bare
from infra.declaration.types import Settings
from tests.unit.declaration.samples import WHERE, accepted, in_cluster, on_aws, refusal, refused, small

EMPTY = "is empty; write a value, or remove the setting to use its default"


def groups(annotation: object = Platform) -> set[type[Settings]]:
    """All groups of settings."""
    annotation = bare(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        fields = annotation.model_fields.values()
        return {annotation}.union(*(groups(field.annotation) for field in fields))
    return set[type[Settings]]().union(*(groups(part) for part in get_args(annotation)))


TEXTS = [
    (group, name, field)
    for group in sorted(groups(), key=lambda group: group.__name__)
    for name, field in group.model_fields.items()
    if bare(field.annotation) is str
]


@pytest.mark.parametrize(
    ("group", "name", "field"), TEXTS, ids=[f"{group.__name__}.{name}" for group, name, _ in TEXTS]
)
@pytest.mark.parametrize("text", ["", " "])
def test_no_setting_is_an_empty_text(group: type[Settings], name: str, field: FieldInfo, text: str) -> None:
    errors: list[Any] = []
    try:
        group.model_validate({field.alias: text})
    except ValidationError as error:
        errors = [each for each in error.errors() if each["loc"] == (field.alias,)]
    assert len(errors) == 1


@pytest.mark.parametrize(
    ("declaration", "path"),
    [
        (in_cluster(**{"foundation.cluster.kubeContext": ""}), "foundation.cluster.kubeContext"),
        (in_cluster(**{"foundation.cluster.storageClass": ""}), "foundation.cluster.storageClass"),
        (small(**{"images.training.context": ""}), "images.training.context"),
        (small(**{"nodePools.a10g.gpu.model": ""}), "nodePools.a10g.gpu.model"),
        (on_aws(**{"foundation.aws.cluster.version": ""}), "foundation.aws.cluster.version"),
    ],
)
def test_an_empty_text_names_its_setting(root: Path, declaration: dict[str, Any], path: str) -> None:
    (line,) = refusal(root, declaration)
    assert line.startswith(f"{WHERE}: platform.{path}: ")


def test_a_section_with_nothing_under_it_is_like_an_empty_one(root: Path) -> None:
    emptied = accepted(
        root,
        **{
            "secrets": None,
            "policy": None,
            "foundation": {"local": None},
            "images": {"training": None, "serving": None},
            "teams": {"vision": {"groups": {"viewer": None}}, "speech": None},
            "training.digits.args": None,
            "monitoring": {"objective": None, "rules": None, "grafana": {"deployed": None}},
        },
    )
    assert emptied.foundation.local is not None
    assert emptied.training["digits"].args == ()
    assert emptied.monitoring is not None
    assert emptied.deploys_grafana


def test_an_emptied_section_does_not_hide_another_mistake(root: Path) -> None:
    assert refused(root, **{"secrets": None, "serving.digits.apiKey": "key", "serving.digits.gpus": -1}) == [
        f"{WHERE}: platform.serving.digits.gpus: -1 is out of range; write at least 0",
        f"{WHERE}: platform.serving.digits.apiKey: secret 'key' is not declared; none is declared",
    ]


@pytest.mark.parametrize(
    ("path", "value", "limit"),
    [
        ("serving.digits.timeout", "999999999h", "'999999999h' is out of range; write at most 8760h"),
        ("tracking.storage", "99999999999Ti", "'99999999999Ti' is out of range; write at most 1048576Ti"),
        ("nodePools.a10g.instance.cpu", 99999999, "99999999 is out of range; write at most 1000000 cores"),
        ("monitoring.retention", "9999999d", "'9999999d' is out of range; write at most 3650d"),
        ("training.digits.revision", 2**31, f"{2**31} is out of range; write at most {2**31 - 1}"),
        ("limits.gpus", 10**18, f"{10**18} is out of range; write at most {2**31 - 1}"),
        ("limits.hourlyCost", 1e9, "1000000000.0 is out of range; write at most 1000000.0"),
        ("rotations", {"tracking": 10**9}, "1000000000 is out of range; write at most 1000000"),
    ],
)
def test_a_number_out_of_reason_is_refused(root: Path, path: str, value: object, limit: str) -> None:
    (line,) = refused(root, **{path: value})
    assert line.startswith(f"{WHERE}: platform.{path}")
    assert line.endswith(f": {limit}")


@pytest.mark.parametrize("digits", ["9" * 5000 + "h", "9" * 5000 + "Ti", "٣h", "३Gi"])
def test_digits_are_few_and_ascii(root: Path, digits: str) -> None:
    assert len(refused(root, **{"serving.digits.timeout": digits})) == 1
    assert len(refused(root, **{"tracking.storage": digits})) == 1
    assert len(refused(root, **{"monitoring.retention": digits})) == 1


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("serving", {"digits\n": {"team": "vision", "image": "serving", "model": "digits"}}),
        ("nodePools.a10g.labels", {"a": "b\n"}),
        ("nodePools.a10g.taints", ["a=b:NoSchedule\n"]),
        ("nodePools.a10g.instance.memory", "32Gi\n"),
        ("monitoring.retention", "7d\n"),
        ("monitoring.rules", {"QueueIsLong\n": {"expr": "up == 0", "summary": "x"}}),
        ("monitoring.receivers", {"a": {"webhook": {"url": "https://example.com\n"}}}),
        ("monitoring.receivers", {"a": {"email": {"to": "a@b.c", "sender": "a@b.c", "server": "b.c:25\n"}}}),
        ("monitoring.grafana", {"existing": {"url": "https://example.com\n", "token": "x"}}),
        ("monitoring.runbooks", "docs\n"),
    ],
)
def test_a_line_break_ends_no_name(root: Path, path: str, value: object) -> None:
    found = refused(root, **{path: value})
    assert found != []
    assert all(line.startswith(f"{WHERE}: platform.") for line in found)


def test_a_message_is_short_and_on_one_line(root: Path) -> None:
    for name in ("a\nb\x1b[31m", "x" * 9999, "a b " * 3000):
        for line in refused(root, **{"teams": {name: {}}, "models": {}}):
            assert len(line) < 1000
            assert line.isprintable()


@pytest.mark.parametrize(
    ("networks", "answer"),
    [
        (["0.0.0.0/0"], True),
        (["0.0.0.0/1", "128.0.0.0/1"], True),
        (["0.0.0.0/2", "64.0.0.0/2", "203.0.113.0/24"], True),
        (["::/1", "8000::/1"], True),
        (["2000::/3"], True),
        (["203.0.113.0/24", "2001:db8::/32"], False),
        (["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"], False),
        ([], False),
        ([None, "unknown", 3], False),
    ],
)
def test_networks_are_judged_as_a_union(networks: list[object], answer: bool) -> None:
    assert is_anybody(networks) is answer
