"""The declared secrets: each in its team's namespace, mounted only into the workloads that name it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.catalogue.names import PROJECT, labels
from infra.declaration.secrets import Secret as Settings
from infra.foundation import SecretStore
from infra.secrets.generated import GeneratedPassword, keyed_fingerprint, lines
from infra.tenancy import Workspace

VALUE, ACCEPTED = "value", "accepted"
"""Keys of the Secret: the value that clients send, and the values that servers accept, one per line."""


@dataclass(frozen=True)
class TeamSecret:
    """A secret that workloads can mount."""

    name: str
    value: pulumi.Output[str]
    fingerprint: pulumi.Output[str]
    ready: pulumi.Resource
    others: Sequence[pulumi.Output[str]] = ()
    """Of a generated secret: the previous value and the next one, which servers accept too."""


@dataclass(frozen=True)
class TeamSecretsArgs:
    """`provided` are the values of secrets that are not generated; `owners` are the teams and the platform."""

    declared: Mapping[str, Settings]
    provided: Mapping[str, pulumi.Output[str]]
    rotations: Mapping[str, int]
    owners: Mapping[str, Workspace]
    store: SecretStore


class TeamSecrets(pulumi.ComponentResource):
    """All secrets, by name."""

    by_name: Mapping[str, TeamSecret]

    def __init__(self, name: str, args: TeamSecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"{PROJECT}:index:TeamSecrets", name, None, opts)
        self._args, self._child = args, pulumi.ResourceOptions(parent=self)
        self.by_name = {}
        if args.declared:
            key = random.RandomPassword("fingerprints", length=32, special=False, opts=self._child)
            self._key: pulumi.Output[str] = pulumi.Output.secret(key.result)
            self.by_name = {secret: self._secret(secret, settings) for secret, settings in args.declared.items()}
        self.register_outputs({})

    def _secret(self, name: str, settings: Settings) -> TeamSecret:
        workspace = self._args.owners[settings.team]
        value, also_accepted = self._value(name, settings)
        stored = self._args.store(name, settings.team, value, self._child)
        data = {VALUE: stored}
        if also_accepted:
            data[ACCEPTED] = lines([stored, *also_accepted])
        secret = kubernetes.core.v1.Secret(
            name,
            metadata=ObjectMetaArgs(name=name, namespace=workspace.namespace, labels=labels(name, "secret")),
            string_data=data,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[workspace]),
        )
        fingerprint = keyed_fingerprint(self._key, data.get(ACCEPTED, stored))
        return TeamSecret(name, stored, fingerprint, secret, also_accepted)

    def _value(self, name: str, settings: Settings) -> tuple[pulumi.Output[str], Sequence[pulumi.Output[str]]]:
        """The current value; for a generated secret also the values accepted during a rotation."""
        if not settings.generate:
            return self._args.provided[name], []
        password = GeneratedPassword(name, self._args.rotations.get(name, 0), self._child)
        return password.current, password.others
