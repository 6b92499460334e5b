"""Whether a changed resource is replaced: asked of the plugin that would update it, so that no rule stands twice."""

from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from workstation.plugins.provider import Provider, ProviderError

Step = Mapping[str, Any]
_PROVIDER = "pulumi:providers:"


class Plugins:
    """The stand-ins, each configured as the plan's own provider is."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self._settings = {
            step["type"].removeprefix(_PROVIDER): step["inputs"] for step in steps if step["type"].startswith(_PROVIDER)
        }
        self._loaded: dict[str, Provider | None] = {}

    def replace(self, before: Step, after: Step) -> bool:
        """Whether the step from one to the other needs a new resource; without a plugin nobody can say so."""
        urn, old, new = after["urn"], dict(before["inputs"]), dict(after["inputs"])
        is_provider = after["type"].startswith(_PROVIDER)
        plugin = self._plugin(after["type"].removeprefix(_PROVIDER) if is_provider else after["type"].split(":")[0])
        if plugin is None:
            return False
        try:
            found = plugin.diff_config(urn, old, new) if is_provider else plugin.diff(urn, "", old, old, new, [])
        except ProviderError:
            return False
        return bool(found.replaces)

    def _plugin(self, package: str) -> Provider | None:
        if package not in self._loaded:
            self._loaded[package] = _load(package, self._settings.get(package, {}))
        return self._loaded[package]


def _load(package: str, settings: Mapping[str, Any]) -> Provider | None:
    name = f"workstation.plugins.{package}"
    if find_spec(name) is None:
        return None
    module = import_module(name)
    if hasattr(module, "__path__"):
        import_module(f"{name}.plugin")
    found = {subclass.name: subclass for subclass in Provider.__subclasses__()}
    plugin = found[package]()
    plugin.configure(dict(settings))
    return plugin
