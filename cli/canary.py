"""`make promote` and `make rollback`, with ENDPOINT=name: end a canary in the stack file.

They deploy nothing. The change is reviewed as any other, and Pulumi deploys it.
"""

import difflib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from rich.markup import escape

from cli import preflight, yaml_edit
from common import paths
from common.console import console
from common.errors import CommandError
from infra.catalogue.names import PROJECT
from infra.declaration.loader import SETTING, load_content
from infra.declaration.model import Platform
from infra.declaration.problems import DeclarationError, Problem, suggestion
from infra.workloads.serving.canary import Canary

_CANARY = "canary"
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
"""Of the lines of a diff, by their first character."""


def promote(name: str, endpoint: str) -> int:
    """Write the canary's version, weights and image into the endpoint, and remove the canary; the exit code."""
    declared = preflight.declaration(name, values=False)
    canary = _canary(
        name, declared, endpoint, f"first declare one: platform.serving.{endpoint}.canary, see docs/gateway.md"
    )
    _edit(name, declared, endpoint, canary.model_dump(include={"version", "weights", "image"}, exclude_none=True))
    _report(name, f"the canary of {endpoint} is promoted")
    return 0


def roll_back(name: str, endpoint: str) -> int:
    """Remove the canary from the endpoint; the exit code."""
    declared = preflight.declaration(name, values=False)
    _canary(
        name,
        declared,
        endpoint,
        f"to serve an earlier version, write platform.serving.{endpoint}.{_earlier(declared, endpoint)},\n"
        f"then run `make up STACK={name}`",
    )
    _edit(name, declared, endpoint, {})
    _report(name, f"the canary of {endpoint} is removed")
    return 0


def _earlier(declared: Platform, endpoint: str) -> str:
    """The setting of the endpoint with what it served before."""
    found = declared.serving.get(endpoint)
    return "weights: <earlier weights>" if found and found.weights else "version: <earlier version>"


def _canary(name: str, declared: Platform, endpoint: str, hint: str) -> Canary:
    """The endpoint's canary; an error with the hint without one."""
    if endpoint not in declared.serving:
        raise CommandError(
            f"stack {name} has no endpoint '{endpoint}'{suggestion(endpoint, declared.serving)}",
            hint="write ENDPOINT=name, a name in platform.serving",
        )
    canary = declared.serving[endpoint].canary
    if canary is None:
        problem = Problem(f"{SETTING}.serving.{endpoint}", "no canary is declared")
        raise CommandError(f"endpoint {endpoint} has no canary", f"{_file(name).name}: {problem}", hint=hint)
    return canary


def _edit(name: str, declared: Platform, endpoint: str, settings: Mapping[str, object]) -> None:
    """Change the settings of the endpoint and remove its canary. The file is written only if it then declares exactly
    that."""
    file = _file(name)
    before = file.read_bytes().decode()
    try:
        after = ended(before, endpoint, settings)
        found = load_content(after.encode(), file, values=False)
        if found != _expected(declared, endpoint, settings):
            message = "other settings would change too, by an alias (*name) or a merge (<<)"
            raise DeclarationError(file.name, [Problem(f"{SETTING}.serving.{endpoint}", message)])
    except yaml_edit.NotEditable as error:
        path = ".".join(error.path).removeprefix(f"config.{PROJECT}:")
        raise _not_edited(file, endpoint, settings, f"{file.name}: {Problem(path, error.message)}") from None
    except DeclarationError as error:
        raise _not_edited(file, endpoint, settings, str(error)) from None
    _write(file, after)
    _print_diff(file.name, before, after)


def ended(text: str, endpoint: str, settings: Mapping[str, object]) -> str:
    """The stack file without the endpoint's canary, and with these settings of the endpoint.

    Settings that are new to the endpoint are written on the canary's line.
    """
    path = ("config", f"{PROJECT}:{SETTING}", "serving", endpoint)
    own = {key for key in settings if yaml_edit.has(text, (*path, key))}
    for key in own:
        text = yaml_edit.set_value(text, (*path, key), settings[key])
    if not yaml_edit.has(text, (*path, _CANARY)):
        raise yaml_edit.NotEditable((*path, _CANARY), "is merged by <<, from settings that others may share")
    return yaml_edit.replace(text, (*path, _CANARY), {key: settings[key] for key in settings if key not in own})


def _expected(declared: Platform, endpoint: str, settings: Mapping[str, object]) -> Platform:
    serving = declared.serving[endpoint]
    promoted = {key: getattr(serving.canary, key) for key in settings}
    changed = serving.model_copy(update={**promoted, _CANARY: None})
    return declared.model_copy(update={"serving": {**declared.serving, endpoint: changed}})


def _not_edited(file: Path, endpoint: str, settings: Mapping[str, object], why: str) -> CommandError:
    path = f"{SETTING}.serving.{endpoint}"
    by_hand = [*(f"write {path}.{key}: {value}" for key, value in settings.items()), f"remove {path}.{_CANARY}"]
    return CommandError(
        f"{file.name} can't be edited automatically",
        why,
        hint=f"nothing was changed; edit it by hand: {', '.join(by_hand)}",
    )


def _write(file: Path, text: str) -> None:
    """Replace the file as a whole; a link keeps leading to it."""
    target = file.resolve()
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        beside.write_bytes(text.encode())
        shutil.copymode(target, beside)
        beside.replace(target)
    except OSError as error:
        raise CommandError(f"{file.name} can't be written", str(error.strerror), hint="nothing was changed") from None
    finally:
        beside.unlink(missing_ok=True)


def _print_diff(name: str, before: str, after: str) -> None:
    for line in difflib.unified_diff(before.splitlines(), after.splitlines(), name, name, lineterm=""):
        colour = _COLOURS.get(line[0])
        console.print(f"[{colour}]{escape(line)}[/]" if colour else escape(line))


def _report(name: str, outcome: str) -> None:
    console.print(
        f"[bold]{outcome}[/] in {_file(name).name}; nothing is deployed yet. Review and commit the change, then "
        f"run `make up STACK={name}`."
    )


def _file(name: str) -> Path:
    return paths.REPOSITORY / f"Pulumi.{name}.yaml"
