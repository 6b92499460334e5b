"""External commands that must succeed."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from common import paths
from common.errors import CommandError, tail, without_ansi


def output(
    command: Sequence[str | Path],
    *,
    stdin: str | None = None,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> str:
    """Standard output of `command`; an error contains the end of its stderr."""
    try:
        done = subprocess.run(
            [str(part) for part in command],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=cwd,
            env={**os.environ, **(environment or {})},
            check=False,
        )
    except OSError as error:
        raise CommandError(f"{command[0]} can't be run", str(error)) from None
    if done.returncode:
        why = "\n".join(without_ansi(done.stderr or done.stdout).strip().splitlines()[-8:])
        raise CommandError(f"{_name(command)} exited with {done.returncode}", why)
    return done.stdout


def logged(
    name: str,
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    inherited: Mapping[str, str] = os.environ,
    hint: str = "",
) -> None:
    """Run `command` with its output in the log `name`; its environment is `inherited` plus `environment`."""
    log = paths.LOGS / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as stream:
        done = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**inherited, **(environment or {})},
            check=False,
        )
    if done.returncode:
        raise CommandError(f"{_name(command)} exited with {done.returncode}", tail(log, 8), log=log, hint=hint)


def _name(command: Sequence[str | Path]) -> str:
    words = [Path(str(command[0])).name, *(str(part) for part in command[1:3])]
    return " ".join(words)
