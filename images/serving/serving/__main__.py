"""python -m serving: loads MODEL_URI, serves it as MODEL_NAME."""

import asyncio
import os
import sys

from serving.app import Service, create_app
from serving.metrics import Metrics
from serving.server import PORT, DrainingServer

REQUIRED = ("MODEL_NAME", "MODEL_URI", "MLFLOW_TRACKING_URI")


async def serve(name: str, uri: str, drain_seconds: float) -> str | None:
    """Answers health checks while the model loads. Returns why it stopped, if not by request."""
    service = Service(name, Metrics())
    server = DrainingServer(create_app(service), service, drain_seconds)
    serving = asyncio.create_task(server.serve())
    problem = await asyncio.to_thread(load, service, uri)
    server.should_exit |= problem is not None
    await serving
    return problem


def load(service: Service, uri: str) -> str | None:
    # MLflow takes seconds to import; health checks are answered meanwhile.
    from serving import registry

    try:
        model = registry.load(service.name, uri)
    except registry.ModelUnavailable as error:
        return str(error)
    service.serve(model)
    print(f"serving: {uri} is version {model.identity.version}, on port {PORT}", flush=True)
    return None


def main() -> None:
    missing = [variable for variable in REQUIRED if not os.environ.get(variable)]
    if missing:
        sys.exit(f"serving: set {', '.join(missing)}")
    problem = asyncio.run(serve(os.environ["MODEL_NAME"], os.environ["MODEL_URI"], drain_seconds()))
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
