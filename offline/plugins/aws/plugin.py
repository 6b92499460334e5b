"""The provider: inputs are outputs, computed properties are unknown, and `up`, `refresh` and `destroy` are refused."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from common.pulumi import urn_type
from offline.plugins.diff import Diff, changed_paths, covers
from offline.plugins.marshal import UNKNOWN, Bag, has_unknown
from offline.plugins.provider import Naming, Provider, ProviderError, setting
from offline.plugins.sdk import sdk_version

RESOURCES = Path(__file__).with_name("resources.json")
_COMPUTED_INSIDE: Mapping[str, Mapping[str, Sequence[str]]] = {
    "aws:eks/cluster:Cluster": {"vpcConfig": ("clusterSecurityGroupId", "vpcId")}
}
"""Computed members of an object that is an input: without a value the SDK reads them as None, not as unknown."""
_COMPUTED_AGAIN: Mapping[str, Sequence[str]] = {"aws:ec2/launchTemplate:LaunchTemplate": ("latestVersion",)}
"""Outputs that every update changes."""
_UNORDERED = frozenset({"subnetIds"})
"""Lists among the replacing properties whose order has no meaning."""
_FUNCTIONS: Mapping[str, Bag] = {
    "aws:ecr/getAuthorizationToken:getAuthorizationToken": {"userName": "AWS", "password": "stand-in"},
    "aws:secretsmanager/getSecretVersion:getSecretVersion": {"secretString": "stand-in"},
}
"""What the functions that the program calls return. The engine accepts no unknown value in a function's result."""


@dataclass(frozen=True)
class Resource:
    """What `resources.json` says of one resource type."""

    tagged: bool
    replaces: tuple[str, ...]
    """Paths of inputs; a change at or below one needs a new resource."""


@dataclass
class AwsProvider(Provider):
    """Like the official plugin it takes inputs in clear; the engine marks the outputs of secret inputs as secret."""

    name = "aws"
    accept_secrets = False
    region: str = ""
    default_tags: Bag = field(default_factory=dict)

    def diff_config(self, urn: str, olds: Bag, news: Bag) -> Diff:
        """Nothing of the old region exists in a new one."""
        diff = super().diff_config(urn, olds, news)
        diff.replaces = [path for path in diff.detailed if path == "region"]
        return diff

    def configure(self, config: Bag) -> None:
        self.region = config.get("region", "")
        tags = setting(config, "defaultTags", {})
        self.default_tags = dict(tags.get("tags") or {}) if isinstance(tags, dict) else {}

    def check(self, urn: str, olds: Bag, news: Bag, naming: Naming) -> Bag:
        resource, inputs = _resource(urn), dict(news)
        if resource.tagged:
            tags = news.get("tags") or {}
            inputs["tagsAll"] = UNKNOWN if has_unknown(tags) else {**self.default_tags, **tags}
        if "region" in resource.replaces:
            inputs.setdefault("region", self.region)
        return inputs

    def diff(self, urn: str, id: str, old_inputs: Bag, old_outputs: Bag, news: Bag, ignore_changes: list[str]) -> Diff:
        rules = _resource(urn).replaces
        detailed = changed_paths(_comparable(old_inputs), _comparable(news))
        return Diff(detailed, sorted(path for path in detailed if any(covers(rule, path) for rule in rules)))

    def create(self, urn: str, inputs: Bag, preview: bool, timeout_s: float) -> tuple[str, Bag]:
        return ("", _planned(urn, inputs)) if preview else _refuse()

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
        kept = {key: value for key, value in old_outputs.items() if key not in old_inputs}
        again = dict.fromkeys(_COMPUTED_AGAIN.get(urn_type(urn), ()), UNKNOWN)
        return {**kept, **_planned(urn, news), **again} if preview else _refuse()

    def read(self, urn: str, id: str, inputs: Bag, state: Bag) -> tuple[str, Bag, Bag] | None:
        _refuse()

    def delete(self, urn: str, id: str, inputs: Bag, outputs: Bag, timeout_s: float) -> None:
        _refuse()

    def invoke(self, token: str, args: Bag) -> Bag:
        if token not in _FUNCTIONS:
            raise ProviderError(f"the stand-in for the aws plugin does not offer the function {token}")
        return {**args, **_FUNCTIONS[token]}


@cache
def recorded() -> Mapping[str, Resource]:
    """The resource types of `resources.json`, by token."""
    content = json.loads(RESOURCES.read_text(encoding="utf-8"))
    return {token: Resource(entry["tagged"], tuple(entry["replaces"])) for token, entry in content.items()}


def _resource(urn: str) -> Resource:
    token = urn_type(urn)
    if token not in recorded():
        advice = f"add it to {RESOURCES.name}, see offline/plugins/aws/record.py"
        raise ProviderError(f"the stand-in for the aws plugin does not know {token}: {advice}")
    return recorded()[token]


def _planned(urn: str, inputs: Bag) -> Bag:
    """The outputs at preview."""
    found = dict(inputs)
    for name, members in _COMPUTED_INSIDE.get(urn_type(urn), {}).items():
        if isinstance(inputs.get(name), dict):
            found[name] = {**dict.fromkeys(members, UNKNOWN), **inputs[name]}
    return found


def _comparable(inputs: Bag) -> Bag:
    """The inputs without the plugin's own notes, and with lists sorted whose order has no meaning."""
    return {key: _sorted(key, value) for key, value in inputs.items() if not key.startswith("__")}


def _sorted(key: str, value: Any) -> Any:
    return sorted(value, key=repr) if key in _UNORDERED and isinstance(value, list) else value


def _refuse() -> NoReturn:
    raise ProviderError(
        "this is a stand-in for previews; install the official AWS plugin to deploy: "
        f"pulumi plugin install resource aws {sdk_version('aws')} --reinstall"
    )
