"""What holds data is not destroyed by mistake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml
from pulumi_policy import ResourceValidationArgs

from policies.rule import Rule

_CARRIERS = {
    "aws:s3/bucket:Bucket": "bucket",
    "aws:rds/instance:Instance": "database",
    "aws:kms/key:Key": "encryption key",
    "aws:ecr/repository:Repository": "image repository",
    "aws:eks/cluster:Cluster": "cluster",
    "kubernetes:core/v1:PersistentVolumeClaim": "volume",
    "docker:index/volume:Volume": "volume",
}


def _findings(args: ResourceValidationArgs) -> Iterator[str]:
    carrier = _CARRIERS.get(args.resource_type)
    if carrier is not None and not args.opts.protect and not _released(args.urn):
        yield f"this {carrier} is not protected, and one `destroy` would lose what is in it"


def _released(urn: str) -> bool:
    """Whether the declaration itself says that its data may go.

    The engine starts a pack in the project's folder and tells it nothing of the settings.
    """
    stack = urn.split(":")[2]
    file = Path(f"Pulumi.{stack}.yaml")
    content = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else {}
    platform = ((content or {}).get("config") or {}).get("ml-platform:platform") or {}
    return platform.get("protectData") is False


RULE = Rule(
    name="protected-data",
    reason="What holds data is protected, unless the declaration releases it.",
    fix="set protect=True in its options, or protectData: false in the declaration",
    check=_findings,
    refuses="""
import pulumi
import pulumi_aws as aws

provider = aws.Provider("aws", region="eu-central-1")
aws.s3.Bucket("bad", opts=pulumi.ResourceOptions(provider=provider))
""",
)
