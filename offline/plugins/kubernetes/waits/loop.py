"""Waiting itself: which kinds are waited for, how long, what is shown meanwhile, and how it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event

from offline.plugins.provider import ProviderError

from ..cluster import ApiError, Cluster, Unreachable
from ..kinds import GVK
from ..objects import Manifest, annotated_true, annotation, name_of
from . import network, pods, storage, workloads
from .custom import wait_for
from .verdict import Verdict, Wait

Say = Callable[[str, str], None]

WAITS: dict[tuple[str, str], Wait] = {
    ("", "PersistentVolume"): storage.VOLUME,
    ("", "PersistentVolumeClaim"): storage.CLAIM,
    ("", "Pod"): pods.WAIT,
    ("", "ReplicationController"): workloads.REPLICATION_CONTROLLER,
    ("", "ResourceQuota"): storage.QUOTA,
    ("", "Secret"): storage.SECRET,
    ("", "Service"): network.SERVICE,
    ("apps", "DaemonSet"): workloads.DAEMON_SET,
    ("apps", "Deployment"): workloads.DEPLOYMENT,
    ("apps", "StatefulSet"): workloads.STATEFUL_SET,
    ("batch", "Job"): workloads.JOB,
    ("networking.k8s.io", "Ingress"): network.INGRESS,
}
_PAUSES_S = (0.05, 0.5)  # first and longest time between two looks
_CAUSES_EVERY_S = 2.0


class NotReady(ProviderError):
    """The object exists, but didn't become ready; `live` is how it was seen last."""

    def __init__(self, message: str, reasons: list[str], live: Manifest) -> None:
        super().__init__(message)
        self.reasons, self.live = reasons, live


def timeout_of(inputs: Manifest, custom_s: float, default_s: float) -> float:
    """Seconds: `customTimeouts` first, then the annotation, then the kind's default."""
    asked = annotation(inputs, "pulumi.com/timeoutSeconds")
    return custom_s or (float(asked) if asked.isdigit() else default_s)


def until_ready(
    cluster: Cluster, inputs: Manifest, live: Manifest, custom_s: float, cancelled: Event, say: Say
) -> Manifest:
    """Returns the object once it is ready; raises NotReady."""
    wait = _wait_of(inputs)
    if wait is None:
        return live
    limit = min(timeout_of(inputs, custom_s, wait.default_s), wait.limit_s)
    return _Watch(cluster, wait, live, say).until(limit, cancelled)


def check_health(cluster: Cluster, inputs: Manifest, live: Manifest) -> None:
    """Raises NotReady where a refresh finds an object unwell."""
    wait = None if annotated_true(inputs, "pulumi.com/skipAwait") else _built_in(live)
    if wait is None or not wait.on_read:
        return
    look = network.service_now if wait is network.SERVICE else wait.look
    verdict = look(cluster, live, 0.0)
    if not verdict.ready:
        reasons = [*verdict.reasons, *wait.causes(cluster, live)]
        raise NotReady(f"Resource '{name_of(live)}' was created but failed to initialize", reasons, live)


def _built_in(manifest: Manifest) -> Wait | None:
    gvk = GVK.of(manifest)
    return WAITS.get((gvk.group, gvk.kind))


def _wait_of(inputs: Manifest) -> Wait | None:
    if annotated_true(inputs, "pulumi.com/skipAwait"):
        return None
    own = annotation(inputs, "pulumi.com/waitFor")
    return wait_for(own) if own else _built_in(inputs)


class _Watch:
    """One wait: the object as last seen, and what was last known to stand in the way."""

    def __init__(self, cluster: Cluster, wait: Wait, live: Manifest, say: Say) -> None:
        self.cluster, self.wait, self.live, self.say = cluster, wait, live, say
        self.started = time.monotonic()
        self.causes: list[str] = []
        self.asked = self.started  # when causes were last looked for
        self.shown = ""

    def until(self, limit_s: float, cancelled: Event) -> Manifest:
        pause, longest = _PAUSES_S
        while True:
            verdict = self._look()
            if verdict.ready:
                self.say("info", "")
                return self.live
            if verdict.hopeless:
                raise self._failure(verdict, f"Resource '{name_of(self.live)}' was created but failed to initialize")
            if time.monotonic() - self.started >= limit_s:
                raise self._failure(verdict, f"'{name_of(self.live)}' timed out waiting to be Ready")
            if cancelled.wait(min(pause, longest)):
                raise self._failure(verdict, f'Resource operation was cancelled for "{name_of(self.live)}"')
            pause *= 1.5
            self._refresh()

    def _look(self) -> Verdict:
        try:
            verdict = self.wait.look(self.cluster, self.live, time.monotonic() - self.started)
            if not verdict.ready and time.monotonic() - self.asked > _CAUSES_EVERY_S:
                self._ask()
        except (Unreachable, ApiError) as error:
            verdict = Verdict(False, f"the cluster doesn't answer at the moment: {error}", [str(error)])
        if not verdict.ready:
            self._show(self.causes[0].splitlines()[0] if self.causes else verdict.message, bool(self.causes))
        return verdict

    def _ask(self) -> None:
        """Looks for causes. What a pod said is kept when the pod is gone: a failed job takes its pods with it."""
        self.asked = time.monotonic()
        self.causes = self.wait.causes(self.cluster, self.live) or self.causes

    def _show(self, message: str, warning: bool) -> None:
        if message and message != self.shown:
            self.say("warning" if warning else "info", message)
            self.shown = message

    def _refresh(self) -> None:
        try:
            self.live = self.cluster.get(self.live)
        except Unreachable:
            return  # the wait's own end decides
        except ApiError as error:
            if error.status == 404:
                raise NotReady(f"'{name_of(self.live)}' was deleted while waiting for it", [], self.live) from error

    def _failure(self, verdict: Verdict, message: str) -> NotReady:
        try:
            self._ask()
        except ProviderError as error:
            self.causes.append(f"no reason could be read from the cluster: {error}")
        return NotReady(message, [*verdict.reasons, *self.causes], self.live)
