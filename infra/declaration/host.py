"""A host of a URL."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"^({_LABEL}\.)+{_LABEL}$", re.ASCII)
_LONGEST = 253


def _host(value: str) -> str:
    if not _HOST.fullmatch(value) or len(value) > _LONGEST or value.replace(".", "").isdigit():
        write = "write a DNS name in lower case without scheme and port, such as models.example.com"
        raise ValueError(f"{value!r} is not a host; {write}")
    return value


Host = Annotated[str, AfterValidator(_host), WithJsonSchema({"type": "string", "pattern": _HOST.pattern})]
