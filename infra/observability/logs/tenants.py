"""Tenants of the log store: each team is one, and so is the platform with all its namespaces.

VictoriaLogs keeps the logs of tenants apart. The collector chooses the tenant by the folder of a log, whose name the
kubelet begins with the pod's namespace, and the proxy by the login: neither what a pod prints nor what a reader asks
can change it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Tenant:
    """An owner of logs, and the ids by which the store knows it."""

    name: str
    account: int
    project: int

    def __str__(self) -> str:
        return f"{self.account}:{self.project}"

    @property
    def headers(self) -> list[str]:
        return [f"AccountID: {self.account}", f"ProjectID: {self.project}"]


def tenant(name: str) -> Tenant:
    """64 bits of a hash of the name: a team that is declared again finds its logs, and no two names meet."""
    digest = hashlib.sha256(name.encode()).digest()
    return Tenant(name, int.from_bytes(digest[:4]), int.from_bytes(digest[4:8]))
