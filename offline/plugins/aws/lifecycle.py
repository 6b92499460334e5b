"""An entry of the table carried out: made, changed, read back and deleted by the operations that it names."""

from __future__ import annotations

from offline.plugins.aws import tagging
from offline.plugins.aws.api import NotFound
from offline.plugins.aws.inputs import changed_properties, plain_inputs
from offline.plugins.aws.kind import Change, Step
from offline.plugins.aws.templates import fill
from offline.plugins.aws.translate import observed, request
from offline.plugins.aws.view import View, search
from offline.plugins.marshal import Bag
from offline.plugins.provider import InitError, ProviderError

_ENVELOPE = frozenset({"tags", "tagsAll", "region"})


class Lifecycle(View):
    """The writing side of a resource of one kind."""

    def create(self, inputs: Bag) -> tuple[str, Bag]:
        kind, wanted = self.kind, plain_inputs(inputs)
        claimed = {name for step in kind.updates if step.at_creation for name in step.properties}
        carried = {key: value for key, value in wanted.items() if key not in claimed | kind.local | _ENVELOPE}
        arguments = {
            **self._arguments(kind.create.operation, carried, wanted),
            **fill(kind.create.arguments, self.known(wanted)),
            **self._additions(wanted),
        }
        answer = self._make(wanted, arguments)
        id = self._identity(wanted, answer)
        try:
            self._finish(id, wanted)
            return id, self.outputs(id, inputs, self.described(id, wanted))
        except ProviderError as error:
            made = {key: value for key, value in wanted.items() if key != "tagsAll"}  # perhaps none was set yet
            raise InitError(id, inputs, {**made, "id": id}, [str(error)]) from error

    def update(self, id: str, old_inputs: Bag, old_outputs: Bag, news: Bag) -> Bag:
        """Only what changed is called; nothing changed means that an earlier attempt failed half-way: all of it."""
        kind, old, new = self.kind, plain_inputs(old_inputs), plain_inputs(news)
        changed = changed_properties(old, new)
        self._refuse_uncovered(changed)
        if not changed:
            old, changed = {}, set(new)
        for step in kind.updates:
            if not step.properties or changed & set(step.properties):
                self._run(step, id, old, new, changed)
        self._tag(id, old_outputs.get("tagsAll") or {}, new, old_outputs.get("arn"))
        return self.outputs(id, news, self.described(id, new))

    def read(self, id: str, inputs: Bag, state: Bag) -> tuple[str, Bag, Bag] | None:
        """The inputs and outputs as the API has them now."""
        live = self.live(id, plain_inputs(inputs))
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
                if step is self.kind.delete[-1] and self.live(id, wanted) is not None:
                    raise
        if self.kind.kept is not None:
            self.store().remove(self.kind.token, id)

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
        made = {**arguments, **fill(kind.kept, self.known(wanted))}
        id = self._identity(wanted, made)
        if self.store().get(kind.token, id) is not None:
            raise ProviderError(f"{kind.create.operation}: {id} already exists")
        self.store().put(kind.token, id, made)
        return made

    def _finish(self, id: str, wanted: Bag) -> None:
        """What the creation itself doesn't take: settings with operations of their own, and tags."""
        for step in self.kind.updates:
            if step.at_creation and (step.build or any(wanted.get(name) is not None for name in step.properties)):
                self._run(step, id, {}, wanted, set(step.properties))
        self._tag(id, {}, wanted, None)

    def _run(self, step: Step, id: str, old: Bag, new: Bag, changed: set[str], ending: bool = False) -> None:
        wanted = old if ending else new
        fixed = fill(step.arguments, self.known(wanted, id))
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
        live = self.live(id, wanted) if wanted else None
        return Change(id, old, new, live or {}, lambda lookup: self.lookup(lookup, id, wanted))

    def _carry_out(self, step: Step, id: str, wanted: Bag, arguments: Bag) -> None:
        if step.held and self.kind.kept is None:
            self.api.call(step.service or self.kind.service, self.region(wanted), step.operation, arguments)
            return
        self._check(step.operation, arguments, wanted)
        if self.kind.kept is not None:
            kept = self.store().get(self.kind.token, id) or {}
            self.store().put(self.kind.token, id, {**kept, **arguments})

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
            kept = self.store().get(self.kind.token, id) or {}
            self.store().put(self.kind.token, id, {**kept, "tags": new})
            return
        for operation, arguments in tagging.requests(rules, old, new):
            named = fill({rules.resource: rules.named}, self.known(wanted, id, arn))
            send = self._call if rules.held else self._check
            send(operation, {**named, **arguments}, wanted)

    def _tags_seen(self, id: str, inputs: Bag, state: Bag) -> Bag:
        """Tags that somebody else changed; those that the provider adds by default are no tags of the resource."""
        rules = self.kind.tagging
        if rules is None or not rules.held or self.kind.kept is not None:
            return {}
        try:
            arguments = fill(rules.list.arguments, self.known(inputs, id, state.get("arn")))
            live = tagging.read(rules, search(rules.list.found, self._call(rules.list.operation, arguments, inputs)))
        except NotFound:
            live = {}
        if live == (inputs.get("tagsAll") or {}):
            return {}
        own, defaults = inputs.get("tags") or {}, self.api.settings.default_tags
        tags = {key: text for key, text in live.items() if key in own or defaults.get(key) != text}
        return {"tags": tags, "tagsAll": live}

    def _identity(self, wanted: Bag, answer: Bag) -> str:
        rule = self.kind.identity
        if not isinstance(rule, str):
            return rule(wanted)
        return str(fill(rule, self.known(wanted)) if "{" in rule else search(rule, answer))

    def _arguments(self, operation: str, carried: Bag, wanted: Bag) -> Bag:
        shape = self.api.input_shape(self.kind.service, self.region(wanted), operation)
        return request(shape, self.kind.reshape(carried) if self.kind.reshape else carried, self.kind.names)

    def _check(self, operation: str, arguments: Bag, wanted: Bag) -> Bag:
        self.api.check(self.kind.service, self.region(wanted), operation, arguments)
        return {}

    def _call(self, operation: str, arguments: Bag, wanted: Bag) -> Bag:
        return self.api.call(self.kind.service, self.region(wanted), operation, arguments)
