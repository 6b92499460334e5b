"""A certificate authority of the stack's own, as functions of a long random secret.

Keys are derived and signatures are deterministic (RFC 6979), so equal input gives equal bytes: an update without a
change changes nothing, and no private key is stored but as what it is derived from.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_CURVE = ec.SECP256R1()
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the curve's base point: FIPS 186-4, D.1.2.3."""
_FROM, _UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2051, 1, 1, tzinfo=UTC)
_SERIAL_BITS = 159
"""RFC 5280 allows 20 octets, and the number is positive."""
_LONGEST_COMMON_NAME = 64


@dataclass(frozen=True)
class Certificate:
    """In PEM."""

    certificate: str
    key: str


@dataclass(frozen=True)
class Authority:
    """Signs certificates of servers and of their clients."""

    name: str
    secret: str

    @property
    def certificate(self) -> str:
        """For those who trust it, in PEM."""
        extensions = [(x509.BasicConstraints(ca=True, path_length=0), True), (_USAGE_OF_AUTHORITY, True)]
        return _pem(self._signed(self.name, self._key(""), extensions, _FROM, _UNTIL))

    def issue(
        self, common_name: str, hosts: Sequence[str], begins: datetime = _FROM, ends: datetime = _UNTIL
    ) -> Certificate:
        """Valid for `hosts` as a server, and as a client."""
        key = self._key(f"{common_name} {' '.join(hosts)}")
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        extensions = [(x509.BasicConstraints(ca=False, path_length=None), True), (names, False), (usage, False)]
        encoded = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return Certificate(_pem(self._signed(common_name, key, extensions, begins, ends)), encoded.decode())

    def _signed(
        self,
        subject: str,
        key: ec.EllipticCurvePrivateKey,
        extensions: Sequence[tuple[x509.ExtensionType, bool]],
        begins: datetime,
        ends: datetime,
    ) -> x509.Certificate:
        own, public = self._key(""), key.public_key()
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(_name(self.name))
            .public_key(public)
            .serial_number(self._number(f"serial {subject} {begins} {ends} {_text(public)}") % 2**_SERIAL_BITS + 1)
            .not_valid_before(begins)
            .not_valid_after(ends)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(own.public_key()), critical=False)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(own, hashes.SHA256(), ecdsa_deterministic=True)

    def _key(self, purpose: str) -> ec.EllipticCurvePrivateKey:
        return ec.derive_private_key(self._number(f"key {purpose}") % (_ORDER - 1) + 1, _CURVE)

    def _number(self, purpose: str) -> int:
        """512 bits, so that what is left after a division is as good as random."""
        return int.from_bytes(
            hmac.new(self.secret.encode(), f"{self.name} {purpose}".encode(), hashlib.sha512).digest()
        )


_USAGE_OF_AUTHORITY = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:_LONGEST_COMMON_NAME])])


def _text(key: ec.EllipticCurvePublicKey) -> str:
    encoded = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(encoded).hexdigest()


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
