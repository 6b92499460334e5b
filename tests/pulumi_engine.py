"""A real engine on a stack of its own: temporary home, file backend and passphrase, destroyed with the test.

with Pulumi(tmp_path) as pulumi:
    pulumi.program("import pulumi; pulumi.export('n', 1)")
    assert pulumi.up().outputs == {"n": 1}
"""

from __future__ import annotations

import atexit
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from types import TracebackType
from typing import Any

from offline.plugins.install import ensure_engine, ensure_plugins

REPOSITORY = Path(__file__).resolve().parent.parent
PROJECT = "trial"
STACK = "test"
PASSPHRASE = "a passphrase for tests"


def find_engine() -> Path | None:
    """The engine to test with: `$ML_PLATFORM_BIN/pulumi`, the one that is built here, or one on PATH."""
    from common import paths

    folders = [os.environ.get("ML_PLATFORM_BIN"), str(paths.BIN)]
    named = [Path(folder, "pulumi") for folder in folders if folder]
    found = next((path for path in named if path.exists()), None)
    return found or (Path(path) if (path := shutil.which("pulumi")) else None)


_CHANGES = {
    **{f"{verb}{ending}": verb for verb in ("create", "update", "replace", "delete") for ending in ("", "d")},
    "unchanged": "unchanged",
}
_COUNT = re.compile(rf"(\d+) (?:to )?({'|'.join(_CHANGES)})\b")


@cache
def installation() -> tuple[Path, Path]:
    """A `bin` folder and a `PULUMI_HOME` with the stand-ins and what is built here, made once a test run."""
    engine = find_engine()
    if engine is None:
        raise FileNotFoundError("no pulumi: set ML_PLATFORM_BIN to the folder that holds it")
    root = Path(mkdtemp(prefix="ml-platform-tests-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    ensure_engine(root / "bin", engine)
    ensure_plugins(root / "home", lambda _: None, engine, download=())
    return root / "bin", root / "home"


def remove_installation() -> None:
    """Take `installation` away before the test run ends by itself."""
    if installation.cache_info().currsize:
        shutil.rmtree(installation()[0].parent, ignore_errors=True)
        installation.cache_clear()


@dataclass(frozen=True)
class Result:
    """What a command printed and how it ended."""

    code: int
    text: str
    outputs: dict[str, Any] = field(default_factory=dict)

    def changes(self) -> dict[str, int]:
        """The summary's counts, such as {"create": 2, "unchanged": 1}."""
        return {_CHANGES[word]: int(number) for number, word in _COUNT.findall(self.text)}


class Failed(AssertionError):
    """A command that should have succeeded did not."""


@dataclass
class Pulumi:
    """One project with one stack; commands run as a user would run them."""

    root: Path
    settings: Mapping[str, str] = field(default_factory=dict)  # more environment variables
    project_options: str = ""
    project: str = PROJECT

    def __post_init__(self) -> None:
        self.bin, self.home = installation()
        self.folder = self.root / "project"
        self.backend = self.root / "backend"
        for folder in (self.folder, self.backend):
            folder.mkdir(parents=True, exist_ok=True)
        runtime = f"{{name: python, options: {{virtualenv: {sys.prefix}}}}}"
        (self.folder / "Pulumi.yaml").write_text(f"name: {self.project}\nruntime: {runtime}\n{self.project_options}")
        self.program("")

    @property
    def env(self) -> dict[str, str]:
        """The environment of every command; nothing of the user's own Pulumi shines through."""
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}
        return {
            **inherited,
            "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}",
            "PULUMI_HOME": str(self.home),
            "PULUMI_BACKEND_URL": f"file://{self.backend}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "XDG_STATE_HOME": str(self.root / "state"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            **self.settings,
        }

    def program(self, source: str) -> None:
        """Make this the project's `__main__.py`."""
        (self.folder / "__main__.py").write_text(source)

    def run(self, *arguments: str, check: bool = True) -> Result:
        """Run one command of the engine; with `check`, a failure is the test's failure and shows everything."""
        done = subprocess.run(
            [self.bin / "pulumi", *arguments, "--non-interactive", "--color=never"],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=1200,  # the first one builds images
            check=False,
        )
        text = done.stdout + done.stderr
        if check and done.returncode:
            raise Failed(f"pulumi {' '.join(arguments)} exited with {done.returncode}:\n{text}")
        return Result(done.returncode, text)

    def up(self, *arguments: str, check: bool = True) -> Result:
        result = self.run("up", "--yes", "--skip-preview", *arguments, check=check)
        return Result(result.code, result.text, self.outputs())

    def preview(self, *arguments: str, check: bool = True) -> Result:
        return self.run("preview", "--diff", *arguments, check=check)

    def refresh(self, *arguments: str, check: bool = True) -> Result:
        return self.run("refresh", "--yes", "--skip-preview", *arguments, check=check)

    def destroy(self, *arguments: str, check: bool = True) -> Result:
        return self.run("destroy", "--yes", "--skip-preview", *arguments, check=check)

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, secrets in clear."""
        done = subprocess.run(
            [self.bin / "pulumi", "stack", "output", "--json", "--show-secrets"],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            check=True,
        )
        return dict(json.loads(done.stdout or "{}"))

    def stored(self) -> str:
        """The state as it lies in the backend, encrypted values as such."""
        return (self.backend / ".pulumi" / "stacks" / self.project / f"{STACK}.json").read_text()

    def resources(self, type_: str = "") -> list[dict[str, Any]]:
        """The resources in the state, of one type or all."""
        found = json.loads(self.stored())["checkpoint"]["latest"].get("resources", [])
        return [resource for resource in found if not type_ or resource["type"] == type_]

    def revealed(self) -> list[dict[str, Any]]:
        """The resources in the state with secrets in clear, which are still marked as such."""
        done = subprocess.run(
            [self.bin / "pulumi", "stack", "export", "--show-secrets"],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            check=True,
        )
        return list(json.loads(done.stdout)["deployment"].get("resources", []))

    def __enter__(self) -> Pulumi:
        self.run("stack", "init", STACK)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.run("destroy", "--yes", "--skip-preview", "--run-program=false", check=error is None)
