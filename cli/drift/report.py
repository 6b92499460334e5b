"""What a comparison found, for all renderers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["changed", "added", "deleted"]

NO_DRIFT, ERROR, DRIFT = 0, 1, 2
"""Exit codes."""


@dataclass(frozen=True)
class Drift:
    """One field of an object that is not as declared, or a deleted object. Values of secrets are never in it."""

    kind: Kind
    object: str
    field: str = ""
    declared: str = ""
    found: str = ""
    fix: str = ""


@dataclass(frozen=True)
class Report:
    stack: str
    compared: int
    """The number of compared objects and resources."""
    drift: Sequence[Drift] = ()
    not_compared: Sequence[str] = ()
    """A line for each group of resources, with the reason."""

    @property
    def exit_code(self) -> int:
        return DRIFT if self.drift else NO_DRIFT

    @property
    def objects(self) -> Sequence[str]:
        """The objects with drift, each once."""
        return list(dict.fromkeys(each.object for each in self.drift))

    def headline(self) -> str:
        """Such as `2 of 290 objects have drifted`."""
        if not self.drift:
            return f"no drift: {_counted(self.compared, 'object is', 'objects are')} as the state says"
        return f"{len(self.objects)} of {_counted(self.compared, 'object has', 'objects have')} drifted"


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
