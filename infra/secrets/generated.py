"""Generated passwords and the forms in which others read them.

A password is kept as a secret in the state. What needs to notice a new one carries its fingerprint.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_random as random
from pulumi.runtime.config import is_config_secret

from infra.catalogue.names import PROJECT, fingerprint
from infra.declaration import secret_names
from infra.secrets.derive import derived_password

_SLOTS = 3


@dataclass(frozen=True)
class Login:
    """A user name and its password."""

    username: str
    password: pulumi.Output[str]


class GeneratedPassword(pulumi.ComponentResource):
    """A password that is renewed without refusing anybody: servers take the one before and the next one too.

    A server knows the next password for as long as nobody uses it yet, and the one before until nobody does any more.
    After two renewals a password is refused.
    """

    slot: int
    """Which of the accepted ones is the current one."""
    current: pulumi.Output[str]
    accepted: Sequence[pulumi.Output[str]]
    bcrypt_hashes: Sequence[pulumi.Output[str]]
    """Of the accepted ones, in their order; each is drawn once, so that it is no difference the next time."""

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
        self.bcrypt_hashes = [pulumi.Output.secret(each.bcrypt_hash) for each in drawn]
        self.register_outputs({})


def generations(rotation: int) -> list[int]:
    """Which generation each slot holds: the one before, the current and the next. A renewal draws one of them anew."""
    kept = range(rotation - 1, rotation + 2)
    return [next(generation for generation in kept if generation % _SLOTS == slot) for slot in range(_SLOTS)]


class TrackingLogins(pulumi.ComponentResource):
    """Who gets in to the tracking server: its administrator, and each team as itself.

    The server knows the keys that passwords follow from and no list of teams: one team more changes nothing there.
    """

    keys: Sequence[pulumi.Output[str]]

    def __init__(self, name: str, rotation: int, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:TrackingLogins", name, None, opts)
        key = GeneratedPassword(name, rotation, pulumi.ResourceOptions(parent=self))
        self.keys, self._current = key.accepted, key.current
        self.register_outputs({})

    def of(self, username: str) -> Login:
        """Somebody's login, by the current key."""
        return Login(username, self._current.apply(lambda key: derived_password(key, username)))


def given_values(config: pulumi.Config, written: object) -> dict[str, pulumi.Output[str]]:
    """The declared secrets that have a value in the stack's settings."""
    found = {name: config.get_secret(name) for name in secret_names(written)}
    return {name: value for name, value in found.items() if value is not None}


def is_encrypted(config: pulumi.Config, names: Iterable[str]) -> dict[str, bool]:
    """Whether each of these settings is kept encrypted."""
    return {name: is_config_secret(f"{config.name}:{name}") for name in names}


def public_fingerprint(*secrets: pulumi.Output[str]) -> pulumi.Output[str]:
    """Changes with the secrets and says nothing about them: they are long and random."""
    return pulumi.Output.unsecret(pulumi.Output.all(*secrets).apply(fingerprint))


def keyed_fingerprint(key: pulumi.Output[str], secret: pulumi.Output[str]) -> pulumi.Output[str]:
    """The same for a secret that could be guessed: without the key nobody can try."""
    keyed = pulumi.Output.all(key, secret).apply(
        lambda pair: hmac.new(pair[0].encode(), pair[1].encode(), hashlib.sha256).hexdigest()[:8]
    )
    return pulumi.Output.unsecret(keyed)


def lines(values: Sequence[pulumi.Output[str]]) -> pulumi.Output[str]:
    """One value a line, each once."""
    return pulumi.Output.all(*values).apply(lambda known: "".join(f"{value}\n" for value in sorted(set(known))))


def docker_config(server: str, username: str, password: pulumi.Output[str]) -> pulumi.Output[str]:
    """What kubelets read to log in to a registry."""
    return password.apply(lambda value: _docker_config(server, username, value))


def _docker_config(server: str, username: str, password: str) -> str:
    auth = base64.b64encode(f"{username}:{password}".encode()).decode()
    return json.dumps({"auths": {server: {"username": username, "password": password, "auth": auth}}})


def mlflow_credentials(login: Login) -> pulumi.Output[str]:
    """What MLflow's client reads from `~/.mlflow/credentials`."""
    return pulumi.Output.format(
        "[mlflow]\nmlflow_tracking_username = {}\nmlflow_tracking_password = {}\n", login.username, login.password
    )
