"""Sends requests to the application without a network."""

from dataclasses import dataclass

from starlette.types import ASGIApp, Message


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


async def post(app: ASGIApp, path: str, body: bytes, **headers: object) -> Answer:
    """Underscores in names of headers stand for hyphens."""
    requests: list[Message] = [{"type": "http.request", "body": body}]
    responses: list[Message] = []

    async def receive() -> Message:
        return requests.pop(0)

    async def send(message: Message) -> None:
        responses.append(message)

    pairs = [(name.replace("_", "-").lower().encode(), str(value).encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": pairs}
    await app(scope, receive, send)
    start = responses.pop(0)
    answered = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], answered, b"".join(message["body"] for message in responses))
