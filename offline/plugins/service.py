"""Translates the engine's ResourceProvider RPCs into calls of a `Provider`, with plain Python values."""

from __future__ import annotations

import json
import threading
import traceback
from collections.abc import Callable
from functools import wraps
from typing import Any

import grpc

from offline.plugins.diff import Diff
from offline.plugins.marshal import Bag, decode, encode
from offline.plugins.protocol import EngineLog, messages, serve
from offline.plugins.provider import CheckError, Naming, Provider, ProviderError
from offline.plugins.sdk import sdk_version

_pb = messages("provider")
ABANDONED_SECONDS = 60.0
_ENGINE_SETTINGS = frozenset({"version", "pluginDownloadURL", "__internal", "__pulumi_internal"})

Context = Any
Request = Any
Response = Any


def serve_provider(provider: Provider, engine_address: str) -> None:
    """Serve the plugin until the engine exits."""
    if engine_address:
        provider.engine = EngineLog(engine_address)
    service = _Service(provider)
    serve(_pb, "ResourceProvider", service, at_end=service.finish)


def _call(method: Callable[[_Service, Request, Context], Response]) -> Callable[[_Service, Request, Context], Response]:
    """Turn errors into a status with one message; tracebacks are logged at debug level."""

    @wraps(method)
    def guarded(self: _Service, request: Request, context: Context) -> Response:
        try:
            return method(self, request, context)
        except ProviderError as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except Exception as error:
            self.provider.log(getattr(request, "urn", ""), "debug", traceback.format_exc(), ephemeral=False)
            context.abort(grpc.StatusCode.UNKNOWN, f"{type(error).__name__}: {error}")

    return guarded


def _without_engine_settings(bag: Bag) -> Bag:
    return {key: value for key, value in bag.items() if key not in _ENGINE_SETTINGS}


def _checked(check: Callable[[], Bag]) -> Response:
    try:
        return _pb.CheckResponse(inputs=encode(check()))
    except CheckError as error:
        failures = [_pb.CheckFailure(property=name, reason=reason) for name, reason in error.failures]
        return _pb.CheckResponse(failures=failures)


def _naming(request: Request) -> Naming:
    if not request.HasField("autonaming"):
        return Naming(request.randomSeed)
    options = request.autonaming
    return Naming(request.randomSeed, options.proposed_name, options.mode == type(options).DISABLE)


def _diff_response(diff: Diff) -> Response:
    kinds = _pb.PropertyDiff.Kind
    detailed = {
        path: _pb.PropertyDiff(
            kind=kinds.Value(change.upper() + ("_REPLACE" if diff.replaced(path) else "")), inputDiff=True
        )
        for path, change in diff.detailed.items()
    }
    return _pb.DiffResponse(
        changes=_pb.DiffResponse.DIFF_SOME if diff.changed else _pb.DiffResponse.DIFF_NONE,
        replaces=diff.replaces,
        diffs=sorted({path.split(".")[0].split("[")[0] for path in diff.detailed}),
        detailedDiff=detailed,
        hasDetailedDiff=bool(detailed),
        deleteBeforeReplace=diff.delete_before_replace,
    )


class _Creations:
    """Counts creations in progress."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = threading.Condition()

    def __enter__(self) -> None:
        with self._changed:
            self._count += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._count == 0, seconds)


class _Service:
    """One method per RPC of the protocol."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._creations = _Creations()

    def finish(self) -> None:
        """Wait for creations in progress, whose engine may have been killed."""
        self.provider.cancelled.set()
        self._creations.wait(ABANDONED_SECONDS)

    def _undo_if_abandoned(self, request: Request, context: Context, id: str, inputs: Bag, outputs: Bag) -> None:
        """Delete an object that no engine will record: it would be an orphan, and block the next attempt."""
        if not request.preview and not context.is_active():
            self.provider.delete(request.urn, id, inputs, outputs, 0.0)

    @_call
    def Attach(self, request: Request, context: Context) -> Response:
        self.provider.engine = EngineLog(request.address)
        return _empty()

    @_call
    def GetPluginInfo(self, request: Request, context: Context) -> Response:
        return messages("plugin").PluginInfo(version=sdk_version(self.provider.name))

    @_call
    def GetSchema(self, request: Request, context: Context) -> Response:
        schema = {"name": self.provider.name, "version": sdk_version(self.provider.name)}
        return _pb.GetSchemaResponse(schema=json.dumps(schema))

    @_call
    def CheckConfig(self, request: Request, context: Context) -> Response:
        news = decode(request.news)
        return _checked(lambda: self.provider.check_config(request.urn, decode(request.olds), news))

    @_call
    def DiffConfig(self, request: Request, context: Context) -> Response:
        olds = decode(request.old_inputs if request.HasField("old_inputs") else request.olds)
        old, new = (_without_engine_settings(bag) for bag in (olds, decode(request.news)))
        return _diff_response(self.provider.diff_config(request.urn, old, new))

    @_call
    def Configure(self, request: Request, context: Context) -> Response:
        self.provider.configure(_without_engine_settings(decode(request.args)))
        return _pb.ConfigureResponse(
            acceptSecrets=self.provider.accept_secrets, supportsPreview=True, supports_autonaming_configuration=True
        )

    @_call
    def Check(self, request: Request, context: Context) -> Response:
        olds, news, naming = decode(request.olds), decode(request.news), _naming(request)
        return _checked(lambda: self.provider.check(request.urn, olds, news, naming))

    @_call
    def Diff(self, request: Request, context: Context) -> Response:
        olds, outputs, news = decode(request.old_inputs), decode(request.olds), decode(request.news)
        ignored = list(request.ignoreChanges)
        return _diff_response(self.provider.diff(request.urn, request.id, olds, outputs, news, ignored))

    @_call
    def Create(self, request: Request, context: Context) -> Response:
        inputs = decode(request.properties)
        with self._creations:
            id, outputs = self.provider.create(request.urn, inputs, request.preview, request.timeout)
            self._undo_if_abandoned(request, context, id, inputs, outputs)
        return _pb.CreateResponse(id=id, properties=encode(outputs))

    @_call
    def Update(self, request: Request, context: Context) -> Response:
        outputs = self.provider.update(
            request.urn,
            request.id,
            decode(request.old_inputs),
            decode(request.olds),
            decode(request.news),
            request.preview,
            request.timeout,
            list(request.ignoreChanges),
        )
        return _pb.UpdateResponse(properties=encode(outputs))

    @_call
    def Read(self, request: Request, context: Context) -> Response:
        found = self.provider.read(request.urn, request.id, decode(request.inputs), decode(request.properties))
        if found is None:
            return _pb.ReadResponse(id="")
        id, inputs, outputs = found
        return _pb.ReadResponse(id=id, inputs=encode(inputs), properties=encode(outputs))

    @_call
    def Delete(self, request: Request, context: Context) -> Response:
        inputs, outputs = decode(request.old_inputs), decode(request.properties)
        self.provider.delete(request.urn, request.id, inputs, outputs, request.timeout)
        return _empty()

    @_call
    def Invoke(self, request: Request, context: Context) -> Response:
        result = encode(self.provider.invoke(request.tok, decode(request.args)))
        return _pb.InvokeResponse(**{"return": result})

    @_call
    def Cancel(self, request: Request, context: Context) -> Response:
        self.provider.cancelled.set()
        return _empty()


def _empty() -> Response:
    from google.protobuf.empty_pb2 import Empty

    return Empty()
