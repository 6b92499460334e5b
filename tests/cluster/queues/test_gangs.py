"""Gangs of two teams on eight GPUs: what is computed by hand comes out, and no event shows a part of a gang.

red has a nominal quota of 4 GPUs and may borrow 2, so it never has more than 6. blue has 4 and may borrow all that is
idle, so it never has more than 8. green has none, and borrows. Each worker has one GPU.
"""

from __future__ import annotations

import pytest

from tests.cluster.queues.gangs import Gangs, declared
from tests.cluster.queues.history_rules import decisions, most_bound
from tests.cluster.queues.node import Node
from tests.cluster.queues.world import World


@pytest.fixture(scope="module")
def gangs(world: World, gpu_node: Node) -> Gangs:
    return Gangs(world, declared(world))


def test_gangs_wait_as_wholes_and_borrow_up_to_the_limit(world: World, gangs: Gangs, gpus: Node) -> None:
    """
    gang          asks | red has     blue has | because
    first   red      4 | 4           0        | 4 <= 4, its nominal quota
    whole   blue     8 | 4           waits    | 8 - 4 = 4 are idle; red borrows nothing that blue could take back
    second  red      2 | 4 + 2 = 6   waits    | 6 <= 4 + 2, and 8 - 4 = 4 >= 2 are idle
    third   red      2 | 6, waits    waits    | 6 + 2 = 8 > 4 + 2, although 8 - 6 = 2 are idle
    first ends         | 2 + 2 = 4   waits    | third: 2 + 2 <= 6; whole: 8 > 8 - 2
    second, third end  | 0           8        | 8 <= 4 + (8 - 4)
    """
    with gangs.checked(gpus) as history:
        first = gangs.submit(world.red, 4)
        gangs.runs(world.red, first)
        whole = gangs.submit(world.blue, 8)
        gangs.waits(world.blue, whole)
        second = gangs.submit(world.red, 2)
        gangs.runs(world.red, second)
        third = gangs.submit(world.red, 2)
        gangs.waits(world.red, third)
        gangs.ends(gpus, world.red, first)
        gangs.runs(world.red, third)
        gangs.waits(world.blue, whole)
        gangs.ends(gpus, world.red, second)
        gangs.ends(gpus, world.red, third)
        gangs.runs(world.blue, whole)
        gangs.ends(gpus, world.blue, whole)
    assert decisions(history.events) == [
        (first, "admitted"),
        (second, "admitted"),
        (first, "finished"),
        (third, "admitted"),
        (second, "finished"),
        (third, "finished"),
        (whole, "admitted"),
        (whole, "finished"),
    ]
    assert most_bound(history.events) == {world.red: 6, world.blue: 8}


def test_a_gang_that_has_borrowed_is_taken_back_as_a_whole(world: World, gangs: Gangs, gpus: Node) -> None:
    """
    gang          asks | red has   blue has    | because
    whole   blue     8 | 0         4 + 4 = 8   | red's 4 are idle
    own     red      4 | 4         0           | red has 0 of its 4 and blue borrows 4: 4 must come back, and they are
                       |                       | part of whole, which ends with all of its 8
    whole waits        | 4         0           | 8 > 8 - 4
    half    blue     4 | 4         4           | 4 <= 8 - 4, its nominal quota
    own ends           | 0         4, waits    | whole: 8 > 8 - 4; its priority is not higher than that of half
    half ends          | 0         4 + 4 = 8   | red's 4 are idle
    """
    with gangs.checked(gpus) as history:
        whole = gangs.submit(world.blue, 8)
        gangs.runs(world.blue, whole)
        own = gangs.submit(world.red, 4)
        gangs.runs(world.red, own)
        gangs.waits(world.blue, whole)
        half = gangs.submit(world.blue, 4)
        gangs.runs(world.blue, half)
        gangs.ends(gpus, world.red, own)
        gangs.waits(world.blue, whole)
        gangs.ends(gpus, world.blue, half)
        gangs.runs(world.blue, whole)
        gangs.ends(gpus, world.blue, whole)
    assert decisions(history.events) == [
        (whole, "admitted"),
        (whole, "InCohortReclamation"),
        (own, "admitted"),
        (half, "admitted"),
        (own, "finished"),
        (half, "finished"),
        (whole, "admitted"),
        (whole, "finished"),
    ]
    assert most_bound(history.events) == {world.red: 4, world.blue: 8}


def test_a_higher_priority_stops_no_more_gangs_than_it_needs(world: World, gangs: Gangs, gpus: Node) -> None:
    """
    gang               asks | red has          blue has | because
    large   red, low      4 | 4                0        |
    small   red, low      2 | 4 + 2 = 6        0        |
    other   blue          2 | 6                2        | all 8 are in use
    high    red, high     4 | 2 + 4 = 6        2        | red has 6 of 6, so 4 of its own must go. Without small there
                            |                           | are 2, which are too few; without large there are 4: small
                            |                           | stays, and so does other, which borrows nothing
    large waits             | 6                2        | 6 + 4 > 6
    high ends               | 2 + 4 = 6        2        | 2 + 4 <= 6
    """
    with gangs.checked(gpus) as history:
        large = gangs.submit(world.red, 4, "low")
        gangs.runs(world.red, large)
        small = gangs.submit(world.red, 2, "low")
        gangs.runs(world.red, small)
        other = gangs.submit(world.blue, 2)
        gangs.runs(world.blue, other)
        high = gangs.submit(world.red, 4, "high")
        gangs.runs(world.red, high)
        gangs.waits(world.red, large)
        gangs.ends(gpus, world.red, high)
        gangs.runs(world.red, large)
        for team, gang in ((world.red, small), (world.red, large), (world.blue, other)):
            gangs.ends(gpus, team, gang)
    assert decisions(history.events) == [
        (large, "admitted"),
        (small, "admitted"),
        (other, "admitted"),
        (large, "InClusterQueue"),
        (high, "admitted"),
        (high, "finished"),
        (large, "admitted"),
        (small, "finished"),
        (large, "finished"),
        (other, "finished"),
    ]
    assert most_bound(history.events) == {world.red: 6, world.blue: 2}
