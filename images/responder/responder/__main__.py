"""python -m responder idle-runs|canaries: responds to the alerts that fire at ALERTMANAGER_URL, until it is ended.

A silence prevents it. After ten rounds in which nothing went well it ends itself, so that its restarts are noticed.
"""

import os
import signal
import sys
import threading

from responder import canaries, idle_runs
from responder.respond import respond
from responder.servers import Alertmanager, Cluster

SECONDS, FAILURES = 5, 10
RESPONSES = {"idle-runs": idle_runs.RESPONSE, "canaries": canaries.RESPONSE}


def main() -> None:
    url, asked = os.environ.get("ALERTMANAGER_URL"), sys.argv[1:]
    if not url:
        sys.exit("responder: set ALERTMANAGER_URL")
    if len(asked) != 1 or asked[0] not in RESPONSES:
        sys.exit(f"responder: write one of {', '.join(RESPONSES)}")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    alertmanager, cluster, failures = Alertmanager(url), Cluster(), 0
    while not ended.wait(SECONDS):
        failures = 0 if respond(alertmanager, cluster, RESPONSES[asked[0]]) else failures + 1
        if failures == FAILURES:
            sys.exit(1)


if __name__ == "__main__":
    main()
