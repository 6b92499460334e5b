"""`pulumi-language-python`: runs Python programs, plugins and policy packs for the engine.

Official releases of the engine include one; an engine built from its Go module has none. A program runs in the virtual
environment that its Pulumi.yaml names, or in that of this process, through the SDK's exec script.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import IO, Any

from google.protobuf.empty_pb2 import Empty

from offline.plugins.protocol import messages, require_this_machine, serve
from offline.plugins.sdk import required_plugins, site_packages

_pb = messages("language")
_ALREADY_EXPLAINED = 32  # exit code of the exec script after it has printed the program's error
_EXEC_SCRIPT = "pulumi-language-python-exec"

Context = Any
Request = Any
Response = Any


class Children:
    """The processes started for the engine. Each ends with its call, and none receives the terminal's SIGINT."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()

    def start(self, context: Context, command: list[str], cwd: str, env: Mapping[str, str], pipes: bool) -> Child:
        output = subprocess.PIPE if pipes else None
        process = subprocess.Popen(
            command,
            cwd=cwd or None,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        with self._lock:
            self._running.add(process)
        if not context.add_callback(process.terminate):
            process.terminate()  # the call ended before its process started
        return process

    def wait(self, process: Child) -> int:
        code = process.wait()
        with self._lock:
            self._running.discard(process)
        return code

    def stop(self) -> None:
        """Stop all of them; SIGTERM ends a Python process without a traceback."""
        with self._lock:
            running = list(self._running)
        for process in running:
            process.terminate()


Child = subprocess.Popen[bytes]


def interpreter(info: Request) -> str:
    """The project's Python (`virtualenv`, relative to the project), or our own."""
    from google.protobuf.json_format import MessageToDict

    folder = MessageToDict(info.options).get("virtualenv") if info.HasField("options") else None
    if not folder:
        return sys.executable
    python = Path(info.root_directory, folder, "bin", "python")
    return str(python) if python.exists() else sys.executable


def _program_env(request: Request) -> dict[str, str]:
    return {
        **os.environ,
        "PULUMI_CONFIG": json.dumps(dict(request.config)),
        "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
    }


def _exec_script() -> str:
    script = shutil.which(_EXEC_SCRIPT)
    if script is None:
        raise FileNotFoundError(f"{_EXEC_SCRIPT} is not on PATH; it belongs beside pulumi-language-python")
    return script


class LanguageHost:
    """One method per RPC of the protocol."""

    def __init__(self, engine_address: str) -> None:
        self._engine = require_this_machine(engine_address) if engine_address else ""
        self._children = Children()

    def stop(self) -> None:
        self._children.stop()

    def Handshake(self, request: Request, context: Context) -> Response:
        self._engine = require_this_machine(request.engine_address or self._engine)
        return _pb.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Request, context: Context) -> Response:
        return messages("plugin").PluginInfo(version=_version("pulumi"))

    def GetRequiredPackages(self, request: Request, context: Context) -> Response:
        plugin = messages("plugin")
        wanted = required_plugins(interpreter(request.info))
        packages = [
            plugin.PackageDependency(kind="resource", name=p.name, version=p.version, server=p.server) for p in wanted
        ]
        return _pb.GetRequiredPackagesResponse(packages=packages)

    def Run(self, request: Request, context: Context) -> Response:
        arguments = {
            "monitor": require_this_machine(request.monitor_address),
            "engine": self._engine,
            "project": request.project,
            "root_directory": request.info.root_directory,
            "stack": request.stack,
            "pwd": request.pwd,
            "dry_run": "true" if request.dryRun else "false",
            "parallel": str(request.parallel),
            "organization": request.organization,
        }
        options = [part for name, value in arguments.items() if value for part in (f"--{name}", value)]
        command = [interpreter(request.info), "-u", _exec_script(), *options]
        command += [request.info.entry_point or request.program or ".", *request.args]
        process = self._children.start(context, command, request.pwd, _program_env(request), pipes=False)
        return _run_result(self._children.wait(process))

    def RunPlugin(self, request: Request, context: Context) -> Iterator[Response]:
        info = request.info
        run = ["-m", "pulumi.policy"] if request.kind == "analyzer" else [info.program_directory]
        folder = [info.program_directory] if request.kind == "analyzer" else []
        command = [interpreter(info), "-u", *run, *request.args, *folder]
        env = dict(entry.split("=", 1) for entry in request.env) or dict(os.environ)
        process = self._children.start(context, command, request.pwd, env, pipes=True)
        for stream, chunk in _output(process):
            yield _pb.RunPluginResponse(**{stream: chunk})
        yield _pb.RunPluginResponse(exitcode=self._children.wait(process))

    def InstallDependencies(self, request: Request, context: Context) -> Iterator[Response]:
        command = ["uv", "sync"] if Path(request.directory, "uv.lock").exists() else None
        command = command or [sys.executable, "-m", "pip", "install", "-r", "requirements.txt"]
        process = self._children.start(context, command, request.directory, os.environ, pipes=True)
        for stream, chunk in _output(process):
            yield _pb.InstallDependenciesResponse(**{stream: chunk})
        if self._children.wait(process) != 0:
            raise RuntimeError(f"{' '.join(command)} failed in {request.directory}")

    def GetProgramDependencies(self, request: Request, context: Context) -> Response:
        paths = [str(path) for path in site_packages(interpreter(request.info))]
        found = [_pb.DependencyInfo(name=d.name, version=d.version) for d in distributions(path=paths)]
        return _pb.GetProgramDependenciesResponse(dependencies=sorted(found, key=lambda d: d.name))

    def About(self, request: Request, context: Context) -> Response:
        return _pb.AboutResponse(executable=interpreter(request.info), version=sys.version.split()[0])

    def Cancel(self, request: Request, context: Context) -> Response:
        self._children.stop()
        return Empty()


def _run_result(code: int) -> Response:
    if code == _ALREADY_EXPLAINED or code < 0:  # negative: stopped by us, because the user cancelled
        return _pb.RunResponse(bail=True)
    return _pb.RunResponse(error=f"Program exited with non-zero exit code: {code}" if code else "")


def _output(process: Child) -> Iterator[tuple[str, bytes]]:
    """Chunks of stdout and stderr, as they arrive."""
    chunks: queue.Queue[tuple[str, bytes]] = queue.Queue()

    def forward(name: str, stream: IO[bytes]) -> None:
        while chunk := os.read(stream.fileno(), 65536):
            chunks.put((name, chunk))
        chunks.put((name, b""))

    streams = {"stdout": process.stdout, "stderr": process.stderr}
    for name, stream in streams.items():
        if stream is not None:
            threading.Thread(target=forward, args=(name, stream), daemon=True).start()
    while streams:
        name, chunk = chunks.get()
        if chunk:
            yield name, chunk
        else:
            del streams[name]


def _version(package: str) -> str:
    from importlib.metadata import version

    return version(package)


def main() -> None:
    """Serve until the engine exits; the engine's address is the last argument that is not an option."""
    addresses = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    host = LanguageHost(addresses[-1] if addresses else "")
    serve(_pb, "LanguageRuntime", host, at_end=host.stop)


if __name__ == "__main__":
    main()
