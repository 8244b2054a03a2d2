"""When audiences are due: cadences by name, and who takes whom where several coincide. Pure: knows no Dagster instance.

Each cron has a schedule of its own, so that the Automation page reads as a calendar with a toggle a cadence. Where
ticks coincide (06:00 is a quarter of an hour, an hour and a day), one run takes all that is due: models that several
audiences are built from are built once.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise

import dagster as dg
from croniter import croniter

_MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
_FIRINGS = 200
"""Ticks looked at to find the longest pause of a cron: two days of quarters, four weeks of working days."""
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a schedule does at one tick."""

    cadences: tuple[str, ...]
    """The crons whose audiences this tick takes; empty when another schedule takes them."""
    taken_by: str | None = None
    """Cron of the schedule that takes them instead."""


@dataclass(frozen=True, slots=True)
class Switch:
    """A schedule that is switched on."""

    name: str
    location: str
    """The code location it belongs to."""
    since: float
    """Unix time at which it was switched on."""


def running(switches: Iterable[Switch], names: Mapping[str, str], own: str, at: datetime) -> set[str]:
    """Crons (`names`: schedule → cron) of the schedules that were on before the tick `at` of the schedule `own`.

    Only those of its own code location count, which Dagster does not tell a schedule: where two locations run one of
    this name, nobody is merged.
    """
    locations: dict[str, set[str]] = {}
    for switch in switches:
        if switch.name in names and switch.since <= at.timestamp():
            locations.setdefault(switch.location, set()).add(names[switch.name])
    mine = [crons for crons in locations.values() if names[own] in crons]
    return mine[0] if len(mine) == 1 else {names[own]}


def decide(own: str, running: Collection[str], at: datetime) -> Verdict:
    """Whom the schedule of cron `own` takes at its tick `at` (aware, in the schedules' zone).

    `running`: crons of the schedules that are switched on. The first of those that are due takes all. Each schedule
    decides for itself and all come to the same answer, because it depends on `running` and `at` alone.
    """
    due = [cron for cron in ordered({*running, own}) if fires(cron, at)]
    if own not in due:
        # Dagster moves a tick out of the hour that a change of clocks leaves out; nobody else counts it as theirs.
        return Verdict((own,))
    return Verdict(tuple(due)) if due[0] == own else Verdict((), due[0])


def fires(cron: str, at: datetime) -> bool:
    """Whether the cron is due at this minute. In an hour that comes twice only crons of every hour fire twice."""
    if at.fold == 0 and _comes_again(at) and cron.split()[1] != "*":
        return False
    return bool(croniter.match(cron, at.replace(tzinfo=None)))


def ordered(crons: Iterable[str]) -> list[str]:
    """Most frequent first."""
    return sorted(set(crons), key=lambda cron: (_pauses(cron)[0], cron))


def name_of(cron: str) -> str:
    """`every_15_minutes`, `hourly`, `daily_06_00`, `weekly_mon_06_00`; other crons spelt out."""
    minute, hour, day, month, weekday = cron.split()
    if day == month == "*":
        if weekday == "*" and (short := _short(minute, hour)):
            return short
        if minute.isdigit() and hour.isdigit() and (weekday == "*" or weekday in "01234567"):
            when = "daily" if weekday == "*" else f"weekly_{_WEEKDAYS[int(weekday)]}"
            return f"{when}_{int(hour):02}_{int(minute):02}"
    words = {"*": "any", "/": "_per_", ",": "_and_", "-": "_to_"}
    return "cron_" + re.sub(r"\W", "_", "_".join(
        re.sub(r"[*/,-]", lambda match: words[match[0]], part) for part in cron.split()))


def freshness_of(crons: Sequence[str]) -> dg.FreshnessPolicy | None:
    """A snapshot is late after half of another pause of its most frequent cadence, and stale after a whole one."""
    if not crons:
        return None
    pause = min(_pauses(cron)[1] for cron in crons)
    return dg.FreshnessPolicy.time_window(fail_window=2 * pause, warn_window=1.5 * pause)


def _short(minute: str, hour: str) -> str | None:
    if hour == "*":
        if minute in ("*", "0"):
            return "every_minute" if minute == "*" else "hourly"
        if match := re.fullmatch(r"\*/(\d+)", minute):
            return f"every_{match[1]}_minutes"
        return f"hourly_at_{int(minute):02}" if minute.isdigit() else None
    match = re.fullmatch(r"\*/(\d+)", hour)
    return f"every_{match[1]}_hours" if match and minute == "0" else None


@cache  # 20 ms a cron, and asked for each audience
def _pauses(cron: str) -> tuple[timedelta, timedelta]:
    """The shortest and the longest pause between ticks."""
    ticks = croniter(cron, _MONDAY)
    moments = [ticks.get_next(datetime) for _ in range(_FIRINGS)]
    pauses = [after - before for before, after in pairwise(moments)]
    return min(pauses), max(pauses)


def _comes_again(at: datetime) -> bool:
    return at.replace(fold=1).utcoffset() != at.utcoffset()
