"""From the body of a request to that of its response.

Small bodies are decoded in the event loop, which takes less time than to pass them to a thread. Large ones would keep
health checks waiting. What takes much memory is done for one request at a time.
"""

from collections.abc import Sequence

from starlette.concurrency import run_in_threadpool

from serving.body import Body, read_request, size_of_json
from serving.call import Call
from serving.datatypes import Array
from serving.limits import LARGE_BYTES, Admission
from serving.model import Model
from serving.protocol import InferenceRequest
from serving.runner import Runner


async def infer(runner: Runner, admission: Admission, body: bytes, json_size: str | None) -> Body:
    model = runner.model
    if is_slow(model, body, json_size):
        async with admission.large:
            return await run_in_threadpool(decode_and_answer, runner, body, json_size)
    request = read_request(body, json_size)
    call = model.prepare(request)
    if len(body) > LARGE_BYTES and not runner.batches(call):
        async with admission.large:
            return await run_in_threadpool(answer, runner, request, call)
    arrays = await runner.run(call)
    if is_large(arrays):
        async with admission.large:
            return await run_in_threadpool(model.respond, request, call, arrays)
    return model.respond(request, call, arrays)


def decode_and_answer(runner: Runner, body: bytes, json_size: str | None) -> Body:
    request = read_request(body, json_size)
    return answer(runner, request, runner.model.prepare(request))


def answer(runner: Runner, request: InferenceRequest, call: Call) -> Body:
    return runner.model.respond(request, call, runner.run_alone(call))


def is_slow(model: Model, body: bytes, json_size: str | None) -> bool:
    """To decode. Numbers in binary are not decoded at all."""
    return (len(body) if model.takes_text else size_of_json(body, json_size)) > LARGE_BYTES


def is_large(arrays: Sequence[Array]) -> bool:
    """Texts may be long."""
    return any(array.dtype == object or array.nbytes > LARGE_BYTES for array in arrays)
