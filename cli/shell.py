"""`make shell`: the user's shell with the stack's environment."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from cli import preflight, stack
from common.console import Progress, console
from offline import machine


def shell(name: str) -> int:
    """Run $SHELL with pulumi and kubectl configured; its exit code."""
    declared = preflight.declaration(name, values=False)  # they are set in this shell
    stack.require_backend(name, declared)
    machine.ensure_engine(Progress())
    stack.ensure(name)
    if lacking := [each.plugin.name for each in preflight.unofficial_plugins(declared)]:
        command = "`make up` installs the official ones, or says how"
        console.print(
            f"[yellow]![/] not for `pulumi up` yet, without official plugins: {', '.join(lacking)}; {command}"
        )
    context = preflight.kube_context(declared, name)
    program = shutil.which(os.environ.get("SHELL") or "sh") or "/bin/sh"
    console.print(f"[dim]pulumi --stack {name} and kubectl --context {context} are configured; leave with `exit`[/]")
    with stack.salt_kept_out(name), TemporaryDirectory(prefix="ml-platform-shell-") as folder:
        environment = {**_with_kubectl(context, Path(folder)), "PULUMI_STACK": name}
        return subprocess.run([program], env=environment, check=False).returncode


def _with_kubectl(context: str, folder: Path) -> Mapping[str, str]:
    """The stack's environment, in which kubectl never uses the kubeconfig's current context."""
    environment = stack.environment(context)
    kubectl = shutil.which("kubectl", path=environment["PATH"])
    if kubectl is None:
        return environment
    wrapper = folder / "kubectl"
    wrapper.write_text(f'#!/bin/sh\nexec {shlex.quote(kubectl)} --context {shlex.quote(context)} "$@"\n')
    wrapper.chmod(0o755)
    return {**environment, "PATH": f"{folder}{os.pathsep}{environment['PATH']}"}
