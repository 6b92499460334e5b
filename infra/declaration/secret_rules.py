"""What secrets must agree with: their owners, their users, and the values that were given for them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from infra.catalogue.images import GRAFANA, REGISTRY, STATUS, TRACKING
from infra.catalogue.names import RESERVED_SECRETS
from infra.catalogue.secret_patterns import NAMES, VALUES
from infra.declaration.model import Platform
from infra.declaration.problems import Problem, suggestion

Encrypted = bool
GivenValues = Mapping[str, Encrypted]
"""The stack file's values by the secret's name; whether each is encrypted there."""

_ARGUMENTS = "args"
_SET = "pulumi config set --secret {}"
_LOOKS_LIKE_A_SECRET = {kind: re.compile(shape) for kind, shape in VALUES.items()}
_NAME = re.compile(NAMES)
_FLAG = re.compile(r"--?([\w-]+)(?:=(.*))?", re.DOTALL)
_VALUE = re.compile(r"(?!arn:)[^/<\[$\s-].{5,}", re.DOTALL)
"""Neither a file, a reference, another flag, a tokenizer's marker such as `[PAD]`, nor anything short."""


def secret_names_are_free(platform: Platform, root: Path) -> Iterator[Problem]:
    """A secret shares its name's space with the stack's settings and with what the platform keeps in a namespace."""
    for name in platform.secrets:
        if name in RESERVED_SECRETS:
            yield Problem(f"secrets.{name}", f"'{name}' is a name of the platform itself; write another name")


def secrets_stay_in_their_team(platform: Platform, root: Path) -> Iterator[Problem]:
    """A workload reads what its own team owns."""
    for section, workloads in (("training", platform.training), ("serving", platform.serving)):
        for name, workload in workloads.items():
            for position, secret in enumerate(workload.secrets):
                yield from _owned(platform, secret, workload.team, f"{section}.{name}.secrets.{position}")
    for name, endpoint in platform.serving.items():
        if endpoint.api_key is None:
            continue
        path = f"serving.{name}.apiKey"
        yield from _owned(platform, endpoint.api_key, endpoint.team, path)
        if not platform.secrets[endpoint.api_key].generate:
            why = f"'{endpoint.api_key}' is a given value, which could not be renewed without refusing somebody"
            yield Problem(path, f"{why}; write generate: true in secrets.{endpoint.api_key}")


def _owned(platform: Platform, secret: str, team: str, path: str) -> Iterator[Problem]:
    owner = platform.secrets[secret].team
    if owner != team:
        yield Problem(path, f"secret '{secret}' belongs to team '{owner}', not to '{team}'; declare one of its own")


def rotated_secrets_are_generated(platform: Platform, root: Path) -> Iterator[Problem]:
    """Only what the program makes can be made anew by it."""
    known = rotatable(platform)
    for name in platform.rotations:
        if name not in known:
            yield Problem(f"rotations.{name}", f"there is no generated secret '{name}'{suggestion(name, known)}")


def rotatable(platform: Platform) -> set[str]:
    """The logins of the platform's own servers, the declared secrets that are generated, a registry's if it has one."""
    generated = {name for name, secret in platform.secrets.items() if secret.generate}
    servers = {
        TRACKING: True,
        STATUS: platform.monitoring is not None,
        GRAFANA: platform.deploys_grafana,
        REGISTRY: platform.foundation.registry_has_password,
    }
    return {*generated, *(name for name, there in servers.items() if there)}


def broken_value_rules(platform: Platform, given: GivenValues) -> Iterator[Problem]:
    """Each declared secret has exactly one source of its value, and none is in clear."""
    for name, secret in platform.secrets.items():
        path = f"secrets.{name}"
        if secret.generate and name in given:
            yield Problem(path, f"is generated and has a value too; run `pulumi config rm {name}`, or drop 'generate'")
        elif not secret.generate and name not in given:
            yield Problem(path, f"has no value; run `{_SET.format(name)}`, or write generate: true")
        elif not given.get(name, True):
            yield Problem(path, f"its value is in plain text; run `{_SET.format(name)}` and take the old value back")


def secrets_in_clear(written: object, path: tuple[str, ...]) -> Iterator[Problem]:
    """Texts in the declaration that look like secrets; what they are is said, never the text."""
    if isinstance(written, Mapping):
        for key, value in written.items():
            yield from secrets_in_clear(value, (*path, str(key)))
    elif isinstance(written, list | tuple):
        for position, value in enumerate(written):
            yield from secrets_in_clear(value, (*path, str(position)))
    elif isinstance(written, str):
        for kind, shape in _LOOKS_LIKE_A_SECRET.items():
            if shape.search(written):
                yield _in_clear(kind, path)
                return
    if path[-1] == _ARGUMENTS and (isinstance(written, list | tuple) or "images" in path[:-2]):
        yield from _named_secrets(written, path)


def _named_secrets(arguments: object, path: tuple[str, ...]) -> Iterator[Problem]:
    """Among arguments, of a build or of a program, those whose name says that they are secret."""
    if isinstance(arguments, Mapping):
        named = [(str(name), value, str(name)) for name, value in arguments.items()]
    else:
        named = list(_flags(arguments)) if isinstance(arguments, list | tuple) else []
    for name, value, place in named:
        shaped = isinstance(value, str) and any(shape.search(value) for shape in _LOOKS_LIKE_A_SECRET.values())
        if _NAME.search(name) and _VALUE.fullmatch(str(value)) and not shaped:
            yield _in_clear(f"by the name of '{name}'", (*path, place))


def _flags(arguments: Sequence[object]) -> Iterator[tuple[str, object, str]]:
    """Each with what it is given, behind an equals sign or as the next argument, and where that stands."""
    for position, (argument, following) in enumerate(zip(arguments, [*arguments[1:], ""], strict=True)):
        flag = _FLAG.fullmatch(str(argument))
        if flag is not None:
            value, place = (following, position + 1) if flag[2] is None else (flag[2], position)
            yield flag[1], value, str(place)


def _in_clear(kind: str, path: tuple[str, ...]) -> Problem:
    fix = f"declare it under 'secrets', run `{_SET.format('<name>')}`, and take this one back"
    return Problem(".".join(path), f"looks like a secret ({kind}); {fix}")
