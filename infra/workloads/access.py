"""What a workload reaches besides what all pods of its team do: its datasets and hosts, and the identity for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from infra.catalogue.names import DATASET_SECRET, DOMAIN, selector
from infra.declaration.datasets import Dataset, variable
from infra.declaration.egress import Egress
from infra.foundation import AllowedEgress, DomainEgress, IdentityBinder, ObjectStore, WorkloadIdentity
from infra.networking.network_policies import network_policies, workload_policy
from infra.secrets.generated import public_fingerprint
from infra.tenancy import Workspace
from infra.workloads.kind import Workload
from infra.workloads.pod import Mount, secret_folder, secret_mount, service_account
from infra.workloads.volume_claims import claim_mount

_VOLUMES = "/datasets"


@dataclass(frozen=True)
class Outside:
    """What workloads can reach outside of their namespaces; object stores are by team."""

    datasets: Mapping[str, Dataset]
    object_stores: Mapping[str, ObjectStore]
    domain_egress: DomainEgress | None

    def access(
        self, component: str, name: str, workload: Workload, workspace: Workspace, bind: IdentityBinder
    ) -> Access:
        """What one workload has declared of it."""
        datasets = {dataset: self.datasets[dataset] for dataset in workload.read_datasets}
        reads_objects = any(dataset.objects for dataset in datasets.values())
        store = self.object_stores[workload.team] if reads_objects else None
        return Access(component, name, workspace, bind, datasets, workload.egress, store, self.domain_egress)


@dataclass(frozen=True)
class Access:
    """`store` is None if the workload reads no objects."""

    component: str
    name: str
    workspace: Workspace
    bind_identity: IdentityBinder
    datasets: Mapping[str, Dataset]
    hosts: Sequence[Egress]
    store: ObjectStore | None
    domain_egress: DomainEgress | None

    @property
    def account(self) -> str:
        """The name of the workload's service account."""
        return f"{self.component}-{self.name}"

    @property
    def env(self) -> dict[str, pulumi.Input[str]]:
        """Where each dataset is, and how clients of the object store reach it."""
        places = {variable(name): self._place(name, dataset) for name, dataset in self.datasets.items()}
        if self.store is None:
            return {**places}
        file = {self.store.credentials_variable: f"{secret_folder(DATASET_SECRET)}/credentials"}
        return {**places, **self.store.env, **(file if self.store.credentials is not None else {})}

    def uri(self, dataset: str, file: str) -> str:
        """Of a file in a dataset."""
        place = self._place(dataset, self.datasets[dataset])
        return f"{place}{file}" if self.datasets[dataset].objects else f"file://{place}/{file}"

    @property
    def mounts(self) -> list[Mount]:
        """Volumes with datasets, and the login to the object store."""
        claims = {name: dataset.volume.claim for name, dataset in self.datasets.items() if dataset.volume}
        volumes = [claim_mount(f"dataset-{name}", claim, _path(name), read_only=True) for name, claim in claims.items()]
        if self.store is None or self.store.credentials is None:
            return volumes
        return [*volumes, secret_mount(DATASET_SECRET, DATASET_SECRET, secret_folder(DATASET_SECRET))]

    @property
    def roll_on(self) -> dict[str, pulumi.Input[str]]:
        """Annotations of pods that read the login to the object store only when they start."""
        credentials = self.store.credentials if self.store else None
        return {f"{DOMAIN}/datasets": public_fingerprint(credentials)} if credentials is not None else {}

    @property
    def content(self) -> dict[str, object]:
        """Which data a job reads: part of a training run's identity."""
        read = {name: dataset.model_dump(mode="json", exclude_unset=True) for name, dataset in self.datasets.items()}
        return {"datasets": read} if read else {}

    def create(self, parent: pulumi.Resource) -> list[pulumi.Resource]:
        """The service account with its identity, and network policies; returns what pods must wait for."""
        prefixes = [dataset.objects.prefix for dataset in self.datasets.values() if dataset.objects]
        identity = WorkloadIdentity(self.account, self.workspace.namespace, self.account, datasets=prefixes)
        account = service_account(self.account, self.workspace, identity, self.bind_identity, parent)
        store = self.store.ready if self.store else ()
        return [*account, *store, *self._policies(pulumi.ResourceOptions(parent=parent, depends_on=[self.workspace]))]

    def _policies(self, opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
        namespace, pods = self.workspace.namespace, selector(self.name, self.component)
        addresses = [AllowedEgress("host", [("TCP", host.port)], cidr=host.cidr) for host in self.hosts if host.cidr]
        egress = [*(self.store.egress if self.store else ()), *addresses]
        policies = {self.account: workload_policy(pods, egress)} if egress else {}
        created = network_policies(namespace, policies, opts)
        names = [(host.host, host.port) for host in self.hosts if not host.cidr]
        if names and self.domain_egress is not None:
            created.append(self.domain_egress(self.account, namespace, pods, names, opts))
        return created

    def _place(self, name: str, dataset: Dataset) -> str:
        if dataset.objects is None or self.store is None:
            return _path(name)
        return f"{self.store.address}/{dataset.objects.prefix}"


def _path(dataset: str) -> str:
    return f"{_VOLUMES}/{dataset}"
