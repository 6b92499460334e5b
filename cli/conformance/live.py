"""A running stack, by its cluster's API and by ports that kubectl forwards."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import requests
from kubernetes import client
from kubernetes.client.exceptions import ApiException
from urllib3 import HTTPSConnectionPool
from urllib3.exceptions import InsecureRequestWarning

from cli import proxies
from cli.conformance.stack import Answer, Sample, Stack
from cli.conformance.strangers import strangers
from cli.forward import forward, require_kubectl
from cli.gpu_check.result import last_checks
from cli.objects import Object, Objects
from cli.prediction import model_path
from cli.upgrade.parts import declared_parts
from common import run

_SECONDS = 60
_KUBELET = re.compile(r"v\d")
"""A simulated node has none."""
_PROMETHEUS, _PROMETHEUS_PORT, _HTTPS_PORT = "prometheus", 9090, 443


@dataclass(frozen=True)
class LiveCluster:
    """`context` is the kube context, `environment` has kubectl on its PATH."""

    api: client.ApiClient
    stack: Stack
    context: str
    environment: Mapping[str, str]

    @cached_property
    def objects(self) -> Objects:
        return Objects(self.api)

    def versions(self) -> Mapping[str, str]:
        """Of Kubernetes, of kubelets and container runtimes of real nodes, and the pinned ones of the stack's parts."""
        nodes = [each["status"]["nodeInfo"] for each in self.objects.listed("/api/v1/nodes")]
        real = [each for each in nodes if _KUBELET.match(each["kubeletVersion"])]
        return {
            "kubernetes": str(client.VersionApi(self.api).get_code().git_version),
            "kubelet": ", ".join(sorted({each["kubeletVersion"] for each in real})),
            "container runtime": ", ".join(sorted({each["containerRuntimeVersion"] for each in real})),
            **{part.title: part.version for part in declared_parts(self.stack.declared)},
        }

    def dry_run(self, path: str, manifest: Object) -> Answer:
        request = self.api.param_serialize(
            "POST",
            path,
            query_params=[("dryRun", "All")],
            header_params={"Accept": "application/json", "Content-Type": "application/json"},
            body=dict(manifest),
            auth_settings=["BearerToken"],
        )
        response = self.api.call_api(*request, _request_timeout=_SECONDS)
        content = response.read()
        if response.status in (200, 201):
            return Answer(json.loads(content))
        if response.status == 401:
            raise ApiException(status=401, reason=response.reason)
        return Answer(refusal=_message(content) or f"{response.status} {response.reason}")

    def may(self, groups: Sequence[str], verb: str, resource: str, namespace: str) -> bool:
        attributes = {"verb": verb, "resource": resource, "namespace": namespace}
        members = [*groups, "system:authenticated"]
        spec = {"user": "conformance", "groups": members, "resourceAttributes": attributes}
        review = client.AuthorizationV1Api(self.api).create_subject_access_review({"spec": spec})
        return bool(review.status.allowed)

    def query(self, promql: str) -> list[Sample]:
        where = (self.stack.platform, _PROMETHEUS, _PROMETHEUS_PORT, self.context, self.environment)
        with forward(*where) as address:
            answer = requests.get(f"{address}/api/v1/query", params={"query": promql}, timeout=_SECONDS)
        answer.raise_for_status()
        return [(each["metric"], float(each["value"][1])) for each in answer.json()["data"]["result"]]

    def request(self, endpoint: Mapping[str, Any], key: str | None) -> int:
        """The connection is kubectl's own, to a proxy of the gateway."""
        host, path = str(urlsplit(endpoint["url"]).hostname), f"{urlsplit(endpoint['url']).path}{model_path(endpoint)}"
        namespace, service = proxies.service(self.stack.declared, self.api)
        headers = {"Host": host, **({"Authorization": f"Bearer {key}"} if key else {})}
        with forward(namespace, service, _HTTPS_PORT, self.context, self.environment) as address, _quiet():
            pool = HTTPSConnectionPool(
                "127.0.0.1",
                urlsplit(address).port,
                server_hostname=host,
                cert_reqs="CERT_NONE",
                retries=False,
                timeout=_SECONDS,
            )
            with pool:
                return int(pool.request("GET", path, headers=headers).status)

    def run_in(self, namespace: str, pod: str, command: Sequence[str]) -> str:
        kubectl = require_kubectl(self.environment)
        asked = [kubectl, "--context", self.context, "-n", namespace, "exec", pod, "--", *command]
        return run.output(asked, environment=self.environment)

    def gpu_checks(self, namespace: str, nodes: Sequence[str]) -> Mapping[str, str]:
        return last_checks(self.api, namespace, nodes)

    @contextmanager
    def stranger(self) -> Iterator[tuple[str, str, str]]:
        with strangers(self.api, self.stack) as made:
            yield made


def _message(content: bytes) -> str:
    """Of a Status; there is none for a kind that the server does not know."""
    try:
        return str(json.loads(content).get("message") or "")
    except ValueError:
        return ""


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureRequestWarning)
        yield
