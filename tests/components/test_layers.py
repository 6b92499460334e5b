"""The arrows of the design: nothing above the foundation knows which place or which stack it is for."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

INFRA = Path(__file__).resolve().parents[2] / "infra"
BELOW = ("foundation", "declaration")
ABOVE = sorted(file for file in INFRA.rglob("*.py") if file.relative_to(INFRA).parts[0] not in BELOW)
PLACES = {"local", "aws", "pulumi_aws", "LocalFoundation", "AwsFoundation"}


def names(source: str) -> Iterator[str]:
    """Every name, attribute, imported module and plain text of a program, docstrings aside."""
    tree = ast.parse(source)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name):
                yield from name.split(".")
            case ast.ImportFrom(module=str(module)):
                yield from module.split(".")
            case ast.Constant(value=str(text)) if id(node) not in docstrings:
                yield text


@pytest.mark.parametrize("file", ABOVE, ids=lambda file: str(file.relative_to(INFRA)))
def test_what_stands_on_a_foundation_names_none(file: Path) -> None:
    assert PLACES & set(names(file.read_text())) == set()


@pytest.mark.parametrize("file", ABOVE, ids=lambda file: str(file.relative_to(INFRA)))
def test_no_stack_is_named(file: Path) -> None:
    assert {"dev", "prod", "get_stack"} & set(names(file.read_text())) == set()


@pytest.mark.parametrize("file", sorted(INFRA.rglob("*.py")), ids=lambda file: str(file.relative_to(INFRA)))
def test_the_workstation_is_not_asked(file: Path) -> None:
    assert "workstation" not in set(names(file.read_text()))


@pytest.mark.parametrize("planted", ["import pulumi_aws", "if place == 'aws': ...", "args.foundation.local"])
def test_a_planted_one_is_found(planted: str) -> None:
    assert PLACES & set(names(planted))
