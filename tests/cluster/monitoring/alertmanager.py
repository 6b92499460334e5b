"""A real Alertmanager on this machine's loopback, with the configuration that the platform writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import docker
import requests
import yaml

from infra.declaration.monitoring import Monitoring
from infra.observability.alertmanager_config import SECRETS, alertmanager_config
from tests.ports import free_port
from tests.waiting import eventually

Labels = Mapping[str, str]

AT_ONCE = {"notifications": {"groupWait": "1s", "groupInterval": "1s", "repeatInterval": "1h"}}


@dataclass(frozen=True)
class Alertmanager:
    """`secrets` is the folder in which it finds a file for each."""

    address: str
    secrets: Path

    def fire(self, *alerts: Labels, **annotations: str) -> None:
        """All at the same moment, as one evaluation finds them."""
        self._send(alerts, datetime.now(UTC), datetime.now(UTC) + timedelta(hours=1), annotations)

    def end(self, *alerts: Labels, **annotations: str) -> None:
        """They are over."""
        self._send(alerts, datetime.now(UTC) - timedelta(seconds=1), datetime.now(UTC), annotations)

    def failed(self, integration: str) -> bool:
        """Whether some notification by it has not been delivered."""
        page = requests.get(f"{self.address}/metrics", timeout=30).text
        name = f'alertmanager_notifications_failed_total{{integration="{integration}"'
        return any(line.startswith(name) and float(line.split()[-1]) > 0 for line in page.splitlines())

    def is_ready(self) -> bool:
        try:
            return requests.get(f"{self.address}/-/ready", timeout=5).ok
        except requests.ConnectionError:
            return False

    def _send(self, alerts: tuple[Labels, ...], begin: datetime, end: datetime, annotations: Labels) -> None:
        more = {"annotations": dict(annotations), "startsAt": begin.isoformat(), "endsAt": end.isoformat()}
        sent = [{"labels": dict(labels), **more} for labels in alerts]
        requests.post(f"{self.address}/api/v2/alerts", json=sent, timeout=30).raise_for_status()


@contextmanager
def run(
    client: docker.DockerClient,
    image: str,
    folder: Path,
    settings: Mapping[str, Any],
    secrets: Mapping[str, str],
    authority: bytes = b"",
) -> Iterator[Alertmanager]:
    """The image as pods run it; `authority` is the only one whose certificates it believes."""
    port = free_port()
    document = alertmanager_config(Monitoring.model_validate({**AT_ONCE, **settings}), "ml-platform")
    given = _files(folder / "given", {"alertmanager.yml": yaml.safe_dump(document)})
    named = _files(folder / "secrets", secrets)
    trusted = _files(folder / "trusted", {"ca.pem": authority.decode()})
    container = client.containers.run(
        image,
        ["alertmanager", f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="],
        environment={"SSL_CERT_FILE": "/trusted/ca.pem"},
        volumes={
            str(given): {"bind": "/etc/given", "mode": "ro"},
            str(named): {"bind": SECRETS, "mode": "ro"},
            str(trusted): {"bind": "/trusted", "mode": "ro"},
        },
        network_mode="host",
        read_only=True,
        cap_drop=["ALL"],
        tmpfs={"/tmp": "mode=1777", "/data": "uid=65532,gid=65532,mode=0750"},
        detach=True,
    )
    try:
        started = Alertmanager(f"http://127.0.0.1:{port}", named)
        eventually(started.is_ready, 60, "Alertmanager")
        yield started
    finally:
        container.remove(force=True, v=True)


def _files(folder: Path, texts: Mapping[str, str]) -> Path:
    """Readable by the container's user."""
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    for name, text in texts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o644)
    return folder
