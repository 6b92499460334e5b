"""What the table says of a resource type: the API operations of its life, and what Pulumi's names become in them.

Templates are filled from the resource's own plain inputs and from `id`, `account`, `region`, `partition`, `suffix`
(the DNS suffix), `digest` (17 stable hex digits) and `random` (17 fresh ones). Paths are JMESPath, as in the AWS tools.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from offline.plugins.marshal import Bag

Fields = Mapping[str, Any]


class Text(str):
    """An output that is a template rather than a path into the described object."""


@dataclass(frozen=True)
class Lookup:
    """A read: an operation, its arguments (templates), and where in the answer the object is."""

    operation: str
    arguments: Fields
    found: str = "@"
    service: str = ""
    """The kind's own, if none is said."""


@dataclass(frozen=True)
class Change:
    """What a step that builds its own requests may look at."""

    id: str
    old: Bag
    """The inputs before; empty at creation."""
    new: Bag
    live: Bag
    """The object as the API describes it now."""
    ask: Callable[[Lookup], Any]
    """For what else the API knows."""


@dataclass(frozen=True)
class Step:
    """One operation, and the properties that it carries."""

    operation: str
    properties: tuple[str, ...] = ()
    arguments: Fields = field(default_factory=dict)
    build: Callable[[Change], Iterable[Bag]] | None = None
    """Requests (none, one or many) instead of `properties`; `arguments` are added to each."""
    at_creation: bool = False
    """Also runs right after the resource was made."""
    partial: bool = False
    """Carries the changed properties only."""
    service: str = ""
    """The kind's own, if none is said."""
    held: bool = True
    """False: the emulator lacks the operation or breaks it, so the request is checked but not sent."""


@dataclass(frozen=True)
class Tagging:
    """How a service tags: its operations, the argument that names the resource, and the form of its tags."""

    tag: str
    untag: str
    list: Lookup
    resource: str
    named: Any = "{arn}"
    form: str = "Key"  # the key's member in a list of pairs ("Key", "TagKey"); "map" where tags are a map
    tags: str = "Tags"
    keys: str = "TagKeys"
    held: bool = True
    """False: the emulator takes tags with the creation only, so that later changes are checked but not sent."""


@dataclass(frozen=True)
class Name:
    """An automatic name: which property, how long, and what becomes of it."""

    property: str = "name"
    longest: int = 255
    lower: bool = False
    prefix: str = ""


@dataclass(frozen=True)
class Kind:
    """One resource type."""

    token: str
    service: str
    create: Step
    identity: str | Callable[[Bag], str]
    """A template (with braces) or a path into the creation's answer; else a function of the inputs."""
    describe: Lookup
    updates: tuple[Step, ...] = ()
    delete: tuple[Step, ...] = ()
    replaces: frozenset[str] = frozenset()
    outputs: Mapping[str, str | Lookup | tuple[str | Lookup, ...]] = field(default_factory=dict)
    """Computed outputs (a dotted name lies inside an input's object); of several sources the first with a value."""
    fresh: frozenset[str] = frozenset()
    """Outputs that every update makes anew."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Members of requests that are not called like the property; `A.B` puts it deeper."""
    reshape: Callable[[Bag], Bag] | None = None
    """Properties brought into the request's structure first, where that differs by more than names."""
    defaults: Fields = field(default_factory=dict)
    name: Name | None = None
    local: frozenset[str] = frozenset()
    """Properties that steer the plugin only."""
    unread: frozenset[str] = frozenset()
    """Properties that the emulator doesn't keep, so that its answer says nothing about them."""
    tagging: Tagging | None = None
    kept: Mapping[str, str] | None = None
    """The stand-in itself holds the object, with these generated members (templates)."""
    regional: bool = True
    delete_before_replace: bool = False
    empty: Callable[[Bag, Bag], bool] = lambda found, wanted: False
    """Whether what `describe` found means that there is no such thing as the inputs want."""
