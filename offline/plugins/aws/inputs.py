"""What Check and Diff do: automatic names, defaults, tags and region, and which differences count."""

from __future__ import annotations

import json
from typing import Any

from common.pulumi import urn_name
from offline.plugins.aws.kind import Kind
from offline.plugins.aws.settings import Settings
from offline.plugins.diff import Change, Diff, changed_paths
from offline.plugins.marshal import UNKNOWN, Bag, has_unknown
from offline.plugins.provider import CheckError, Naming

DEFAULTS = "__defaults"
SUFFIX_DIGITS = 7
DOCUMENTS = frozenset({"policy", "assumeRolePolicy"})
"""Properties that hold a policy: white space and the order of its lists mean nothing."""
SETS = frozenset(
    [
        "subnetIds",
        "securityGroupIds",
        "vpcSecurityGroupIds",
        "publicAccessCidrs",
        "enabledClusterLogTypes",
        "kubernetesGroups",
        "namespaces",
        "routeTableIds",
        "cidrBlocks",
        "securityGroups",
        "clientIdLists",
        "enabledCloudwatchLogsExports",
        "resources",
        "ingress",
        "egress",
        "parameters",
        "taints",
    ]
)
"""Properties whose order means nothing."""


def checked(kind: Kind, urn: str, olds: Bag, news: Bag, naming: Naming, settings: Settings) -> Bag:
    """The inputs as the official plugin would store them."""
    inputs, filled = dict(news), []
    for key, value in kind.defaults.items():
        if key not in inputs:
            inputs[key] = value
            filled.append(key)
    if kind.name is not None and kind.name.property not in inputs and f"{kind.name.property}Prefix" not in inputs:
        inputs[kind.name.property] = _automatic_name(kind, urn, olds, naming)
        filled.append(kind.name.property)
    if kind.tagging is not None:
        inputs["tagsAll"] = _all_tags(news.get("tags"), settings)
    if kind.regional:
        inputs.setdefault("region", settings.region)
    return {**inputs, DEFAULTS: sorted(filled)}


def _automatic_name(kind: Kind, urn: str, olds: Bag, naming: Naming) -> str:
    """The name that it has, if that was automatic as well; else the resource's name and seven hex digits."""
    assert kind.name is not None
    rule = kind.name
    if rule.property in olds.get(DEFAULTS, []):
        return str(olds[rule.property])
    name = naming.name(urn_name(urn), digits=SUFFIX_DIGITS)
    if len(name) > rule.longest:
        reason = f"the name '{name}' is longer than {rule.longest} characters: give '{rule.property}' a shorter one"
        raise CheckError([(rule.property, reason)])
    return rule.prefix + (name.lower() if rule.lower else name)


def _all_tags(tags: Any, settings: Settings) -> Any:
    if has_unknown(tags):
        return UNKNOWN
    return {**settings.default_tags, **(tags or {})}


def plain_inputs(bag: Bag) -> Bag:
    """The inputs without the plugin's own notes."""
    return {key: value for key, value in bag.items() if not key.startswith("__")}


def differences(kind: Kind, olds: Bag, news: Bag) -> Diff:
    """What changed, what of it replaces, and whether the old one must go first because its name is taken."""
    replaces = kind.replaces | ({"region"} if kind.regional else set())
    if kind.name is not None:
        replaces |= {kind.name.property}
    detailed = changed(olds, news)
    replacing = sorted(path for path in detailed if any(_covers(rule, path) for rule in replaces))
    return Diff(detailed, replacing, bool(replacing) and _name_is_taken(kind, olds, news))


def changed(olds: Bag, news: Bag) -> dict[str, Change]:
    """The changed leaves, where a different order or spelling of the same counts as none."""
    old, new = plain_inputs(olds), plain_inputs(news)
    return changed_paths(old, {key: same_or_new(key, old.get(key), value) for key, value in new.items()})


def changed_properties(olds: Bag, news: Bag) -> set[str]:
    """The top-level properties that differ."""
    return {path.split(".")[0].split("[")[0] for path in changed(olds, news)}


def _covers(rule: str, path: str) -> bool:
    return path == rule or path.startswith((f"{rule}.", f"{rule}["))


def _name_is_taken(kind: Kind, olds: Bag, news: Bag) -> bool:
    if kind.delete_before_replace or kind.name is None:
        return kind.delete_before_replace
    key = kind.name.property
    return key not in news.get(DEFAULTS, []) and olds.get(key) == news.get(key)


def same_or_new(key: str, old: Any, new: Any) -> Any:
    """The old value where the new one means the same."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {name: same_or_new(name, old.get(name), value) for name, value in new.items()}
    if key in SETS and isinstance(old, list) and isinstance(new, list) and sorted_texts(old) == sorted_texts(new):
        return old
    if key in DOCUMENTS and isinstance(old, str) and isinstance(new, str) and same_document(old, new):
        return old
    return new


def sorted_texts(items: list[Any]) -> list[str]:
    """The items in an order of their own, for comparing without one."""
    return sorted(json.dumps(item, sort_keys=True, default=repr) for item in items)


def same_document(one: str, other: str) -> bool:
    """Whether two policies say the same."""
    try:
        return bool(_canonical(json.loads(one)) == _canonical(json.loads(other)))
    except ValueError:
        return False


def _canonical(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _canonical(value) for key, value in node.items()}
    if isinstance(node, list):
        items = [_canonical(item) for item in node]
        return items[0] if len(items) == 1 else sorted(items, key=lambda item: json.dumps(item, sort_keys=True))
    return node
