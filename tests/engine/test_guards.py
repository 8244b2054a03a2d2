"""Guards: where each begins to object, to the very number."""

from __future__ import annotations

import pytest

from pipelines.planning.guards import Limits, Movement, Reach, judge_movement, judge_reach, shrunk

USUAL = (5, 5, 5)
LIMITS = Limits(removal=0.5, entries=5.0, unusable=0.25)


def moved(before: int, now: int, *, entered: int = 0, left: int = 0, recent=(), peak: int = 0) -> Movement:
    return Movement(before, now, entered, left, recent, peak)


@pytest.mark.parametrize(("movement", "objects"), [
    (moved(100, 50, left=50), ""), (moved(100, 49, left=51), "removal"),
    (moved(2, 1, left=1), ""), (moved(1, 0, left=1), ""), (moved(3, 1, left=2), "removal"),
    (moved(2, 0, left=2), "empty"), (moved(0, 0), ""),
    (moved(26, 25, left=1, peak=100), ""), (moved(25, 24, left=1, peak=100), "erosion"),
    (moved(24, 24, peak=100), ""), (moved(2, 1, left=1, peak=3), ""), (moved(2, 1, left=1, peak=5), "erosion"),
    (moved(100, 125, entered=25, recent=USUAL), ""), (moved(100, 126, entered=26, recent=USUAL), "entries"),
    (moved(100, 200, entered=100, recent=USUAL[:2]), ""),
    (moved(100, 120, entered=20, recent=(1, 1, 1)), ""), (moved(100, 121, entered=21, recent=(1, 1, 1)), "entries"),
    (moved(10_000, 10_100, entered=100, recent=USUAL), ""),
    (moved(10_000, 10_101, entered=101, recent=USUAL), "entries"),
    (moved(100, 126, entered=26, recent=(1, 5, 90)), "entries"), (moved(100, 126, entered=26, recent=(1, 6, 7)), ""),
])
def test_a_movement_is_doubtful_beyond_the_limit_and_not_at_it(movement: Movement, objects: str) -> None:
    assert [each.guard for each in judge_movement(movement, LIMITS)] == ([objects] if objects else [])


def test_where_everybody_may_leave_at_once_nobody_being_left_is_usual() -> None:
    assert judge_movement(moved(100, 0, left=100, peak=100), Limits(removal=1.0)) == ()


def reach(
    *, delivered: int = 100, remove: int = 0, members: int = 100, unusable: int = 0, before: float = 0.0
) -> Reach:
    return Reach(delivered, remove, members, unusable, before, ())


@pytest.mark.parametrize(("found", "objects"), [
    (reach(remove=50), ""), (reach(remove=51), "removal"),
    (reach(delivered=1, remove=1), ""), (reach(delivered=3, remove=2), "removal"),
    (reach(unusable=25), ""), (reach(unusable=26), "identifiers"), (reach(unusable=100, before=-1.0), ""),
    (reach(unusable=75, before=0.5), ""), (reach(unusable=76, before=0.5), "identifiers"),
    (reach(members=0, unusable=0), ""),
])
def test_a_plan_is_objected_to_beyond_the_limit_and_not_at_it(found: Reach, objects: str) -> None:
    assert [each.guard for each in judge_reach(found, LIMITS)] == ([objects] if objects else [])


def test_a_list_of_persons_to_spare_may_lose_one_and_as_many_as_its_limit_says() -> None:
    assert [bool(shrunk(before, gone, 0.1)) for before, gone in ((3, 1), (3, 2), (100, 10), (100, 11))] == [
        False, True, False, True]


def test_of_two_limits_the_stricter_holds_and_what_was_not_limited_stays_so() -> None:
    loose = Limits.of(Limits(removal=1.0, entries=float("inf"), unusable=0.1).finite())
    assert loose == Limits(removal=1.0, entries=float("inf"), unusable=0.1)
    assert LIMITS.stricter(loose) == Limits(removal=0.5, entries=5.0, unusable=0.1)
