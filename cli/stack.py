"""Pulumi stacks: environment, creation, updates, outputs."""

import json
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from cli import plan
from common import paths, run
from common.errors import CommandError
from infra.declaration.model import Platform
from offline import machine

PROJECT = "ml-platform"
SALT = "encryptionsalt"
OWN_BACKEND = f"file://{paths.PULUMI_BACKEND}?metadata=skip"
"""Without a file of checksums beside each file, which the engine would write with each change of a resource."""

_OVERWRITE = "PULUMI_K8S_UPSERT_EXISTING_OBJECTS"
"""It would let the provider take over objects of others that have the names of the stack's."""
EVENT_LOG = {"PULUMI_DEBUG_COMMANDS": "true"}
"""Enables the engine's `--event-log` option; Pulumi's automation API sets it too."""


def on_this_machine() -> bool:
    """Whether the state backend is on this machine; $PULUMI_BACKEND_URL names another one."""
    return (os.environ.get("PULUMI_BACKEND_URL") or OWN_BACKEND) == OWN_BACKEND


def require_backend(stack: str, declared: Platform) -> None:
    """Require an explicit backend for a stack on AWS: its only state must not end up on this machine by accident."""
    aws = declared.foundation.aws
    if aws is None or not on_this_machine():
        return
    raise CommandError(
        f"PULUMI_BACKEND_URL names no backend for stack {stack}",
        "it is on platform.foundation.aws: its state, and the key to the secrets in it, would exist on\n"
        f"this machine only, in {paths.STATE}",
        hint=f"export PULUMI_BACKEND_URL='s3://<bucket>?region={aws.region}', see docs/aws.md\n"
        "(file://<another folder> keeps both on this machine)",
    )


def environment(context: str = machine.CONTEXT) -> Mapping[str, str]:
    """Environment variables for `pulumi` and `kubectl`, for a stack on kube context `context`.

    Only the local cluster's context is in our own kubeconfig; others are in the user's.
    """
    chosen = machine.engine_environment(paths.PULUMI_HOME)
    if on_this_machine():
        chosen["PULUMI_BACKEND_URL"] = OWN_BACKEND
        chosen["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(paths.PASSPHRASE)
    if context == machine.CONTEXT:
        chosen["KUBECONFIG"] = machine.kubeconfig_files(context)
    engine = machine.docker_host()
    inherited = {name: value for name, value in os.environ.items() if name != _OVERWRITE}
    return {**inherited, **chosen, **({"DOCKER_HOST": engine} if engine else {})}


def ensure(stack: str) -> None:
    """Create the stack unless it exists. Its encryption salt is kept in the state, not in the stack file."""
    if not on_this_machine():
        return
    _ensure_passphrase()
    paths.PULUMI_BACKEND.mkdir(parents=True, exist_ok=True, mode=0o700)
    if exists(stack):
        return
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(paths.REPOSITORY / "Pulumi.yaml", folder)
        pulumi("stack", "init", stack, "--secrets-provider", "passphrase", cwd=Path(folder))


@contextmanager
def salt_kept_out(stack: str) -> Iterator[None]:
    """Remove the encryption salt that the engine writes into a stack file without one.

    The engine also finds it in the state. Other changes made to the file in the block stay.
    """
    file = paths.REPOSITORY / f"Pulumi.{stack}.yaml"
    before = file.read_bytes()
    try:
        yield
    finally:
        _remove_salt(file, before)


def _remove_salt(file: Path, before: bytes) -> None:
    lines = file.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(f"{SALT}:".encode())]
    if len(kept) == len(lines) or any(line.startswith(f"{SALT}:".encode()) for line in before.splitlines()):
        return
    content = b"".join(kept)
    file.write_bytes(before if _document(content) == _document(before) else content)


def secrets_provider(stack: str) -> str:
    """The URL of the secrets provider, which `pulumi stack init` writes into the stack file; empty without one."""
    document = _document((paths.REPOSITORY / f"Pulumi.{stack}.yaml").read_bytes())
    return str(document.get("secretsprovider") or "") if isinstance(document, dict) else ""


def _document(content: bytes) -> Any:
    """What a stack file says; its text if that is no YAML, as `pulumi` or an editor in a shell may have left it."""
    try:
        return yaml.safe_load(content) or {}
    except (yaml.YAMLError, ValueError):
        return content


def exists(stack: str) -> bool:
    """Whether the stack has a state on this machine; assumed for another backend."""
    return not on_this_machine() or _state_file(stack).exists()


def stacks() -> list[str]:
    """The stacks whose state is on this machine."""
    return sorted(file.stem for file in _state_file("any").parent.glob("*.json"))


def _state_file(stack: str) -> Path:
    return paths.PULUMI_BACKEND / ".pulumi" / "stacks" / PROJECT / f"{stack}.json"


def _ensure_passphrase() -> None:
    if not paths.PASSPHRASE.exists():
        paths.PASSPHRASE.parent.mkdir(parents=True, exist_ok=True)
        paths.PASSPHRASE.touch(mode=0o600)
        paths.PASSPHRASE.write_text(secrets.token_urlsafe(32))


def update(command: Sequence[str], stack: str, context: str) -> list[dict[str, Any]]:
    """Run `pulumi up` or `pulumi destroy` with its output on the terminal; the engine's events."""
    events = paths.LOGS / f"pulumi-{command[0]}-{stack}.events"
    events.unlink(missing_ok=True)
    arguments = [
        *command,
        "--stack",
        stack,
        "--yes",
        "--skip-preview",
        # Most wait: for a push, for a pod. The default is four for each processor.
        "--parallel=32",
        "--suppress-permalink=true",
        "--event-log",
        events,
        *(["--policy-pack", paths.REPOSITORY / "policies"] if command[0] == "up" else []),
    ]
    with salt_kept_out(stack):
        done = subprocess.run(
            [machine.engine(), *map(str, arguments)],
            cwd=paths.REPOSITORY,
            env={**environment(context), **EVENT_LOG},
            stdin=subprocess.DEVNULL,
            check=False,
        )
    if done.returncode:
        hint = "fix the error above and run the same command again: it continues where it stopped"
        why = plan.why_failed(plan.logged_events(events)) or f"exit code {done.returncode}"
        raise CommandError(f"pulumi {command[0]} of stack {stack}", why, log=events, hint=hint)
    return list(plan.logged_events(events))


def changes(events: Sequence[dict[str, Any]]) -> dict[str, int]:
    """The number of resources by operation: create, update, same, ..."""
    summaries = [event["summaryEvent"]["resourceChanges"] for event in events if "summaryEvent" in event]
    return dict(summaries[-1]) if summaries else {}


def outputs(stack: str, *, reveal: bool = False) -> dict[str, Any]:
    """The stack's outputs; secrets in plain text only if `reveal` is set."""
    arguments = ["stack", "output", "--json", "--stack", stack, *(["--show-secrets"] if reveal else [])]
    found: dict[str, Any] = json.loads(pulumi(*arguments))
    return found


def deployment(stack: str, *, reveal: bool = False) -> dict[str, Any]:
    """The stack's state; secrets in plain text only if `reveal` is set."""
    arguments = ["stack", "export", "--stack", stack, *(["--show-secrets"] if reveal else [])]
    found: dict[str, Any] = json.loads(pulumi(*arguments))["deployment"]
    return found


def resources(stack: str, *, reveal: bool = False) -> list[dict[str, Any]]:
    """The resources in the stack's state, with secrets encrypted unless `reveal` is set."""
    return list(deployment(stack, reveal=reveal).get("resources") or [])


def forget(stack: str) -> None:
    """Remove a stack without resources, if its state is on this machine."""
    if on_this_machine():
        pulumi("stack", "rm", stack, "--yes", "--preserve-config")


def pulumi(*arguments: str, cwd: Path = paths.REPOSITORY, stdin: str | None = None) -> str:
    """Standard output of a pulumi command."""
    command = [str(machine.engine()), *arguments, "--non-interactive"]
    return run.output(command, stdin=stdin, environment=environment(), cwd=cwd)
