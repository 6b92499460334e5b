"""From the body of a request to that of its response.

Small bodies are decoded in the event loop, which takes less time than to pass them to a thread. Large ones would keep
health checks waiting. What takes much memory is done for one request at a time.
"""

from collections.abc import Sequence

from starlette.concurrency import run_in_threadpool

from serving.body import Body, read_request, size_of_json
from serving.call import Call
from serving.datatypes import Array
from serving.digests import digests
from serving.limits import LARGE_BYTES, Admission
from serving.model import Model
from serving.protocol import InferenceRequest
from serving.runner import Runner

Recorded = dict[str, str] | None
"""Gets the digests of the outputs, if they are compared."""


async def infer(
    runner: Runner, admission: Admission, body: bytes, json_size: str | None, recorded: Recorded = None
) -> Body:
    model = runner.model
    if is_slow(model, body, json_size):
        async with admission.large:
            return await run_in_threadpool(decode_and_answer, runner, body, json_size, recorded)
    request = read_request(body, json_size)
    call = model.prepare(request)
    if len(body) > LARGE_BYTES and not runner.batches(call):
        async with admission.large:
            return await run_in_threadpool(answer, runner, request, call, recorded)
    arrays = await runner.run(call)
    if is_large(arrays):
        async with admission.large:
            return await run_in_threadpool(respond, model, request, call, arrays, recorded)
    return respond(model, request, call, arrays, recorded)


def decode_and_answer(runner: Runner, body: bytes, json_size: str | None, recorded: Recorded) -> Body:
    request = read_request(body, json_size)
    return answer(runner, request, runner.model.prepare(request), recorded)


def answer(runner: Runner, request: InferenceRequest, call: Call, recorded: Recorded) -> Body:
    return respond(runner.model, request, call, runner.run_alone(call), recorded)


def respond(model: Model, request: InferenceRequest, call: Call, arrays: Sequence[Array], recorded: Recorded) -> Body:
    if recorded is not None:
        recorded.update(digests(call.outputs, arrays))
    return model.respond(request, call, arrays)


def is_slow(model: Model, body: bytes, json_size: str | None) -> bool:
    """To decode. Numbers in binary are not decoded at all."""
    return (len(body) if model.takes_text else size_of_json(body, json_size)) > LARGE_BYTES


def is_large(arrays: Sequence[Array]) -> bool:
    """Texts may be long."""
    return any(array.dtype == object or array.nbytes > LARGE_BYTES for array in arrays)
