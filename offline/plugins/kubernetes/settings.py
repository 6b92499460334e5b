"""The provider's settings: from its arguments, else from the environment, else the default."""

from __future__ import annotations

import os
from dataclasses import dataclass

from offline.plugins.marshal import UNKNOWN, Bag, reveal
from offline.plugins.provider import ProviderError, setting

from .cluster import Target
from .objects import Json, Manifest


@dataclass(frozen=True)
class Settings:
    """What a program's provider asks for."""

    target: Target
    namespace: str
    server_side_apply: bool
    upsert: bool
    force: bool
    config_maps_mutable: bool
    secrets_mutable: bool
    delete_unreachable: bool
    skip_update_unreachable: bool


def read_settings(config: Bag) -> Settings:
    """The settings of a configured provider."""
    if _text(config, "renderYamlToDirectory"):
        raise ProviderError("renderYamlToDirectory needs the official kubernetes plugin")
    target = Target(_text(config, "kubeconfig"), _text(config, "context"), _text(config, "cluster"))
    return Settings(
        target,
        _text(config, "namespace") or _context(target).get("namespace") or "default",
        server_side_apply=_flag(config, "enableServerSideApply", "PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY", True),
        upsert=_flag(config, "upsertExistingObjects", "PULUMI_K8S_UPSERT_EXISTING_OBJECTS"),
        force=_flag(config, "enablePatchForce", "PULUMI_K8S_ENABLE_PATCH_FORCE"),
        config_maps_mutable=_flag(config, "enableConfigMapMutable", "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE"),
        secrets_mutable=_flag(config, "enableSecretMutable", "PULUMI_K8S_ENABLE_SECRET_MUTABLE"),
        delete_unreachable=_flag(config, "deleteUnreachable", "PULUMI_K8S_DELETE_UNREACHABLE"),
        skip_update_unreachable=_flag(config, "skipUpdateUnreachable", "PULUMI_K8S_SKIP_UPDATE_UNREACHABLE"),
    )


def _text(config: Bag, key: str) -> str:
    value = reveal(config.get(key))
    return value if isinstance(value, str) else ""


def _flag(config: Bag, key: str, variable: str, default: bool = False) -> bool:
    value = setting(config, key)
    return value is True if value is not None else os.environ.get(variable, str(default)).lower() == "true"


def replacing_keys(olds: Bag, news: Bag) -> list[str]:
    """The settings whose change means another cluster, and so other objects."""
    keys = [key for key in ("kubeconfig", "context", "cluster") if reveal(olds.get(key)) != reveal(news.get(key))]
    identifiers = reveal(olds.get("clusterIdentifier")), reveal(news.get("clusterIdentifier"))
    if identifiers[0] != identifiers[1]:
        return ["clusterIdentifier"] if all(identifiers) else []
    if identifiers[1]:
        return []
    unknown = [key for key in keys if reveal(news.get(key)) is UNKNOWN]
    if unknown:
        return unknown
    old, new = _active_cluster(olds), _active_cluster(news)
    return keys if old and new and old != new else []


def _active_cluster(config: Bag) -> Manifest:
    target = Target(_text(config, "kubeconfig"), _text(config, "context"), _text(config, "cluster"))
    name = target.cluster or _context(target).get("cluster", "")
    return _named(_parsed(target), "clusters", "cluster", name)


def _context(target: Target) -> Manifest:
    config = _parsed(target)
    return _named(config, "contexts", "context", target.context or config.get("current-context", ""))


def _named(config: Manifest, section: str, key: str, name: str) -> Manifest:
    entries = config.get(section)
    found: Json = (
        next((entry for entry in entries if entry.get("name") == name), {}) if isinstance(entries, list) else {}
    )
    value = found.get(key) if isinstance(found, dict) else None
    return value if isinstance(value, dict) else {}


def _parsed(target: Target) -> Manifest:
    """The kubeconfig, or `{}` where it can't be read: the first real request says why."""
    import yaml

    try:
        found = yaml.safe_load(target.kubeconfig_text())
    except (OSError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}
