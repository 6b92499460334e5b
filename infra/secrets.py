"""Generated passwords and the forms in which others read them.

A password is made once and kept as a secret in the state. What needs to notice a new one carries its fingerprint.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

import pulumi
import pulumi_random as random

from infra.naming import PROJECT, fingerprint


@dataclass(frozen=True)
class Login:
    """A user name and its password."""

    username: str
    password: pulumi.Output[str]


class TrackingSecrets(pulumi.ComponentResource):
    """What the tracking server and its clients share."""

    admin: Login
    session_key: pulumi.Output[str]
    """Signs the sessions of the server's user interface."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:TrackingSecrets", name, None, opts)
        self.admin = Login("admin", self._generate(f"{name}-admin"))
        self.session_key = self._generate(f"{name}-session-key")
        self.register_outputs({})

    def _generate(self, name: str) -> pulumi.Output[str]:
        password = random.RandomPassword(name, length=32, special=False, opts=pulumi.ResourceOptions(parent=self))
        return pulumi.Output.secret(password.result)


def public_fingerprint(*secrets: pulumi.Output[str]) -> pulumi.Output[str]:
    """Changes with the secrets and says nothing about them: they are long and random."""
    return pulumi.Output.unsecret(pulumi.Output.all(*secrets).apply(fingerprint))


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
