"""The provider's settings: region, accounts, default tags, endpoints."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from offline.plugins.marshal import UNKNOWN, Bag
from offline.plugins.provider import CheckError, setting

EXAMPLE_ACCOUNT = "123456789012"  # AWS's own example, and the account of an emulator that was told nothing else
_PARTITIONS = {"cn-": ("aws-cn", "amazonaws.com.cn"), "us-gov-": ("aws-us-gov", "amazonaws.com")}
_NO_REGION = "missing region: set region on the provider, or AWS_REGION"


@dataclass(frozen=True)
class Settings:
    """What the resources of one provider share."""

    region: str
    accounts: tuple[str, ...] = ()
    """The allowed ones; the first is the account that a preview speaks of."""
    forbidden: tuple[str, ...] = ()
    default_tags: dict[str, Any] = field(default_factory=dict)
    endpoints: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, config: Bag) -> Settings:
        tags = _plain(setting(config, "defaultTags", {})).get("tags")
        return cls(
            region_of(config),
            _texts(setting(config, "allowedAccountIds", [])),
            _texts(setting(config, "forbiddenAccountIds", [])),
            dict(_plain(tags)),
            _endpoints(setting(config, "endpoints", [])),
        )

    @property
    def account(self) -> str:
        return self.accounts[0] if self.accounts else EXAMPLE_ACCOUNT

    @property
    def partition(self) -> str:
        return partition_of(self.region)[0]

    def endpoint(self, service: str) -> str | None:
        """The provider's endpoint for a service, else the environment's, as AWS's own tools read it."""
        variable = f"AWS_ENDPOINT_URL_{service.upper()}"
        return self.endpoints.get(service) or os.environ.get(variable) or os.environ.get("AWS_ENDPOINT_URL") or None


def region_of(config: Bag) -> Any:
    """The declared region, else the environment's; it may be unknown yet."""
    region = config.get("region")
    found = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") if region is None else region
    if found is UNKNOWN or (isinstance(found, str) and found):
        return found
    raise CheckError([("region", _NO_REGION)])


def partition_of(region: str) -> tuple[str, str]:
    """The partition and DNS suffix that a region belongs to."""
    prefixes = (prefix for prefix in _PARTITIONS if str(region).startswith(prefix))
    return _PARTITIONS.get(next(prefixes, ""), ("aws", "amazonaws.com"))


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def _plain(value: Any) -> Bag:
    return value if isinstance(value, dict) else {}


def _endpoints(value: Any) -> dict[str, str]:
    entries = [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
    named = {service: str(url) for entry in entries for service, url in entry.items() if url}
    return {**named, "logs": named.get("logs") or named.get("cloudwatchlogs", "")}
