"""python -m serving: serves MODEL_URI as MODEL_NAME, and follows its alias to other versions."""

import os
import sys
from functools import partial
from threading import Event, Thread

from serving.answers import Answers
from serving.api_key import NoKeys, read_keys
from serving.app import Service, create_app
from serving.device import NoDevice, require_device
from serving.limits import Admission, Limits
from serving.metrics import Metrics
from serving.server import DrainingServer
from serving.shadow import Shadow, servers

WAITING_SECONDS = 2.0
"""Between questions for a first version."""
REQUIRED = ("MODEL_NAME", "MODEL_URI", "MLFLOW_TRACKING_URI")


def serve(service: Service, uri: str, drain_seconds: float, poll_seconds: float) -> str | None:
    """Answers health checks while the model loads. Returns why it stopped, if not by request."""
    server = DrainingServer(create_app(service), service, drain_seconds)
    # A daemon, so that a server that is told to stop does not wait for a download.
    Thread(target=follow, args=(server, service, uri, poll_seconds), daemon=True).start()
    server.run()
    return service.problem


def follow(server: DrainingServer, service: Service, uri: str, poll_seconds: float) -> None:
    """Serves the version that the URI names now, and each other one that it names later."""
    # MLflow takes seconds to import; health checks are answered meanwhile.
    from serving.registry import ModelUnavailable
    from serving.versions import Versions

    versions, never = Versions(service, uri), Event()
    while True:
        try:
            versions.update()
        except ModelUnavailable as error:
            service.problem = str(error)
            server.should_exit = True
            return
        never.wait(poll_seconds if service.model is not None else min(poll_seconds, WAITING_SECONDS))


def main() -> None:
    missing = [variable for variable in REQUIRED if not os.environ.get(variable)]
    if missing:
        sys.exit(f"serving: set {', '.join(missing)}")
    try:
        api_keys = read_keys(os.environ.get("API_KEYS_FILE"))
    except NoKeys as error:
        sys.exit(f"serving: API_KEYS_FILE: {error}")
    try:
        require_device()
    except NoDevice as error:
        sys.exit(f"serving: {error}")
    drain, poll = seconds("DRAIN_SECONDS", "5"), seconds("POLL_SECONDS", "10")
    limits = Limits(
        count("MAX_REQUEST_BYTES", Limits.request_bytes),
        count("MAX_CONCURRENT_REQUESTS", Limits.requests),
        count("MAX_BATCH_SIZE", Limits.batch_rows),
    )
    name = os.environ["MODEL_NAME"]
    stable = os.environ.get("STABLE_PODS")
    metrics, answers = Metrics(name, os.environ.get("CALLERS_FILE"), shadow=bool(stable)), Answers(always=bool(stable))
    service = Service(name, metrics, api_keys=api_keys, admission=Admission(limits), answers=answers)
    if stable:
        Thread(target=Shadow(answers, partial(servers, stable), service.compared).follow, daemon=True).start()
    problem = serve(service, os.environ["MODEL_URI"], drain, poll)
    if problem:
        sys.exit(f"serving: {problem}")


def seconds(variable: str, default: str) -> float:
    text = os.environ.get(variable, default)
    try:
        return float(text)
    except ValueError:
        sys.exit(f"serving: {variable} is {text!r}, not a number")


def count(variable: str, default: int) -> int:
    text = os.environ.get(variable, str(default))
    if not (text.isascii() and text.isdigit() and int(text)):
        sys.exit(f"serving: {variable} is {text!r}, not a positive number")
    return int(text)


if __name__ == "__main__":
    main()
