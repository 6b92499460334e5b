"""Serves a file as the image does, without a registry.

python serve_file.py FILE CALLERS_FILE PORT DRAIN GRACE ADAPTER...: adapters are files, and have their names.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from threading import Thread

from llm.app import Service, create_app
from llm.engine import Engine, Settings
from llm.metrics import Metrics
from llm.server import DrainingServer
from llm.weights import Weights

MODEL, KEY, REQUESTS, REQUEST_BYTES = "chat", "a-key", 2, 64 * 2**10
CONTEXT = 16384


def main(file: str, callers: str, port: int, drain: int, grace: int, adapters: Mapping[str, str]) -> None:
    service = Service(MODEL, Metrics(MODEL, callers), ("previous", KEY), REQUEST_BYTES, REQUESTS, adapters=[*adapters])

    def load() -> None:
        engine = Engine(Settings(file, MODEL, REQUESTS, CONTEXT, 1, adapters))
        found = {name: Weights(Path(each), "7", f"models:/{name}/7", "r2", 2.0) for name, each in adapters.items()}
        service.serve({MODEL: Weights(Path(file), "3", "models:/chat/3", "r1", 1.0), **found}, engine.url)
        service.problem = engine.wait()
        server.should_exit = True

    server = DrainingServer(create_app(service), service, port, drain, grace)
    Thread(target=load, daemon=True).start()
    server.run()
    if service.problem:
        sys.exit(service.problem)


if __name__ == "__main__":
    served, callers_file, port, drain, grace, *files = sys.argv[1:]
    main(served, callers_file, int(port), int(drain), int(grace), {Path(each).stem: each for each in files})
