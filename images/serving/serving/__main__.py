"""python -m serving: loads MODEL_URI, serves it as MODEL_NAME."""

import os
import sys
from collections.abc import Sequence
from threading import Thread

from serving.api_key import NoKeys, read_keys
from serving.app import Service, create_app
from serving.metrics import Metrics
from serving.server import PORT, DrainingServer

REQUIRED = ("MODEL_NAME", "MODEL_URI", "MLFLOW_TRACKING_URI")


def serve(name: str, uri: str, drain_seconds: float, api_keys: Sequence[str]) -> str | None:
    """Answers health checks while the model loads. Returns why it stopped, if not by request."""
    service = Service(name, Metrics(), api_keys=api_keys)
    server = DrainingServer(create_app(service), service, drain_seconds)
    # A daemon, so that a server that is told to stop does not wait for a download.
    Thread(target=load, args=(server, service, uri), daemon=True).start()
    server.run()
    return service.problem


def load(server: DrainingServer, service: Service, uri: str) -> None:
    # MLflow takes seconds to import; health checks are answered meanwhile.
    from serving import registry

    try:
        model = registry.load(service.name, uri)
    except registry.ModelUnavailable as error:
        service.problem = str(error)
        server.should_exit = True
        return
    service.serve(model)
    print(f"serving: {uri} is version {model.identity.version}, on port {PORT}", flush=True)


def main() -> None:
    missing = [variable for variable in REQUIRED if not os.environ.get(variable)]
    if missing:
        sys.exit(f"serving: set {', '.join(missing)}")
    try:
        api_keys = read_keys(os.environ.get("API_KEYS_FILE"))
    except NoKeys as error:
        sys.exit(f"serving: API_KEYS_FILE: {error}")
    problem = serve(os.environ["MODEL_NAME"], os.environ["MODEL_URI"], drain_seconds(), api_keys)
    if problem:
        sys.exit(f"serving: {problem}")


def drain_seconds() -> float:
    text = os.environ.get("DRAIN_SECONDS", "5")
    try:
        return float(text)
    except ValueError:
        sys.exit(f"serving: DRAIN_SECONDS is {text!r}, not a number")


if __name__ == "__main__":
    main()
