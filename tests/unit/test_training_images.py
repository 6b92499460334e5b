"""The images for training are examples, each of which stands alone: what both need, each has a copy of."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.unit.declaration.samples import REPOSITORY

ONE, OTHER = (REPOSITORY / "images" / folder for folder in ("training/training", "torch/trainer"))
DIFFERENT = {"progress.py": {"fitted"}, "registry.py": {"METRICS"}}
"""What is of the same name and depends on how the image trains."""


def definitions(file: Path) -> dict[str, str]:
    """Functions, classes and constants by name, without comments."""
    found: dict[str, str] = {}
    for node in ast.parse(file.read_text()).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found[name] = ast.unparse(node)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = ast.unparse(node)
    return found


@pytest.mark.parametrize("name", ["promotion.py", "errors.py"])
def test_a_file_is_the_same(name: str) -> None:
    assert (ONE / name).read_text() == (OTHER / name).read_text()


@pytest.mark.parametrize(
    ("name", "shared"),
    [("progress.py", {"STAGES", "begins", "ends"}), ("registry.py", {"promote", "compare", "current_champion"})],
)
def test_what_has_the_same_name_is_the_same(name: str, shared: set[str]) -> None:
    one, other = definitions(ONE / name), definitions(OTHER / name)
    assert shared <= one.keys() & other.keys()
    assert {each for each in one.keys() & other.keys() if one[each] != other[each]} == DIFFERENT[name]
