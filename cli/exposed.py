"""How the platform is reached from outside the cluster: for each endpoint a command in which only the key is left to
write, for each page its URL."""

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cli.kubeconfig import write_private
from cli.prediction import model_path
from common import paths


def commands(stack: str, outputs: Mapping[str, Any]) -> Iterator[str]:
    """One for each exposed endpoint; the authority that signed the gateway's certificate is written to a file."""
    gateway = outputs.get("gateway") or {}
    trust = ["--cacert", str(_written(stack, gateway["trusted"]))] if gateway.get("trusted") else []
    for endpoint in outputs.get("endpoints", {}).values():
        if "url" in endpoint:
            yield shlex.join(["curl", *trust, f"{endpoint['url']}{model_path(endpoint)}"]) + _login(endpoint)


def pages(outputs: Mapping[str, Any]) -> Iterator[str]:
    """The platform's own pages, each with the output that has its login."""
    for name in ("tracking", "status", "grafana"):
        page = outputs.get(name) or {}
        if "url" in page and "service" in page:
            yield f"{page['url']} (login: pulumi stack output {name} --show-secrets)"


def _login(endpoint: Mapping[str, Any]) -> str:
    """A placeholder: no key is printed."""
    named = next(iter(endpoint.get("callers") or {}), None)
    if named is not None:
        return f' -H "X-API-Key: <the secret {named}>"'
    return ' -H "Authorization: Bearer <its apiKey>"' if endpoint.get("api_key") else ""


def _written(stack: str, authority: str) -> Path:
    file = paths.STATE / f"gateway-{stack}.pem"
    write_private(file, authority)
    return file
