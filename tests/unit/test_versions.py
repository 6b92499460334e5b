"""Every version is the one in versions.toml, also where a tool must read it from a file of its own."""

from __future__ import annotations

import re
import subprocess
import tomllib
from datetime import date
from pathlib import Path
from typing import Any, get_args

import pytest

from common import versions as tools
from infra.catalogue import versions
from infra.catalogue.support import SUPPORT, Later, Support
from infra.declaration.aws.settings import Cluster, Database, ImageRegistry, ManagedGrafana
from infra.declaration.aws.support import minor

REPOSITORY = Path(__file__).resolve().parents[2]
VERSIONS: dict[str, Any] = tomllib.loads((REPOSITORY / "versions.toml").read_text())
PINS = [(folder, module, pin) for folder, modules in VERSIONS["go"].items() for module, pin in modules.items()]


@pytest.mark.parametrize(("folder", "module", "pin"), PINS, ids=[module for _, module, _ in PINS])
def test_go_modules_pin_these_versions(folder: str, module: str, pin: str) -> None:
    lines = (REPOSITORY / folder / "go.mod").read_text().splitlines()
    required = (line.removeprefix("require ").split()[:2] for line in lines)
    assert [module, pin] in [*required]


def test_every_go_tool_is_listed() -> None:
    for file in [*REPOSITORY.glob("offline/go/*/go.mod"), *REPOSITORY.glob("images/*/go.mod")]:
        text, folder = file.read_text(), file.parent.relative_to(REPOSITORY).as_posix()
        block = re.search(r"^tool \(\n(.*?)^\)", text, re.MULTILINE | re.DOTALL)
        tools_of = block[1].split() if block else re.findall(r"^tool (\S+)", text, re.MULTILINE)
        listed = ("ml-platform/", *VERSIONS["go"][folder])  # the first: a main package of the folder's own
        assert tools_of
        assert [tool for tool in tools_of if not tool.startswith(listed)] == []


def test_the_local_cluster_is_the_kubernetes_that_is_built() -> None:
    assert VERSIONS["go"]["offline/go/kubernetes"]["k8s.io/kubernetes"] == f"v{VERSIONS['kubernetes']['local']}"


def test_dockerfiles_start_from_the_base_or_from_a_listed_image() -> None:
    listed = {}
    for file in REPOSITORY.glob("images/*/Dockerfile"):
        text = file.read_text()
        assert set(re.findall(r"^ARG BASE=(.+)$", text, re.MULTILINE)) <= {VERSIONS["base-image"]["public"]}
        sources = set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) - {"${BASE}"}
        if sources:
            (listed[file.parent.name],) = sources
    assert listed == {name: _reference(image) for name, image in VERSIONS["images"].items()}


def _reference(image: dict[str, Any]) -> str:
    digest = f"@{image['digest']}" if "digest" in image else ""
    return f"{image['repository']}:{image['tag']}{digest}"


def test_defaults_of_the_declaration_are_these() -> None:
    defaults = {model: model.model_fields["version"].default for model in (Cluster, Database, ManagedGrafana)}
    assert defaults == {
        Cluster: VERSIONS["eks"]["default"],
        Database: VERSIONS["postgresql"]["default"],
        ManagedGrafana: VERSIONS["managed-grafana"]["default"],
    }
    assert ImageRegistry().base_image == VERSIONS["base-image"]["mirrored"]


def test_eks_default_had_half_a_year_of_standard_support_left_when_it_was_chosen() -> None:
    ends = versions.EKS_VERSIONS[versions.EKS_DEFAULT].end_of_standard_support
    assert (ends - VERSIONS["eks"]["chosen"]).days >= 183


def test_bootstrap_and_the_base_image_install_this_uv() -> None:
    line = next(
        line for line in (REPOSITORY / "cli/bootstrap").read_text().splitlines() if line.startswith("uv_version=")
    )
    read = subprocess.run(
        ["sh", "-c", f'{line}\nprintf %s "$uv_version"'], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert read.stdout == tools.UV == VERSIONS["tools"]["uv"]
    assert f"uv=={tools.UV}" in (REPOSITORY / "images/base/requirements.in").read_text().split()


def test_support_ends_on_a_date() -> None:
    for name, entry in {**VERSIONS["eks"]["support"], **VERSIONS["images"]}.items():
        dates = [value for key, value in entry.items() if key.startswith("end-of-")]
        assert all(type(value) is date for value in dates), name
        assert dates == sorted(dates), name


def test_docs_name_the_kubernetes_that_is_tested() -> None:
    minor, oldest = VERSIONS["kubernetes"]["local"].rpartition(".")[0], VERSIONS["kubernetes"]["oldest"]
    assert f"Kubernetes {oldest} or later; tested with {minor}" in (REPOSITORY / "docs/own-cluster.md").read_text()


def test_statements_of_support_are_about_the_versions_that_are_pinned() -> None:
    """A new pin needs a look at what its maker states."""
    modules = {module: pin for _, module, pin in PINS}
    tags = {name: image["tag"] for name, image in VERSIONS["images"].items()}
    locked = tomllib.loads((REPOSITORY / "uv.lock").read_text())["package"]
    libraries = {package["name"]: package["version"] for package in locked}
    pins = {**libraries, **modules, **tags, "containerd": "1.6"}
    assert {name: row.of for name, row in SUPPORT.items()} == {name: pins[name] for name in SUPPORT}


@pytest.mark.parametrize("row", SUPPORT.values(), ids=SUPPORT)
def test_statements_of_support_have_a_source_and_an_order(row: Support) -> None:
    assert row.source.startswith("https://")
    assert row.says
    assert type(row.as_of) is date
    named = [version for version in (row.oldest, row.newest) if version is not None]
    assert all(re.fullmatch(r"1\.\d+", version) for version in named)
    assert named
    assert sorted(named, key=minor) == named
    assert row.later in get_args(Later)
    assert row.newest is not None or row.later == "supported"
