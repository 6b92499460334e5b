"""What a look at an object says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..cluster import Cluster
from ..objects import Json, Manifest


@dataclass(frozen=True)
class Verdict:
    """Ready or not yet; `hopeless` ends the wait early; `reasons` are for the user when it ends without success."""

    ready: bool
    message: str = ""
    reasons: list[str] = field(default_factory=list)
    hopeless: bool = False


@dataclass(frozen=True)
class Wait:
    """How one kind is waited for.

    `look(cluster, live, age)` judges, `age` being the seconds since the wait began; `causes` asks around for what
    stands in the way, which costs requests, so it is called now and then only. A `limit_s` holds whatever is asked for.
    """

    look: Callable[[Cluster, Manifest, float], Verdict]
    causes: Callable[[Cluster, Manifest], list[str]] = lambda _cluster, _live: []
    default_s: float = 600.0
    limit_s: float = float("inf")
    on_read: bool = True  # whether refresh judges this kind too


def dig(manifest: Json, *path: str, default: Json = None) -> Json:
    """A value deep inside, or the default where a step is missing."""
    for part in path:
        if not isinstance(manifest, dict) or part not in manifest:
            return default
        manifest = manifest[part]
    return default if manifest is None else manifest


def condition(live: Manifest, kind: str) -> Manifest:
    """A condition of an object's status; `{}` where it isn't set."""
    found = dig(live, "status", "conditions", default=[])
    return next((entry for entry in found if entry.get("type") == kind), {})


def observed(live: Manifest) -> bool:
    """Whether the controller has seen the current spec; older status fields say nothing about it."""
    return bool(dig(live, "status", "observedGeneration", default=0) >= dig(live, "metadata", "generation", default=0))


def owned_by(live: Manifest, owner: Manifest) -> bool:
    """Whether an object's owner is another one."""
    return any(
        ref.get("uid") == owner["metadata"]["uid"] for ref in dig(live, "metadata", "ownerReferences", default=[])
    )
