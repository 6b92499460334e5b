"""The plugins that the installed SDK packages need, from their `pulumi-plugin.json`, without importing them."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RequiredPlugin:
    """A resource plugin, by the engine's naming."""

    name: str
    version: str
    server: str = ""

    @property
    def folder(self) -> str:
        """The plugin's folder below `$PULUMI_HOME/plugins`."""
        return f"resource-{self.name}-v{self.version}"

    @property
    def executable(self) -> str:
        return f"pulumi-resource-{self.name}"


def site_packages(python: str = sys.executable) -> list[Path]:
    """The site-packages of a virtual environment's interpreter."""
    return sorted(Path(python).parent.parent.glob("lib/python3*/site-packages"))


def required_plugins(python: str = sys.executable) -> list[RequiredPlugin]:
    """The resource plugins that the SDK packages of an interpreter need."""
    found: dict[str, RequiredPlugin] = {}
    for folder in site_packages(python):
        for path in sorted(folder.glob("pulumi_*/pulumi-plugin.json")):
            plugin = json.loads(path.read_text())
            if plugin.get("resource"):
                name = plugin.get("name", path.parent.name.removeprefix("pulumi_"))
                found[name] = RequiredPlugin(name, plugin["version"], plugin.get("server", ""))
    return list(found.values())


def sdk_version(name: str) -> str:
    """The plugin version that the installed SDK package needs; empty without such a package."""
    return next((plugin.version for plugin in required_plugins() if plugin.name == name), "")
