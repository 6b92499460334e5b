"""Preflight on aws: the gateway's certificate in ACM."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from cli.aws_preflight.certificate import the_certificate_is_valid_for_the_hosts
from cli.aws_preflight.wanted import Client, Wanted
from tests.engine.cli.aws import CLUSTER, REGION, Answer, foundation, said

SETTING = "platform.gateway.aws.certificate"
ABSENT = f"arn:aws:acm:{REGION}:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef"


def imported(moto: Client, *names: str, days: int = 90) -> str:
    """The ARN of a certificate for `names` that ends so many days from now."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    made = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(days=400)).not_valid_after(now + timedelta(days=days))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    content = made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    return str(moto("acm").import_certificate(Certificate=content, PrivateKey=private)["CertificateArn"])


def asked(certificate: str, *hosts: str) -> Wanted:
    return Wanted(foundation(), {}, CLUSTER, certificate=certificate, hosts=hosts)


def test_a_certificate_for_all_hosts_is_taken(moto: Client) -> None:
    arn = imported(moto, "models.example.com", "*.ml.example.com")
    wanted = asked(arn, "models.example.com", "mlflow.ml.example.com")
    assert said(the_certificate_is_valid_for_the_hosts(moto, wanted)) == []


def test_without_a_gateway_nothing_is_asked(stubbed: Callable[..., Client]) -> None:
    assert said(the_certificate_is_valid_for_the_hosts(stubbed({}), asked(""))) == []


def test_a_host_that_it_is_not_for_is_named(moto: Client) -> None:
    arn = imported(moto, "models.example.com", "*.ml.example.com")
    wanted = asked(arn, "other.example.com", "a.b.ml.example.com", "ml.example.com", "models.example.com")
    assert said(the_certificate_is_valid_for_the_hosts(moto, wanted)) == [
        f"{SETTING}: the certificate is for *.ml.example.com, models.example.com, not for other.example.com, "
        "a.b.ml.example.com, ml.example.com; write the ARN of one for all exposed hosts, or change the hosts"
    ]


def test_one_that_is_not_there_is_refused(moto: Client) -> None:
    assert said(the_certificate_is_valid_for_the_hosts(moto, asked(ABSENT))) == [
        f"{SETTING}: there is no certificate {ABSENT}; write one of `aws acm list-certificates`"
    ]


def test_an_imported_one_that_ends_soon_is_a_warning(moto: Client) -> None:
    arn = imported(moto, "models.example.com", days=10)
    (finding,) = the_certificate_is_valid_for_the_hosts(moto, asked(arn, "models.example.com"))
    assert not finding.blocking
    assert finding.problem.endswith(", and ACM does not renew it")
    assert arn in finding.fix


@pytest.mark.parametrize("status", ["PENDING_VALIDATION", "EXPIRED"])
def test_one_that_callers_do_not_get_is_refused(stubbed: Callable[..., Client], status: str) -> None:
    found: dict[str, Any] = {"Status": status, "DomainName": "a.example.com", "Type": "AMAZON_ISSUED"}
    answer: Answer = ("describe_certificate", {"CertificateArn": ABSENT}, {"Certificate": found})
    assert said(the_certificate_is_valid_for_the_hosts(stubbed({"acm": [answer]}), asked(ABSENT, "a.example.com"))) == [
        f"{SETTING}: the certificate has the status {status}; complete its validation, or write the ARN of "
        "one that is issued"
    ]
