"""Checks the gateway's certificate in ACM: callers would refuse one that has ended or is for other hosts."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from botocore.exceptions import ClientError

from cli.aws_preflight.wanted import Client, Wanted
from cli.finding import Finding

_SETTING = "platform.gateway.aws.certificate"
_SOON = timedelta(days=30)


def the_certificate_is_valid_for_the_hosts(client: Client, wanted: Wanted) -> Iterator[Finding]:
    """ACM renews those that it has issued, but not imported ones."""
    if not wanted.certificate:
        return
    try:
        found = client("acm").describe_certificate(CertificateArn=wanted.certificate)["Certificate"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        yield Finding(
            _SETTING, f"there is no certificate {wanted.certificate}", "write one of `aws acm list-certificates`"
        )
        return
    if found["Status"] != "ISSUED":
        problem = f"the certificate has the status {found['Status']}"
        yield Finding(_SETTING, problem, "complete its validation, or write the ARN of one that is issued")
    elif found.get("Type") == "IMPORTED" and found["NotAfter"] - datetime.now(UTC) < _SOON:
        problem = f"the certificate ends on {found['NotAfter']:%Y-%m-%d}, and ACM does not renew it"
        fix = f"import the next one: `aws acm import-certificate --certificate-arn {wanted.certificate}`"
        yield Finding(_SETTING, problem, fix, blocking=False)
    names = [found["DomainName"], *found.get("SubjectAlternativeNames", ())]
    if missing := [host for host in wanted.hosts if not any(_covers(name.lower(), host) for name in names)]:
        problem = f"the certificate is for {', '.join(sorted({*names}))}, not for {', '.join(missing)}"
        yield Finding(_SETTING, problem, "write the ARN of one for all exposed hosts, or change the hosts")


def _covers(name: str, host: str) -> bool:
    """A wildcard is for one label: https://www.rfc-editor.org/rfc/rfc9525#section-6.3"""
    return name == host or (name.startswith("*.") and name[1:] == host[host.find(".") :])
