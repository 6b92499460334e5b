"""Whether a change replaces a resource: the stand-in of its plugin says so, or for Kubernetes the recorded rules."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from cli.pull_request import kubernetes_rules
from offline.plugins.provider import Provider

Step = Mapping[str, Any]
_PROVIDER = "pulumi:providers:"
_OF_THE_ENGINE = ("pluginDownloadURL", "version")


class Plugins:
    """The stand-ins, each configured as a provider of the plan is: two providers of one plugin may differ."""

    def __init__(self, resources: Mapping[str, Step]) -> None:
        """`resources` are the plan's, by URN."""
        self._providers = {urn: step for urn, step in resources.items() if step["type"].startswith(_PROVIDER)}
        self._loaded: dict[str, Provider | None] = {}

    def replace(self, before: Step, after: Step) -> bool:
        """Whether the change from one step to the other replaces the resource; False without a plugin that can say."""
        urn, old, new = after["urn"], dict(before["inputs"]), dict(after["inputs"])
        is_provider = urn in self._providers
        if _package(after) == "kubernetes":
            if is_provider:
                return kubernetes_rules.replaces_provider(old, new)
            return kubernetes_rules.replaces(self._settings(after["provider"]), old, new)
        plugin = self._plugin(after)
        if plugin is None:
            return False
        try:
            found = plugin.diff_config(urn, old, new) if is_provider else plugin.diff(urn, "", old, old, new, [])
        except Exception:  # of a plugin, which may expect other types than a plan's texts for what is not known yet
            return False
        return bool(found.replaces)

    def _plugin(self, step: Step) -> Provider | None:
        """The plugin of a resource, or of a provider itself."""
        urn = step["urn"] if step["urn"] in self._providers else step["provider"]
        if urn not in self._loaded:
            self._loaded[urn] = _configured(_package(step), self._settings(urn))
        return self._loaded[urn]

    def _settings(self, provider: str) -> Mapping[str, Any]:
        """Of a provider, without those that the engine keeps for itself."""
        inputs = self._providers[provider]["inputs"] if provider in self._providers else {}
        return {key: value for key, value in inputs.items() if key not in _OF_THE_ENGINE}


def _package(step: Step) -> str:
    return str(step["type"]).removeprefix(_PROVIDER).split(":")[0]


def _configured(package: str, settings: Mapping[str, Any]) -> Provider | None:
    """None without a stand-in, or with settings that it refuses."""
    plugin = _load(package)
    try:
        if plugin is not None:
            plugin.configure(dict(settings))
    except Exception:  # as above
        return None
    return plugin


def _load(package: str) -> Provider | None:
    name = f"offline.plugins.{package}"
    if find_spec(name) is None:
        return None
    module = import_module(name)
    if hasattr(module, "__path__"):
        import_module(f"{name}.plugin")
    found = {subclass.name: subclass for subclass in Provider.__subclasses__()}
    return found[package]()
