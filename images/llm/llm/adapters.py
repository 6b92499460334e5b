"""LoRA adapters: a request's `model` chooses the base model alone, or with one of them.

Which one, and what it is in llama.cpp, are decided here; clients know only names.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from llm.weights import Weights, WeightsUnavailable, download

FOLDER = Path("/tmp/adapters")
FIELD = "lora"
"""Of llama.cpp's requests: a scale for each adapter, by its number."""


class BadAdapters(Exception):
    """The text does not say which adapters to serve; why."""


def read_adapters(text: str | None, base: str) -> dict[str, str]:
    """URIs by name, of a JSON object."""
    try:
        found = json.loads(text or "{}")
    except ValueError as error:
        raise BadAdapters(f"not JSON: {error}") from None
    if not isinstance(found, dict) or not all(isinstance(uri, str) for uri in found.values()):
        raise BadAdapters('not an object of URIs by name, such as {"legal": "models:/assistant-legal/2"}')
    if base in found:
        raise BadAdapters(f"'{base}' is the name of the base model; give the adapter another one")
    return found


def download_adapters(uris: Mapping[str, str], folder: Path = FOLDER) -> dict[str, Weights]:
    found = {}
    for position, (name, uri) in enumerate(uris.items()):
        try:
            found[name] = download(uri, folder / str(position))
        except WeightsUnavailable as error:
            raise WeightsUnavailable(f"adapter '{name}': {error}") from error
    return found


def with_adapter(body: bytes, asked: str, adapters: Sequence[str]) -> bytes:
    """A request, whose JSON object does not have the field, for the model that it asks for.

    The scale of each adapter is written, also for the base model: with none written, llama.cpp would reuse what another
    adapter has computed for the beginning of the prompt.
    """
    if not adapters:
        return body
    scales = [{"id": number, "scale": float(name == asked)} for number, name in enumerate(adapters)]
    return body.replace(b"{", f'{{"{FIELD}":{json.dumps(scales)},'.encode(), 1)


class Renamed:
    """A response of llama.cpp, in which the model has the name that was asked for instead of the base model's.

    Of generated text the quotes would be escaped.
    """

    def __init__(self, base: str, asked: str) -> None:
        self._old, self._new = (f'"model":{json.dumps(name)}'.encode() for name in (base, asked))
        self._held = b""

    def read(self, chunk: bytes) -> bytes:
        """What can be sent on: the name may be divided between two chunks."""
        text = (self._held + chunk).replace(self._old, self._new)
        held = next((size for size in range(len(self._old) - 1, 0, -1) if text.endswith(self._old[:size])), 0)
        self._held = text[len(text) - held :]
        return text[: len(text) - held]

    def rest(self) -> bytes:
        return self._held
