"""Objects that the emulator can't hold, one JSON file each: written by the stand-in, forgotten with the emulator."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from common import paths


@dataclass(frozen=True)
class Kept:
    """One such object, as its service would describe it."""

    token: str
    id: str
    object: dict[str, Any] = field(default_factory=dict)


class Store:
    """What is kept beside one emulator."""

    def __init__(self, endpoint: str) -> None:
        self.folder = _folder(endpoint)

    def get(self, token: str, id: str) -> dict[str, Any] | None:
        try:
            return dict(json.loads(self._file(token, id).read_text())["object"])
        except FileNotFoundError:
            return None

    def put(self, token: str, id: str, object: dict[str, Any]) -> None:
        """Write it in one step, so that a killed plugin never leaves half of one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self._file(token, id)
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(Kept(token, id, object)), default=str))
        partial.replace(file)

    def remove(self, token: str, id: str) -> None:
        self._file(token, id).unlink(missing_ok=True)

    def _file(self, token: str, id: str) -> Path:
        return self.folder / f"{hashlib.sha256(f'{token} {id}'.encode()).hexdigest()[:32]}.json"


def kept_by_stand_in() -> Sequence[Kept]:
    """Everything that stand-ins keep on this machine, by type and id."""
    files = (paths.STATE / "aws").glob("*/*.json")
    found = [Kept(**json.loads(file.read_text())) for file in files]
    return sorted(found, key=lambda kept: (kept.token, kept.id))


def forget(endpoint: str) -> None:
    """Drop what was kept beside an emulator, which forgets its own objects when it ends."""
    shutil.rmtree(_folder(endpoint), ignore_errors=True)


def _folder(endpoint: str) -> Path:
    return (
        paths.STATE / "aws" / (urlsplit(endpoint).netloc or "none").replace(":", "-").replace("localhost", "127.0.0.1")
    )
