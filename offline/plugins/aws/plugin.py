"""The provider's calls, handed to the table's entry for the resource."""

from __future__ import annotations

from dataclasses import dataclass, field

from common.pulumi import urn_type
from offline.plugins.aws import functions, inputs
from offline.plugins.aws.api import Api
from offline.plugins.aws.kind import Kind
from offline.plugins.aws.kinds import KINDS
from offline.plugins.aws.lifecycle import Lifecycle
from offline.plugins.aws.settings import Settings, region_of
from offline.plugins.diff import Diff
from offline.plugins.marshal import Bag
from offline.plugins.provider import Naming, Provider, ProviderError


@dataclass
class AwsProvider(Provider):
    """Like the official plugin it takes inputs in clear and leaves it to the engine to mark outputs as secret."""

    name = "aws"
    accept_secrets = False
    settings: Settings = field(default_factory=lambda: Settings(""))
    api: Api = field(default_factory=lambda: Api(Settings("")))

    def check_config(self, urn: str, olds: Bag, news: Bag) -> Bag:
        return {**news, "region": region_of(news)}

    def diff_config(self, urn: str, olds: Bag, news: Bag) -> Diff:
        """Another region is another place, where nothing of the old one exists."""
        diff = super().diff_config(urn, olds, news)
        diff.replaces = [path for path in diff.detailed if path == "region"]
        return diff

    def configure(self, config: Bag) -> None:
        self.settings = Settings.of(config)
        self.api = Api(self.settings)

    def check(self, urn: str, olds: Bag, news: Bag, naming: Naming) -> Bag:
        return inputs.checked(_kind(urn), urn, olds, news, naming, self.settings)

    def diff(self, urn: str, id: str, old_inputs: Bag, old_outputs: Bag, news: Bag, ignore_changes: list[str]) -> Diff:
        return inputs.differences(_kind(urn), old_inputs, news)

    def create(self, urn: str, inputs: Bag, preview: bool, timeout_s: float) -> tuple[str, Bag]:
        life = self._life(urn)
        return ("", life.planned(inputs, {})) if preview else life.create(inputs)

    def update(
        self,
        urn: str,
        id: str,
        old_inputs: Bag,
        old_outputs: Bag,
        news: Bag,
        preview: bool,
        timeout_s: float,
        ignore_changes: list[str],
    ) -> Bag:
        life = self._life(urn)
        return life.planned(news, old_outputs) if preview else life.update(id, old_inputs, old_outputs, news)

    def read(self, urn: str, id: str, inputs: Bag, state: Bag) -> tuple[str, Bag, Bag] | None:
        if not inputs and not state:
            raise ProviderError(f"the stand-in for the aws plugin can't import {urn_type(urn)}: it reads what it made")
        return self._life(urn).read(id, inputs, state)

    def delete(self, urn: str, id: str, inputs: Bag, outputs: Bag, timeout_s: float) -> None:
        self._life(urn).delete(id, inputs)

    def invoke(self, token: str, args: Bag) -> Bag:
        return functions.invoke(token, args, self.settings, self.api)

    def _life(self, urn: str) -> Lifecycle:
        return Lifecycle(_kind(urn), self.api)


def _kind(urn: str) -> Kind:
    token = urn_type(urn)
    if token not in KINDS:
        raise ProviderError(f"the stand-in for the aws plugin does not offer {token}")
    return KINDS[token]
