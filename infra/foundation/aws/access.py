"""Waits until a new cluster lets its administrators in.

EKS applies access entries some seconds after it has accepted them. The Kubernetes provider asks the cluster once, when
it starts, and refuses everything afterwards if it was refused itself.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import time
from base64 import b64decode
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pulumi

SECONDS = 300
_PAUSE, _TIMEOUT = 2, 15
_REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_EVERYTHING = {"resourceAttributes": {"verb": "*", "group": "*", "resource": "*"}}


async def accepted(kubeconfig: str) -> str:
    """The same kubeconfig, once its cluster lets the caller do everything. Previews don't ask."""
    if not pulumi.runtime.is_dry_run():
        await asyncio.to_thread(wait, kubeconfig)
    return kubeconfig


def wait(kubeconfig: str, seconds: float = SECONDS) -> None:
    """Raises `pulumi.RunError` if the caller is still refused after so many seconds."""
    deadline = time.monotonic() + seconds
    while (reason := refusal(kubeconfig)) is not None:
        if time.monotonic() > deadline:
            raise pulumi.RunError(
                f"the cluster does not let you in: {reason}; run `up` as one of foundation.aws.cluster.admins, from an "
                "address in publicCidrs"
            )
        time.sleep(_PAUSE)


def refusal(kubeconfig: str) -> str | None:
    """Why the cluster does not let the caller in; None if it does."""
    parts = json.loads(kubeconfig)
    cluster, login = parts["clusters"][0]["cluster"], parts["users"][0]["user"]["exec"]
    try:
        answer = _ask(cluster["server"], cluster["certificate-authority-data"], _token(login))
    except HTTPError as error:
        return f"{error.code} {error.reason}"
    except (URLError, TimeoutError, OSError, ValueError) as error:
        return str(getattr(error, "reason", error))
    return None if answer["status"]["allowed"] else "it knows you, but you have no rights yet"


def _token(login: dict[str, Any]) -> str:
    """As the exec plugin of the kubeconfig gives it."""
    done = subprocess.run([login["command"], *login["args"]], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"{login['command']} failed")
    token: str = json.loads(done.stdout)["status"]["token"]
    return token


def _ask(server: str, authority: str, token: str) -> dict[str, Any]:
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": _EVERYTHING}
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = Request(f"{server}{_REVIEW}", json.dumps(review).encode(), headers)
    trust = ssl.create_default_context(cadata=b64decode(authority).decode())
    with urlopen(request, timeout=_TIMEOUT, context=trust) as answer:
        found: dict[str, Any] = json.load(answer)
        return found
