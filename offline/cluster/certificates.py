"""The cluster's certificate authorities, and a certificate with an identity of its own for each component."""

import datetime
import ipaddress
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from common import paths

PKI = paths.CLUSTER / "pki"
CA, CA_KEY = PKI / "ca.crt", PKI / "ca.key"
ETCD_CA, ETCD_CA_KEY = PKI / "etcd-ca.crt", PKI / "etcd-ca.key"
"""Signs certificates of etcd and of its only client, the API server: etcd grants full access to each of them."""
ADMIN, ADMIN_KEY = PKI / "admin.crt", PKI / "admin.key"
VALID = datetime.timedelta(days=3650)


def create_authorities() -> None:
    """Create the authorities, and the administrator's certificate."""
    PKI.mkdir(parents=True, exist_ok=True, mode=0o700)
    _create_authority("ml-platform-local-ca", CA, CA_KEY)
    _create_authority("ml-platform-local-etcd-ca", ETCD_CA, ETCD_CA_KEY)
    issue("admin", "ml-platform-admin", ["system:masters"])


def _create_authority(common_name: str, certificate: Path, key_file: Path) -> None:
    if certificate.exists():
        return
    key = _new_key(key_file)
    name = _name(common_name)
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    builder = (
        _builder(name, key, name).add_extension(x509.BasicConstraints(True, None), True).add_extension(usage, True)
    )
    _write(certificate, builder.sign(key, hashes.SHA256()))


def issue(
    name: str,
    user: str,
    groups: Sequence[str] = (),
    addresses: Sequence[str] = (),
    hosts: Sequence[str] = (),
    by: tuple[Path, Path] = (CA, CA_KEY),
) -> tuple[Path, Path]:
    """Certificate and key files `name`, for `user` in `groups`, valid for serving at `addresses` and `hosts`.

    `by` are the certificate and the key of the authority that signs it.
    """
    certificate, key = PKI / f"{name}.crt", PKI / f"{name}.key"
    if certificate.exists():
        return certificate, key
    authority = x509.load_pem_x509_certificate(by[0].read_bytes())
    signer = serialization.load_pem_private_key(by[1].read_bytes(), None)
    assert isinstance(signer, rsa.RSAPrivateKey)
    usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])
    builder = _builder(_name(user, groups), _new_key(key), authority.subject).add_extension(usages, False)
    names: list[x509.GeneralName] = [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    names += [x509.DNSName(host) for host in hosts]
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
    _write(certificate, builder.sign(signer, hashes.SHA256()))
    return certificate, key


def _name(user: str, groups: Sequence[str] = ()) -> x509.Name:
    """Kubernetes takes the user from the common name and the groups from the organizations."""
    organisations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, user), *organisations])


def _builder(subject: x509.Name, key: rsa.RSAPrivateKey, issuer: x509.Name) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + VALID)
    )


def _new_key(path: Path) -> rsa.RSAPrivateKey:
    """A new key in a file with mode 0600. RSA, since service account tokens are signed with such a key too."""
    key = rsa.generate_private_key(65537, 2048)
    encoded = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    path.touch(mode=0o600)
    path.write_bytes(encoded)
    return key


def _write(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
