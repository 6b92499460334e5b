"""One stack's dashboards, in a folder of the stack's own: another stack may show the same in the same Grafana."""

import copy
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboards.grafana import Grafana

_LONGEST_UID = 40


@dataclass(frozen=True)
class Datasource:
    """Which Prometheus dashboards begin with; a viewer may still pick another."""

    name: str
    uid: str


def push(grafana: Grafana, stack: str, files: Path, datasource: Datasource | None) -> Iterator[str]:
    """Puts them there, and says of each where it is."""
    title = f"ml-platform-{stack}"
    folder = short(title)
    grafana.put_folder(folder, title)
    for file in sorted(files.glob("*.json")):
        dashboard = of_stack(json.loads(file.read_text()), stack, datasource)
        yield f"{dashboard['title']}: {grafana.url}{grafana.put_dashboard(dashboard, folder)}"


def of_stack(dashboard: Mapping[str, Any], stack: str, datasource: Datasource | None) -> dict[str, Any]:
    """The same under an address of its own; `id` belongs to one Grafana and is given by it."""
    own = copy.deepcopy(dict(dashboard)) | {"id": None, "uid": short(f"{dashboard['uid']}-{stack}")}
    if datasource is not None:
        for variable in own["templating"]["list"]:
            if variable["type"] == "datasource":
                variable["current"] = {"text": datasource.name, "value": datasource.uid}
    return own


def short(uid: str) -> str:
    """Grafana takes 40 characters; what is longer is cut and stays unique."""
    if len(uid) <= _LONGEST_UID:
        return uid
    return f"{uid[: _LONGEST_UID - 9]}-{hashlib.sha256(uid.encode()).hexdigest()[:8]}"


def managed_prometheus(stack: str, url: str, region: str) -> dict[str, Any]:
    """A workspace of Amazon Managed Prometheus as a data source, asked with the role that Grafana itself has."""
    name = f"ml-platform-{stack}"
    signed = {"httpMethod": "POST", "sigV4Auth": True, "sigV4AuthType": "ec2_iam_role", "sigV4Region": region}
    return {
        "uid": short(name),
        "name": name,
        "type": "prometheus",
        "access": "proxy",
        "url": url,
        "jsonData": signed,
    }
