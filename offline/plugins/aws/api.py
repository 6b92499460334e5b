"""The AWS API through boto3: every request checked against AWS's own models, and none ever sent beyond loopback.

boto3 is imported on first use, as a preview calls nothing. The user's credentials are never read.
"""

from __future__ import annotations

import ipaddress
import threading
from typing import Any
from urllib.parse import urlsplit

from offline.plugins.aws.settings import Settings
from offline.plugins.provider import ProviderError
from offline.plugins.sdk import sdk_version

_FAKE_KEY = "stand-in"
_ADVICE = (
    "set AWS_ENDPOINT_URL to an emulator on loopback, such as http://127.0.0.1:5000; for a real account install the "
)


class NotFound(ProviderError):
    """The API knows no such object."""


class Api:
    """One account as the plugin sees it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str], Any] = {}
        self.account = settings.account
        self._verified = False

    def call(self, service: str, region: str, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """The answer to one request; the first one of all makes sure that it is the right account."""
        self.verify()
        return self._send(service, region, operation, arguments)

    def check(self, service: str, region: str, operation: str, arguments: dict[str, Any]) -> None:
        """Hold a request against AWS's model of it without sending it."""
        from botocore.validate import ParamValidator

        report = ParamValidator().validate(arguments, self.input_shape(service, region, operation))
        if report.has_errors():
            raise ProviderError(f"{operation}: {_one_line(report.generate_report())}")

    def input_shape(self, service: str, region: str, operation: str) -> Any:
        """What AWS's model says of an operation's request."""
        return self._client(service, region).meta.service_model.operation_model(operation).input_shape

    def _send(self, service: str, region: str, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        from botocore import exceptions, xform_name

        try:
            answer = getattr(self._client(service, region), xform_name(operation))(**arguments)
        except exceptions.ParamValidationError as error:
            raise ProviderError(f"{operation}: {_one_line(str(error))}") from error
        except exceptions.ClientError as error:
            raise _refused(operation, error) from error
        except exceptions.EndpointConnectionError as error:
            raise ProviderError(f"{operation}: nothing answers at {self.settings.endpoint(service)}") from error
        except exceptions.BotoCoreError as error:
            raise ProviderError(f"{operation}: {_one_line(str(error))}") from error
        return {key: value for key, value in answer.items() if key != "ResponseMetadata"}

    def verify(self) -> None:
        """Before the first change: is this one of the accounts that may be touched?"""
        with self._lock:
            if self._verified:
                return
        account = str(self._send("sts", self.settings.region, "GetCallerIdentity", {})["Account"])
        allowed, forbidden = self.settings.accounts, self.settings.forbidden
        if (allowed and account not in allowed) or account in forbidden:
            known = f"; allowed are {', '.join(allowed)}" if allowed else ""
            raise ProviderError(f"AWS account ID not allowed: {account}{known}")
        self.account, self._verified = account, True

    def _client(self, service: str, region: str) -> Any:
        with self._lock:
            if (service, region) not in self._clients:
                self._clients[service, region] = self._new_client(service, region)
            return self._clients[service, region]

    def _new_client(self, service: str, region: str) -> Any:
        url = only_loopback(service, self.settings.endpoint(service))
        import boto3
        from botocore.config import Config

        config = Config(
            proxies={},
            inject_host_prefix=False,
            s3={"addressing_style": "path"},
            connect_timeout=5,
            retries={"mode": "standard", "max_attempts": 3},
        )
        session = boto3.Session(_FAKE_KEY, _FAKE_KEY, region_name=region)
        client = session.client(service, endpoint_url=url, config=config)
        client.meta.events.register("before-send", _guard)
        return client


def only_loopback(service: str, url: str | None) -> str:
    """The address, if it never leaves this machine; else one line that says what to set."""
    if url and is_loopback(url):
        return url
    advice = f"{_ADVICE}official plugin (pulumi plugin install resource aws {sdk_version('aws')})"
    where = f"refuses {url} for {service}" if url else f"has no endpoint for {service}"
    raise ProviderError(f"the stand-in for the aws plugin {where}: {advice}")


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine by a loopback address, or as `localhost`."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _guard(request: Any, **_: Any) -> None:
    """The last look before the wire: whatever happened to the address on the way, it is loopback or nothing."""
    if not is_loopback(request.url):
        raise ProviderError(f"the stand-in for the aws plugin refuses to send anything to {request.url}")


def _refused(operation: str, error: Any) -> ProviderError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    message = _one_line(str(error.response.get("Error", {}).get("Message", "")))
    absent = ("NotFound" in code or "NoSuch" in code or code == "404") and "not been implemented" not in message
    return (NotFound if absent else ProviderError)(f"{operation}: {code}: {message}")


def _one_line(text: str) -> str:
    return " ".join(text.split())
