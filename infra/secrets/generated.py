"""Generated passwords, and the file formats in which programs read them.

Passwords are secrets in the state. Pods that must restart after a rotation carry a fingerprint.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import bcrypt
import pulumi
import pulumi_random as random
from pulumi.runtime import is_config_secret

from infra.catalogue.names import PROJECT, fingerprint
from infra.declaration.loader import secret_names
from infra.secrets.derive import derived_password

_SLOTS = 3
_BASE64_DIGITS = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
_BCRYPT_DIGITS = str.maketrans(_BASE64_DIGITS, "./" + string.ascii_uppercase + string.ascii_lowercase + string.digits)


@dataclass(frozen=True)
class Login:
    """A user name and a password."""

    username: str
    password: pulumi.Output[str]


class GeneratedPassword(pulumi.ComponentResource):
    """A password that is rotated without downtime: servers accept the previous and the next one too.

    Servers and clients may therefore be updated in any order. After two rotations a password is refused.
    """

    slot: int
    """The index of the current password in `accepted`."""
    current: pulumi.Output[str]
    accepted: Sequence[pulumi.Output[str]]
    others: Sequence[pulumi.Output[str]]
    """The previous one and the next one of those."""

    def __init__(self, name: str, rotation: int, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:GeneratedPassword", name, None, opts)
        drawn = [
            random.RandomPassword(
                f"{name}-{slot}",
                length=32,
                special=False,
                keepers={"generation": str(generation)},
                opts=pulumi.ResourceOptions(parent=self),
            )
            for slot, generation in enumerate(generations(rotation))
        ]
        self.slot = rotation % _SLOTS
        self.accepted = [pulumi.Output.secret(each.result) for each in drawn]
        self.current = self.accepted[self.slot]
        self.others = [self.accepted[(self.slot + step) % _SLOTS] for step in (-1, 1)]
        self.register_outputs({})


def generations(rotation: int) -> list[int]:
    """The generation in each slot: the previous, current and next one. A rotation regenerates one slot."""
    kept = range(rotation - 1, rotation + 2)
    return [next(generation for generation in kept if generation % _SLOTS == slot) for slot in range(_SLOTS)]


class TrackingLogins(pulumi.ComponentResource):
    """Logins to the tracking server: the administrator, and one per team.

    The server gets the keys that passwords are derived from and no list of teams, so a new team does not change it.
    """

    keys: Sequence[pulumi.Output[str]]

    def __init__(self, name: str, rotation: int, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:TrackingLogins", name, None, opts)
        key = GeneratedPassword(name, rotation, pulumi.ResourceOptions(parent=self))
        self.keys, self._current = key.accepted, key.current
        self.register_outputs({})

    def of(self, username: str) -> Login:
        """A user's login, derived from the current key."""
        return Login(username, self._current.apply(lambda key: derived_password(key, username)))


def provided_secrets(config: pulumi.Config, raw: object) -> dict[str, pulumi.Output[str]]:
    """Values of declared secrets from the stack's configuration; `raw` is the declaration before validation."""
    found = {name: config.get_secret(name) for name in secret_names(raw)}
    return {name: value for name, value in found.items() if value is not None}


def is_encrypted(config: pulumi.Config, names: Iterable[str]) -> dict[str, bool]:
    """Whether each of these settings is encrypted in the stack file."""
    return {name: is_config_secret(f"{config.name}:{name}") for name in names}


def public_fingerprint(*secrets: pulumi.Output[str]) -> pulumi.Output[str]:
    """Changes with the secrets without revealing them: only for long random values."""
    return pulumi.Output.unsecret(pulumi.Output.all(*secrets).apply(fingerprint))


def keyed_fingerprint(key: pulumi.Output[str], secret: pulumi.Output[str]) -> pulumi.Output[str]:
    """The same for values that could be guessed: an HMAC, which can't be tried without the key."""
    keyed = pulumi.Output.all(key, secret).apply(
        lambda pair: hmac.new(pair[0].encode(), pair[1].encode(), hashlib.sha256).hexdigest()[:8]
    )
    return pulumi.Output.unsecret(keyed)


def lines(values: Sequence[pulumi.Output[str]]) -> pulumi.Output[str]:
    """One value per line, sorted and without duplicates."""
    return pulumi.Output.all(*values).apply(lambda known: "".join(f"{value}\n" for value in sorted(set(known))))


def htpasswd(users: Mapping[str, pulumi.Output[str]]) -> pulumi.Output[str]:
    """By user, generated passwords. A server checks one in each request, so the hash is the cheapest that bcrypt has:
    what protects 32 random characters from being guessed is their number.
    """
    hashed = [pulumi.Output.format("{}:{}", user, password.apply(_bcrypt)) for user, password in users.items()]
    return pulumi.Output.secret(lines(hashed))


def _bcrypt(password: str) -> str:
    """With a salt of the password's own, so that hashes don't differ in each run."""
    salt = base64.b64encode(hashlib.sha256(f"salt of {password}".encode()).digest()[:16]).decode().rstrip("=")
    return bcrypt.hashpw(password.encode(), f"$2b$04${salt.translate(_BCRYPT_DIGITS)}".encode()).decode()


def docker_config(server: str, username: str, password: pulumi.Output[str]) -> pulumi.Output[str]:
    """A `dockerconfigjson`, with which kubelets log in to a registry."""
    return password.apply(lambda value: _docker_config(server, username, value))


def _docker_config(server: str, username: str, password: str) -> str:
    auth = base64.b64encode(f"{username}:{password}".encode()).decode()
    return json.dumps({"auths": {server: {"username": username, "password": password, "auth": auth}}})


def mlflow_credentials(login: Login) -> pulumi.Output[str]:
    """The file `~/.mlflow/credentials` of MLflow's client."""
    return pulumi.Output.format(
        "[mlflow]\nmlflow_tracking_username = {}\nmlflow_tracking_password = {}\n", login.username, login.password
    )
