"""Which limit keeps a queued job waiting, and whether borrowing or preemption could help."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from cli.objects import Object
from cli.waiting.amounts import Amounts, one, plain, text, total
from cli.waiting.cause import Cause, Reason
from cli.waiting.choice import Choice
from cli.waiting.quota import ZERO, Holder, Room


def cause(chosen: Choice, own: Sequence[Holder], priority: int) -> Cause | None:
    """None if there is enough of everything; `own` are the team's jobs that hold what is short."""
    if chosen.missing:
        return Cause(
            Reason.NO_SUCH_NODE,
            f"no node pool of its queue has {' and '.join(chosen.missing)} on the nodes that its pods ask for",
            "ask for a declared pool, and for what its nodes have",
        )
    if chosen.too_large:
        return _too_large(chosen.too_large[0], chosen.needs)
    return _short(chosen.short[0], chosen.needs, own, priority) if chosen.short else None


def held(own: Sequence[Holder], short: Sequence[Room]) -> dict[str, Decimal]:
    """What of the short resources these jobs hold."""
    names = {each.resource for each in short}
    return {name: amount for name, amount in total(each.amounts for each in own).items() if name in names}


def borrowing(room: Room) -> str:
    """Whether what other teams leave idle would help."""
    if room.borrowing_limit == 0:
        return f"the team borrows no {room.resource}"
    if room.idle == 0:
        return f"no team leaves any {room.resource} idle"
    return f"{one(room.resource, room.idle)} idle in all teams, of which this one may use {plain(room.free)} more"


def preemption(chosen: Choice, own: Sequence[Holder], priority: int, queue: Object) -> str:
    """Which jobs Kueue may stop for it, by the rules of the queue."""
    rules, said, room = queue["spec"].get("preemption") or {}, [], chosen.short[0]
    lower = [each for each in own if each.priority < priority]
    if lower and rules.get("withinClusterQueue", "Never") != "Never":
        enough = "enough" if _would_do(room, chosen.needs, lower) else "not enough"
        said.append(f"jobs of the team with a lower priority hold {text(held(lower, [room]))}, which is {enough}")
    if room.lent and rules.get("reclaimWithinCohort", "Never") != "Never":
        said.append(f"{one(room.resource, room.lent)} of the team's quota can be taken back from other teams")
    return "; ".join(said) or "no job may be stopped for it"


def _too_large(room: Room, wanted: Amounts) -> Cause:
    needed, most = one(room.resource, wanted[room.resource]), one(room.resource, room.most)
    return Cause(
        Reason.TOO_LARGE,
        f"it needs {needed}, and the team can never use more than {most}: {_limit(room)}",
        "ask for less, or raise the team's quota or borrowingLimit",
    )


def _short(room: Room, wanted: Amounts, own: Sequence[Holder], priority: int) -> Cause:
    amount = wanted[room.resource]
    what = f"it needs {one(room.resource, amount)}, of which the team can have {plain(room.free)} now"
    higher = [each for each in own if each.priority > priority]
    others = [each for each in own if each.priority <= priority]
    if _would_do(room, wanted, higher) and not _would_do(room, wanted, others):
        names = ", ".join(each.job for each in higher)
        return Cause(
            Reason.PRIORITY,
            f"{what}: jobs of a higher priority hold {text(held(higher, [room]))} ({names})",
            "wait for these, or declare a higher priority",
        )
    if amount <= room.idle:
        return Cause(
            Reason.BORROWING_LIMIT,
            f"{what}: {plain(room.idle)} are idle, but {_limit(room)}, of which it uses {plain(room.used)}",
            "wait for a job of the team to end, or raise the team's borrowingLimit",
        )
    return Cause(Reason.QUOTA, f"{what}: {_whose(room)}", "wait, stop a job that holds it, or raise the team's quota")


def _would_do(room: Room, wanted: Amounts, freed: Sequence[Holder]) -> bool:
    amount = sum((each.amounts.get(room.resource, ZERO) for each in freed), ZERO)
    return wanted[room.resource] <= min(room.idle, room.allowed) + amount


def _limit(room: Room) -> str:
    own = f"its quota is {one(room.resource, room.nominal)}"
    if room.borrowing_limit is None:
        return f"{own}, and that of all teams together is {plain(room.cohort)}"
    return f"{own}, and it may borrow {plain(room.borrowing_limit)}"


def _whose(room: Room) -> str:
    parts = [f"it uses {plain(room.used)} with a quota of {plain(room.nominal)}"]
    if room.lent:
        parts.append(f"other teams have borrowed {plain(room.lent)} of its quota")
    return ", ".join([*parts, f"{plain(room.idle)} of {plain(room.cohort)} are idle in all teams"])
