"""Run inside the image."""

import json
import unittest
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from controllers.alerts import Objects, Response, respond
from controllers.servers import Alertmanager, Unanswered
from fakes import Cluster

HERE, GONE = {"labels": {"namespace": "vision"}}, {"labels": {"namespace": "gone"}}


def act(alert: Mapping[str, Any], cluster: Objects) -> Iterator[str]:
    namespace = alert["labels"]["namespace"]
    cluster.patch(namespace, cluster.read(namespace))
    yield f"did it in {namespace}"


RESPONSE = Response(('then="stop"',), act)


class Firing(BaseHTTPRequestHandler):
    alerts: ClassVar = [HERE]

    def do_GET(self) -> None:
        asked = parse_qsl(urlsplit(self.path).query)
        wanted = [("silenced", "false"), ("inhibited", "false"), ("filter", 'then="stop"')]
        self.send_response(200 if set(wanted) <= set(asked) else 500)
        self.end_headers()
        self.wfile.write(json.dumps(self.alerts).encode())

    def log_message(self, format: str, *arguments: object) -> None:
        """A test's output is its own."""


class FiringOfOneThatIsGone(Firing):
    alerts: ClassVar = [GONE]


class FiringOfTwo(Firing):
    alerts: ClassVar = [GONE, HERE]


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


class Rounds(unittest.TestCase):
    def test_an_alert_without_a_response_holds_up_no_other(self) -> None:
        for handler, changed, well in (
            (Firing, ["vision"], True),
            (FiringOfTwo, ["vision"], True),
            (FiringOfOneThatIsGone, [], False),
        ):
            cluster = Cluster({"vision": {}})
            with served(handler) as url:
                self.assertEqual(respond(Alertmanager(url), cluster, RESPONSE), well)
            self.assertEqual([path for path, _ in cluster.patches], changed)

    def test_without_an_answer_nothing_is_done(self) -> None:
        cluster = Cluster({"vision": {}})
        with served(Firing) as url:
            pass
        self.assertFalse(respond(Alertmanager(url), cluster, RESPONSE))
        self.assertEqual(cluster.patches, [])

    def test_alerts_that_are_silenced_or_of_others_are_not_asked_for(self) -> None:
        with served(Firing) as url:
            self.assertEqual(list(Alertmanager(url).firing(RESPONSE.to)), [HERE])

    def test_a_server_that_does_not_answer_is_named(self) -> None:
        with served(Firing) as url:
            pass
        with self.assertRaisesRegex(Unanswered, url):
            Alertmanager(url).firing(())


if __name__ == "__main__":
    unittest.main()
