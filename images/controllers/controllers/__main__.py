"""python -m controllers idle-runs|canaries|autoscaler: goes round until it is ended.

After ten rounds in which nothing went well it ends itself, so that its restarts are noticed.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping

from controllers import autoscaler, canaries, idle_runs
from controllers.alerts import Response, respond
from controllers.servers import Alertmanager, Cluster

FAILURES = 10
RESPONSES = {"idle-runs": idle_runs.RESPONSE, "canaries": canaries.RESPONSE}
SCALING = "autoscaler"
Round = Callable[[], bool]
"""Whether anything went well."""


def main() -> None:
    match sys.argv[1:]:
        case [name] if name in RESPONSES:
            go_round(_responding(RESPONSES[name]), seconds=5)
        case [name] if name == SCALING:
            scaler = autoscaler.started(os.environ, Cluster())
            go_round(scaler.round, seconds=1)
        case _:
            sys.exit(f"controllers: write one of {', '.join([*RESPONSES, SCALING])}")


def go_round(round_: Round, seconds: float) -> None:
    ended, failures = threading.Event(), 0
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    while not ended.wait(seconds):
        failures = 0 if round_() else failures + 1
        if failures == FAILURES:
            sys.exit(1)


def _responding(response: Response, environment: Mapping[str, str] = os.environ) -> Round:
    url = environment.get("ALERTMANAGER_URL")
    if not url:
        sys.exit("controllers: set ALERTMANAGER_URL")
    alertmanager, cluster = Alertmanager(url), Cluster()
    return lambda: respond(alertmanager, cluster, response)


if __name__ == "__main__":
    main()
