"""python -m stopper: stops the runs of the alerts that fire at ALERTMANAGER_URL, until it is ended.

A silence protects a run. After ten failures in a row it ends itself, so that its restarts are noticed.
"""

import os
import signal
import sys
import threading

from stopper.servers import Alertmanager, Cluster, Unanswered
from stopper.stop import stop_idle_runs

SECONDS, FAILURES = 10, 10


def main() -> None:
    url = os.environ.get("ALERTMANAGER_URL")
    if not url:
        sys.exit("stopper: set ALERTMANAGER_URL")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    alertmanager, cluster, failures = Alertmanager(url), Cluster(), 0
    while not ended.wait(SECONDS):
        try:
            for run in stop_idle_runs(alertmanager.firing(), cluster):
                print(f"stopped {run}: idle GPUs", flush=True)
            failures = 0
        except Unanswered as error:
            failures += 1
            print(f"stopper: {error}", file=sys.stderr, flush=True)
            if failures == FAILURES:
                sys.exit(1)


if __name__ == "__main__":
    main()
