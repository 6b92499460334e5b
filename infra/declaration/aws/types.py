"""Types of AWS settings: account and resource ids, ARNs, zones, networks."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from infra.catalogue.aws.names import GITHUB
from infra.declaration.types import BUCKET, matching

_ACCOUNT = r"^\d{12}$"
_KUBERNETES = r"^1\.\d{2}$"
_ZONE = r"^[a-z]{2}(-[a-z]+)+-\d[a-f]$"
_ROLE_ARN = r"^arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+$"
_CERTIFICATE_ARN = r"^arn:aws(-cn|-us-gov)?:acm:[a-z0-9-]+:[0-9]{12}:certificate/[0-9a-f-]{36}$"
_RESERVATION = r"^cr-[0-9a-f]{8,17}$"
_PLACEMENT_GROUP = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$"
_ENVIRONMENT = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$"
_REPOSITORY = r"^([\w.-]+/[\w.-]+|[\w.-]+@\d+/[\w.-]+@\d+)$"
_PROVIDER_ARN = rf"^arn:aws[a-z-]*:iam::\d{{12}}:oidc-provider/{re.escape(GITHUB)}$"
_IDENTITY_GROUP = r"^([0-9a-f]{10}-)?[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"
_KEY_ALIAS = r"^alias/(?!aws/)[\w/-]{1,250}$"
_CACHE_PREFIX = r"^[a-z0-9]+([._-][a-z0-9]+)*$"
_DATABASE = r"^[a-z](-?[a-z0-9]){0,29}$"
_SNAPSHOT = r"^(arn:aws[a-z-]*:rds:[a-z0-9-]+:\d{12}:snapshot:)?((rds|awsbackup):)?[A-Za-z](-?[A-Za-z0-9]){0,254}$"
_AUTOMATED_BACKUP = r"^arn:aws[a-z-]*:rds:[a-z0-9-]+:\d{12}:auto-backup:[A-Za-z0-9-]+$"
_TAG = r"^[\w .:/=+@-]{1,255}$"


def _cidr(value: str) -> str:
    try:
        ipaddress.IPv4Network(value)
    except ValueError as error:
        hint = _nearest_network(value)
        raise ValueError(f"{value!r} is not a CIDR ({error}); write one such as {hint}") from None
    return value


def _nearest_network(value: str) -> str:
    """The network that contains an address with a prefix length."""
    try:
        return str(ipaddress.IPv4Network(value, strict=False))
    except ValueError:
        return "10.20.0.0/16"


Cidr = Annotated[str, AfterValidator(_cidr), WithJsonSchema({"type": "string", "examples": ["10.20.0.0/16"]})]
"""An IPv4 network such as `10.20.0.0/16`."""

Account = Annotated[
    str,
    AfterValidator(matching(_ACCOUNT, "an account id", "its twelve digits in quotes")),
    WithJsonSchema({"type": "string", "pattern": _ACCOUNT, "examples": ["123456789012"]}),
]
KubernetesMinor = Annotated[
    str,
    AfterValidator(matching(_KUBERNETES, "a minor version of Kubernetes", "one such as '1.36'")),
    WithJsonSchema({"type": "string", "pattern": _KUBERNETES, "examples": ["1.36"]}),
]
Zone = Annotated[
    str,
    AfterValidator(matching(_ZONE, "an availability zone", "one such as eu-central-1a")),
    WithJsonSchema({"type": "string", "pattern": _ZONE, "examples": ["eu-central-1a"]}),
]
RoleArn = Annotated[
    str,
    AfterValidator(
        matching(_ROLE_ARN, "the ARN of an IAM role", "one such as arn:aws:iam::123456789012:role/platform-admin")
    ),
    WithJsonSchema(
        {"type": "string", "pattern": _ROLE_ARN, "examples": ["arn:aws:iam::123456789012:role/platform-admin"]}
    ),
]
CertificateArn = Annotated[
    str,
    AfterValidator(
        matching(
            _CERTIFICATE_ARN,
            "the ARN of a certificate in ACM",
            "one such as arn:aws:acm:eu-central-1:123456789012:certificate/<id>",
        )
    ),
    WithJsonSchema({"type": "string", "pattern": _CERTIFICATE_ARN}),
]
Reservation = Annotated[
    str,
    AfterValidator(matching(_RESERVATION, "the id of a capacity reservation", "one such as cr-0123456789abcdef0")),
    WithJsonSchema({"type": "string", "pattern": _RESERVATION, "examples": ["cr-0123456789abcdef0"]}),
]
PlacementGroup = Annotated[
    str,
    AfterValidator(matching(_PLACEMENT_GROUP, "the name of a placement group", "one such as training")),
    WithJsonSchema({"type": "string", "pattern": _PLACEMENT_GROUP, "examples": ["training"]}),
]
IdentityGroup = Annotated[
    str,
    AfterValidator(
        matching(
            _IDENTITY_GROUP,
            "the id of a group in IAM Identity Center",
            "one such as 93842ea2-70b1-4f6e-8a3c-0d2b6f1e7c55",
        )
    ),
    WithJsonSchema(
        {"type": "string", "pattern": _IDENTITY_GROUP, "examples": ["93842ea2-70b1-4f6e-8a3c-0d2b6f1e7c55"]}
    ),
]
KeyAlias = Annotated[
    str,
    AfterValidator(
        matching(_KEY_ALIAS, "the alias of a KMS key of the account's own", "one such as alias/ml-platform-state")
    ),
    WithJsonSchema({"type": "string", "pattern": _KEY_ALIAS, "examples": ["alias/ml-platform-state"]}),
]
CachePrefix = Annotated[
    str,
    AfterValidator(matching(_CACHE_PREFIX, "a repository prefix", "one such as ecr-public")),
    Field(max_length=20),
    WithJsonSchema({"type": "string", "pattern": _CACHE_PREFIX, "examples": ["ecr-public"]}),
]
GitEnvironment = Annotated[
    str,
    AfterValidator(matching(_ENVIRONMENT, "a GitHub environment", "letters, digits and any of _.-, such as prod")),
    WithJsonSchema({"type": "string", "pattern": _ENVIRONMENT, "examples": ["prod"]}),
]
GitRepository = Annotated[
    str,
    AfterValidator(matching(_REPOSITORY, "a repository", "owner/name, or owner@id/name@id")),
    WithJsonSchema({"type": "string", "pattern": _REPOSITORY, "examples": ["example/ml-platform"]}),
]
"""With ids if the OIDC subject claim has them, as for repositories created since July 2026."""

ProviderArn = Annotated[
    str,
    AfterValidator(
        matching(
            _PROVIDER_ARN, "the ARN of an OIDC provider for GitHub", f"arn:aws:iam::123456789012:oidc-provider/{GITHUB}"
        )
    ),
    WithJsonSchema(
        {"type": "string", "pattern": _PROVIDER_ARN, "examples": [f"arn:aws:iam::123456789012:oidc-provider/{GITHUB}"]}
    ),
]
Bucket = Annotated[
    str,
    AfterValidator(matching(BUCKET, "a bucket name", "the name alone, such as example-ml-platform-state")),
    WithJsonSchema({"type": "string", "pattern": BUCKET, "examples": ["example-ml-platform-state"]}),
]
InstanceName = Annotated[
    str,
    AfterValidator(
        matching(_DATABASE, "a name of an RDS instance", "at most 30 lower-case letters and digits, such as tracking-2")
    ),
    WithJsonSchema({"type": "string", "pattern": _DATABASE, "examples": ["tracking-2"]}),
]
Snapshot = Annotated[
    str,
    AfterValidator(
        matching(_SNAPSHOT, "a DB snapshot", "its identifier, such as rds:ml-platform-prod-tracking-2026-11-27-03-10")
    ),
    WithJsonSchema(
        {"type": "string", "pattern": _SNAPSHOT, "examples": ["rds:ml-platform-prod-tracking-2026-11-27-03-10"]}
    ),
]
AutomatedBackup = Annotated[
    str,
    AfterValidator(
        matching(
            _AUTOMATED_BACKUP,
            "the ARN of an automated backup",
            "one such as arn:aws:rds:eu-west-1:123456789012:auto-backup:ab-0123456789abcdef",
        )
    ),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": _AUTOMATED_BACKUP,
            "examples": ["arn:aws:rds:eu-west-1:123456789012:auto-backup:ab-0123456789abcdef"],
        }
    ),
]
Tag = Annotated[
    str,
    AfterValidator(matching(_TAG, "a valid tag value", "letters, digits, spaces and any of _.:/=+@-", flags=0)),
    WithJsonSchema({"type": "string", "pattern": _TAG}),
]
