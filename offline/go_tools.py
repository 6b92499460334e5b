"""Go tools, built from pinned modules into a cache that is keyed by the pins.

Each folder of `offline/go/` is a module whose `tool` directives name the programs and whose go.sum pins
every source; the same pins and the same compiler are built once a machine.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from common import paths, run
from common.console import Report
from common.errors import CommandError
from offline.plugins.sdk import sdk_version

MODULES = Path(__file__).parent / "go"


@dataclass(frozen=True)
class GoModule:
    """A module of tools. `stamps` are the variables that hold a program's version; the linker sets them."""

    name: str
    programs: Sequence[str]
    stamps: Mapping[str, str]

    @property
    def source(self) -> Path:
        return MODULES / self.name

    def folder(self) -> Path:
        """Where this module's programs stand for these pins and this compiler."""
        key = hashlib.sha256()
        for file in [self.source / "go.mod", self.source / "go.sum", *sorted(self.source.glob("*.go"))]:
            key.update(hashlib.sha256(file.read_bytes()).digest())
        key.update(repr((sorted(self.stamps.items()), go_version())).encode())
        return paths.CACHE / "go" / f"{self.name}-{key.hexdigest()[:12]}"

    def program(self, name: str) -> Path:
        return self.folder() / name

    def is_built(self) -> bool:
        return all(self.program(name).exists() for name in self.programs)

    def build(self, report: Report) -> None:
        """Build what is missing; a build that was cut off leaves nothing that looks finished."""
        folder = self.folder()
        if self.is_built():
            return
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        report("downloading and compiling")
        flags = " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in self.stamps.items())])
        run.logged(
            f"go-build-{self.name}",
            ["go", "build", "-trimpath", "-buildvcs=false", f"-ldflags={flags}", "-o", f"{partial}{os.sep}", "tool"],
            cwd=self.source,
            environment={"GOFLAGS": "-mod=readonly", "CGO_ENABLED": "0", "GOGC": "400"},
            hint="check that the Go module proxy is reachable, then run the command again",
        )
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)


@cache
def go_version() -> str:
    """The compiler's version, such as `go1.26.8`."""
    try:
        return subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        raise CommandError(
            "no Go compiler", "`go env GOVERSION` can't be run", hint="install Go 1.26 or later and put it on PATH"
        ) from None


def _version(module: str, path: str) -> str:
    """The version that a go.mod pins."""
    for line in (MODULES / module / "go.mod").read_text().splitlines():
        words = line.split()
        if path in words[:2]:
            return words[words.index(path) + 1]
    raise CommandError(f"offline/go/{module}/go.mod does not require {path}")


KUBERNETES_VERSION = _version("kubernetes", "k8s.io/kubernetes")
PULUMI_VERSION = _version("pulumi", "github.com/pulumi/pulumi/pkg/v3")
_MAJOR, _MINOR, _ = KUBERNETES_VERSION.removeprefix("v").split(".")

PULUMI = GoModule("pulumi", ["pulumi"], {"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": PULUMI_VERSION})
# The SDK warns of a plugin that is older than itself, so the plugin is stamped with the SDK's version.
PULUMI_KUBERNETES = GoModule(
    "pulumi-kubernetes", ["pulumi-resource-kubernetes"], {"main.version": sdk_version("kubernetes")}
)
KUBERNETES = GoModule(
    "kubernetes",
    # etcd's program is called after its folder
    [
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kubelet",
        "kube-proxy",
        "kubectl",
        "server",
        "coredns",
    ],
    {
        f"{package}.{name}": value
        for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
        for name, value in {"gitVersion": KUBERNETES_VERSION, "gitMajor": _MAJOR, "gitMinor": _MINOR}.items()
    },
)
KWOK = GoModule("kwok", ["kwok", "kwokctl", "metrics-server"], {})
_KUBE_ROUTER = "github.com/cloudnativelabs/kube-router/v2"
KUBE_ROUTER = GoModule(
    "kube-router", ["kube-router"], {f"{_KUBE_ROUTER}/pkg/version.Version": _version("kube-router", _KUBE_ROUTER)}
)
