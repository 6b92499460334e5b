"""python -m dashboards: puts the dashboards in DASHBOARDS into the Grafana at GRAFANA_URL, for the stack STACK.

The token is in TOKEN_FILE, or made for the WORKSPACE of Amazon Managed Grafana. Dashboards begin with the data source
DATASOURCE, or with Amazon Managed Prometheus at PROMETHEUS_URL, which becomes one.
"""

import os
import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from dashboards import workspace
from dashboards.grafana import Grafana, Refused, Unreachable
from dashboards.push import Datasource, managed_prometheus, push

UNREACHABLE, REFUSED = 1, 2
"""Exit codes."""
SECONDS, PAUSE = 180, 10
"""Seconds in which an unreachable Grafana may become reachable, and between two attempts."""


def main(environment: Mapping[str, str], seconds: float = SECONDS) -> int:
    end = time.monotonic() + seconds
    while (code := _attempt(environment)) == UNREACHABLE and time.monotonic() < end:
        time.sleep(PAUSE)
    return code


def _attempt(environment: Mapping[str, str]) -> int:
    """The exit code; whatever has been put there already may be put there again."""
    try:
        with _token(environment) as token:
            grafana = Grafana(environment["GRAFANA_URL"], token)
            datasource = _datasource(grafana, environment)
            for line in push(grafana, environment["STACK"], Path(environment["DASHBOARDS"]), datasource):
                print(line)
    except Unreachable as error:
        print(f"dashboards are not in Grafana yet: {error}", file=sys.stderr, flush=True)
        return UNREACHABLE
    except Refused as error:
        print(f"dashboards can't be put into Grafana: {error}", file=sys.stderr, flush=True)
        return REFUSED
    return 0


def _token(environment: Mapping[str, str]) -> AbstractContextManager[str]:
    if "WORKSPACE" in environment:
        return workspace.token(environment["WORKSPACE"])
    return nullcontext(Path(environment["TOKEN_FILE"]).read_text().strip())


def _datasource(grafana: Grafana, environment: Mapping[str, str]) -> Datasource | None:
    if "PROMETHEUS_URL" in environment:
        made = managed_prometheus(environment["STACK"], environment["PROMETHEUS_URL"], environment["AWS_REGION"])
        grafana.put_datasource(made)
        return Datasource(made["name"], made["uid"])
    name = environment.get("DATASOURCE")
    return Datasource(name, grafana.datasource(name)) if name else None


if __name__ == "__main__":
    sys.exit(main(os.environ))
