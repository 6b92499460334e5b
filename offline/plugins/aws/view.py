"""One resource as it is known: what a preview can say of it, and what the API says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from offline.plugins.aws.api import Api, NotFound
from offline.plugins.aws.inputs import plain_inputs
from offline.plugins.aws.kept import Store
from offline.plugins.aws.kind import Kind, Lookup, Text
from offline.plugins.aws.templates import TIME, Known, fill
from offline.plugins.marshal import UNKNOWN, Bag
from offline.plugins.provider import ProviderError


@dataclass(frozen=True)
class View:
    """The reading side of a resource of one kind."""

    kind: Kind
    api: Api

    def planned(self, inputs: Bag, old_outputs: Bag) -> Bag:
        """Outputs at preview: what is computed is unknown until made, and then stays unless the kind says otherwise."""
        found = plain_inputs(inputs)
        for name in self.kind.outputs:
            kept = _get(old_outputs, name) if old_outputs and name not in self.kind.fresh else UNKNOWN
            _put(found, name, kept)
        return {**found, "id": old_outputs["id"]} if "id" in old_outputs else found

    def outputs(self, id: str, inputs: Bag, live: Bag) -> Bag:
        """Inputs as given, and what only the API knows."""
        found: Bag = {**plain_inputs(inputs), "id": id}
        for name in self.kind.outputs:
            _put(found, name, self._first(name, id, found, live))
        return found

    def described(self, id: str, wanted: Bag) -> Bag:
        """The object as the API describes it, which must be there."""
        live = self.live(id, wanted)
        if live is None:
            raise ProviderError(f"{self.kind.describe.operation}: {id} is not there although it was made")
        return live

    def live(self, id: str, wanted: Bag) -> Bag | None:
        """The object as the API describes it; None where there is none."""
        if self.kind.kept is not None:
            return self.store().get(self.kind.token, id)
        try:
            found = self.lookup(self.kind.describe, id, wanted)
        except NotFound:
            return None
        return None if not isinstance(found, dict) or self.kind.empty(found, wanted) else found

    def lookup(self, lookup: Lookup, id: str, wanted: Bag) -> Any:
        """The answer to a question of the table's."""
        arguments = fill(lookup.arguments, self.known(wanted, id))
        answer = self.api.call(lookup.service or self.kind.service, self.region(wanted), lookup.operation, arguments)
        return search(lookup.found, answer)

    def known(self, wanted: Bag, id: str = "", arn: str | None = None) -> Known:
        """What templates are filled from; the ARN is looked up where the state has none yet."""

        def found_arn() -> str:
            return arn or str(self._first("arn", id, wanted, self.described(id, wanted)))

        return Known(self.kind.token, self.api.account, self.region(wanted), wanted, id, found_arn)

    def region(self, wanted: Bag) -> str:
        return str(wanted.get("region") or self.api.settings.region)

    def store(self) -> Store:
        """Where the stand-in itself keeps objects, once it is sure of the account, as with any call."""
        self.api.verify()
        return Store(self.api.settings.endpoint(self.kind.service) or "")

    def _first(self, name: str, id: str, wanted: Bag, live: Bag) -> Any:
        """An output from the first of its sources that has a value."""
        values = (self._value(source, id, wanted, live) for source in _each(self.kind.outputs[name]))
        return next((value for value in values if value is not None), None)

    def _value(self, source: str | Lookup, id: str, wanted: Bag, live: Bag) -> Any:
        match source:
            case Lookup():
                return self.lookup(source, id, wanted)
            case Text():
                return fill(source, self.known(wanted, id))
            case _:
                return _plain(search(source, live))


def search(path: str, answer: Any) -> Any:
    """JMESPath, imported as late as boto3, which brings it."""
    import jmespath

    return jmespath.search(path, answer)


def _each(sources: str | Lookup | tuple[str | Lookup, ...]) -> Iterator[str | Lookup]:
    yield from sources if isinstance(sources, tuple) else (sources,)


def _plain(value: Any) -> Any:
    """Times as texts, the rest as it is."""
    return value.strftime(TIME) if hasattr(value, "strftime") else value


def _put(bag: Bag, name: str, value: Any) -> None:
    """Set an output, unless the program set it or there is nothing to say; a dotted name reaches into an object."""
    head, _, rest = name.partition(".")
    if rest and bag.get(head) is not UNKNOWN:
        inner = dict(bag[head]) if isinstance(bag.get(head), dict) else {}
        _put(inner, rest, value)
        bag[head] = inner
    elif not rest and bag.get(name) is None and value is not None:
        bag[name] = value


def _get(bag: Bag, name: str) -> Any:
    head, _, rest = name.partition(".")
    inner = bag.get(head)
    return _get(inner, rest) if rest and isinstance(inner, dict) else None if rest else inner
