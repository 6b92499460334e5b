"""What holds data is not destroyed by mistake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pulumi_policy import ResourceValidationArgs

from policies.declared import setting
from policies.rule import ResourceRule, differs, missing

_CARRIERS = {
    "aws:amp/workspace:Workspace": "store of metrics",
    "aws:s3/bucket:Bucket": "bucket",
    "aws:s3/bucketV2:BucketV2": "bucket",
    "aws:rds/instance:Instance": "database",
    "aws:kms/key:Key": "encryption key",
    "aws:ecr/repository:Repository": "image repository",
    "aws:eks/cluster:Cluster": "cluster",
    "kubernetes:core/v1:PersistentVolumeClaim": "volume",
    "docker:index/volume:Volume": "volume",
}
_REFUSING: Mapping[str, tuple[str, bool]] = {
    "aws:rds/instance:Instance": ("deletionProtection", True),
    "aws:eks/cluster:Cluster": ("deletionProtection", True),
    "aws:s3/bucket:Bucket": ("forceDestroy", False),
    "aws:s3/bucketV2:BucketV2": ("forceDestroy", False),
    "aws:ecr/repository:Repository": ("forceDelete", False),
}
"""By what AWS itself refuses to delete them, whoever asks."""


def _unprotected(args: ResourceValidationArgs) -> Iterator[str]:
    carrier = _CARRIERS.get(args.resource_type)
    if carrier is not None and not args.opts.protect and not _released(args.urn):
        yield f"this {carrier} is not protected, and one `destroy` would lose what is in it"


def _deletable(args: ResourceValidationArgs) -> Iterator[str]:
    if args.resource_type not in _REFUSING or _released(args.urn):
        return
    option, wanted = _REFUSING[args.resource_type]
    unset_is_right = not wanted and missing(args.props, option)
    if not unset_is_right and differs(args.props, option, wanted=wanted):
        yield f"AWS would delete this {_CARRIERS[args.resource_type]} with all that is in it ({option})"


def _released(urn: str) -> bool:
    """Whether the declaration itself says that its data may go."""
    return setting(urn, "protectData") is False


RULES = (
    ResourceRule(
        name="protected-data",
        reason="What holds data is protected, unless the declaration releases it.",
        fix="set protect=True in its options, or protectData: false in the declaration",
        check=_unprotected,
        refuses="encrypted(aws.s3.Bucket(name, opts=on_aws))",
        passes="encrypted(aws.s3.Bucket(name, opts=kept))",
    ),
    ResourceRule(
        name="deletion-refused",
        reason="AWS itself refuses to delete what holds data, unless the declaration releases it.",
        fix="turn its deletion protection on and forced deletion off, or set protectData: false in the declaration",
        check=_deletable,
        refuses="encrypted(aws.s3.Bucket(name, force_destroy=True, opts=kept))",
        passes="encrypted(aws.s3.Bucket(name, force_destroy=False, opts=kept))",
    ),
)
