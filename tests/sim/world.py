"""One simulated world: virtual time, an audience that changes, a warehouse, a journal a host, a channel.

The production walk runs in it step by step. Every call of a port is a point at which the process may die, pause, or
somebody may be suppressed; a crash is a BaseException out of the port, and whatever the dying process still tries after
it reaches nothing. Everything happens at its own virtual time, in one thread.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any, Protocol

import duckdb

from destinations.protocol import Settings
from pipelines.audiences import AliasModel, Audience, Guards, SuppressionModel, Sync
from pipelines.state import holds
from pipelines.warehouse.duckdb import DuckDB
from pipelines.warehouse.protocol import Warehouse
from tests.sim.channels import DESTINATIONS, Channel
from tests.sim.scenario import Scenario
from tests.sim.sqlite import SQLiteMemory

START = datetime(2026, 10, 21, 6, tzinfo=UTC)
MAPPINGS = (["value"], ["value", "tier"], {"value": "score"})
TRIGGER = {"when": "enters", "event": "cart_abandoned", "send": ["value"], "max_age": "90d"}
STABLE = Guards()
ANY = Guards(removal=1.0, entries=None, unusable=1.0)
SPARED = (SuppressionModel("do_not_contact", "main.spared", "person_id", removal=1.0),)


MERGED = AliasModel("person_aliases", "main.merged", "old_person_id", "person_id")


def root(merged: Mapping[str, str], person: str) -> str:
    """The key that this person has now."""
    while person in merged:
        person = merged[person]
    return person


class Violation(AssertionError):
    """Something that must never happen; the first word names the invariant."""


class Engine(Protocol):
    """A warehouse in memory."""

    kept: Warehouse

    def open(self, rewrite: Callable[[str], str] = str) -> AbstractContextManager[Warehouse]: ...

    def close(self) -> None: ...


class SharedDuckDB(DuckDB):
    """A database in memory, to which other runs of the schedule write too."""

    shared = True


class DuckMemory:
    """The production engine; each opening has its own temporary tables."""

    def __init__(self) -> None:
        self._connection = duckdb.connect(":memory:")
        self.kept = DuckDB(self._connection.cursor())

    @contextmanager
    def open(self, rewrite: Callable[[str], str] = str) -> Iterator[Warehouse]:
        cursor = self._connection.cursor()
        try:
            yield SharedDuckDB(cursor)
        finally:
            cursor.close()

    def close(self) -> None:
        self._connection.close()


@dataclass(frozen=True, slots=True)
class Person:
    """A row of the audience."""

    email: str | None
    value: int
    tier: str


@dataclass(frozen=True, slots=True)
class Truth:
    """What the audience was when a snapshot was taken, as the world saw it."""

    standings: dict[str, str]
    people: dict[str, Person]
    at: float = 0.0
    merged: dict[str, str] = field(default_factory=dict)
    """Old key → the one that took its place."""

    @property
    def wanted(self) -> dict[str, tuple[str, Person]]:
        """E-mail → the person who stands for it, and the row."""
        found: dict[str, tuple[str, Person]] = {}
        for person in sorted(self.people):
            row = self.people[person]
            if self.standings[person] == "sent" and row.email:
                found.setdefault(row.email, (person, row))
        return found


@dataclass
class World:
    """The state of one schedule."""

    scenario: Scenario
    engine: Engine = field(default_factory=SQLiteMemory)
    rewrite: Callable[[str], str] = str
    now: float = 0.0
    faulty: bool = True
    people: dict[str, Person] = field(default_factory=dict)
    away: dict[str, Person] = field(default_factory=dict)
    suppressed: dict[str, float] = field(default_factory=dict)
    """Person → since when."""
    spells: list[tuple[str, float, float]] = field(default_factory=list)
    """(person, since, until) of suppressions that have ended."""
    truth: dict[int, Truth] = field(default_factory=dict)
    """Accepted snapshots."""
    held: dict[int, Truth] = field(default_factory=dict)
    """Snapshots that a guard kept out of history."""
    missing: frozenset[str] = frozenset()
    """Whom a broken build left out of the table."""
    since: int | None = None
    """The snapshot from which on entries cause messages, when the trigger was first planned."""
    trace: list[tuple[float, str, str]] = field(default_factory=list)
    coverage: Counter[str] = field(default_factory=Counter)
    mapping: int = 0
    merged: dict[str, str] = field(default_factory=dict)
    """Old key → the one that took its place."""
    edited: bool = False
    """Whether somebody changed the channel's list by hand."""

    def __post_init__(self) -> None:
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._serial = count()
        self._people = self.scenario.stream("people")
        poison = frozenset({"e0@x.io"} if self.scenario.poison else ())
        self.channel = Channel(self.scenario, self._schedule, lambda: self.now, self.note, poison)
        self.destination = DESTINATIONS[self.scenario.kind](Settings())
        kept = self.engine.kept
        kept.execute("create table cart (person_id varchar, email varchar, value integer, tier varchar)")
        kept.execute("create table spared (person_id varchar)")
        kept.execute("create table merged (old_person_id varchar, person_id varchar)")
        for number in range(self.scenario.persons):
            row = Person(f"e{number % self.scenario.emails}@x.io", number, "gold")
            (self.people if self._people.random() < 0.6 else self.away)[f"p{number}"] = row
        self._write_people()

    @property
    def keeps_members(self) -> bool:
        """Whether it is a list that can be read back, one member at a time."""
        return self.scenario.kind in ("set", "dset", "mixed")

    def edit_by_hand(self, dice: Random) -> None:
        """Somebody changes the list in the channel, and tells nobody."""
        if done := self.channel.edit_by_hand(dice):
            self.edited = True
            self.note("drift", done)

    @property
    def messages_only(self) -> bool:
        return self.scenario.kind in ("dedupe", "raw", "repeated")

    @property
    def sync(self) -> Sync:
        """The declaration of the sync, with the mapping of now."""
        parts: dict[str, Any] = {"to": "sim", "every": "1h", "target": "list",
                                 "first_sync": "live" if self.scenario.live else "silent"}
        if self.messages_only or self.scenario.kind == "mixed":
            once = "at_least_once" if self.scenario.kind == "repeated" else "at_most_once"
            parts["trigger"] = {**TRIGGER, "delivery": once}
        parts |= {"members": False} if self.messages_only else {"send": MAPPINGS[self.mapping % len(MAPPINGS)]}
        parts |= {"mode": "replace"} if self.scenario.kind == "replace" else {}
        return Sync.model_validate(parts)

    @property
    def audience(self) -> Audience:
        return Audience(name="cart", relation="main.cart", key="person_id", syncs=(self.sync,),
                        holdout=self.scenario.holdout,
                        guards=STABLE if self.scenario.guarded else ANY,
                        identifiers={"person": "person_id", "email": "email"})

    def at(self, skew: float = 0.0) -> datetime:
        """The time of a clock that is `skew` seconds ahead; UTC with zone."""
        return START + timedelta(seconds=self.now + skew)

    def advance(self, until: float) -> None:
        """Let time pass; what is due happens at its own time."""
        while self._events and self._events[0][0] <= until:
            due, _, event = heapq.heappop(self._events)
            self.now = max(self.now, due)
            event()
        self.now = max(self.now, until)

    def note(self, fault: str, state: str, detail: str = "") -> None:
        """Count a fault in a state, and write it into the trace."""
        self.coverage[f"{fault} × {state}"] += 1
        self.say(fault, f"{state} {detail}")

    def say(self, what: str, detail: str = "") -> None:
        self.trace.append((round(self.now, 2), what, detail))

    def change(self, times: int) -> None:
        """People enter, leave, change, are suppressed or released."""
        random = self._people
        for _ in range(times):
            person = root(self.merged, f"p{random.randrange(self.scenario.persons)}")
            what = random.choice(("move", "move", "move", "value", "email", "suppress", "release"))
            if what == "move":
                here, there = (self.people, self.away) if person in self.people else (self.away, self.people)
                there[person] = here.pop(person)
            elif what in ("value", "email"):
                place = self.people if person in self.people else self.away
                old = place[person]
                if what == "value":
                    place[person] = replace(old, value=old.value + 1, tier=random.choice(("gold", "base")))
                else:
                    emails = (None, *(f"e{number}@x.io" for number in range(self.scenario.emails)))
                    place[person] = replace(old, email=random.choice(emails))
            elif what == "suppress":
                self.suppress(person)
            else:
                self.release(person)
        self._write_people()

    def merge(self, dice: Random, old: str | None = None) -> str | None:
        """One key (`old`) turns out to be another person's, who takes its place wherever it was: answers that one's."""
        roots = sorted({*self.people, *self.away} - {old})
        if len(roots) < 2:
            return None
        new = dice.choice(roots)
        old = old or dice.choice([key for key in roots if key != new])
        both = f"{'here' if old in self.people else 'away'} and {'here' if new in self.people else 'away'}"
        row = (self.people if old in self.people else self.away).pop(old)
        if both == "here and away":
            self.people[new] = self.away.pop(new)
            if dice.random() < 0.5:
                self.people[new] = row
        if old in self.suppressed:
            self.suppress(new)
        self.merged[old] = new
        self.engine.kept.execute("insert into merged values (?, ?)", [old, new])
        self.note("merge", both, f"{old} is {new}")
        self._write_people()
        return new

    def break_table(self) -> None:
        """A build that failed half way: too many are missing for it to be believed."""
        newest = self.truth[max(self.truth)].standings if self.truth else {}
        here = sorted(self.people)
        gone = here if self._people.random() < 0.4 else here[len(here) // 3:]
        left = newest.keys() - (self.people.keys() - set(gone))
        if self.scenario.guarded and len(left) > max(1, 0.3 * len(newest)) and len(gone) > 0:
            self.missing = frozenset(gone)
            self.note("broken", "everybody" if gone == here else "some")
            self._write_people()

    def mend_table(self) -> None:
        if self.missing:
            self.missing = frozenset()
            self._write_people()

    def approve(self) -> None:
        """A person looks at a held plan and releases it."""
        for (plan,) in self.query("select plan_id from activation.hold where state = 'open'"):
            holds.approve(self.engine.kept, plan, "an operator", "looked at", self.at().replace(tzinfo=None))
            self.note("approve", "hold", plan)

    def suppress(self, person: str) -> None:
        if person not in self.suppressed:
            self.suppressed[person] = self.now
            self.engine.kept.execute("insert into spared values (?)", [person])
            self.say("suppressed", person)

    def release(self, person: str) -> None:
        if (since := self.suppressed.pop(person, None)) is not None:
            self.spells.append((person, since, self.now))
            self.engine.kept.execute("delete from spared where person_id = ?", [person])
            self.say("released", person)

    def was_suppressed(self, person: str, since: float, until: float) -> bool:
        """Whether the person was to be spared at any time between."""
        spells = [*self.spells, *((who, begun, until) for who, begun in self.suppressed.items())]
        return any(who == person and begun <= until and ended >= since for who, begun, ended in spells)

    def truth_now(self) -> Truth:
        present = {person: row for person, row in self.people.items() if person not in self.missing}
        standings = {person: "suppressed" if person in self.suppressed else
                     "held_out" if self.is_held_out(person) else "sent" for person in present}
        return Truth(standings, present, self.now, dict(self.merged))

    def is_held_out(self, person: str) -> bool:
        """Whether the draw leaves this person out."""
        drawn = int(hashlib.md5(f"{self.audience.holdout_salt}|{person}".encode()).hexdigest()[:8], 16) % 10_000
        return drawn < round(self.scenario.holdout * 10_000)

    def committed(self) -> None:
        """Called after every commit of a run: remember the audience as it was at a new snapshot."""
        if self.engine.kept.columns("activation.snapshot") is None:
            return
        newest, status = next(iter(self.query(
            "select snapshot_id, status from activation.snapshot order by snapshot_id desc limit 1")), (0, ""))
        if newest and newest not in {*self.truth, *self.held}:
            (self.held if status == "held" else self.truth)[newest] = self.truth_now()
            self.say("snapshot", f"{newest} {status}")
            if "held_out" in self.truth_now().standings.values():
                self.note("holdout", status)
            if status == "accepted" and self.missing and not self._was_approved():
                raise Violation(f"broken: snapshot {newest} was accepted without {sorted(self.missing)}")
        if self.since is None:
            [(self.since,)] = self.query("select max(trigger_since) from activation.sync_control")
            if self.since not in (None, 0 if self.scenario.live else newest):
                raise Violation(f"baseline: the trigger counts from snapshot {self.since}, and {newest} is the newest")

    def _was_approved(self) -> bool:
        """Whether a person has approved just this: to have in the channel what the held snapshot wanted there."""
        approved = self.query("select 1 from activation.hold where state = 'approved'")
        return bool(approved and self.held) and self.held[max(self.held)].wanted == self.truth_now().wanted

    def query(self, sql: str, values: Any = ()) -> list[tuple[Any, ...]]:
        return self.engine.kept.query(sql, values)

    def at_time(self, seconds: float, event: Callable[[], object]) -> None:
        """Let something happen at this second, whoever is waiting for it."""
        heapq.heappush(self._events, (seconds, next(self._serial), event))

    def _schedule(self, seconds: float, event: Callable[[], object]) -> None:
        self.at_time(self.now + seconds, event)

    def _write_people(self) -> None:
        kept = self.engine.kept
        kept.execute("delete from cart")
        for person, row in self.truth_now().people.items():
            kept.execute("insert into cart values (?, ?, ?, ?)", [person, row.email, row.value, row.tier])
        self.say("audience", " ".join(f"{person}:{row.email and row.email[:2]}:{row.value}{row.tier[0]}"
                                      for person, row in sorted(self.truth_now().people.items())))
