"""Secrets by name and owner, with the rules for them. The declaration never contains their values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from infra.catalogue.images import GATEWAY, GRAFANA, LOGS, REGISTRY, STATUS, TRACKING
from infra.catalogue.names import RESERVED_SECRETS
from infra.catalogue.secret_patterns import NAMES, VALUES, WORDS
from infra.declaration.problems import Problem, suggestion
from infra.declaration.types import Name, Settings

if TYPE_CHECKING:
    from infra.declaration.model import Platform

Encrypted = bool
ProvidedValues = Mapping[str, Encrypted]
"""The values in the stack file, by the secret's name: whether each is encrypted."""

_ARGUMENTS = "args"
_SET = "pulumi config set --secret {}"
_VALUE_PATTERNS = {kind: re.compile(pattern) for kind, pattern in VALUES.items()}
_NAME, _WORD = re.compile(NAMES), re.compile(WORDS)
_FLAG = re.compile(r"--?([\w-]+)(?:=(.*))?", re.DOTALL)
_VALUE = re.compile(r"(?!arn:)[^/<\[$\s-].{5,}", re.DOTALL)
"""Not a path, a reference, another flag, a token such as `[PAD]`, or a short text."""


class Secret(Settings):
    """A secret value that workloads of its team mount as a file.

    Set it with `pulumi config set --secret <name>`, which encrypts it, or let the program generate it.
    """

    team: Name = Field(description="The owning team; 'platform' for receivers of alerts of all teams")
    generate: bool = Field(default=False, description="Generate a random password, which `make rotate` can rotate")


def secret_names_are_free(platform: Platform, root: Path) -> Iterator[Problem]:
    """Names are shared with the stack's settings and with the Secrets that the platform creates in a namespace."""
    for name in platform.secrets:
        if name in RESERVED_SECRETS:
            yield Problem(f"secrets.{name}", f"'{name}' is reserved by the platform; write another name")


def secrets_are_used_by_their_team(platform: Platform, root: Path) -> Iterator[Problem]:
    """A workload mounts only secrets of its own team."""
    for kind, name, workload in platform.workloads():
        for position, secret in enumerate(workload.secrets):
            path = f"{kind.section}.{name}.secrets.{position}"
            yield from secret_is_of_team(platform, secret, workload.team, path)


def secret_is_of_team(platform: Platform, secret: str, team: str, path: str) -> Iterator[Problem]:
    """The setting at `path` names a secret of this team."""
    owner = platform.secrets[secret].team
    if owner != team:
        yield Problem(path, f"secret '{secret}' belongs to team '{owner}'; write a secret of team '{team}'")


def rotated_secrets_are_generated(platform: Platform, root: Path) -> Iterator[Problem]:
    """The program can only rotate values that it generates."""
    known = rotatable(platform)
    for name in platform.rotations:
        if name not in known:
            yield Problem(f"rotations.{name}", f"there is no generated secret '{name}'{suggestion(name, known)}")


SECRET_RULES = (secret_names_are_free, secrets_are_used_by_their_team, rotated_secrets_are_generated)


def rotatable(platform: Platform) -> set[str]:
    """Generated secrets: those that are declared, and the logins of the platform's servers and registry."""
    generated = {name for name, secret in platform.secrets.items() if secret.generate}
    servers = {
        TRACKING: True,
        STATUS: platform.monitoring is not None,
        GRAFANA: platform.deploys_grafana,
        LOGS: platform.collects_logs,
        GATEWAY: platform.gateway is not None,
        REGISTRY: platform.foundation.registry_has_password,
    }
    return {*generated, *(name for name, exists in servers.items() if exists)}


def broken_value_rules(platform: Platform, provided: ProvidedValues) -> Iterator[Problem]:
    """Each declared secret has exactly one source of its value, and no value is in plain text."""
    for name, secret in platform.secrets.items():
        path = f"secrets.{name}"
        if secret.generate and name in provided:
            message = "is generated, but also has a value in the stack file"
            yield Problem(path, f"{message}; run `pulumi config rm {name}`, or remove 'generate'")
        elif not secret.generate and name not in provided:
            other = "" if name in platform.foundation.secrets else ", or write generate: true"
            yield Problem(path, f"has no value; run `{_SET.format(name)}`{other}")
        elif not provided.get(name, True):
            yield Problem(path, f"its value is in plain text; run `{_SET.format(name)}` and revoke the old value")


def plain_text_secrets(raw: object, path: tuple[str, ...]) -> Iterator[Problem]:
    """Texts in the declaration that look like secrets. Messages name the kind of secret, never the text."""
    if isinstance(raw, Mapping):
        for key, value in raw.items():
            yield from plain_text_secrets(value, (*path, str(key)))
    elif isinstance(raw, list | tuple):
        for position, value in enumerate(raw):
            yield from plain_text_secrets(value, (*path, str(position)))
    elif isinstance(raw, str):
        for kind, pattern in _VALUE_PATTERNS.items():
            if pattern.search(raw):
                yield _plain_text(kind, path)
                return
    if path[-1] == _ARGUMENTS and (isinstance(raw, list | tuple) or "images" in path[:-2]):
        yield from _named_secrets(raw, path)


def _named_secrets(arguments: object, path: tuple[str, ...]) -> Iterator[Problem]:
    """Build or program arguments whose name is that of a secret."""
    if isinstance(arguments, Mapping):
        named = [(str(name), value, str(name)) for name, value in arguments.items()]
    else:
        named = list(_flags(arguments)) if isinstance(arguments, list | tuple) else []
    for name, value, key in named:
        reported = isinstance(value, str) and any(pattern.search(value) for pattern in _VALUE_PATTERNS.values())
        if _NAME.search(name) and not _WORD.search(name) and _VALUE.fullmatch(str(value)) and not reported:
            yield _plain_text(f"by the name of '{name}'", (*path, key))


def _flags(arguments: Sequence[object]) -> Iterator[tuple[str, object, str]]:
    """Each flag, its value (after an equals sign, or the next argument), and the value's position."""
    for position, (argument, following) in enumerate(zip(arguments, [*arguments[1:], ""], strict=True)):
        flag = _FLAG.fullmatch(str(argument))
        if flag is not None:
            value, key = (following, position + 1) if flag[2] is None else (flag[2], position)
            yield flag[1], value, str(key)


def _plain_text(kind: str, path: tuple[str, ...]) -> Problem:
    fix = f"declare it under 'secrets', run `{_SET.format('<name>')}`, and revoke this one"
    return Problem(".".join(path), f"looks like a secret ({kind}); {fix}")
