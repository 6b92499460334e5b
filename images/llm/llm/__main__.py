"""python -m llm: serves the model version MODEL_URI as MODEL_NAME, and its adapters by their names in ADAPTERS.

With MODEL_SHA256, MODEL_URI is a file in a dataset that has this digest.
"""

import os
import sys
from collections.abc import Mapping
from threading import Thread

from llm import dataset
from llm.adapters import BadAdapters, download_adapters, read_adapters
from llm.api_key import NoKeys, read_keys
from llm.app import Service, create_app
from llm.engine import Engine, EngineFailed, Settings
from llm.metrics import Metrics
from llm.server import DrainingServer
from llm.weights import WeightsUnavailable, download

REQUIRED = ("MODEL_NAME", "MODEL_URI", "MLFLOW_TRACKING_URI")


def load(server: DrainingServer, service: Service, uri: str, digest: str | None, uris: Mapping[str, str]) -> None:
    """Health checks are answered meanwhile. Ends the server if there is nothing to serve, now or later."""
    try:
        adapters = download_adapters(uris)
        weights = dataset.find(uri, digest) if digest else download(uri)
        settings = Settings(
            file=str(weights.file),
            model=service.model,
            requests=service.requests,
            context=count("CONTEXT_LENGTH", 4096),
            threads=count("OMP_NUM_THREADS", 1),
            adapters={name: str(adapter.file) for name, adapter in adapters.items()},
        )
        engine = Engine(settings)
        dataset.require_unchanged(weights)
        service.serve({service.model: weights, **adapters}, engine.url)
        print(f"llm: {' and '.join([uri, *uris.values()])}: loaded", flush=True)
        service.problem = engine.wait()
    except (WeightsUnavailable, EngineFailed) as error:
        service.problem = str(error)
    server.should_exit = True


def main() -> None:
    missing = [variable for variable in REQUIRED if not os.environ.get(variable)]
    if missing:
        sys.exit(f"llm: set {', '.join(missing)}")
    try:
        api_keys = read_keys(os.environ.get("API_KEYS_FILE"))
    except NoKeys as error:
        sys.exit(f"llm: API_KEYS_FILE: {error}")
    model = os.environ["MODEL_NAME"]
    try:
        adapters = read_adapters(os.environ.get("ADAPTERS"), model)
    except BadAdapters as error:
        sys.exit(f"llm: ADAPTERS: {error}")
    service = Service(
        model,
        Metrics(model, os.environ.get("CALLERS_FILE")),
        api_keys,
        request_bytes=count("MAX_REQUEST_BYTES", 4 * 2**20),
        requests=count("MAX_CONCURRENT_REQUESTS", 32),
        adapters=[*adapters],
    )
    grace = count("GRACE_SECONDS", 60)
    server = DrainingServer(create_app(service), service, count("PORT", 8080), count("DRAIN_SECONDS", 5), grace)
    source = os.environ["MODEL_URI"], os.environ.get("MODEL_SHA256")
    Thread(target=load, args=(server, service, *source, adapters), daemon=True).start()
    server.run()
    if service.problem:
        sys.exit(f"llm: {service.problem}")
    # At once: Python would wait for the threads of a download.
    os._exit(0)


def count(variable: str, default: int) -> int:
    text = os.environ.get(variable, str(default))
    if not (text.isascii() and text.isdigit() and int(text)):
        sys.exit(f"llm: {variable} is {text!r}, not a positive number")
    return int(text)


if __name__ == "__main__":
    main()
