"""Compares the answers of a canary that gets mirrored requests with those of the endpoint's own servers.

The copy of a request has the ID of the original, which any of the endpoint's pods may have answered. The canary asks
each of them for digests of the answers with the IDs that it has got, so that no answer leaves its server.
"""

import http.client
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.json import Decoder, encode

from serving.answers import LONGEST_ID, Answer, Answers
from serving.limits import Limits

PATH = "/shadow/answers"
"""Outside of the protocol's paths, which are all that the gateway has a route for."""
SAME, DIFFERENT, UNMATCHED = "same", "different", "unmatched"
WHOLE = ""
"""In place of an output: of an answer that is none, or is not known."""
ROUND_SECONDS, TIMEOUT_SECONDS = 1.0, 2.0
BUSY = {http.HTTPStatus.TOO_MANY_REQUESTS, http.HTTPStatus.SERVICE_UNAVAILABLE}
AT_ONCE = 16
"""Servers."""
MOST_ASKED = 1000
"""IDs in one request."""

QUESTION = Decoder(Annotated[list[Annotated[str, Meta(max_length=LONGEST_ID)]], Meta(max_length=MOST_ASKED)])
QUESTION_LIMITS = Limits(request_bytes=2 * LONGEST_ID * MOST_ASKED)
_REPLY = Decoder(dict[str, Answer])
Ask = Callable[[Sequence[str]], Mapping[str, Answer] | None]
"""One server, about requests by their IDs; None: it does not answer."""
Count = Callable[[str, str, int], None]
"""An output's results."""


class Shadow:
    """Of one server of the canary."""

    def __init__(self, answers: Answers, servers: Callable[[], Sequence[Ask]], count: Count) -> None:
        self._answers, self._servers, self._count = answers, servers, count

    def follow(self) -> None:
        while True:
            self.round()
            time.sleep(ROUND_SECONDS)

    def round(self) -> None:
        """Ask all servers even if there is nothing to compare: so they know that their answers are wanted. All at once,
        since one that does not answer must not keep the others waiting."""
        servers, requests = self._servers(), self._answers.requests()
        with ThreadPoolExecutor(max(1, min(len(servers), AT_ONCE))) as threads:
            self._compare([*threads.map(partial(known_to, requests=requests), servers)])
        self._count(WHOLE, UNMATCHED, self._answers.dropped())

    def _compare(self, replies: Sequence[Mapping[str, Answer]]) -> None:
        for request in {request for reply in replies for request in reply}:
            own = self._answers.take(request)
            theirs = [reply[request] for reply in replies if request in reply]
            for output, result in compare(own, likeliest(own, theirs)).items() if own else ():
                self._count(output, result, 1)


def known_to(ask: Ask, requests: Sequence[str]) -> Mapping[str, Answer]:
    """What a server knows of requests; no more of one that does not answer."""
    found: dict[str, Answer] = {}
    for begin in range(0, max(1, len(requests)), MOST_ASKED):
        reply = ask(requests[begin : begin + MOST_ASKED])
        if reply is None:
            break
        found.update(reply)
    return found


def likeliest(own: Answer, theirs: Sequence[Answer]) -> Answer:
    """The one that the caller got: a request that was sent again may have had a failure before, from another server."""
    return min(theirs, key=lambda answer: (answer != own, answer.status))


def compare(own: Answer, other: Answer) -> Mapping[str, str]:
    """By output. A refusal or a failure has none: it is the same as one with the same status. One for want of capacity
    says nothing about the model."""
    if {own.status, other.status} & BUSY:
        return {WHOLE: UNMATCHED}
    if own.status != other.status:
        return {WHOLE: DIFFERENT}
    names = own.outputs.keys() | other.outputs.keys() or {WHOLE}
    return {name: SAME if own.outputs.get(name) == other.outputs.get(name) else DIFFERENT for name in names}


def servers(address: str) -> Sequence[Ask]:
    """All behind `host:port`, by a headless Service: none if the endpoint has no pods."""
    host, _, port = address.rpartition(":")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [asking(str(each[0]), int(port)) for each in sorted({info[4] for info in found})]


def asking(host: str, port: int) -> Ask:
    def ask(requests: Sequence[str]) -> Mapping[str, Answer] | None:
        """None if it does not answer, such as one that ends; its requests stay unmatched."""
        connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("POST", PATH, encode(requests))
            response = connection.getresponse()
            return _REPLY.decode(response.read()) if response.status == http.HTTPStatus.OK else None
        except (OSError, http.client.HTTPException, msgspec.MsgspecError):
            return None
        finally:
            connection.close()

    return ask
