"""A platform that is partly unwell, as the cluster, Prometheus and Alertmanager would tell of it.

`python sample.py FOLDER` serves its page; dashboards are read from the folder. Login: admin, sample.
"""

import json
import math
import sys
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path

import httpx
import uvicorn
from sample_objects import ALERTS, DECLARED, NOW, OBJECTS
from status.app import create_app
from status.login import Login
from status.page import Page
from status.sources import Alertmanager, Cluster, Prometheus

PASSWORD = "sample"
Transport = httpx.MockTransport


def cluster_answers(request: httpx.Request) -> httpx.Response:
    if request.headers.get("authorization") != "Bearer the-token":
        return httpx.Response(401, json={"message": "Unauthorized"})
    return httpx.Response(200, json={"items": OBJECTS.get(request.url.path, [])})


def alertmanager_answers(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json=ALERTS)


LABELS = (
    {"node": "local-node", "namespace": "vision", "endpoint": "digits", "version": "3", "gpu": "0", "kind": "real"},
    {"node": "a10g-0", "namespace": "speech", "endpoint": "words", "version": "7", "gpu": "0", "kind": "simulated"},
    {"node": "a10g-1", "namespace": "platform", "endpoint": "lost", "version": "1", "gpu": "1", "kind": "simulated"},
)


def prometheus_answers(request: httpx.Request) -> httpx.Response:
    """Two or three waves for whatever is asked."""
    asked = request.url.params
    seed = sum(map(ord, asked["query"])) % 97
    found = [
        ({**labels, "job": labels["node"], "resource": "pods", "severity": "none"}, number + seed / 7)
        for number, labels in enumerate(LABELS[: 1 if "sum(" in asked["query"] else 2 + seed % 2])
    ]

    def value(time: float, phase: float) -> str:
        return f"{0.45 + 0.35 * math.sin(time / 2400 + phase) * math.cos(time / 700 + phase):.4f}"

    if request.url.path.endswith("query_range"):
        start, end, step = (float(asked[name]) for name in ("start", "end", "step"))
        times = [start + step * number for number in range(int((end - start) / step) + 1)]
        series = [
            {"metric": metric, "values": [[time, value(time, phase)] for time in times]} for metric, phase in found
        ]
        return httpx.Response(200, json={"data": {"resultType": "matrix", "result": series}})
    time = NOW.timestamp()
    series = [{"metric": metric, "value": [time, value(time, phase)]} for metric, phase in found]
    return httpx.Response(200, json={"data": {"resultType": "vector", "result": series}})


def nobody_answers(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("All connection attempts failed", request=request)


Answers = Callable[[httpx.Request], httpx.Response] | Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]


def page(
    folder: Path,
    dashboards: Path,
    cluster: Answers = cluster_answers,
    prometheus: Answers = prometheus_answers,
    alertmanager: Answers = alertmanager_answers,
) -> Page:
    """The page with those answers; `folder` takes its files."""
    (folder / "token").write_text("the-token")
    (folder / "stack.json").write_text(json.dumps(DECLARED))
    return Page(
        Cluster(folder, transport=Transport(cluster)),
        Prometheus("http://prometheus", transport=Transport(prometheus)),
        Alertmanager("http://alertmanager", transport=Transport(alertmanager)),
        folder / "stack.json",
        dashboards,
    )


def door(folder: Path) -> Login:
    (folder / "passwords").write_text(f"before\n{PASSWORD}\nafter\n")
    return Login(folder / "passwords")


if __name__ == "__main__":
    scratch = Path(tempfile.mkdtemp())
    down = nobody_answers if "down" in sys.argv[2:] else None
    answering = {"cluster": down, "prometheus": down, "alertmanager": down} if down else {}
    app = create_app(page(scratch, Path(sys.argv[1]), **answering), door(scratch))
    uvicorn.run(app, host="0.0.0.0", port=8080, access_log=False, log_level="warning")
