"""An entry of the table carried out: made, changed, read back and deleted by the operations that it names."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from workstation.plugins.aws import tagging
from workstation.plugins.aws.api import Api, NotFound
from workstation.plugins.aws.inputs import changed_properties, plain_inputs
from workstation.plugins.aws.kept import Store
from workstation.plugins.aws.kind import Change, Kind, Lookup, Step, Text
from workstation.plugins.aws.settings import partition_of
from workstation.plugins.aws.translate import observed, request
from workstation.plugins.marshal import UNKNOWN, Bag
from workstation.plugins.provider import InitError, ProviderError

_ENVELOPE = frozenset({"tags", "tagsAll", "region"})
_ID_DIGITS = 17


@dataclass(frozen=True)
class Lifecycle:
    """One resource of one kind."""

    kind: Kind
    api: Api

    def create(self, inputs: Bag) -> tuple[str, Bag]:
        kind, wanted = self.kind, plain_inputs(inputs)
        claimed = {name for step in kind.updates if step.at_creation for name in step.properties}
        carried = {key: value for key, value in wanted.items() if key not in claimed | kind.local | _ENVELOPE}
        arguments = {
            **self._arguments(kind.create.operation, carried, wanted),
            **self._fill(kind.create.arguments, wanted),
            **self._additions(wanted),
        }
        answer = self._make(wanted, arguments)
        id = self._identity(wanted, answer)
        try:
            self._finish(id, wanted)
            return id, self.outputs(id, inputs, self._described(id, wanted))
        except ProviderError as error:
            made = {key: value for key, value in wanted.items() if key != "tagsAll"}  # perhaps none was set yet
            raise InitError(id, inputs, {**made, "id": id}, [str(error)]) from error

    def update(self, id: str, old_inputs: Bag, old_outputs: Bag, news: Bag) -> Bag:
        """Only what changed is called; nothing changed means that an earlier attempt failed half-way: all of it."""
        kind, old, new = self.kind, plain_inputs(old_inputs), plain_inputs(news)
        changed = changed_properties(old, new) or set(new)
        self._refuse_uncovered(changed if changed != set(new) else set())
        for step in kind.updates:
            if not step.properties or changed & set(step.properties):
                self._run(step, id, old, new, changed)
        self._tag(id, old_outputs.get("tagsAll") or {}, new, old_outputs.get("arn"))
        return self.outputs(id, news, self._described(id, new))

    def read(self, id: str, inputs: Bag, state: Bag) -> tuple[str, Bag, Bag] | None:
        """The inputs and outputs as the API has them now."""
        live = self._live(id, plain_inputs(inputs))
        if live is None:
            return None
        readable = {key: value for key, value in inputs.items() if key not in self.kind.unread | _ENVELOPE}
        seen = {**inputs, **observed(readable, live, self.kind.names), **self._tags_seen(id, inputs, state)}
        return id, seen, self.outputs(id, seen, live)

    def delete(self, id: str, inputs: Bag) -> None:
        """What is gone already is as good as deleted; a "not found" about something else is not."""
        wanted = plain_inputs(inputs)
        for step in self.kind.delete:
            try:
                self._run(step, id, wanted, {}, set(), ending=True)
            except NotFound:
                if step is self.kind.delete[-1] and self._live(id, wanted) is not None:
                    raise
        if self.kind.kept is not None:
            self._store().remove(self.kind.token, id)

    def outputs(self, id: str, inputs: Bag, live: Bag) -> Bag:
        """Inputs as given, and what only the API knows."""
        found: Bag = {**plain_inputs(inputs), "id": id}
        for name, sources in self.kind.outputs.items():
            values = (self._value(source, id, found, live) for source in _each(sources))
            value = next((value for value in values if value is not None), None)
            _put(found, name, value)
        return found

    def planned(self, inputs: Bag, old_outputs: Bag) -> Bag:
        """Outputs at preview: what is computed is unknown until made, and then stays unless the kind says otherwise."""
        found = plain_inputs(inputs)
        for name in self.kind.outputs:
            kept = _get(old_outputs, name) if old_outputs and name not in self.kind.fresh else UNKNOWN
            _put(found, name, kept)
        return {**found, "id": old_outputs["id"]} if "id" in old_outputs else found

    def _additions(self, wanted: Bag) -> Bag:
        """What a creation carries beside its properties."""
        rules, build = self.kind.tagging, self.kind.create.build
        built = [] if build is None else build(self._change("", {}, wanted, {}))
        found = {key: value for arguments in built for key, value in arguments.items()}
        if rules is not None and not rules.held:
            found[rules.tags] = tagging.written(rules, wanted.get("tagsAll") or {})
        return found

    def _make(self, wanted: Bag, arguments: Bag) -> Bag:
        kind = self.kind
        if kind.kept is None:
            return self._call(kind.create.operation, arguments, wanted)
        self._check(kind.create.operation, arguments, wanted)
        made = {**arguments, **self._fill(kind.kept, wanted)}
        id = self._identity(wanted, made)
        if self._store().get(kind.token, id) is not None:
            raise ProviderError(f"{kind.create.operation}: {id} already exists")
        self._store().put(kind.token, id, made)
        return made

    def _finish(self, id: str, wanted: Bag) -> None:
        """What the creation itself doesn't take: settings with operations of their own, and tags."""
        for step in self.kind.updates:
            if step.at_creation and (step.build or any(wanted.get(name) is not None for name in step.properties)):
                self._run(step, id, {}, wanted, set(step.properties))
        self._tag(id, {}, wanted, None)

    def _run(self, step: Step, id: str, old: Bag, new: Bag, changed: set[str], ending: bool = False) -> None:
        wanted = old if ending else new
        fixed = self._fill(step.arguments, wanted, id)
        if step.build is not None:
            built = step.build(self._change(id, old, new, wanted))
            requests = [{**fixed, **arguments} for arguments in built]
        else:
            names = [name for name in step.properties if name in changed or not step.partial]
            carried = {name: new.get(name) for name in names}
            requests = [{**(self._arguments(step.operation, carried, wanted) if carried else {}), **fixed}]
        for arguments in requests:
            self._carry_out(step, id, wanted, arguments)

    def _change(self, id: str, old: Bag, new: Bag, wanted: Bag) -> Change:
        live = self._live(id, wanted) if wanted else None
        return Change(id, old, new, live or {}, lambda lookup: self._lookup(lookup, id, wanted))

    def _carry_out(self, step: Step, id: str, wanted: Bag, arguments: Bag) -> None:
        if step.held and self.kind.kept is None:
            self.api.call(step.service or self.kind.service, self._region(wanted), step.operation, arguments)
            return
        self._check(step.operation, arguments, wanted)
        if self.kind.kept is not None:
            kept = self._store().get(self.kind.token, id) or {}
            self._store().put(self.kind.token, id, {**kept, **arguments})

    def _refuse_uncovered(self, changed: set[str]) -> None:
        covered = {name for step in self.kind.updates for name in step.properties} | self.kind.local | _ENVELOPE
        missing = sorted(changed - covered)
        if missing:
            raise ProviderError(
                f"the stand-in for the aws plugin can't change '{missing[0]}' of {self.kind.token} in place"
            )

    def _tag(self, id: str, old: Bag, wanted: Bag, arn: str | None) -> None:
        rules, new = self.kind.tagging, wanted.get("tagsAll") or {}
        if rules is None:
            return
        if self.kind.kept is not None:
            kept = self._store().get(self.kind.token, id) or {}
            self._store().put(self.kind.token, id, {**kept, "tags": new})
            return
        for operation, arguments in tagging.requests(rules, old, new):
            named = self._fill({rules.resource: rules.named}, wanted, id, arn)
            send = self._call if rules.held else self._check
            send(operation, {**named, **arguments}, wanted)

    def _tags_seen(self, id: str, inputs: Bag, state: Bag) -> Bag:
        """Tags that somebody else changed; those that the provider adds by default are no tags of the resource."""
        rules = self.kind.tagging
        if rules is None or not rules.held or self.kind.kept is not None:
            return {}
        try:
            arguments = self._fill(rules.list.arguments, inputs, id, state.get("arn"))
            live = tagging.read(rules, _search(rules.list.found, self._call(rules.list.operation, arguments, inputs)))
        except NotFound:
            live = {}
        if live == (inputs.get("tagsAll") or {}):
            return {}
        own, defaults = inputs.get("tags") or {}, self.api.settings.default_tags
        tags = {key: text for key, text in live.items() if key in own or defaults.get(key) != text}
        return {"tags": tags, "tagsAll": live}

    def _described(self, id: str, wanted: Bag) -> Bag:
        live = self._live(id, wanted)
        if live is None:
            raise ProviderError(f"{self.kind.describe.operation}: {id} is not there although it was made")
        return live

    def _live(self, id: str, wanted: Bag) -> Bag | None:
        if self.kind.kept is not None:
            return self._store().get(self.kind.token, id)
        try:
            found = self._lookup(self.kind.describe, id, wanted)
        except NotFound:
            return None
        return None if not isinstance(found, dict) or self.kind.empty(found, wanted) else found

    def _lookup(self, lookup: Lookup, id: str, wanted: Bag) -> Any:  # noqa: ANN401
        service, arguments = lookup.service or self.kind.service, self._fill(lookup.arguments, wanted, id)
        answer = self.api.call(service, self._region(wanted), lookup.operation, arguments)
        return _search(lookup.found, answer)

    def _value(self, source: str | Lookup, id: str, wanted: Bag, live: Bag) -> Any:  # noqa: ANN401
        match source:
            case Lookup():
                return self._lookup(source, id, wanted)
            case Text():
                return self._fill(source, wanted, id)
            case _:
                return _plain(_search(source, live))

    def _identity(self, wanted: Bag, answer: Bag) -> str:
        rule = self.kind.identity
        if not isinstance(rule, str):
            return rule(wanted)
        return str(self._fill(rule, wanted) if "{" in rule else _search(rule, answer))

    def _arguments(self, operation: str, carried: Bag, wanted: Bag) -> Bag:
        shape = self.api.input_shape(self.kind.service, self._region(wanted), operation)
        return request(shape, self.kind.reshape(carried) if self.kind.reshape else carried, self.kind.names)

    def _check(self, operation: str, arguments: Bag, wanted: Bag) -> Bag:
        self.api.check(self.kind.service, self._region(wanted), operation, arguments)
        return {}

    def _call(self, operation: str, arguments: Bag, wanted: Bag) -> Bag:
        return self.api.call(self.kind.service, self._region(wanted), operation, arguments)

    def _fill(self, template: Any, wanted: Bag, id: str = "", arn: str | None = None) -> Any:  # noqa: ANN401
        """A template with its braces filled; only those that stand there are looked up."""
        match template:
            case str():
                return str(template).format_map(_Values(self, wanted, id, arn)) if "{" in template else template
            case Mapping():
                return {key: self._fill(item, wanted, id, arn) for key, item in template.items()}
            case list():
                return [self._fill(item, wanted, id, arn) for item in template]
            case _:
                return template

    def _region(self, wanted: Bag) -> str:
        return str(wanted.get("region") or self.api.settings.region)

    def _store(self) -> Store:
        self.api.verify()
        return Store(self.api.settings.endpoint(self.kind.service) or "")


class _Values(dict[str, Any]):
    """What a template may name: the resource's inputs, and where and what it is."""

    def __init__(self, life: Lifecycle, wanted: Bag, id: str, arn: str | None) -> None:
        super().__init__(wanted)
        self._life, self._id, self._arn = life, id, arn

    def __missing__(self, name: str) -> str:
        region = self._life._region(self)
        match name:
            case "id":
                return self._id
            case "account":
                return self._life.api.account
            case "region":
                return region
            case "partition" | "suffix":
                return partition_of(region)[name == "suffix"]
            case "digest":
                return hashlib.sha256(f"{self._life.kind.token} {self._id}".encode()).hexdigest()[:_ID_DIGITS]
            case "now":
                return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            case "random":
                return secrets.token_hex(_ID_DIGITS)[:_ID_DIGITS]
            case "arn":
                return self._arn or self._found_arn()
            case _:
                return ""

    def _found_arn(self) -> str:
        sources = self._life.kind.outputs["arn"]
        live = self._life._described(self._id, self)
        found = (self._life._value(source, self._id, self, live) for source in _each(sources))
        return str(next(value for value in found if value))


def _each(sources: str | Lookup | tuple[str | Lookup, ...]) -> Iterator[str | Lookup]:
    yield from sources if isinstance(sources, tuple) else (sources,)


def _search(path: str, answer: Any) -> Any:  # noqa: ANN401
    import jmespath

    return jmespath.search(path, answer)


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Times as texts, the rest as it is."""
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if hasattr(value, "strftime") else value


def _put(bag: Bag, name: str, value: Any) -> None:  # noqa: ANN401
    """Set an output, unless the program set it or there is nothing to say; a dotted name reaches into an object."""
    head, _, rest = name.partition(".")
    if rest and bag.get(head) is not UNKNOWN:
        inner = dict(bag[head]) if isinstance(bag.get(head), dict) else {}
        _put(inner, rest, value)
        bag[head] = inner
    elif not rest and bag.get(name) is None and value is not None:
        bag[name] = value


def _get(bag: Bag, name: str) -> Any:  # noqa: ANN401
    head, _, rest = name.partition(".")
    inner = bag.get(head)
    return _get(inner, rest) if rest and isinstance(inner, dict) else None if rest else inner
