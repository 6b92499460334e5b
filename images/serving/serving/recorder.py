"""Keeps of each answer what a canary compares, while there is one that gets mirrored requests."""

import re

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.answers import LONGEST_ID, Answer, Answers
from serving.metrics import is_inference

REQUEST_ID = "x-request-id"
"""The gateway gives each request an ID, and its copy the same one."""
_WRITTEN_OUT = re.compile(r"[0-9A-Za-z-]+")
"""As it is in JSON."""


class Recorder:
    """Requests without an ID did not come through the gateway. An answer is kept after it was sent."""

    def __init__(self, app: ASGIApp, answers: Answers, model: str) -> None:
        self._app = app
        self._answers = answers
        self._model = model

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = self._id(scope)
        if request is None:
            return await self._app(scope, receive, send)
        answer = Answer()
        Request(scope).state.outputs = answer.outputs

        async def remember(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status = message["status"]
            await send(message)

        try:
            return await self._app(scope, receive, remember)
        finally:
            if answer.status:
                self._answers.add(request, answer)

    def _id(self, scope: Scope) -> str | None:
        if scope["type"] != "http" or not is_inference(scope["path"], self._model) or not self._answers.wanted():
            return None
        found = Headers(scope=scope).get(REQUEST_ID)
        return found if found and len(found) <= LONGEST_ID and _WRITTEN_OUT.fullmatch(found) else None


def recorded_outputs(request: Request) -> dict[str, str] | None:
    """Where the digests of its outputs belong; None: they are not compared."""
    return getattr(request.state, "outputs", None)
