"""Run inside the image."""

import json
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from stopper.__main__ import stop_idle_runs
from stopper.servers import Alertmanager, Unanswered
from stopper.stop import STOP, stop_idle_run

RUN = "digits-0123abcd"


def alert(run: str = RUN, since: str = "2026-11-20T10:30:00.123Z") -> dict[str, Any]:
    return {"labels": {"namespace": "vision", "job_name": run}, "startsAt": since}


def workload(
    kind: str = "Job", run: str = RUN, admitted: str = "2026-11-20T10:00:00Z", status: str = "True", active: bool = True
) -> dict[str, Any]:
    meta = {"name": f"{kind.lower()}-{run}-x", "ownerReferences": [{"kind": kind, "name": run}]}
    condition = {"type": "Admitted", "status": status, "lastTransitionTime": admitted}
    return {"metadata": meta, "spec": {"active": active}, "status": {"conditions": [condition]}}


class Workloads:
    def __init__(self, *found: dict[str, Any]) -> None:
        self.found, self.changed = found, list[tuple[str, str, Any]]()

    def workloads(self, namespace: str) -> list[dict[str, Any]]:
        return list(self.found) if namespace == "vision" else []

    def change(self, namespace: str, name: str, patch: Any) -> None:
        self.changed.append((namespace, name, patch))


class Stop(unittest.TestCase):
    def test_the_run_of_an_alert_is_stopped_and_no_other(self) -> None:
        for kind in ("Job", "JobSet"):
            cluster = Workloads(workload(run="other"), workload(kind))
            self.assertEqual(list(stop_idle_run(alert(), cluster)), [f"vision/{RUN}"])
            self.assertEqual(cluster.changed, [("vision", f"{kind.lower()}-{RUN}-x", STOP)])

    def test_what_does_not_run_or_was_started_again_since_is_left_alone(self) -> None:
        for left in (
            workload(active=False),
            workload(status="False"),
            workload(admitted="2026-11-20T10:30:01Z"),
            {**workload(), "status": {}},
        ):
            cluster = Workloads(left)
            self.assertEqual(list(stop_idle_run(alert(), cluster)), [])
            self.assertEqual(cluster.changed, [])


class Firing(BaseHTTPRequestHandler):
    alerts: ClassVar = [alert()]

    def do_GET(self) -> None:
        asked = parse_qsl(urlsplit(self.path).query)
        wanted = [("silenced", "false"), ("inhibited", "false"), ("filter", 'then="stop"')]
        self.send_response(200 if set(wanted) <= set(asked) else 500)
        self.end_headers()
        self.wfile.write(json.dumps(self.alerts).encode())

    def log_message(self, format: str, *arguments: object) -> None:
        """A test's output is its own."""


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class FiringOfOneThatIsGone(Firing):
    alerts: ClassVar = [{**alert(), "labels": {"namespace": "gone", "job_name": RUN}}]


class FiringOfTwo(Firing):
    alerts: ClassVar = [*FiringOfOneThatIsGone.alerts, alert()]


class WithoutOne(Workloads):
    def workloads(self, namespace: str) -> list[dict[str, Any]]:
        if namespace == "gone":
            raise Unanswered("GET .../gone/workloads: 403 Forbidden")
        return super().workloads(namespace)


class Servers(unittest.TestCase):
    def test_a_run_that_can_not_be_stopped_holds_up_no_other(self) -> None:
        for handler, stopped, well in (
            (Firing, [f"job-{RUN}-x"], True),
            (FiringOfTwo, [f"job-{RUN}-x"], True),
            (FiringOfOneThatIsGone, [], False),
        ):
            cluster = WithoutOne(workload())
            with served(handler) as url:
                self.assertEqual(stop_idle_runs(Alertmanager(url), cluster), well)
            self.assertEqual([name for _, name, _ in cluster.changed], stopped)

    def test_without_an_answer_none_is_stopped(self) -> None:
        cluster = Workloads(workload())
        with served(Firing) as url:
            pass
        self.assertFalse(stop_idle_runs(Alertmanager(url), cluster))
        self.assertEqual(cluster.changed, [])

    def test_alerts_that_are_silenced_or_only_notify_are_not_asked_for(self) -> None:
        with served(Firing) as url:
            self.assertEqual(list(Alertmanager(url).firing()), [alert()])

    def test_a_server_that_does_not_answer_is_named(self) -> None:
        with served(Firing) as url:
            pass
        with self.assertRaisesRegex(Unanswered, url):
            Alertmanager(url).firing()


if __name__ == "__main__":
    unittest.main()
