"""Go tools, built from pinned modules into a cache that is keyed by the pins.

Each folder of `offline/go/` is a module whose `tool` directives name the programs and whose go.sum pins
every source; the same pins and the same compiler are built once a machine.
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from common import paths, run
from common.console import Report
from common.errors import CommandError
from offline.plugins.sdk import sdk_version

MODULES = Path(__file__).parent / "go"
_INSTALL_GO = "install Go 1.26 or later and put it first on PATH"
_FLAGS = ("-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false")
"""Without debug information, which the linker would drop: a tenth of the compiler's time."""


@dataclass(frozen=True, eq=False)
class GoModule:
    """A module of tools. `stamps` are the variables that hold a program's version; the linker sets them."""

    name: str
    stamps: Mapping[str, str]
    parent: Path | None = None
    """None: the folder of all modules that only this machine uses."""

    @property
    def source(self) -> Path:
        return (self.parent or MODULES) / self.name

    def folder(self) -> Path:
        """Where this module's programs stand for these pins and this compiler."""
        key = hashlib.sha256()
        for file in sorted(file for file in self.source.rglob("*") if file.is_file()):
            key.update(file.relative_to(self.source).as_posix().encode() + b"\0")
            key.update(hashlib.sha256(file.read_bytes()).digest())
        key.update(repr((sorted(self.stamps.items()), go_version())).encode())
        return paths.CACHE / "go" / f"{self.name}-{key.hexdigest()[:12]}"

    def packages(self) -> Mapping[str, str]:
        """The main packages of go.mod's `tool` directives, by the names that `go build` gives to their programs."""
        text = (self.source / "go.mod").read_text()
        block = re.search(r"^tool \(\n(.*?)^\)", text, re.MULTILINE | re.DOTALL)
        listed = block[1].split() if block else re.findall(r"^tool (\S+)", text, re.MULTILINE)
        return {re.sub(r"/v\d+$", "", package).rpartition("/")[2]: package for package in listed}

    def program(self, name: str) -> Path:
        return self.folder() / name

    def missing(self, wanted: Iterable[str]) -> list[str]:
        """Those of these programs that are not built yet."""
        return [name for name in wanted if not self.program(name).exists()]

    def build(self, report: Report, wanted: Iterable[str]) -> None:
        """Build what is missing in one go, so that packages that programs share are compiled once."""
        missing = self.missing(wanted)
        if not missing:
            return
        folder = self.folder()
        folder.mkdir(parents=True, exist_ok=True)
        report("downloading and compiling")
        flags = " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in self.stamps.items())])
        with TemporaryDirectory(prefix=".building-", dir=folder) as partial:
            command = ["go", "build", *_FLAGS, f"-ldflags={flags}", "-o", f"{partial}{os.sep}"]
            run.logged(
                f"go-build-{self.name}",
                [*command, *(self.packages()[name] for name in missing)],
                cwd=self.source,
                environment={"GOFLAGS": "-mod=readonly", "CGO_ENABLED": "0", "GOGC": "400"},
                hint="check that the Go module proxy is reachable, then run the command again",
            )
            for name in missing:
                Path(partial, name).replace(folder / name)


@cache
def go_version() -> str:
    """The version of the compiler that builds the modules, such as `go1.26.8`; Go fetches a newer one by itself, if it
    may."""
    wanted, module = max(
        (_numbers(text), file.parent) for file in MODULES.glob("*/go.mod") for text in [_go_line(file)]
    )
    try:
        done = subprocess.run(["go", "env", "GOVERSION"], cwd=module, capture_output=True, text=True, check=False)
    except OSError as error:
        raise CommandError("no Go compiler", f"`go` can't be run: {error.strerror}", hint=_INSTALL_GO) from None
    found = done.stdout.strip()
    if done.returncode or _numbers(found) < wanted:
        oldest = ".".join(map(str, wanted))
        why = done.stderr.strip() or f"{shutil.which('go')} is {found}, and {oldest} or later is needed"
        raise CommandError("Go is too old", why, hint=_INSTALL_GO)
    return found


def _go_line(file: Path) -> str:
    """The version of Go that a go.mod needs."""
    return next(line for line in file.read_text().splitlines() if line.startswith("go "))


def _numbers(text: str) -> tuple[int, ...]:
    """Of a version such as `go1.26.8` or `go 1.25.11`."""
    found = re.search(r"\d+(?:\.\d+)*", text)
    return tuple(map(int, found[0].split("."))) if found else ()


def _version(module: str, path: str, parent: Path = MODULES) -> str:
    """The version that a go.mod pins."""
    file = parent / module / "go.mod"
    for line in file.read_text().splitlines():
        words = line.split()
        if path in words[:2]:
            return words[words.index(path) + 1]
    raise CommandError(f"{file.relative_to(paths.REPOSITORY)} does not require {path}")


KUBERNETES_VERSION = _version("kubernetes", "k8s.io/kubernetes")
PULUMI_VERSION = _version("pulumi", "github.com/pulumi/pulumi/pkg/v3")
PULUMI_KUBERNETES = "pulumi-resource-kubernetes"
"""The program of Pulumi's Kubernetes provider, which shares most of its packages with Kubernetes."""

_MAJOR, _MINOR, _ = KUBERNETES_VERSION.removeprefix("v").split(".")
_KUBE_ROUTER = "github.com/cloudnativelabs/kube-router/v2"

PULUMI = GoModule("pulumi", {"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": PULUMI_VERSION})
ACTIONLINT = GoModule("actionlint", {})
_IMAGES = paths.REPOSITORY / "images"
KUEUE = GoModule(
    "kueue", {"sigs.k8s.io/kueue/pkg/version.GitVersion": _version("kueue", "sigs.k8s.io/kueue", _IMAGES)}, _IMAGES
)
"""As in its image."""
KUBERNETES = GoModule(
    "kubernetes",
    {
        **{
            f"{package}.{name}": value
            for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
            for name, value in {"gitVersion": KUBERNETES_VERSION, "gitMajor": _MAJOR, "gitMinor": _MINOR}.items()
        },
        f"{_KUBE_ROUTER}/pkg/version.Version": _version("kubernetes", _KUBE_ROUTER),
        # The SDK warns of a plugin that is older than itself, so the plugin is stamped with the SDK's version.
        "github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version.Version": sdk_version("kubernetes"),
    },
)
