"""Days of a shop, run by run, against an account of the rules in plain Python: who is told what when, and why not.

Three audiences with schedules of their own share a cap. Persons come and go, take back consent, move to other zones
and buy, which is sometimes known late; for hours or days nothing runs; a channel is away; a cap changes. The draw is
seeded, so the days are the same each time.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines import work
from pipelines.audiences import Audience, GoalModel, RecipientsModel
from pipelines.sync import Step, Task, walk
from tests.engine.account import CODES, DAY, HOUR, PERSONS, Account, Facts, Said
from tests.engine.engines import DuckFile
from tests.engine.world import START, RawMail, World

LOOK, SEED = 3 * HOUR, 1
OUTAGES = (1, 1, 2, 4, 8, 24)
"""Looks that are left out at a time."""


def declared() -> dict[str, Said]:
    return {
        "news": Said(10, 3, 2 * DAY, quiet=(22, 8), reenter=None),
        "cart": Said(60, 1, 20 * HOUR, quiet=(21, 7), cool_down=2 * DAY, after=25 * HOUR + timedelta(minutes=1)),
        "checkout": Said(90, 2, 8 * HOUR, reenter=DAY)}


class Shop:
    """Worlds of one project, as `work.sync` asks for them."""

    complaints: Sequence[object] = ()

    def __init__(self, folder: Path, declared: dict[str, Said]) -> None:
        self.declared, self.due, self.told = declared, list[World](), list[tuple[str, str]]()
        engine = DuckFile(folder / "shop.duckdb")
        self.worlds: dict[str, World] = {}
        for name, said in declared.items():
            world = World(folder, RawMail, engine=engine, name=name, members=False, first_sync="live",
                          trigger={**said.trigger, "event": name})
            world.goal = GoalModel("deeds", "main.deeds", "person_id", event="order_paid")
            world.recipients = RecipientsModel("recipients", "main.recipients", "person_id", "", {
                "person": "person_id", "email": "mail"}, {"email": "may_mail"}, "timezone")
            self.worlds[name] = world
        self.sql = engine.sql

    @property
    def declarations(self) -> Any:
        return self

    @property
    def audiences(self) -> Any:
        return lambda select=(), to=None: [world.audience for world in self.due]

    def tasks(self, audience: Audience, to: str | None = None) -> tuple[list[Task], list[Any]]:
        return self.worlds[audience.name].tasks, []

    def walk(
        self, audience: Audience, tasks: Sequence[Task], run: str, *, resync: bool, spread: str
    ) -> Iterator[Step]:
        world = self.worlds[audience.name]
        world.channel.faults = ["never_sent"] * 1_000 if self.facts.away == audience.name else []
        yield from walk(audience, tasks, world.suppressions, world.ports, self.at)
        self.told += [(str(row["email"]).partition("@")[0], str(row["event"])) for row in world.channel.messages]
        world.channel.messages.clear()

    def look(self, due: Sequence[str], facts: Facts, at: datetime) -> list[tuple[str, str]]:
        """The lowest priority is declared first."""
        self.facts, self.at, self.told = facts, at.replace(tzinfo=START.tzinfo), []
        self.write(facts)
        for name, world in self.worlds.items():
            world.clock.at, world.messages = at, self.declared[name].messages
        self.due = [self.worlds[name] for name in due]
        done = work.sync(self, on_result=None)  # type: ignore[arg-type]
        assert done.problems == []
        return sorted(self.told)

    def write(self, facts: Facts) -> None:
        """The tables of the moment; who takes back consent has no address in an audience."""
        for name, world in self.worlds.items():
            world.people(*((person, None if person in facts.refusing else f"{person}@x.io", 1)
                           for person in sorted(facts.inside[name])))
        self.sql("create or replace table spared (person_id varchar)")
        self.sql("create or replace table deeds (person_id varchar, name varchar, occurred_at timestamp)")
        self.sql("create or replace table recipients (person_id varchar, mail varchar, may_mail boolean,"
                 " timezone varchar)")
        rows = {"spared": [[person] for person in facts.spared],
                "deeds": [[person, "order_paid", when] for person, when in facts.bought],
                "recipients": [[person, f"{person}@x.io", person not in facts.refusing, facts.zones[person]]
                               for person in PERSONS]}
        for table, values in rows.items():
            if values:
                marks = ", ".join(f"({', '.join('?' * len(row))})" for row in values)
                self.sql(f"insert into {table} values {marks}", [cell for row in values for cell in row])


def season(folder: Path, seed: int, looks: int) -> tuple[Shop, Account, list[tuple[datetime, str, str]]]:
    """All looks at the shop, each compared with the account of it; when whom was told what."""
    draw, rules = random.Random(seed), declared()
    shop, account, facts = Shop(folder, rules), Account(rules), Facts({name: set() for name in rules})
    told: list[tuple[datetime, str, str]] = []
    outage = 0
    for number in range(looks):
        at = (START + number * LOOK).replace(tzinfo=None)
        facts.pass_on(draw, at)
        if number == looks // 2:
            rules["cart"] = replace(rules["cart"], cap=1)
        outage = outage - 1 if outage else draw.choice(OUTAGES) if draw.random() < 0.06 else 0
        if outage:
            continue
        due = [name for name, said in rules.items() if number % said.every == 0]
        in_turn = sorted(due, key=lambda name: -rules[name].priority)
        expected = sorted(each for name in in_turn for each in account.look(name, facts, at))
        assert (number, shop.look(due, facts, at)) == (number, expected)
        told += [(at, *each) for each in expected]
    return shop, account, told


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_whoever_should_be_told_is_told_then_and_for_all_others_there_is_the_reason(tmp_path: Path) -> None:
    shop, account, told = season(tmp_path, SEED, 110)
    found = shop.sql("""select c.audience, c.person_key, c.step, e.taken_at, c.code, coalesce(c.outcome, '')
        from activation.candidates as c
        inner join activation.snapshot as e on e.audience = c.audience and e.snapshot_id = c.entry_id""")
    expected = [(c.audience, c.person, c.step, c.entered, CODES.get(c.code, c.code),
                 {"sent": "ok", "void": "void"}.get(c.code, "")) for c in account.all]
    assert sorted(found) == sorted(expected)
    decided = set(shop.sql("select distinct code, detail from activation.candidate"))
    assert {("capped", "cap"), ("capped", "cool-down"), ("deferred", "quiet hours"), ("stale", "older than max_age"),
            ("stale", "left the audience"), ("goal_met", ""), ("no_consent", ""), ("suppressed", ""),
            ("suppressed", "was in before, by the rule of re-entry")} <= decided
    assert all(sum(when - 3 * DAY < other <= when and person == whom for other, whom, _ in told) <= 2
               for when, person, _ in told)
    assert len(told) > 20
