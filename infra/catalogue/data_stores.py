"""Resource types that store data: one list for the policies and for the comment on a pull request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.catalogue.names import CHECKPOINT


@dataclass(frozen=True)
class DataStore:
    """One resource type."""

    called: str
    """What messages call it."""
    refuses_deletion: tuple[str, bool] | None = None
    """The input, and its value, by which the provider refuses to delete the resource with its content."""
    protected: bool = True
    """Whether it must be protected. A secret needn't: its value comes from the stack, and AWS keeps a deleted one."""


_CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"
_BUCKET = DataStore("bucket", ("forceDestroy", False))

DATA_STORES: Mapping[str, DataStore] = {
    "aws:amp/workspace:Workspace": DataStore("metrics store"),
    "aws:s3/bucket:Bucket": _BUCKET,
    "aws:s3/bucketV2:BucketV2": _BUCKET,
    "aws:rds/instance:Instance": DataStore("database", ("deletionProtection", True)),
    "aws:kms/key:Key": DataStore("encryption key"),
    "aws:ecr/repository:Repository": DataStore("image repository", ("forceDelete", False)),
    "aws:eks/cluster:Cluster": DataStore("cluster", ("deletionProtection", True)),
    "aws:secretsmanager/secret:Secret": DataStore("secret", protected=False),
    _CLAIM: DataStore("volume"),
    "docker:index/volume:Volume": DataStore("volume"),
}
"""By type."""


def data_store(type_: str, inputs: Mapping[str, Any]) -> DataStore | None:
    """What a resource stores; None: nothing that outlives its purpose, such as a run's checkpoint."""
    if type_ != _CLAIM:
        return DATA_STORES.get(type_)
    labels = (inputs.get("metadata") or {}).get("labels") or {}
    return None if labels.get("app.kubernetes.io/component") == CHECKPOINT else DATA_STORES[_CLAIM]
