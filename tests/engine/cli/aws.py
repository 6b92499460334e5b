"""What tests of the preflight on AWS share: clients, declarations, and answers for what moto lacks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse

from cli.aws_preflight import Finding
from cli.aws_preflight.wanted import Client, Wanted
from infra.declaration.aws.settings import AwsFoundation
from infra.declaration.pools import NodePool

ACCOUNT = "123456789012"  # moto's own
REGION = "eu-central-1"
CLUSTER = "ml-platform-prod"
Answer = tuple[str, Mapping[str, Any] | None, Mapping[str, Any]]


def client_of(service: str, region: str = REGION, **more: str) -> Any:
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return boto3.client(service, region_name=region, **keys, **more)


def refusing(moto: Client, service: str, *operations: str) -> Client:
    """The same account, whose policies forbid some operations."""
    made = client_of(service, endpoint_url=moto(service).meta.endpoint_url)
    body = {"iam": _XML, "s3": _XML_S3}.get(service, _JSON)

    class Body:
        def stream(self) -> Iterator[bytes]:
            yield body

    def refuse(request: Any, **_: object) -> AWSResponse:
        return AWSResponse(request.url, 403, {"x-amzn-errortype": "AccessDeniedException"}, Body())

    for operation in operations:
        made.meta.events.register(f"before-send.*.{operation}", refuse)
    return lambda name, *region: made if name == service else moto(name, *region)


_JSON = b'{"message": "not you"}'
_XML = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
_XML_S3 = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


def foundation(**changes: object) -> AwsFoundation:
    settings: dict[str, Any] = {
        "account": ACCOUNT,
        "region": REGION,
        "team": "ml",
        "costCentre": "ml",
        "network": {"cidr": "10.20.0.0/16", "zones": ["eu-central-1a", "eu-central-1b"]},
        "cluster": {"version": "1.34", "admins": [f"arn:aws:iam::{ACCOUNT}:role/admin"]},
    }
    return AwsFoundation.model_validate(settings | changes)


def pool(*types: str, size: int = 1, **aws: object) -> NodePool:
    settings = {"instance": {"cpu": 4, "memory": "8Gi"}, "max": size, "aws": {"instanceTypes": list(types), **aws}}
    return NodePool.model_validate(settings)


def wanted(aws: AwsFoundation | None = None, **pools: NodePool) -> Wanted:
    return Wanted(aws or foundation(), pools, CLUSTER)


def said(findings: Iterable[Finding]) -> list[str]:
    return [str(finding) for finding in findings]


def session_of(role: str) -> Answer:
    """What somebody hears who has assumed a role and asks who they are."""
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/somebody"
    return ("get_caller_identity", {}, {"Account": ACCOUNT, "Arn": arn, "UserId": "AROA:somebody"})
