"""The plan of a preview on a screen or two: monthly cost, tables by component and by team, then the changes."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from cli.components import COMPONENTS, component, is_component, purpose
from cli.cost import hourly
from common.console import console
from common.pulumi import urn_name
from infra.catalogue.aws.prices import AUTO_MODE, ELSEWHERE, HOURS
from infra.cost.amounts import SIZES, Amounts
from infra.cost.items import Cost

Step = Mapping[str, Any]
_SIGNS = {
    "create": ("+", "green"),
    "update": ("~", "yellow"),
    "replace": ("±", "red"),
    "create-replacement": ("±", "red"),
    "delete": ("-", "red"),
    "delete-replaced": ("-", "red"),
}
"""Operations that change something."""
_HEADINGS = ("$ a month, least", "usual", "at most")


def show(name: str, plan: Mapping[str, Any], cost: Cost | None) -> None:
    """Print the plan of stack `name`."""
    steps = [step for step in plan["steps"] if not is_component(step)]
    console.print()
    for line in headline(name, cost):
        console.print(line)
    console.print(_table(steps, cost))
    if cost is not None:
        console.print(_teams(cost))
        for line in _conditions(cost):
            console.print(line)
    console.print()
    for line in _changes(steps):
        console.print(line)
    console.print()
    for problem in plan["problems"]:
        console.print(f"[yellow]![/] {escape(complaint(problem))}")
    console.print(f"[bold]{escape(_counted(steps))}[/], and no mandatory policy is violated")


def complaint(problem: Mapping[str, Any]) -> str:
    """An error, or a violated policy and its resource, with the reason."""
    if not problem["policy"]:
        return str(problem["message"])
    return f"policy {problem['policy']}, {urn_name(problem['urn'])}: {problem['message']}"


def headline(name: str, cost: Cost | None) -> Iterator[str]:
    """The monthly cost."""
    stack = f"[bold]Stack {escape(name)}[/]"
    if cost is None:
        yield f"{stack}: no cloud cost"
    else:
        usual, sizes = cost.dollars.usual, cost.dollars
        yield f"{stack}: usually [bold]${usual:,.2f} a month[/], {_dollars(sizes)}"
        yield f"An hour: usually ${hourly(sizes).usual:,.2f}, {_dollars(hourly(sizes))}"


def _table(steps: Sequence[Step], cost: Cost | None) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("component")
    if cost is not None:
        for heading in _HEADINGS:
            table.add_column(heading, justify="right")
    table.add_column("changes")
    table.add_column("what it is", overflow="fold")
    for name in _names(steps, cost):
        priced = cost.of_component(name) if cost is not None else None
        amounts = _cells(priced) if priced is not None else [""] * len(SIZES)
        counts = Counter(step["operation"] for step in steps if component(step) == name)
        what = ", ".join(_things(cost, name)) or purpose(name)
        table.add_row(escape(name), *(amounts if cost is not None else ()), _operations(counts), escape(what))
    if cost is not None:
        table.add_section()
        table.add_row("[bold]total[/]", *(f"[bold]{cell}[/]" for cell in _cells(cost.dollars)))
    return table


def _teams(cost: Cost) -> Table:
    """Who causes the cost."""
    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("team")
    for heading in _HEADINGS:
        table.add_column(heading, justify="right")
    for name, dollars in cost.by_team().items():
        table.add_row(escape(name), *_cells(dollars))
    return table


def _cells(dollars: Amounts) -> list[str]:
    return [f"{dollars.at(size):,.2f}" for size in SIZES]


def _names(steps: Sequence[Step], cost: Cost | None) -> list[str]:
    """The components, in the order of the catalogue of components."""
    found = {component(step) for step in steps} | {item.component for item in (cost.items if cost else ())}
    order = list(dict.fromkeys(name for name, _ in COMPONENTS.values()))
    return sorted(found, key=lambda name: (_position(order, name), name))


def _position(order: Sequence[str], name: str) -> int:
    kind = name if name in order else name.partition(" ")[0]
    return order.index(kind) if kind in order else len(order)


def _things(cost: Cost | None, name: str) -> Iterator[str]:
    """What a component is billed for."""
    for item in cost.items if cost is not None else ():
        if item.component == name:
            yield item.what if item.count == 1 else f"{item.count} x {item.what}"


def _operations(counts: Mapping[str, int]) -> str:
    changed = [f"{counts[operation]} {operation}" for operation in _SIGNS if counts.get(operation)]
    return ", ".join(changed) or ("unchanged" if counts else "")


def _conditions(cost: Cost) -> Iterator[str]:
    """What the figures mean, in dim lines."""
    fee = f"{AUTO_MODE:.0%} of a node's price for EKS Auto Mode"
    dates = " to ".join(dict.fromkeys(cost.dates))
    yield f"[dim]List prices of {escape(cost.region)} ({dates}), {HOURS} h, with {fee}; no taxes, no discounts.[/]"
    if cost.stand_ins:
        things = escape(", ".join(cost.stand_ins))
        yield f"[yellow]Priced as in {ELSEWHERE}, since the price in {escape(cost.region)} is not known: {things}.[/]"
    if cost.unknown:
        yield f"[yellow]Not included, since no price is known: {escape(', '.join(cost.unknown))}.[/]"
    for note in cost.notes:
        yield f"[dim]{escape(note[0].upper() + note[1:])}.[/]"
    yield f"[dim]By use, not included: {escape('; '.join(cost.by_use))}.[/]"


def _changes(steps: Sequence[Step]) -> Iterator[str]:
    """Additions by component and type in one line; everything else one by one, with its name."""
    for name in _names(steps, None):
        own = [step for step in steps if component(step) == name]
        created = Counter(_kind(step) for step in own if step["operation"] == "create")
        if created:
            kinds = ", ".join(f"{count} {kind}" if count > 1 else kind for kind, count in sorted(created.items()))
            yield f"[green]+[/] {escape(name)}: {escape(kinds)}"
        for step in own:
            sign, colour = _SIGNS.get(step["operation"], ("", ""))
            if sign and step["operation"] != "create":
                yield f"[{colour}]{sign}[/] {escape(name)}: {escape(_kind(step))} {escape(urn_name(step['urn']))}"


def _kind(step: Step) -> str:
    """The last part of a type, such as `Bucket`."""
    return str(step["type"]).rpartition(":")[2]


def _counted(steps: Sequence[Step]) -> str:
    counts = Counter(step["operation"] for step in steps)
    return _operations(counts) or "nothing to do"


def _dollars(sizes: Amounts) -> str:
    return f"${sizes.minimum:,.2f} without jobs, ${sizes.maximum:,.2f} with every pool at its maximum"
