"""The base class of the resource plugins: a plugin subclasses `Provider` and calls `Provider.main()`.

Bags (`offline.plugins.marshal`) are plain dicts whose leaves may be `Secret(value)` or `UNKNOWN`. Methods
are called from many threads at once (a library that is imported late needs a lock around its first import). What a
subclass may define:

    name: str                                 the plugin's name ("docker"); the version is the installed SDK's
    accept_secrets = True                     False: inputs come in clear, and the engine itself marks outputs of the
                                              same name as secret, as it does for bridged Terraform providers
    check_config(urn, olds, news) -> Bag      the provider's own inputs; raise ProviderError or CheckError
    diff_config(urn, olds, news) -> Diff      default: every change updates, none replaces
    configure(config) -> None                 once, before all that follows; values may be JSON texts: `setting(...)`
    check(urn, olds, news, naming) -> Bag     inputs with defaults; raise CheckError([(property, reason), ...])
                                              naming.name(prefix, digits=8) makes the automatic name
    diff(urn, id, old_inputs, old_outputs, news, ignore_changes) -> Diff
                                              default: Diff(changed_paths(old_inputs, news))
    create(urn, inputs, preview, timeout_s) -> (id, outputs)
                                              timeout_s 0.0: the resource's own default
    update(urn, id, old_inputs, old_outputs, news, preview, timeout_s, ignore_changes) -> outputs
    read(urn, id, inputs, state) -> (id, inputs, outputs) | None
                                              None: it is gone; both bags empty: an import
    delete(urn, id, inputs, outputs, timeout_s) -> None
    invoke(token, args) -> Bag

Helpers: `self.log(urn, severity, message, ephemeral=True)` with severity debug|info|warning|error; `self.cancelled`
(threading.Event) is set when the user stops the update: wait with `self.cancelled.wait(s)`; `urn_name`, `urn_type`.

A creation that ends after its engine was killed is undone by `delete`: `cancelled` is set then, so end waits early.

Errors: `ProviderError(message)` is shown as that message alone; anything else in one line, its traceback at debug level
only.
`Handshake` is left unimplemented, as in pulumi-kubernetes; the engine then reads the abilities from Configure.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
from dataclasses import dataclass, field
from typing import Any, ClassVar

from common.pulumi import urn_type
from offline.plugins.diff import Diff, changed_paths
from offline.plugins.marshal import Bag, reveal


class ProviderError(Exception):
    """An error message for the user."""


class CheckError(ProviderError):
    """Invalid inputs, with a reason per property."""

    def __init__(self, failures: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(reason for _, reason in failures))
        self.failures = failures


@dataclass(frozen=True)
class Naming:
    """Automatic names: the engine's proposal, or a prefix with seeded hex digits."""

    seed: bytes = b""
    proposed: str = ""
    disabled: bool = False

    def name(self, prefix: str, digits: int = 8) -> str:
        if self.disabled:
            raise ProviderError(f"automatic naming is disabled: set an explicit name for {prefix}")
        seed = self.seed or os.urandom(32)
        return self.proposed or f"{prefix}-{hashlib.sha256(seed).hexdigest()[:digits]}"


def setting(config: Bag, key: str, default: Any = None) -> Any:
    """A provider setting: SDKs send its booleans, numbers and objects as JSON text."""
    value = reveal(config.get(key))
    if not isinstance(value, str):
        return default if value is None else value
    try:
        return json.loads(value)
    except ValueError:
        return value


@dataclass
class Provider:
    """A resource plugin in plain Python; see the module's docstring."""

    name: ClassVar[str]
    accept_secrets: ClassVar[bool] = True
    cancelled: threading.Event = field(default_factory=threading.Event)
    engine: Any = None  # an EngineLog once the engine is known

    def check_config(self, urn: str, olds: Bag, news: Bag) -> Bag:
        return news

    def diff_config(self, urn: str, olds: Bag, news: Bag) -> Diff:
        return Diff(changed_paths(olds, news))

    def configure(self, config: Bag) -> None:
        return None

    def check(self, urn: str, olds: Bag, news: Bag, naming: Naming) -> Bag:
        return news

    def diff(self, urn: str, id: str, old_inputs: Bag, old_outputs: Bag, news: Bag, ignore_changes: list[str]) -> Diff:
        return Diff(changed_paths(old_inputs, news))

    def create(self, urn: str, inputs: Bag, preview: bool, timeout_s: float) -> tuple[str, Bag]:
        raise ProviderError(f"{urn_type(urn)} can't be created by this plugin")

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
        raise ProviderError(f"{urn_type(urn)} can't be updated by this plugin")

    def read(self, urn: str, id: str, inputs: Bag, state: Bag) -> tuple[str, Bag, Bag] | None:
        return id, inputs, state

    def delete(self, urn: str, id: str, inputs: Bag, outputs: Bag, timeout_s: float) -> None:
        return None

    def invoke(self, token: str, args: Bag) -> Bag:
        raise ProviderError(f"function {token} is not supported by this plugin")

    def log(self, urn: str, severity: str, message: str, ephemeral: bool = True) -> None:
        """Show a message; ephemeral ones appear in the resource's status column only."""
        if self.engine is not None:
            self.engine(urn, severity, message, ephemeral)

    @classmethod
    def main(cls) -> None:
        """Serve until the engine exits."""
        from offline.plugins.service import serve_provider

        serve_provider(cls(), sys.argv[1] if len(sys.argv) > 1 else "")
