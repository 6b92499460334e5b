"""Kueue's admission webhooks, such that without its controller nothing is refused but what would pass the queue by.

Upstream's are asked about every Job and pod of the cluster, so that a controller that is down blocks all of them. These
see Jobs and JobSets of teams that name a queue. Those that are created suspended, as all that is declared, are admitted
without the controller and wait for it. One that would start at once is refused while the controller can't suspend it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.catalogue.names import PLATFORM_LABEL, QUEUE_LABEL, TEAM_LABEL

_TIMEOUT = 5
_QUEUED = {
    "name": "queued",
    "expression": f"'{QUEUE_LABEL}' in object.metadata.?labels.orValue({{}})",
}
_STARTS = {"name": "starts-at-once", "expression": "!object.spec.?suspend.orValue(false)"}


@dataclass(frozen=True)
class _Kind:
    group: str
    version: str
    singular: str
    validated: Sequence[str] = ()
    """Subresources that are validated, too."""

    @property
    def plural(self) -> str:
        return f"{self.singular}s"

    def path(self, verb: str) -> str:
        return f"/{verb}-{self.group.replace('.', '-')}-{self.version}-{self.singular}"

    def rule(self, operations: Sequence[str], subresources: Sequence[str] = ()) -> dict[str, Any]:
        resources = [self.plural, *(f"{self.plural}/{each}" for each in subresources)]
        versions = {"apiGroups": [self.group], "apiVersions": [self.version]}
        return {**versions, "operations": list(operations), "resources": resources}


_OF_JOBS = (_Kind("batch", "v1", "job"), _Kind("jobset.x-k8s.io", "v1alpha2", "jobset"))
_GROUP, _VERSION = "kueue.x-k8s.io", "v1beta2"
_WORKLOAD = _Kind(_GROUP, _VERSION, "workload", ("status",))
_DEFAULTED = (_Kind(_GROUP, _VERSION, "clusterqueue"), _Kind(_GROUP, _VERSION, "resourceflavor"), _WORKLOAD)
_VALIDATED = (*_DEFAULTED, _Kind(_GROUP, _VERSION, "cohort"))
"""Kueue's own kinds."""


def mutating(platform: str, service: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Suspend queued jobs, and set defaults of Kueue's own objects."""
    own = [_webhook("m", kind, kind.rule(["CREATE"]), service) for kind in _DEFAULTED]
    jobs = [
        {**_webhook("m", kind, kind.rule(["CREATE"]), service), **_of_teams(platform, _QUEUED, _STARTS)}
        for kind in _OF_JOBS
    ]
    return [*own, *jobs]


def validating(platform: str, service: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Refuse mistakes. Those in jobs are not refused without the controller: their deletion is an update, too."""
    changes = ("CREATE", "UPDATE")
    own = [_webhook("v", kind, kind.rule(changes, kind.validated), service) for kind in _VALIDATED]
    jobs = [
        {
            **_webhook("v", kind, kind.rule(changes), service),
            **_of_teams(platform, _QUEUED),
            "failurePolicy": "Ignore",
        }
        for kind in _OF_JOBS
    ]
    return [*own, *jobs]


def _webhook(letter: str, kind: _Kind, rule: dict[str, Any], service: Mapping[str, Any]) -> dict[str, Any]:
    verb = {"m": "mutate", "v": "validate"}[letter]
    return {
        "name": f"{letter}{kind.singular}.kb.io",
        "admissionReviewVersions": ["v1"],
        "clientConfig": {"service": {**service, "path": kind.path(verb)}},
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "timeoutSeconds": _TIMEOUT,
        "rules": [rule],
    }


def _of_teams(platform: str, *conditions: Mapping[str, str]) -> dict[str, Any]:
    selector = {
        "matchLabels": {PLATFORM_LABEL: platform},
        "matchExpressions": [{"key": TEAM_LABEL, "operator": "Exists"}],
    }
    return {"namespaceSelector": selector, "matchConditions": [dict(each) for each in conditions]}
