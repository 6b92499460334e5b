"""What the engine asks of the plugin: check, diff, create, read, update and delete, for every kind alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from common.pulumi import urn_name
from offline.plugins.diff import Diff, changed_paths
from offline.plugins.marshal import Bag, has_unknown
from offline.plugins.provider import InitError, Naming, Provider, ProviderError

from . import changes, inspection
from .cluster import ApiError, Cluster, NoSuchKind, Unreachable
from .inspection import namespaced, with_identity
from .kinds import GVK
from .objects import AUTONAMED, Manifest, annotated_true, name_of, namespace_of, normalise, object_id, prune
from .operations import Operations, Say
from .settings import Settings, read_settings, replacing_keys
from .state import Saved, bag_of, load, manager_for, manifest_of, save
from .waits.loop import NotReady, check_health, timeout_of, until_ready

_FORGET_HINT = (
    "If the cluster was deleted, you can remove this resource from Pulumi state by rerunning the operation with the "
    'PULUMI_K8S_DELETE_UNREACHABLE environment variable set to "true"'
)
_DELETE_S = 600.0


@dataclass
class KubernetesProvider(Provider):
    """One provider of a program, and the cluster that it stands for."""

    name: ClassVar[str] = "kubernetes"
    settings: Settings = field(default_factory=lambda: read_settings({}))
    cluster: Cluster = field(init=False)
    operations: Operations = field(init=False)
    scopes: dict[tuple[str, str], bool] = field(default_factory=dict)  # of CRDs in this program, created or not

    def __post_init__(self) -> None:
        self._aim(self.settings)

    def _aim(self, chosen: Settings) -> None:
        self.settings = chosen
        self.cluster = Cluster(chosen.target)
        self.operations = Operations(
            self.cluster, self.cancelled, chosen.upsert, chosen.force, chosen.server_side_apply
        )

    def diff_config(self, urn: str, olds: Bag, news: Bag) -> Diff:
        return Diff(changed_paths(olds, news), replacing_keys(olds, news))

    def configure(self, config: Bag) -> None:
        self._aim(read_settings(config))

    def check(self, urn: str, olds: Bag, news: Bag, naming: Naming) -> Bag:
        gvk = GVK.from_urn(urn)
        inspection.refuse_foreign(gvk, str(news.get("kind", "")))
        if self.settings.skip_update_unreachable and self.cluster.unreachable():
            self.log(
                urn, "warning", "Cluster is unreachable but skipUpdateUnreachable is set to true, skipping...", False
            )
            return olds
        inputs = normalise(manifest_of(news))
        self._name(urn, inputs, manifest_of(olds), naming)
        if not inputs.get("metadata", {}).get("namespace") and namespaced(gvk, self.scopes, self.cluster):
            inputs.setdefault("metadata", {})["namespace"] = self.settings.namespace
        inspection.remember_scope(inputs, self.scopes)
        return bag_of(inputs, news)

    def _name(self, urn: str, inputs: Manifest, olds: Manifest, naming: Naming) -> None:
        if inspection.named(inputs):
            return
        if inputs.get("metadata", {}).get("generateName"):
            raise ProviderError("the `.metadata.generateName` field is not supported in Server-Side Apply mode")
        if not olds:
            inspection.autoname(inputs, naming.name(urn_name(urn)))
        elif annotated_true(olds, AUTONAMED):
            inspection.autoname(inputs, name_of(olds))

    def diff(self, urn: str, id: str, old_inputs: Bag, old_outputs: Bag, news: Bag, ignore_changes: list[str]) -> Diff:
        saved = load(old_outputs, old_inputs)
        taken, new = normalise(saved.inputs), normalise(manifest_of(news))
        gvk = GVK.of(new)
        in_namespace = namespaced(gvk, self.scopes, self.cluster)
        base = with_identity(prune(saved.live, taken), gvk, in_namespace, name_of(saved.live) if name_of(new) else "")
        new = with_identity(new, gvk, in_namespace, "")
        ignored = [changes.parse(path) for path in ignore_changes]
        found = [
            change
            for change in changes.compare(base, new, taken)
            if not any(changes.contains(path, change.path) for path in ignored)
        ]
        frozen = changes.immutable_fields(new, self.settings.config_maps_mutable, self.settings.secrets_mutable)
        replaces = [changes.render(change.path) for change in found if changes.needs_replacement(change, frozen)]
        if inspection.unready_job(self.cluster, new, saved.live):
            replaces.append('metadata.annotations["pulumi.com/replaceUnready"]')
        return Diff(
            {changes.render(change.path): change.kind for change in found},
            replaces,
            delete_before_replace=bool(replaces) and inspection.same_identity(new, saved.live),
        )

    def create(self, urn: str, inputs: Bag, preview: bool, timeout_s: float) -> tuple[str, Bag]:
        wanted = manifest_of(inputs)
        if preview and not self._can_preview(wanted):
            return "", inputs
        manager = manager_for(wanted, None, self.settings.server_side_apply)
        try:
            live = self.operations.create(wanted, manager, preview, self._say(urn))
        except (ApiError, NoSuchKind, Unreachable) as error:
            if preview and inspection.only_later(error):
                return "", inputs
            raise inspection.creation_error(urn, wanted, error) from error
        if preview:
            live.pop("status", None)  # an empty status would answer questions that nobody can answer yet
            return "", save(live, wanted, inputs, wanted["apiVersion"], manager)
        if GVK.of(wanted).kind == "CustomResourceDefinition":
            self.cluster.forget()
        live = self._ready(urn, wanted, live, inputs, manager, wanted["apiVersion"], timeout_s, created=True)
        return object_id(live), save(live, wanted, inputs, wanted["apiVersion"], manager)

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
        wanted, saved = normalise(manifest_of(news)), load(old_outputs, old_inputs)
        if preview and not self._can_preview(wanted):
            return news
        manager = manager_for(wanted, saved, self.settings.server_side_apply)
        try:
            live = self.operations.update(saved.live, wanted, manager, preview, ignore_changes)
        except Unreachable as error:
            raise ProviderError(f"configured Kubernetes cluster is unreachable: {error}") from error
        except NoSuchKind as error:
            raise ProviderError(inspection.no_kind("update", urn, wanted, error)) from error
        except ProviderError as error:
            if preview and isinstance(error, ApiError) and error.status == 403:
                return news
            raise self._rejected(urn, saved, news, manager, error) from error
        if preview:
            return save(live, wanted, news, saved.api_version, manager)
        live = self._ready(urn, wanted, live, news, manager, saved.api_version, timeout_s, created=False)
        return save(live, wanted, news, saved.api_version, manager)

    def _rejected(self, urn: str, saved: Saved, news: Bag, manager: str, error: ProviderError) -> ProviderError:
        """An update that the server refused: the object is as it was, and so is what the state says of its making."""
        try:
            live = self.cluster.get(saved.live)
        except ProviderError as unread:
            return ProviderError(f'update of resource "{urn}" failed: {error}\nunable to get cluster state: {unread}')
        shown = object_id(live)
        reason = inspection.not_ready(urn, shown, created=False, error=error)
        outputs = save(live, saved.inputs, news, saved.api_version, manager)
        return InitError(shown, news, outputs, [reason])

    def _ready(
        self,
        urn: str,
        wanted: Manifest,
        live: Manifest,
        inputs: Bag,
        manager: str,
        api_version: str,
        timeout_s: float,
        created: bool,
    ) -> Manifest:
        try:
            return until_ready(self.cluster, wanted, live, timeout_s, self.cancelled, self._say(urn))
        except NotReady as error:
            shown = object_id(live)
            reason = inspection.not_ready(urn, shown, created, error)
            outputs = save(error.live, wanted, inputs, api_version, manager)
            raise InitError(shown, inputs, outputs, [reason, *error.reasons]) from error

    def read(self, urn: str, id: str, inputs: Bag, state: Bag) -> tuple[str, Bag, Bag] | None:
        if problem := self.cluster.unreachable():
            return self._read_unreachable(urn, id, inputs, state, problem)
        saved = load(state, inputs)
        old = normalise(manifest_of(inputs)) or saved.inputs
        gvk = GVK.of(old if old.get("kind") else saved.live) if old.get("kind") or saved.live else GVK.from_urn(urn)
        namespace, _, name = id.rpartition("/")
        try:
            live = self.cluster.request("GET", self.cluster.path(gvk, namespace or namespace_of(old), name))
        except NoSuchKind:
            return None
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        imported = not old.get("kind")
        found = inspection.as_inputs(live) if imported else prune(live, old)
        manager = manager_for(old, saved, self.settings.server_side_apply)
        new_inputs = bag_of(found, inputs)
        outputs = save(live, found, inputs, saved.api_version or gvk.api_version, manager)
        if not imported:
            try:
                check_health(self.cluster, old, live)
            except NotReady as error:
                raise InitError(id, new_inputs, outputs, [str(error), *error.reasons]) from error
        return id, new_inputs, outputs

    def _read_unreachable(
        self, urn: str, id: str, inputs: Bag, state: Bag, problem: str
    ) -> tuple[str, Bag, Bag] | None:
        self.log(urn, "warning", f"configured Kubernetes cluster is unreachable: {problem}", False)
        if self._forgets(urn):
            return None
        if self.settings.skip_update_unreachable:
            return id, inputs, state
        raise ProviderError(f"failed to read resource state due to unreachable cluster. {_FORGET_HINT}")

    def delete(self, urn: str, id: str, inputs: Bag, outputs: Bag, timeout_s: float) -> None:
        if problem := self.cluster.unreachable():
            self.log(urn, "warning", f"configured Kubernetes cluster is unreachable: {problem}", False)
            if self._forgets(urn):
                return
            raise ProviderError(f"configured Kubernetes cluster is unreachable. {_FORGET_HINT}")
        saved = load(outputs, inputs)
        limit = timeout_of(saved.inputs, timeout_s, _DELETE_S)
        self.operations.delete(saved.live, saved.inputs, limit, self._say(urn))

    def _forgets(self, urn: str) -> bool:
        if self.settings.delete_unreachable:
            text = "the `deleteUnreachable` option is enabled. Deleting the unreachable resource from Pulumi state"
            self.log(urn, "info", f"configured Kubernetes cluster is unreachable and {text}", False)
        return self.settings.delete_unreachable

    def _can_preview(self, wanted: Manifest) -> bool:
        if has_unknown(wanted) or not self.settings.server_side_apply or self.cluster.unreachable():
            return False
        try:
            self.cluster.served(GVK.of(wanted))
        except ProviderError:
            return False
        return True

    def _say(self, urn: str) -> Say:
        """Messages for the status column; a severity with `!` is for the lasting diagnostics."""
        return lambda severity, message: self.log(urn, severity.rstrip("!"), message, not severity.endswith("!"))
