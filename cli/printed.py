"""The report of a command on stdout, as text, JSON or Markdown."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    R = TypeVar("R", bound=DataclassInstance)


def print_report(
    report: R, screen: Callable[[R], None], markdown: Callable[[R], str], *, as_json: bool, as_markdown: bool
) -> None:
    """By `screen`, unless another form is asked for."""
    if as_json:
        print(as_document(report))
    elif as_markdown:
        print(markdown(report), end="")
    else:
        screen(report)


def as_document(report: DataclassInstance) -> str:
    """The report as JSON."""
    return json.dumps(asdict(report), indent=2, ensure_ascii=False)
