"""The rules of messages once more, in plain Python: a shop's facts, drawn hour by hour, and what follows from them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pipelines.messages import Messages

PERSONS = [f"p{n:02}" for n in range(9)]
ZONES = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", None, "Mars/Olympus"]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CODES = {"early": "deferred", "night": "deferred", "cool": "capped", "cap": "capped", "late": "stale", "left": "stale",
         "again": "suppressed", "void": "sent"}
"""Code of each word here; other words are codes."""


@dataclass(frozen=True, slots=True)
class Said:
    """What an audience declares, and at every which look of the shop it is looked at."""

    priority: int
    every: int
    max_age: timedelta
    quiet: tuple[int, int] | None = None
    """First hour, and the hour after the last."""
    reenter: timedelta | None = timedelta(0)
    cool_down: timedelta = timedelta(0)
    after: timedelta | None = None
    """The follow-up's time."""
    cap: int = 2
    within: timedelta = 3 * DAY

    @property
    def messages(self) -> Messages:
        return Messages.model_validate({
            "priority": self.priority, "cap": f"{self.cap} in {_written(self.within)}",
            "reenter": "never" if self.reenter is None else _written(self.reenter) if self.reenter else "always",
            "cool_down": _written(self.cool_down) if self.cool_down else None,
            "steps": [{"event": "more", "after": _written(self.after), "max_age": "1d"}] if self.after else []})

    @property
    def trigger(self) -> dict[str, object]:
        quiet = {"quiet_hours": f"{self.quiet[0]:02}:00-{self.quiet[1]:02}:00"} if self.quiet else {}
        return {"when": "enters", "max_age": _written(self.max_age), **quiet}

    def night(self, at: datetime, zone: str | None) -> datetime | None:
        """When the night ends that it is now."""
        if self.quiet is None:
            return None
        place = ZoneInfo(zone if zone and not zone.startswith("Mars") else "UTC")
        moment = at
        while self._is_quiet(moment.replace(tzinfo=UTC).astimezone(place).hour):
            moment = moment.replace(minute=0) + timedelta(minutes=15 * (moment.minute // 15 + 1))
        return moment if moment > at else None

    def _is_quiet(self, hour: int) -> bool:
        first, last = self.quiet or (0, 0)
        return hour >= first or hour < last


@dataclass
class Facts:
    """How things stand."""

    inside: dict[str, set[str]]
    refusing: set[str] = field(default_factory=set)
    spared: set[str] = field(default_factory=set)
    zones: dict[str, str | None] = field(default_factory=lambda: dict.fromkeys(PERSONS))
    bought: list[tuple[str, datetime]] = field(default_factory=list)
    late: list[tuple[str, datetime]] = field(default_factory=list)
    """Bought, and not loaded yet."""
    away: str = ""
    """The audience whose channel does not answer."""

    def pass_on(self, draw: random.Random, at: datetime) -> None:
        for inside in self.inside.values():
            for person in draw.sample(PERSONS, 3):
                inside.symmetric_difference_update({person} if draw.random() < 0.4 else set())
        for some in (self.refusing, self.spared):
            some.symmetric_difference_update({draw.choice(PERSONS)} if draw.random() < 0.15 else set())
        if draw.random() < 0.2:
            self.zones[draw.choice(PERSONS)] = draw.choice(ZONES)
        if draw.random() < 0.4:
            self.bought, self.late = self.bought + self.late, []
        if draw.random() < 0.2:
            draw.choice([self.bought, self.late]).append((draw.choice(PERSONS), at - HOUR))
        self.away = draw.choice(list(self.inside)) if draw.random() < 0.1 else ""


@dataclass(eq=False)
class Candidate:
    """A message that might go."""

    audience: str
    person: str
    step: str
    entered: datetime
    due: datetime
    expires: datetime
    back_from: datetime | None = None
    """When they had left before."""
    code: str = ""
    until: datetime | None = None
    told: datetime | None = None

    def waits(self, at: datetime) -> bool:
        """Whether it stands in the line."""
        return (self.code in ("early", "night", "cool", "cap", "ready", "void") and self.due <= at <= self.expires
                and (self.until is None or self.until <= self.expires))


class Account:
    """What each look leads to."""

    def __init__(self, declared: dict[str, Said]) -> None:
        self.declared = declared
        self.stays: dict[tuple[str, str], datetime] = {}
        self.left: dict[tuple[str, str], datetime] = {}
        self.all: list[Candidate] = []

    def look(self, name: str, facts: Facts, at: datetime) -> Iterator[tuple[str, str]]:
        """Person and event of each message that goes."""
        said = self.declared[name]
        for person in PERSONS:
            self._move(name, person, facts, at)
            told = sorted((c.told for c in self.all if c.person == person and c.told and c.told > at - said.within),
                          reverse=True)
            mine = [c for c in self.all if c.audience == name and c.person == person and not c.told]
            for each in mine:
                each.code, each.until = self._judge(each, facts, at)
            line = sorted((c for c in self.all if c.person == person and not c.told and c.waits(at)),
                          key=lambda c: (-self.declared[c.audience].priority, c.due))
            for each in [each for each in mine if each.code == "ready"]:
                if len(told) + line.index(each) + 1 > said.cap:
                    each.code, each.until = "cap", told[said.cap - 1] + said.within if len(told) >= said.cap else None
                elif facts.away == name:
                    each.code = "void"
                else:
                    each.code, each.told = "sent", at
                    yield person, each.step or name

    def _move(self, name: str, person: str, facts: Facts, at: datetime) -> None:
        said, key, inside = self.declared[name], (name, person), person in facts.inside[name]
        if inside and key not in self.stays:
            self.stays[key] = at
            self.all.append(Candidate(name, person, "", at, at, at + said.max_age, self.left.get(key)))
        elif not inside and key in self.stays:
            del self.stays[key]
            self.left[key] = at
        follow = [c for c in self.all if c.audience == name and c.person == person and not c.step and c.told]
        known = {c.entered for c in self.all if c.audience == name and c.person == person and c.step}
        for each in follow if said.after else ():
            if each.entered not in known and each.told and said.after:
                due = each.told + said.after
                self.all.append(Candidate(name, person, "more", each.entered, due, due + DAY))

    def _judge(self, each: Candidate, facts: Facts, at: datetime) -> tuple[str, datetime | None]:
        said = self.declared[each.audience]
        is_in = self.stays.get((each.audience, each.person)) == each.entered
        bought = any(person == each.person and each.entered <= when <= at for person, when in facts.bought)
        if each.code == "late":
            return "late", None
        if not each.step and not is_in:  # what was decided stands; who waited has left
            return ("goal_met" if bought else "left", None) if each.waits(each.due) or each.code in (
                "early", "night", "cool", "cap", "void") else (each.code, None)
        if each.person in facts.spared:
            return "suppressed", None
        if not each.step and each.back_from and (said.reenter is None or each.back_from + said.reenter > each.entered):
            return "again", None
        if bought:
            return "goal_met", None
        if each.person in facts.refusing:
            return "no_consent", None
        if each.due > at:
            return "early", each.due
        if each.expires < at:
            return "late", None
        if night := said.night(at, facts.zones[each.person]):
            return "night", night
        others = [c.told for c in self.all if c.audience == each.audience and c.person == each.person and c.told
                  and not c.step and c.entered != each.entered]
        if not each.step and others and max(others) + said.cool_down > at:
            return "cool", max(others) + said.cool_down
        return "ready", None


def _written(time: timedelta) -> str:
    return f"{time // timedelta(minutes=1)}m"
