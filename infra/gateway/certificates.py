"""Certificates of the gateway: between its parts, and for callers where the foundation has none for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from infra.catalogue.names import PROJECT
from infra.networking.gateway import CONTROLLER
from infra.secrets.authority import Authority, Certificate
from infra.secrets.derive import derived_password
from infra.secrets.generated import GeneratedPassword


def tls_secret(
    name: str, metadata: ObjectMetaArgs, files: Mapping[str, pulumi.Input[str]], opts: pulumi.ResourceOptions
) -> pulumi.Resource:
    """`files` as a Secret for TLS."""
    return kubernetes.core.v1.Secret(name, metadata=metadata, type="kubernetes.io/tls", string_data=files, opts=opts)


class Certificates:
    """Signed by the stack's own authority, which is rotated like a password: the previous and the next one are trusted
    too, so that servers and those who call them may be updated in any order."""

    def __init__(self, platform: str, password: GeneratedPassword) -> None:
        self._platform, self._password = platform, password

    @property
    def trusted(self) -> pulumi.Output[str]:
        """What callers trust, in PEM."""
        together = pulumi.Output.all(*self._password.accepted).apply(
            lambda secrets: "".join(self._authority(slot, each).certificate for slot, each in enumerate(secrets))
        )
        return pulumi.Output.unsecret(together)

    def of_controller(self, namespace: str) -> dict[str, pulumi.Input[str]]:
        """Files of the controller, to which proxies connect."""
        service = f"{CONTROLLER}.{namespace}.svc"
        hosts = [CONTROLLER, f"{CONTROLLER}.{namespace}", service, f"{CONTROLLER}.{namespace}.svc.cluster.local"]
        return self._files(lambda own: own.issue(CONTROLLER, hosts))

    def of_proxy(self, namespace: str) -> dict[str, pulumi.Input[str]]:
        """Files of the proxies, by which the controller knows them."""
        return self._files(lambda own: own.issue("proxy", [f"*.{namespace}"]))

    def of_hosts(self, hosts: Sequence[str]) -> dict[str, pulumi.Input[str]]:
        """What callers of these hosts see. Browsers accept no certificate of many years, so it is renewed by the first
        update of each."""
        year = datetime.now(UTC).year
        begins, ends = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 4, 1, tzinfo=UTC)
        return self._files(lambda own: own.issue(hosts[0], hosts, begins, ends))

    def cookie_key(self) -> pulumi.Output[str]:
        """Envoy Gateway asks for one when it starts, and has no use for it here."""
        return self._password.current.apply(lambda secret: derived_password(secret, "cookies"))

    def _files(self, issue: Callable[[Authority], Certificate]) -> dict[str, pulumi.Input[str]]:
        issued = self._password.current.apply(lambda secret: issue(self._authority(self._password.slot, secret)))
        return {
            "ca.crt": self.trusted,
            "tls.crt": issued.apply(lambda each: each.certificate),
            "tls.key": issued.apply(lambda each: each.key),
        }

    def _authority(self, slot: int, secret: str) -> Authority:
        return Authority(f"{PROJECT} {self._platform} {slot}", secret)
