"""`make preview`: what `up` would do, with the policies applied and without credentials, cluster or Docker.

It runs on an empty state of its own, so that it needs nobody's secrets: the whole platform shows as it would be made.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from workstation import go_tools, paths, preflight, stack, toolchain
from workstation.console import Progress
from workstation.errors import WorkstationError
from workstation.plugins import install as plugins

NOWHERE = "unix:///nonexistent/docker.sock"


def preview(name: str, *, as_json: bool) -> int:
    """Preview stack `name` from nothing; the exit code is the engine's."""
    preflight.declaration(name)
    progress = Progress()
    engine = _engine(progress)
    with tempfile.TemporaryDirectory(prefix="ml-platform-preview-") as folder:
        events = Path(folder) / "events"
        done = _run(engine, name, Path(folder), events, quiet=as_json)
        if as_json:
            print(json.dumps(_planned(events), indent=2))
    if done.returncode:
        raise WorkstationError(f"preview of stack {name}", f"pulumi exited with {done.returncode}", hint="see above")
    return 0


def _engine(progress: Progress) -> Path:
    """The engine with stand-ins for every plugin: official ones may want a Docker engine even at preview."""
    if not (paths.BIN / "pulumi").exists():
        toolchain.ensure(progress, cluster=False)
    plugins.ensure_plugins(paths.PULUMI_HOME, lambda _: None, toolchain.engine(), download=False)
    return toolchain.engine()


def _run(engine: Path, name: str, folder: Path, events: Path, *, quiet: bool) -> subprocess.CompletedProcess[bytes]:
    environment = {
        **os.environ,
        **stack.EVENT_LOG,
        "PATH": os.pathsep.join([str(engine.parent), str(go_tools.KUBERNETES.folder()), os.environ["PATH"]]),
        "PULUMI_HOME": str(paths.PULUMI_HOME),
        "PULUMI_BACKEND_URL": f"file://{folder}",
        "PULUMI_CONFIG_PASSPHRASE": "preview",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "KUBECONFIG": str(folder / "kubeconfig"),
        "DOCKER_HOST": NOWHERE,
    }
    project = folder / "project"
    project.mkdir()
    shutil.copy(paths.REPOSITORY / "Pulumi.yaml", project)
    init = [str(engine), "stack", "init", name, "--secrets-provider", "passphrase", "--non-interactive"]
    created = subprocess.run(init, cwd=project, env=environment, capture_output=True, text=True, check=False)
    if created.returncode:
        raise WorkstationError("no stack for the preview", created.stderr.strip())
    command = [str(engine), "preview", "--stack", name, "--non-interactive", "--event-log", str(events)]
    if (paths.REPOSITORY / "policies" / "PulumiPolicy.yaml").exists():
        command += ["--policy-pack", str(paths.REPOSITORY / "policies")]
    output = subprocess.DEVNULL if quiet else None
    with stack.salt_kept_out(name):
        return subprocess.run(command, cwd=paths.REPOSITORY, env=environment, stdout=output, check=False)


def _planned(events: Path) -> dict[str, Any]:
    """The planned steps by resource, and how many of each kind."""
    steps = []
    for line in events.read_text().splitlines():
        event = json.loads(line).get("resourcePreEvent")
        if event:
            steps.append({"operation": event["metadata"]["op"], "urn": event["metadata"]["urn"]})
    return {"changes": Counter(step["operation"] for step in steps), "steps": steps}
