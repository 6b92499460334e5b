"""python -m stopper: stops the runs of the alerts that fire at ALERTMANAGER_URL, until it is ended.

A silence protects a run. After ten rounds in which nothing went well it ends itself, so that its restarts are noticed.
"""

import os
import signal
import sys
import threading
from collections.abc import Mapping
from typing import Any

from stopper.servers import Alertmanager, Cluster, Unanswered
from stopper.stop import Workloads, stop_idle_run

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
        failures = 0 if stop_idle_runs(alertmanager, cluster) else failures + 1
        if failures == FAILURES:
            sys.exit(1)


def stop_idle_runs(alertmanager: Alertmanager, cluster: Workloads) -> bool:
    """Whether anything went well. A run that can't be stopped, such as of a team that is gone, holds up no other."""
    try:
        alerts = list(alertmanager.firing())
    except Unanswered as error:
        return _failed(error)
    went_well = [_stop(alert, cluster) for alert in alerts]
    return any(went_well) or not alerts


def _stop(alert: Mapping[str, Any], cluster: Workloads) -> bool:
    try:
        for run in stop_idle_run(alert, cluster):
            print(f"stopped {run}: idle GPUs", flush=True)
    except Unanswered as error:
        return _failed(error)
    return True


def _failed(error: Unanswered) -> bool:
    print(f"stopper: {error}", file=sys.stderr, flush=True)
    return False


if __name__ == "__main__":
    main()
