"""llama.cpp's server, in a process of its own on a loopback port: loading blocks its interpreter, and it handles
signals itself.

python -m llm.engine: serves the file of `Settings` on the command line, until its standard input is closed.
"""

import json
import os
import re
import subprocess
import sys
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from threading import Thread
from typing import IO

_HOST = "127.0.0.1"
_MORE_THREADS = 4
"""Of HTTP, beside one for each request: for metrics."""
_LAST_LINES = 20
_ADAPTER_FAILED = re.compile(r"failed to load lora adapter '(?P<file>.+)'")
_BECAUSE = re.compile(r"failed to apply lora adapter: (?P<reason>.+)")


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
    adapters: Mapping[str, str] = field(default_factory=dict)
    """Their files by name. Requests refer to them by their position."""


class Engine:
    """A running process, once the model is loaded."""

    def __init__(self, settings: Settings) -> None:
        command = [sys.executable, "-m", "llm.engine", json.dumps(asdict(settings))]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="backslashreplace",
            start_new_session=True,
        )
        assert self._process.stdout is not None and self._process.stderr is not None
        self._log = _Log(self._process.stderr)
        self._log.start()
        self.url = self._process.stdout.readline().strip()
        if not self.url:
            ended = self.wait()
            failed = self._log.failed_adapter(settings.adapters)
            raise EngineFailed(failed or f"llama.cpp could not load the model; {ended}; its log has the reason")

    def wait(self) -> str:
        """Until the process ends: how it did."""
        with self._process as ended:
            status = ended.wait()
            self._log.join()
            return f"llama.cpp has ended with status {status}"


class _Log(Thread):
    """Copies llama.cpp's log to that of the pod, and knows its last lines."""

    def __init__(self, lines: IO[str]) -> None:
        super().__init__(daemon=True)
        self._lines = lines
        self._last: deque[str] = deque(maxlen=_LAST_LINES)

    def run(self) -> None:
        for line in self._lines:
            self._last.append(line)
            print(line, end="", file=sys.stderr, flush=True)

    def failed_adapter(self, adapters: Mapping[str, str]) -> str | None:
        """Which adapter could not be loaded, and why; None: another reason ended llama.cpp."""
        text = "".join(self._last)
        failed, because = _ADAPTER_FAILED.search(text), _BECAUSE.search(text)
        names = [name for name, file in adapters.items() if failed and file == failed["file"]]
        reason = because["reason"] if because else "its log has the reason"
        return f"adapter '{names[0]}': llama.cpp could not load it: {reason}" if names else None


def _serve(settings: Settings) -> None:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = settings.file
    params.model_alias = {settings.model}
    params.hostnames, params.port = [_HOST], 0
    params.n_parallel, params.n_ctx = settings.requests, settings.requests * settings.context
    params.n_threads_http = settings.requests + _MORE_THREADS
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings.threads
    if settings.adapters:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(file, 0.0) for file in settings.adapters.values()]
    # Of prompts beyond those of the slots: it would grow to 8 GiB whatever the pod's memory, and does not know by which
    # adapter each was computed.
    params.cache_ram_mib = 0
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
