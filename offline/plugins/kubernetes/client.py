"""The official Python client, as far as needed: kubeconfigs with their ways to log in, TLS, and raw requests.

Importing it costs more than all the rest of the plugin, so it happens with the first request: a run that changes
nothing asks no cluster and never pays for it.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass

from .objects import Json

_POOL = 64  # as many connections as the plugin has threads


class NoAnswer(Exception):
    """The request got no answer."""


@dataclass
class Connection:
    """One client with its pool of connections."""

    client: Json

    def send(
        self, method: str, url: str, body: Json, content_type: str, timeout: tuple[float, float]
    ) -> tuple[int, bytes]:
        """One request: its status and the answer's bytes."""
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        headers = {"Accept": "application/json", **self.client.default_headers}
        if body is not None:
            headers["Content-Type"] = content_type
        self.client.update_params_for_auth(headers, [], ["BearerToken"], url, method, body)
        target = self.client.configuration.host + url
        try:
            answer = self.client.rest_client.request(method, target, headers, body, _request_timeout=timeout)
            return answer.status, answer.read()
        except (HTTPError, ApiException, OSError) as error:
            raise NoAnswer(str(getattr(error, "reason", None) or error)) from error


def connect(files: list[str], text: str, context: str, cluster: str) -> Connection:
    """A client for kubeconfig files, or for the text of one; raises where it can't be understood."""
    import urllib3
    from kubernetes.client import ApiClient, Configuration
    from kubernetes.config import ConfigException, load_incluster_config, load_kube_config_from_dict
    from kubernetes.config.kube_config import KubeConfigMerger

    logging.getLogger("urllib3").setLevel(logging.ERROR)
    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    settings = Configuration()
    settings.connection_pool_maxsize = _POOL
    if files:
        config = KubeConfigMerger(os.pathsep.join(files)).config.value
    elif text:
        config = _parse(text)
    elif os.environ.get("KUBERNETES_SERVICE_HOST"):
        load_incluster_config(client_configuration=settings)
        return Connection(ApiClient(settings))
    else:
        raise ConfigException("no kubeconfig: neither a provider setting, nor KUBECONFIG, nor ~/.kube/config")
    chosen = context or config.get("current-context", "")
    if cluster:
        config = _with_cluster(config, chosen, cluster)
    load_kube_config_from_dict(config, context=chosen or None, client_configuration=settings, persist_config=False)
    return Connection(ApiClient(settings))


def _parse(text: str) -> dict[str, Json]:
    import yaml
    from kubernetes.config import ConfigException

    found = yaml.safe_load(text)
    if not isinstance(found, dict):
        raise ConfigException("it is neither the path of a file nor a kubeconfig in YAML")
    return found


def _with_cluster(config: dict[str, Json], context: str, cluster: str) -> dict[str, Json]:
    contexts = [
        {**entry, "context": {**entry["context"], "cluster": cluster}} if entry["name"] == context else entry
        for entry in config.get("contexts", [])
    ]
    return {**config, "contexts": contexts}
