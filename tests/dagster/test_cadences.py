"""Who is due when, and who takes whom where cadences coincide."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pipelines.defs.cadences import Switch, Verdict, decide, fires, freshness_of, name_of, ordered, running

BERLIN = ZoneInfo("Europe/Berlin")
QUARTER, HOUR, DAY, MONDAY = "*/15 * * * *", "0 * * * *", "0 6 * * *", "0 6 * * 1"
ALL = {QUARTER, HOUR, DAY, MONDAY}
NAMES = {name_of(cron): cron for cron in ALL}


def at(written: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=BERLIN, fold=fold)


@pytest.mark.parametrize(("cron", "name"), [
    ("* * * * *", "every_minute"),
    ("*/15 * * * *", "every_15_minutes"),
    ("0 * * * *", "hourly"),
    ("20 * * * *", "hourly_at_20"),
    ("0 */6 * * *", "every_6_hours"),
    ("0 6 * * *", "daily_06_00"),
    ("30 23 * * *", "daily_23_30"),
    ("0 6 * * 1", "weekly_mon_06_00"),
    ("0 6 * * 7", "weekly_sun_06_00"),
    ("0 9 * * 1-5", "cron_0_9_any_any_1_to_5"),
    ("0,30 9-17 1 * *", "cron_0_and_30_9_to_17_1_any_any"),
])
def test_a_cadence_is_named_as_one_would_say_it(cron: str, name: str) -> None:
    assert name_of(cron) == name


def test_cadences_are_ordered_by_their_shortest_pause() -> None:
    assert ordered([DAY, MONDAY, HOUR, QUARTER, HOUR]) == [QUARTER, HOUR, DAY, MONDAY]


@pytest.mark.parametrize(("own", "on", "moment", "verdict"), [
    (QUARTER, ALL, "2026-10-20T06:15", Verdict((QUARTER,))),
    (QUARTER, ALL, "2026-10-20T07:00", Verdict((QUARTER, HOUR))),
    (HOUR, ALL, "2026-10-20T07:00", Verdict((), QUARTER)),
    (QUARTER, ALL, "2026-10-20T06:00", Verdict((QUARTER, HOUR, DAY))),
    (DAY, ALL, "2026-10-20T06:00", Verdict((), QUARTER)),
    (QUARTER, ALL, "2026-10-19T06:00", Verdict((QUARTER, HOUR, DAY, MONDAY))),
    # The first of those that are on leads; one that is off is in nobody's run.
    (HOUR, {HOUR, DAY}, "2026-10-20T06:00", Verdict((HOUR, DAY))),
    (DAY, {HOUR, DAY}, "2026-10-20T06:00", Verdict((), HOUR)),
    (DAY, {DAY}, "2026-10-20T06:00", Verdict((DAY,))),
    # A tick that is tried by hand while its schedule is off.
    (DAY, set(), "2026-10-20T06:00", Verdict((DAY,))),
    # 02:30 does not exist on the last Sunday of March: Dagster moves the tick to 03:00, where it runs by itself.
    ("30 2 * * *", {"30 2 * * *", HOUR}, "2026-03-29T03:00", Verdict(("30 2 * * *",))),
    (HOUR, {"30 2 * * *", HOUR}, "2026-03-29T03:00", Verdict((HOUR,))),
])
def test_where_ticks_coincide_one_schedule_takes_all(
    own: str, on: set[str], moment: str, verdict: Verdict
) -> None:
    assert decide(own, on, at(moment)) == verdict


@pytest.mark.parametrize(("cron", "first", "second"), [
    (QUARTER, True, True),
    (HOUR, True, True),
    ("0 2 * * *", False, True),
    ("0 */2 * * *", False, True),
    (DAY, False, False),
])
def test_in_the_hour_that_comes_twice_only_hourly_cadences_fire_twice(cron: str, first: bool, second: bool) -> None:
    assert (fires(cron, at("2026-10-25T02:00")), fires(cron, at("2026-10-25T02:00", fold=1))) == (first, second)


def test_every_tick_of_two_weeks_is_taken_exactly_once_whatever_is_on() -> None:
    start = datetime(2026, 10, 18, tzinfo=UTC)
    for on in ({QUARTER, HOUR, DAY, MONDAY}, {HOUR, MONDAY}, {QUARTER, DAY}, {DAY, MONDAY}):
        for quarter in range(14 * 96):
            moment = (start + timedelta(minutes=15 * quarter)).astimezone(BERLIN)
            due = [cron for cron in on if fires(cron, moment)]
            taken = [cron for own in due for cron in decide(own, on, moment).cadences]
            assert sorted(taken) == sorted(due), moment


@pytest.mark.parametrize(("switches", "own", "expected"), [
    ([("hourly", "a", 0), ("daily_06_00", "a", 0)], "hourly", {HOUR, DAY}),
    # Switched on after the tick: its own first tick is a later one.
    ([("hourly", "a", 0), ("every_15_minutes", "a", 2e9)], "hourly", {HOUR}),
    # Another code location's schedules are not ours.
    ([("hourly", "a", 0), ("every_15_minutes", "b", 0)], "hourly", {HOUR}),
    # Two locations run it: nobody can tell which is ours, so nobody is merged.
    ([("hourly", "a", 0), ("hourly", "b", 0), ("every_15_minutes", "b", 0)], "hourly", {HOUR}),
    ([("nightly_report", "a", 0)], "hourly", {HOUR}),
])
def test_only_schedules_that_were_on_in_the_same_location_count(
    switches: list[tuple[str, str, float]], own: str, expected: set[str]
) -> None:
    assert running([Switch(*switch) for switch in switches], NAMES, own, at("2026-10-20T06:00")) == expected


@pytest.mark.parametrize(("crons", "minutes"), [
    ([QUARTER], 15), ([DAY, HOUR], 60), ([DAY], 1440), (["0 9 * * 1-5"], 3 * 1440), (["*/15 9-17 * * *"], 915),
])
def test_a_snapshot_is_late_only_after_the_longest_pause_of_its_quickest_cadence(
    crons: list[str], minutes: int
) -> None:
    policy = freshness_of(crons)
    assert policy.fail_window.to_timedelta() == timedelta(minutes=2 * minutes)
    assert policy.warn_window.to_timedelta() == timedelta(minutes=1.5 * minutes)


def test_an_audience_that_goes_nowhere_is_never_late() -> None:
    assert freshness_of([]) is None
