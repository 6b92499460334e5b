"""A kubeconfig for one role of a team: a short-lived client certificate, signed by the cluster."""

import base64
import getpass
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from cli import preflight
from common import console
from common.errors import CommandError
from infra.catalogue.names import DOMAIN
from infra.declaration.model import Platform
from offline import machine

_SIGNER = "kubernetes.io/kube-apiserver-client"
_SECONDS_AN_HOUR = 3600
_SIGNED_WITHIN = 30
"""Seconds."""


def write(stack: str, team: str, role: str, hours: int, out: Path | None) -> int:
    """Print a kubeconfig for the role's first group, or write it to a file with mode 0600."""
    declared = preflight.declaration(stack)
    if declared.foundation.cluster is not None:
        raise CommandError(
            f"stack {stack} issues no client certificates",
            "people get into its cluster as they do for anything else there",
            hint=f"add them to the groups in platform.teams.{team}.groups",
        )
    if declared.foundation.aws is not None:
        raise CommandError(
            f"stack {stack} issues no client certificates",
            "access to its cluster is by IAM role",
            hint="aws eks update-kubeconfig --role-arn <the role of platform.foundation.aws.cluster.groups>",
        )
    group = first_group(declared, team, role)
    context = preflight.kube_context(declared, stack)
    try:
        api = api_client(context)
        content = kubeconfig(api, f"{getpass.getuser()}@{team}", [group], team, hours * _SECONDS_AN_HOUR)
    except (ApiException, HTTPError) as error:
        reason = getattr(error, "reason", None) or str(error)
        raise CommandError(f"cluster {context} issued no certificate", str(reason), hint="run `make up`") from None
    if out is None:
        sys.stdout.write(content)
    else:
        write_private(out, content)
        console.console.print(f"{out}: {role} of {team} (group {group}) for {hours} h; export KUBECONFIG={out}")
    return 0


def first_group(declared: Platform, team: str, role: str) -> str:
    """The first group of the role."""
    if team not in declared.teams:
        known = ", ".join(sorted(declared.teams)) or "none is declared"
        raise CommandError(f"no team {team!r}", "it is not in platform.teams", hint=f"TEAM is one of: {known}")
    roles = {str(name): groups for name, groups in declared.teams[team].groups.by_role().items()}
    if role not in roles:
        raise CommandError(f"no role {role!r}", hint=f"ROLE is one of: {', '.join(roles)}")
    if not roles[role]:
        raise CommandError(
            f"role {role} of team {team} has no groups",
            f"platform.teams.{team}.groups.{role} is empty",
            hint="add a group to it and run `make up`",
        )
    return roles[role][0]


def contexts(files: str) -> list[str]:
    """Names of the contexts in kubeconfig files, which need have no current one; `files` as in $KUBECONFIG."""
    found: list[str] = []
    for file in filter(Path.is_file, map(Path, files.split(os.pathsep))):
        try:
            content = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise CommandError(f"{file} can't be read", str(error), hint="see $KUBECONFIG") from None
        if not isinstance(content, dict):
            raise CommandError(f"{file} is no kubeconfig", hint="see $KUBECONFIG")
        found += [str(each["name"]) for each in content.get("contexts") or []]
    return found


def api_client(context: str) -> client.ApiClient:
    """A client for the cluster of a kube context, as its user."""
    try:
        return config.new_client_from_config(machine.kubeconfig_files(context), context=context)
    except (config.ConfigException, OSError, AttributeError) as error:  # AttributeError: a login method it can't use
        raise CommandError(f"the kube context '{context}' can't be used", str(error), hint="see $KUBECONFIG") from None


def client_of_file(kubeconfig: Path) -> tuple[client.ApiClient, str]:
    """A client as the user of a file's current context, and the name of the context."""
    try:
        _, current = config.list_kube_config_contexts(str(kubeconfig))
        return config.new_client_from_config(str(kubeconfig)), current["name"]
    except (config.ConfigException, OSError, TypeError) as error:
        raise CommandError(f"{kubeconfig} is no kubeconfig", str(error), hint="see `make kubeconfig`") from None


def kubeconfig(api: client.ApiClient, user: str, groups: Sequence[str], namespace: str, seconds: int) -> str:
    """A self-contained kubeconfig: the private key is generated here and stored nowhere else."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _signed(client.CertificatesV1Api(api), _request(key, user, groups), seconds)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    authority = Path(api.configuration.ssl_ca_cert).read_bytes()
    cluster = {"server": api.configuration.host, "certificate-authority-data": _encoded(authority)}
    login = {"client-certificate-data": certificate, "client-key-data": _encoded(private)}
    name = f"{namespace}-{groups[0]}" if groups else namespace
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": login}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": namespace}}],
        "current-context": name,
    }
    return str(yaml.safe_dump(document, sort_keys=False))


def write_private(path: Path, content: str) -> None:
    """Write atomically with mode 0600, whatever mode an existing file has."""
    beside = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)
    beside.replace(path)


def _request(key: ec.EllipticCurvePrivateKey, user: str, groups: Sequence[str]) -> bytes:
    organisations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, user), *organisations])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM)


def _signed(certificates: client.CertificatesV1Api, request: bytes, seconds: int) -> str:
    """Create, approve and delete a CertificateSigningRequest; the certificate in base64."""
    name = f"{DOMAIN.partition('.')[0]}-{uuid4().hex[:12]}"
    spec = {
        "request": _encoded(request),
        "signerName": _SIGNER,
        "usages": ["client auth"],
        "expirationSeconds": seconds,
    }
    body = certificates.create_certificate_signing_request({"metadata": {"name": name}, "spec": spec})
    try:
        approved = {
            "type": "Approved",
            "status": "True",
            "reason": "MakeKubeconfig",
            "message": "requested by make kubeconfig",
        }
        body.status.conditions = [client.V1CertificateSigningRequestCondition(**approved)]
        certificates.replace_certificate_signing_request_approval(name, body)
        return _certificate(certificates, name)
    finally:
        certificates.delete_certificate_signing_request(name)


def _certificate(certificates: client.CertificatesV1Api, name: str) -> str:
    deadline = time.monotonic() + _SIGNED_WITHIN
    while time.monotonic() < deadline:
        if found := certificates.read_certificate_signing_request(name).status.certificate:
            return str(found)
        time.sleep(0.2)
    why = f"the request was approved but not signed within {_SIGNED_WITHIN} s"
    raise CommandError("the cluster signed no certificate", why, hint="see the log of kube-controller-manager")


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()
