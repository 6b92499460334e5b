"""The stack's own certificate authority: equal input gives equal bytes, and what it signs is valid for its hosts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from infra.secrets.authority import Authority

OWN = Authority("platform 0", "a long random secret")
NOW = datetime(2026, 12, 1, tzinfo=UTC)


def test_equal_input_gives_equal_bytes() -> None:
    again = Authority("platform 0", "a long random secret")
    assert again.certificate == OWN.certificate
    assert again.issue("a.example", ["a.example"]) == OWN.issue("a.example", ["a.example"])


@pytest.mark.parametrize("other", [Authority("platform 1", OWN.secret), Authority(OWN.name, "another secret")])
def test_another_name_or_secret_gives_other_keys(other: Authority) -> None:
    assert other.issue("a.example", ["a.example"]).key != OWN.issue("a.example", ["a.example"]).key
    with pytest.raises(VerificationError):
        _verify(other, "a.example", ["a.example"])


def test_each_certificate_has_a_key_and_a_number_of_its_own() -> None:
    issued = [OWN.issue("a.example", ["a.example"]), OWN.issue("a.example", ["a.example", "b.example"])]
    assert len({each.key for each in issued}) == 2
    numbers = [x509.load_pem_x509_certificate(each.certificate.encode()).serial_number for each in issued]
    assert len({*numbers}) == 2


def test_the_key_is_that_of_the_certificate() -> None:
    issued = OWN.issue("a.example", ["a.example"])
    key = load_pem_private_key(issued.key.encode(), None)
    assert key.public_key() == x509.load_pem_x509_certificate(issued.certificate.encode()).public_key()


@pytest.mark.parametrize("host", ["a.example", "b.example"])
def test_a_certificate_is_valid_for_its_hosts(host: str) -> None:
    _verify(OWN, host, ["a.example", "b.example"])


def test_a_certificate_is_not_valid_for_another_host() -> None:
    with pytest.raises(VerificationError):
        _verify(OWN, "c.example", ["a.example", "b.example"])


def _verify(signs: Authority, host: str, hosts: list[str]) -> None:
    """By those who trust `OWN`."""
    trusted = Store([x509.load_pem_x509_certificate(OWN.certificate.encode())])
    verifier = PolicyBuilder().store(trusted).time(NOW).build_server_verifier(x509.DNSName(host))
    issued = signs.issue(hosts[0], hosts, datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 4, 1, tzinfo=UTC))
    verifier.verify(x509.load_pem_x509_certificate(issued.certificate.encode()), [])
