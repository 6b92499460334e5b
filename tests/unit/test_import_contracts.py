"""Each of import-linter's contracts is broken by an import that it forbids."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.unit.declaration.samples import REPOSITORY

_SETTINGS: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]
_CONTRACTS: dict[str, str] = {contract["id"]: contract["name"] for contract in _SETTINGS["contracts"]}
_VIOLATIONS = {
    "packages": [("infra/outputs.py", "cli.status"), ("common/run.py", "offline.toolchain")],
    "offline": [("offline/toolchain.py", "infra.catalogue.names")],
    "infra": [
        ("infra/declaration/pools.py", "infra.foundation"),
        ("infra/declaration/teams.py", "infra.workloads.pod"),
        ("infra/catalogue/names.py", "infra.declaration"),
    ],
    "kinds": [
        ("infra/workloads/training/settings.py", "infra.workloads.training.component"),
        ("infra/workloads/kinds.py", "infra.workloads.runtime"),
    ],
    "machine": [("cli/status.py", "offline.toolchain"), ("cli/plan.py", "offline.plugins.marshal")],
    "capabilities": [
        ("infra/platform/build.py", "infra.foundation.aws.context"),
        ("infra/observability/create.py", "infra.foundation.local.pools"),
        ("infra/gpu/devices.py", "infra.declaration.aws.settings"),
        ("infra/workloads/pod.py", "infra.catalogue.aws.prices"),
        ("infra/tenancy/workspace.py", "pulumi_aws"),
        ("infra/networking/network_policies.py", "pulumi_docker"),
    ],
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages and the contracts, in a folder where imports can be added."""
    folder = tmp_path_factory.mktemp("packages")
    for package in _SETTINGS["root_packages"]:
        for file in (REPOSITORY / package).rglob("*.py"):
            target = folder / file.relative_to(REPOSITORY)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    shutil.copyfile(REPOSITORY / "pyproject.toml", folder / "pyproject.toml")
    return folder


def lint(folder: Path) -> tuple[dict[str, bool], str]:
    """Whether each contract is kept, by name, and the whole report."""
    program = str(Path(sys.executable).parent / "lint-imports")
    done = subprocess.run([program], cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    found = {
        name: line.removeprefix(f"{name} ").startswith("KEPT")
        for name in _CONTRACTS.values()
        for line in done.stdout.splitlines()
        if line.startswith((f"{name} KEPT", f"{name} BROKEN"))
    }
    assert set(found) == set(_CONTRACTS.values()), done.stdout + done.stderr
    return found, done.stdout


def test_every_contract_has_a_violation_here() -> None:
    assert set(_VIOLATIONS) == set(_CONTRACTS)


def test_the_copy_keeps_every_contract(copy: Path) -> None:
    kept, report = lint(copy)
    assert all(kept.values()), report


@pytest.mark.parametrize("contract", _VIOLATIONS)
def test_planted_imports_break_the_contract_and_are_named(copy: Path, contract: str) -> None:
    original = {copy / file: (copy / file).read_text() for file, _ in _VIOLATIONS[contract]}
    for file, module in _VIOLATIONS[contract]:
        (copy / file).write_text(f"{original[copy / file]}\nimport {module}\n")
    try:
        kept, report = lint(copy)
    finally:
        for path, text in original.items():
            path.write_text(text)
    assert kept[_CONTRACTS[contract]] is False
    planted = [(file.removesuffix(".py").replace("/", "."), module) for file, module in _VIOLATIONS[contract]]
    assert [f"{importer} -> {module}" for importer, module in planted if f"{importer} -> {module}" not in report] == []
