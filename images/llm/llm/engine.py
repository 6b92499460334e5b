"""llama.cpp's server, in a process of its own on a loopback port: loading blocks its interpreter, and it handles
signals itself.

python -m llm.engine: serves the file of `Settings` on the command line, until its standard input is closed.
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass

_HOST = "127.0.0.1"
_MORE_THREADS = 4
"""Of HTTP, beside one for each request: for metrics."""


class EngineFailed(Exception):
    """llama.cpp could not load the model, or has ended."""


@dataclass(frozen=True)
class Settings:
    file: str
    model: str
    """Its name in responses."""
    requests: int
    """How many are processed at a time; each has its own context."""
    context: int
    """Tokens of a request, with those of its response."""
    threads: int


class Engine:
    """A running process, once the model is loaded."""

    def __init__(self, settings: Settings) -> None:
        command = [sys.executable, "-m", "llm.engine", json.dumps(asdict(settings))]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        if not self.url:
            raise EngineFailed(f"llama.cpp could not load the model; {self.wait()}; its log has the reason")

    def wait(self) -> str:
        """Until the process ends: how it did."""
        with self._process as ended:
            return f"llama.cpp has ended with status {ended.wait()}"


def _serve(settings: Settings) -> None:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = settings.file
    params.model_alias = {settings.model}
    params.hostnames, params.port = [_HOST], 0
    params.n_parallel, params.n_ctx = settings.requests, settings.requests * settings.context
    params.n_threads_http = settings.requests + _MORE_THREADS
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings.threads
    params.fit_params = False
    params.endpoint_metrics = True
    params.endpoint_slots = params.endpoint_props = params.ui = False
    try:
        server = xllamacpp.Server(params)
    except RuntimeError:
        sys.exit(1)
    print(server.listening_address, flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    _serve(Settings(**json.loads(sys.argv[1])))
