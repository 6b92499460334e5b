"""`make preview`: what `up` would do, with the policies applied and without credentials, cluster or Docker.

It runs on an empty state of its own, so that it needs nobody's secrets: the whole platform shows as it would be made.
"""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import yaml

from cli import plan, preflight, stack
from common import paths, run
from common.console import Progress, console
from common.errors import WorkstationError
from infra.declaration.stack_file import is_encrypted
from offline import toolchain
from offline.plugins import install as plugins

NO_CLUSTER = "/nonexistent/kubeconfig"
"""The same for every preview, so that two of them can be compared."""

_NOWHERE = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}

STAND_INS = paths.STATE / "preview"
"""A `PULUMI_HOME` with stand-ins for the plugins that need a Docker engine or credentials even at preview."""

_OFFICIAL = ("kubernetes",)
"""The plugins that are never replaced by a stand-in: they need no cluster for a preview."""


def preview(name: str, *, as_json: bool, official: bool = False) -> int:
    """Preview stack `name` from nothing, on the stand-ins unless the `official` plugins are wanted."""
    console.stderr = as_json  # what is read by a machine is nothing but JSON
    preflight.declaration(name)
    progress = Progress()
    engine = toolchain.ensure_engine(progress)
    home = paths.PULUMI_HOME if official else STAND_INS
    with progress.step("Pulumi plugins") as step:
        plugins.ensure_plugins(home, step.say, engine, download=None if official else _OFFICIAL)
    environment = {**_environment(home), **({} if official else _NOWHERE)}
    with tempfile.TemporaryDirectory(prefix="ml-platform-preview-") as folder:
        events = Path(folder) / "events"
        done = _run(engine, name, Path(folder), events, environment, quiet=as_json)
        if as_json:
            print(json.dumps(plan.read(events), indent=2))
    if done.returncode:
        raise WorkstationError(f"preview of stack {name}", f"pulumi exited with {done.returncode}", hint="see above")
    return 0


def _environment(home: Path) -> dict[str, str]:
    chosen = {"PULUMI_CONFIG_PASSPHRASE": "preview", "KUBECONFIG": NO_CLUSTER}
    return {**os.environ, **stack.EVENT_LOG, **toolchain.environment(home), **chosen}


def _run(
    engine: Path, name: str, folder: Path, events: Path, environment: dict[str, str], *, quiet: bool
) -> subprocess.CompletedProcess[bytes]:
    environment = {**environment, "PULUMI_BACKEND_URL": f"file://{folder}"}
    project = folder / "project"
    project.mkdir()
    shutil.copy(paths.REPOSITORY / "Pulumi.yaml", project)
    init = [str(engine), "stack", "init", name, "--secrets-provider", "passphrase", "--non-interactive"]
    created = subprocess.run(init, cwd=project, env=environment, capture_output=True, text=True, check=False)
    if created.returncode:
        raise WorkstationError("no stack for the preview", created.stderr.strip())
    settings = _settings(name, project)
    _stand_in_for_secrets(engine, name, settings, environment)
    command = [str(engine), "preview", "--stack", name, "--non-interactive", "--event-log", str(events)]
    command += ["--config-file", str(settings)]
    if (paths.REPOSITORY / "policies" / "PulumiPolicy.yaml").exists():
        command += ["--policy-pack", str(paths.REPOSITORY / "policies")]
    output = subprocess.DEVNULL if quiet else None
    return subprocess.run(command, cwd=paths.REPOSITORY, env=environment, stdout=output, check=False)


def _settings(name: str, folder: Path) -> Path:
    """The stack's settings without the name of its secrets provider and what that has encrypted.

    A preview could reach neither. It is a copy, because the engine writes into the file that it reads.
    """
    content = yaml.safe_load((paths.REPOSITORY / f"Pulumi.{name}.yaml").read_text(encoding="utf-8"))
    config = {key: value for key, value in content["config"].items() if not is_encrypted(value)}
    copy = folder / f"Pulumi.{name}.yaml"
    copy.write_text(yaml.safe_dump({"config": config}, sort_keys=False), encoding="utf-8")
    return copy


def _stand_in_for_secrets(engine: Path, name: str, settings: Path, environment: dict[str, str]) -> None:
    """A value for each encrypted setting, encrypted anew: that there is one can be seen, and not what it is."""
    content = yaml.safe_load((paths.REPOSITORY / f"Pulumi.{name}.yaml").read_text(encoding="utf-8"))
    encrypted = [f"{key}=stand-in" for key, value in content["config"].items() if is_encrypted(value)]
    if encrypted:
        options = [part for each in encrypted for part in ("--secret", each)]
        command = [str(engine), "config", "set-all", "--stack", name, "--config-file", str(settings), *options]
        run.output(command, environment=environment, cwd=paths.REPOSITORY)
