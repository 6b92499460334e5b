"""Pulumi's gRPC protocol, without importing the SDK.

The SDK contains the generated messages, but importing them also runs `pulumi/__init__.py`, which takes a third of a
second per plugin process. Here the same files are loaded as a separate package. Services are served from their
descriptors: a method that an implementation lacks returns UNIMPLEMENTED, as the engine expects.
"""

from __future__ import annotations

import ipaddress
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import grpc

MAX_MESSAGE = 400 * 1024 * 1024
CHANNEL_OPTIONS = [("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.max_send_message_length", MAX_MESSAGE)]
THREADS = 64
_PACKAGE = "offline.plugins.messages"


def messages(name: str) -> Any:
    """The generated module `<name>_pb2` of the installed SDK."""
    if _PACKAGE not in sys.modules:
        spec = find_spec("pulumi")
        if spec is None or spec.origin is None:
            raise ImportError("the Python package 'pulumi' is not installed beside this plugin")
        package = ModuleType(_PACKAGE)
        package.__path__ = [str(Path(spec.origin).parent / "runtime" / "proto")]
        sys.modules[_PACKAGE] = package
    return import_module(f"{_PACKAGE}.{name}_pb2")


def _handlers(file: Any, service: str, implementation: object) -> grpc.GenericRpcHandler:
    from google.protobuf.message_factory import GetMessageClass

    descriptor = file.DESCRIPTOR.services_by_name[service]
    methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
    for method in descriptor.methods:
        function = getattr(implementation, method.name, None)
        if function is None:
            continue
        make: Callable[..., Any] = (
            grpc.unary_stream_rpc_method_handler if method.server_streaming else grpc.unary_unary_rpc_method_handler
        )
        methods[method.name] = make(
            function,
            request_deserializer=GetMessageClass(method.input_type).FromString,
            response_serializer=GetMessageClass(method.output_type).SerializeToString,
        )
    return grpc.method_handlers_generic_handler(descriptor.full_name, methods)


def serve(file: Any, service: str, implementation: object, at_end: Callable[[], None] = lambda: None) -> None:
    """Serve on a free loopback port, print the port for the engine, and exit with the engine."""
    server = grpc.server(ThreadPoolExecutor(max_workers=THREADS), options=[*CHANNEL_OPTIONS, ("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((_handlers(file, service, implementation),))
    port = server.add_insecure_port("127.0.0.1:0")
    stopped = threading.Event()
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
    ):  # how the engine stops a plugin; the terminal's SIGINT doesn't reach it
        signal.signal(number, lambda *_: stopped.set())
    server.start()
    print(port, flush=True)
    engine = os.getppid()
    while not stopped.wait(1) and os.getppid() == engine:
        pass
    at_end()
    sys.stdout.flush()
    os._exit(0)  # waiting threads must not keep a plugin alive without its engine


def is_this_machine(address: str) -> bool:
    """Whether `host:port` is a loopback address."""
    host = urlsplit(f"//{address}").hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require_this_machine(address: str) -> str:
    """The engine's address; a stand-in serves an engine of this machine only."""
    if not is_this_machine(address):
        raise ValueError(f"the engine at {address} is not on this machine: stand-in plugins serve a local engine only")
    return address


class EngineLog:
    """The engine's Log call: lines in the display, or (ephemeral) the status column of a resource."""

    def __init__(self, address: str) -> None:
        self._engine = messages("engine")
        channel = grpc.insecure_channel(require_this_machine(address), options=CHANNEL_OPTIONS)
        self._log: Callable[..., Any] = channel.unary_unary(
            "/pulumirpc.Engine/Log", request_serializer=self._engine.LogRequest.SerializeToString
        )

    def __call__(self, urn: str, severity: str, message: str, ephemeral: bool) -> None:
        """Send one message; a closed display does not fail the operation."""
        level = self._engine.LogSeverity.Value(severity.upper())
        text = message.encode("utf-8", "replace").decode()
        request = self._engine.LogRequest(severity=level, message=text, urn=urn, ephemeral=ephemeral)
        try:
            self._log(request, timeout=5)
        except grpc.RpcError:
            return
