"""What the simulator needs to know of the cluster: its simulated nodes and the pods that have their GPUs."""

import json
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
API = "https://kubernetes.default.svc"
SIMULATED, STACK = "ml-platform.io/simulated", "ml-platform.io/stack"
SECONDS = 5

Object = Mapping[str, Any]


class Cluster:
    """Asks the API anew each time: a scrape sees what is true then."""

    def __init__(self, stack: str, namespaces: Sequence[str], account: Path = ACCOUNT, api: str = API) -> None:
        self._stack, self._namespaces = stack, namespaces
        self._account, self._api = account, api
        self._trust = ssl.create_default_context(cafile=str(account / "ca.crt"))

    def nodes(self) -> list[Object]:
        """Of the stack: another may simulate nodes in the same cluster."""
        return self._list("/api/v1/nodes", f"{SIMULATED}=true,{STACK}={self._stack}")

    def pods(self) -> list[Object]:
        """Of the namespaces that it may look into."""
        return [
            pod
            for space in self._namespaces
            for pod in self._list(f"/api/v1/namespaces/{space}/pods", f"{SIMULATED}=true")
        ]

    def _list(self, path: str, selector: str) -> list[Object]:
        token = (self._account / "token").read_text()  # renewed by the kubelet
        url = f"{self._api}{path}?labelSelector={quote(selector)}"
        request = Request(url, headers={"Authorization": f"Bearer {token}"})
        with urlopen(request, timeout=SECONDS, context=self._trust) as answer:
            items: list[Object] = json.load(answer)["items"]
            return items
