"""Objects of the cluster as JSON: a model for each of thousands of pods would take seconds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException

Object = Mapping[str, Any]
ON_A_NODE = "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed"
"""The field selector of pods that use what they ask for."""
_SECONDS = 60
"""For one answer."""


class Objects:
    """Reads them by their paths."""

    def __init__(self, api: client.ApiClient) -> None:
        self._api = api

    def items(self, path: str, **query: str) -> list[Object] | None:
        """None if the login may not read them; none at all if the cluster does not know the kind."""
        found = self.get(path, **query)
        return None if found is None else list(found.get("items", []))

    def listed(self, path: str, **query: str) -> list[Object]:
        """As `items`, of a kind that the login must be able to read."""
        found = self.items(path, **query)
        if found is None:
            raise ApiException(status=403, reason=f"Forbidden: {path}")
        return found

    def get(self, path: str, **query: str) -> Object | None:
        """The object; an empty one if there is none, and None if the login may not read it."""
        request = self._api.param_serialize(
            "GET",
            path,
            query_params=list(query.items()),
            header_params={"Accept": "application/json"},
            auth_settings=["BearerToken"],
        )
        response = self._api.call_api(*request, _request_timeout=_SECONDS)
        content = response.read()
        if response.status in (403, 404):
            return None if response.status == 403 else {}
        if response.status != 200:
            raise ApiException(status=response.status, reason=response.reason)
        found: Object = json.loads(content)
        return found


def condition(found: Object, type_: str) -> Object:
    """One of an object's conditions; an empty one if it has none of this type."""
    conditions = found.get("status", {}).get("conditions") or []
    return next((each for each in conditions if each["type"] == type_), {})


def is_true(found: Object, type_: str) -> bool:
    return bool(condition(found, type_).get("status") == "True")
