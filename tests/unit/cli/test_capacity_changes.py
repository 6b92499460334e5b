"""What a pull request's comment says about room on nodes and in quotas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.capacity.fleet import fleet
from cli.capacity.report import Report
from cli.capacity.verdict import examine
from cli.pull_request import fit, render
from cli.pull_request.fit import differences
from cli.pull_request.report import Report as OfStack
from infra.declaration.loader import declare
from tests.unit.declaration.samples import WHERE, on_aws, project

ONE_GPU = {"team": "vision", "image": "training", "model": "digits", "pool": "a10g", "gpus": 1}
TWO = {"training": {"a": {**ONE_GPU, "workers": 2}, "b": {**ONE_GPU, "workers": 2}}}
"""They need all four GPUs of the pool."""
FULL = "a pod needs 1 GPU, and 0 are free on the 3 nodes of pool a10g, which is its maximum (PoolMaximum)"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project(tmp_path_factory.mktemp("project"))


def report(root: Path, **changes: Any) -> Report:
    return examine("prod", fleet(declare(on_aws(**changes), WHERE, root)))


def test_the_same_declaration_has_no_line(root: Path) -> None:
    assert differences(report(root, **TWO), report(root, **TWO)) == []


def test_a_smaller_pool_says_what_waits_from_now_on(root: Path) -> None:
    smaller = {"nodePools.a10g.max": 3}
    assert differences(report(root, **TWO), report(root, **TWO, **smaller)) == [
        f"⚠️ **training/b** (usual and largest) fits => waits: {FULL}",
        "First to stop growing: training/b at 0 of 1",
        # 4 of 4 GPUs before, 2 of 3 now.
        "In use at the largest size: pool a10g 100 % => 66 %",
    ]


def test_a_larger_pool_says_what_fits_from_now_on(root: Path) -> None:
    smaller = {"nodePools.a10g.max": 3}
    assert differences(report(root, **TWO, **smaller), report(root, **TWO)) == [
        "✅ **training/b** (usual and largest) waits => fits",
        "First to stop growing: nothing that is declared any more",
        "In use at the largest size: pool a10g 66 % => 100 %",
    ]


def test_a_new_run_is_named_if_it_does_not_fit(root: Path) -> None:
    third = {"training": {**TWO["training"], "c": {**ONE_GPU, "workers": 4}}}
    lines = differences(report(root, **TWO), report(root, **third))
    assert lines[0].startswith("⚠️ **training/c** (usual and largest) is new: waits: a pod needs 1 GPU, and 0 are free")
    fits = {"training": {**TWO["training"], "c": {**ONE_GPU, "pool": "plain", "gpus": 0}}}
    assert differences(report(root, **TWO), report(root, **fits)) == [
        # Half a core of 28: 1.8 %.
        "In use at the largest size: pool plain 0 % => 1 %",
    ]


def test_without_a_base_all_is_new(root: Path) -> None:
    lines = differences(None, report(root, **TWO, **{"nodePools.a10g.max": 3}))
    assert lines == [
        "⚠️ **serving/digits** is new: can't tell: it names no pool, and the platform's own pods share these nodes "
        "(Scheduler)",
        f"⚠️ **training/b** (usual and largest) is new: waits: {FULL}",
        "First to stop growing: training/b at 0 of 1",
    ]


def test_a_comment_has_few_lines(root: Path) -> None:
    many = {f"run-{number}": ONE_GPU for number in range(20)}
    lines = differences(report(root, training={}), report(root, training=many))
    assert len(lines) == 8 + 3
    # 4 of 20 fit.
    assert lines[8] == "… and 8 more: `make plan STACK=prod`"


def test_worse_comes_before_better(root: Path) -> None:
    before = {"training": {"a": {**ONE_GPU, "workers": 4}, "b": ONE_GPU}}
    after = {"training": {"b": {**ONE_GPU, "workers": 4}, "a": {**ONE_GPU, "priority": None, "workers": 1}}}
    lines = differences(report(root, **before), report(root, **after))
    assert [line[:2].strip() for line in lines[:2]] == ["⚠️", "✅"]


def stack_file(tree: Path, declaration: dict[str, Any]) -> None:
    project(tree)
    (tree / "Pulumi.prod.yaml").write_text(yaml.safe_dump({"config": {"ml-platform:platform": declaration}}))


def test_two_trees_are_compared(tmp_path: Path) -> None:
    base, head = tmp_path / "base", tmp_path / "head"
    stack_file(base, on_aws(**TWO))
    stack_file(head, on_aws(**TWO, **{"nodePools.a10g.max": 3}))
    lines = fit.changed(base, head, "prod")
    assert lines[0] == f"⚠️ **training/b** (usual and largest) fits => waits: {FULL}"
    body = render.render([OfStack("prod", fit=lines)])
    assert body.splitlines()[5] == f"- {lines[0]}"


def test_a_base_without_the_stack_is_a_new_one_and_an_invalid_head_has_its_own_error(tmp_path: Path) -> None:
    base, head = tmp_path / "base", tmp_path / "head"
    project(base)
    stack_file(head, on_aws(**TWO))
    assert "is new" in fit.changed(base, head, "prod")[0]
    assert fit.changed(head, base, "prod") == []
