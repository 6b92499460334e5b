"""`make shell`: the user's shell with the stack's environment."""

import os
import subprocess

from cli import preflight, stack
from common.console import console


def shell(name: str) -> int:
    """Run $SHELL with pulumi and kubectl configured; its exit code."""
    declared = preflight.declaration(name)
    stack.require_backend(name, declared)
    stack.ensure(name)
    context = preflight.kube_context(declared, name)
    environment = {**stack.environment(context), "PULUMI_STACK": name}
    program = os.environ.get("SHELL", "/bin/sh")
    console.print(f"[dim]pulumi --stack {name} and kubectl --context {context} are configured; leave with `exit`[/]")
    with stack.salt_kept_out(name):
        return subprocess.run([program], env=environment, check=False).returncode
