"""`make preview`: what `up` would create and what it costs, with the policies applied, without credentials, cluster or
Docker.

It starts from an empty state in a temporary folder, so that it needs no secrets: every resource shows as created.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cli import cost, plan, plan_screen, preflight, stack
from common import paths, run
from common.console import Progress, console
from common.errors import CommandError, without_ansi
from infra.declaration.loader import is_encrypted
from infra.declaration.model import Platform
from offline import machine

NO_CLUSTER = "/nonexistent/kubeconfig"
"""The same path in every preview, so that plans can be compared."""

_LAST_LINES = 20

_NOWHERE = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}

STAND_INS = paths.STATE / "preview"
"""A `PULUMI_HOME` with stand-ins for the plugins that need a Docker engine or credentials even for a preview."""


@dataclass(frozen=True)
class Previewed:
    """A plan, what Pulumi printed, and its exit code."""

    plan: Mapping[str, Any]
    output: str
    returncode: int

    def succeeded(self, name: str) -> Mapping[str, Any]:
        """The plan, or an error if the preview of stack `name` failed."""
        if self.returncode:
            why = "\n".join(_reasons(self.plan["problems"])) or _end(self.output)
            raise CommandError(f"preview of stack {name}", why, hint="all that Pulumi says: make preview DETAILS=1")
        return self.plan


def preview(name: str, *, as_json: bool = False, details: bool = False, official: bool = False) -> int:
    """Preview stack `name` from an empty state, with the stand-ins unless `official` is set; the exit code.

    With `details`, Pulumi's own output follows, which has a line for each resource.
    """
    console.stderr = as_json  # stdout is the JSON document alone
    declared = preflight.declaration(name, values=False)
    done = planned(name, declared, Progress(), official=official)
    monthly = cost.monthly(declared, done.plan["steps"])
    if as_json:
        print(json.dumps({**done.plan, "cost": cost.as_json(monthly) if monthly else None}, indent=2))
    elif not done.returncode:
        plan_screen.show(name, done.plan, monthly)
    if details:
        console.out(f"\n{done.output}", highlight=False)
    done.succeeded(name)
    return 0


def require_budgets(name: str, declared: Platform, progress: Progress) -> None:
    """The cost is known once the program has ended, so that `pulumi up` refuses it only when everything is created."""
    if declared.has_budgets:
        planned(name, declared, progress).succeeded(name)


def planned(name: str, declared: Platform, progress: Progress, *, official: bool = False) -> Previewed:
    """The plan of stack `name` from an empty state."""
    engine = machine.ensure_engine(progress)
    home = paths.PULUMI_HOME if official else STAND_INS
    with progress.step("Pulumi plugins") as step:
        plugins = machine.ensure_plugins(home, step.say, engine, for_preview=not official)
        stand_ins = [each.plugin.name for each in plugins if not each.official]
        if official and stand_ins:
            why = f"what is installed instead is for previews: {', '.join(stand_ins)}"
            hint = "`make preview` without PLUGINS=official uses them; see README.md for mirrors"
            raise CommandError("the official plugins can't be downloaded", why, hint=hint)
        step.say(f"stand-ins for previews: {', '.join(stand_ins)}" if stand_ins else "official")
    environment = {**_environment(home), **({} if official else _NOWHERE)}
    with tempfile.TemporaryDirectory(prefix="ml-platform-preview-") as folder:
        events = Path(folder) / "events"
        with progress.step(f"plan of stack {name}, and policies"):
            done = _run(engine, name, declared, Path(folder), events, environment)
        return Previewed(plan.read(events), done.stdout, done.returncode)


def _reasons(problems: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Without the engine's own summary of the others."""
    return (plan_screen.complaint(problem) for problem in problems if problem["message"] != "preview failed")


def _end(output: str) -> str:
    return "\n".join(without_ansi(output).strip().splitlines()[-_LAST_LINES:])


def _environment(home: Path) -> dict[str, str]:
    chosen = {"PULUMI_CONFIG_PASSPHRASE": "preview", "KUBECONFIG": NO_CLUSTER}
    return {**os.environ, **stack.EVENT_LOG, **machine.engine_environment(home), **chosen}


def _run(
    engine: Path,
    name: str,
    declared: Platform,
    folder: Path,
    events: Path,
    environment: dict[str, str],
) -> subprocess.CompletedProcess[str]:
    environment = {**environment, "PULUMI_BACKEND_URL": f"file://{folder}"}
    project = folder / "project"
    project.mkdir()
    shutil.copy(paths.REPOSITORY / "Pulumi.yaml", project)
    init = [str(engine), "stack", "init", name, "--secrets-provider", "passphrase", "--non-interactive"]
    created = subprocess.run(init, cwd=project, env=environment, capture_output=True, text=True, check=False)
    if created.returncode:
        raise CommandError("pulumi stack init failed for the preview", created.stderr.strip())
    settings = _settings(name, project)
    _add_placeholder_secrets(engine, name, declared, settings, environment)
    command = [str(engine), "preview", "--stack", name, "--non-interactive", "--event-log", str(events)]
    command += ["--config-file", str(settings)]
    if (paths.REPOSITORY / "policies" / "PulumiPolicy.yaml").exists():
        command += ["--policy-pack", str(paths.REPOSITORY / "policies")]
    return subprocess.run(
        command,
        cwd=paths.REPOSITORY,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def _settings(name: str, folder: Path) -> Path:
    """A copy of the stack file without secrets provider and encrypted values.

    A preview can't decrypt them; and the engine writes into the file that it reads.
    """
    content = yaml.safe_load((paths.REPOSITORY / f"Pulumi.{name}.yaml").read_text(encoding="utf-8"))
    config = {key: value for key, value in content["config"].items() if not is_encrypted(value)}
    copy = folder / f"Pulumi.{name}.yaml"
    copy.write_text(yaml.safe_dump({"config": config}, sort_keys=False), encoding="utf-8")
    return copy


def _add_placeholder_secrets(
    engine: Path, name: str, declared: Platform, settings: Path, environment: dict[str, str]
) -> None:
    """Encrypt a placeholder for each encrypted setting, and for each secret that has no value yet, so that the program
    finds it set."""
    content = yaml.safe_load((paths.REPOSITORY / f"Pulumi.{name}.yaml").read_text(encoding="utf-8"))
    encrypted = [key for key, value in content["config"].items() if is_encrypted(value)]
    given = [f"{stack.PROJECT}:{secret}" for secret, each in declared.secrets.items() if not each.generate]
    missing = [key for key in given if key not in content["config"]]
    if encrypted or missing:
        options = [part for key in [*encrypted, *missing] for part in ("--secret", f"{key}=placeholder")]
        command = [str(engine), "config", "set-all", "--stack", name, "--config-file", str(settings), *options]
        run.output(command, environment=environment, cwd=paths.REPOSITORY)
