"""Writes a GGUF file that llama.cpp loads in a moment: a llama of two layers with random weights, whose tokens are
bytes. With the standard library alone, since the tests of the whole platform write one, too.

python tiny_model.py FILE
python tiny_model.py FILE adapter: a LoRA adapter of it
"""

import random
import struct
import sys
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path

WIDTH, HIDDEN, HEADS, LAYERS, RANK = 64, 128, 4, 2, 4
CONTEXT = 32768
ALIGNMENT = 32
TEMPLATE = "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}assistant:"
UNKNOWN, NORMAL, CONTROL, BYTE = 2, 1, 3, 6
SPECIAL = {"<unk>": UNKNOWN, "<s>": CONTROL, "</s>": CONTROL}
TOKENS = {
    **SPECIAL,
    **{f"<0x{number:02X}>": BYTE for number in range(256)},
    "\u2581": NORMAL,
    **{chr(number): NORMAL for number in range(33, 127)},
}
"""By their text, with their type, as SentencePiece has them."""

Tensors = Mapping[str, tuple[tuple[int, ...], bytes]]
"""By name, each with its shape, whose first dimension is the innermost one."""
Value = str | int | float | Sequence[str] | Sequence[int] | Sequence[float]


def write(file: Path) -> None:
    _write(file, _METADATA, _tensors())


def write_adapter(file: Path, seed: int = 1, width: int = WIDTH) -> None:
    """Random as well, so that with it the model generates something else. One of another width does not fit."""
    numbers = random.Random(seed)
    names = [f"blk.{layer}.attn_{name}.weight" for layer in range(LAYERS) for name in ("q", "v", "output")]
    shapes: dict[str, tuple[int, ...]] = {}
    for name in names:
        shapes |= {f"{name}.lora_a": (width, RANK), f"{name}.lora_b": (RANK, width)}
    _write(file, _METADATA_OF_ADAPTER, {name: (shape, _content(shape, numbers, 1)) for name, shape in shapes.items()})


def _write(file: Path, metadata: Mapping[str, Value], tensors: Tensors) -> None:
    with file.open("wb") as out:
        out.write(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata)))
        for key, value in metadata.items():
            out.write(_text(key) + _value(value))
        offset = 0
        for name, (shape, content) in tensors.items():
            dimensions = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
            out.write(_text(name) + dimensions + struct.pack("<IQ", 0, offset))
            offset += len(content) + _padding(len(content))
        out.write(bytes(_padding(out.tell())))
        for _, content in tensors.values():
            out.write(content + bytes(_padding(len(content))))


_METADATA: Mapping[str, Value] = {
    "general.architecture": "llama",
    "llama.context_length": CONTEXT,
    "llama.embedding_length": WIDTH,
    "llama.block_count": LAYERS,
    "llama.feed_forward_length": HIDDEN,
    "llama.attention.head_count": HEADS,
    "llama.attention.head_count_kv": HEADS,
    "llama.attention.layer_norm_rms_epsilon": 1e-5,
    "llama.rope.dimension_count": WIDTH // HEADS,
    "llama.vocab_size": len(TOKENS),
    "tokenizer.ggml.model": "llama",
    "tokenizer.ggml.tokens": [*TOKENS],
    "tokenizer.ggml.scores": [0.0] * len(TOKENS),
    "tokenizer.ggml.token_type": [*TOKENS.values()],
    "tokenizer.ggml.unknown_token_id": 0,
    "tokenizer.ggml.bos_token_id": 1,
    "tokenizer.ggml.eos_token_id": 2,
    "tokenizer.chat_template": TEMPLATE,
}


_METADATA_OF_ADAPTER: Mapping[str, Value] = {
    "general.type": "adapter",
    "general.architecture": "llama",
    "adapter.type": "lora",
    "adapter.lora.alpha": float(RANK),
}


def _tensors() -> Tensors:
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (WIDTH, len(TOKENS)),
        "output_norm.weight": (WIDTH,),
        "output.weight": (WIDTH, len(TOKENS)),
    }
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        shapes |= {f"{block}.{name}_norm.weight": (WIDTH,) for name in ("attn", "ffn")}
        shapes |= {f"{block}.attn_{name}.weight": (WIDTH, WIDTH) for name in ("q", "k", "v", "output")}
        shapes |= {f"{block}.ffn_{name}.weight": (WIDTH, HIDDEN) for name in ("gate", "up")}
        shapes[f"{block}.ffn_down.weight"] = (HIDDEN, WIDTH)
    numbers = random.Random(0)
    return {name: (shape, _content(shape, numbers)) for name, shape in shapes.items()}


def _content(shape: tuple[int, ...], numbers: random.Random, deviation: float = 0.1) -> bytes:
    """Norms are ones."""
    if len(shape) == 1:
        return array("f", [1.0] * shape[0]).tobytes()
    return array("f", (numbers.gauss(0, deviation) for _ in range(shape[0] * shape[1]))).tobytes()


def _text(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def _value(value: Value) -> bytes:
    if isinstance(value, str | int | float):
        return struct.pack("<I", _KINDS[type(value)]) + _scalar(value)
    # Integers of a list, the types of tokens, are signed.
    kind = _SIGNED if isinstance(value[0], int) else _KINDS[type(value[0])]
    return struct.pack("<IIQ", _LIST, kind, len(value)) + b"".join(map(_scalar, value))


_KINDS: Mapping[type, int] = {int: 4, float: 6, str: 8}
_SIGNED, _LIST = 5, 9


def _scalar(value: str | int | float) -> bytes:
    if isinstance(value, str):
        return _text(value)
    return struct.pack("<f" if isinstance(value, float) else "<i", value)


def _padding(size: int) -> int:
    return -size % ALIGNMENT


if __name__ == "__main__":
    (write_adapter if sys.argv[2:] == ["adapter"] else write)(Path(sys.argv[1]))
