"""One suite for all engines: who is added, updated, removed or kept, and each type of a value, from data files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from destinations.protocol import Capabilities, Dedupe, Limits, Operation, Request
from pipelines.delivery.ports import Answer
from pipelines.state.desired import read_columns
from tests.engine.conftest import open_engine, skip_where_marked
from tests.engine.engines import Engine, SparkCatalog
from tests.engine.world import Channel, Mail, World
from tests.spark import connected, opener

CASES = yaml.safe_load((Path(__file__).parent / "cases" / "diff.yaml").read_text("utf-8"))
TYPES = yaml.safe_load((Path(__file__).parent / "cases" / "types.yaml").read_text("utf-8"))
COLUMNS = {"email": "varchar", "value": "integer", "note": "varchar", "price": "decimal(12, 2)", "seen": "timestamp",
           "good": "boolean", "day": "date"}
RUNS = ("then", "next", "now")
Case = dict[str, Any]


@pytest.fixture(scope="session")
def remote() -> Iterator[str]:
    with connected() as address:
        yield address


@pytest.fixture(params=["duckdb", *(pytest.param(name, marks=pytest.mark.slow) for name in ("postgres", "spark"))])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """These cases run on Spark too."""
    skip_where_marked(request)
    if request.param == "spark":
        return SparkCatalog(opener(tmp_path, request.getfixturevalue("remote")))
    return open_engine(request, tmp_path)


class OneByOne(Mail):
    """One member a request, so that each has an answer of their own."""

    capabilities = Capabilities(
        operations={Operation.ADD: Limits(rows=1), Operation.UPDATE: Limits(rows=1), Operation.REMOVE: Limits(rows=1)},
        identifiers=("email",), dedupe=Dedupe.KEY, dedupe_window=86_400)


@dataclass
class Fates(Channel):
    """A channel that answers each address as its case says."""

    fates: dict[str, str] = field(default_factory=dict)

    def answer(self, request: Request) -> Answer:
        [row] = json.loads(request.body or b"")["rows"]
        fate = self.fates.get(row["email"], "")
        self.refuse = {row["email"]} if fate == "refused" else set()
        self.faults = [fate] if fate.startswith("lost") else []
        return super().answer(request)


def rows(cases: list[Case], run: str) -> Iterator[dict[str, Any]]:
    """The audience at a run: one row a case, but for those who are not in it then."""
    for number, case in enumerate(cases):
        given = [case[name] for name in RUNS[:RUNS.index(run) + 1] if name in case][-1]
        if given != "-":
            yield {"person_id": f"p{number:02}", "email": f"p{number:02}@x.io", **given}


def spared(cases: list[Case], run: str) -> list[str]:
    return [f"p{number:02}" for number, case in enumerate(cases)
            if case.get("spared") in RUNS[:RUNS.index(run) + 1]]


def fill(world: World, cases: list[Case], run: str) -> None:
    typed = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    world.sql(f"create or replace table cart (person_id varchar, {typed})")
    names = ["person_id", *COLUMNS]
    found = list(rows(cases, run))
    marks = ", ".join("(" + ", ".join(["?", *(f"cast(? as {kind})" for kind in COLUMNS.values())]) + ")" for _ in found)
    if found:
        world.sql(f"insert into cart values {marks}", [row.get(name) for row in found for name in names])
    world.sql("create or replace table spared (person_id varchar)")
    if persons := spared(cases, run):
        world.spare(*persons)


@pytest.mark.parametrize("group", [pytest.param(group, marks=[pytest.mark.slow] if group else []) for group in sorted(
    {case.get("world", 0) for case in CASES})])
def test_each_person_is_added_updated_removed_or_kept_as_the_cases_say(make_world, group: int) -> None:
    cases = [case for case in CASES if case.get("world", 0) == group]
    world = make_world(OneByOne, send=[name for name in COLUMNS if name != "email"])
    world.channel = Fates()
    for day, run in enumerate(RUNS):
        fill(world, cases, run)
        world.channel.fates = {f"p{number:02}@x.io": case["fate"][run] for number, case in enumerate(cases)
                               if run in case.get("fate", {})}
        world.run(day)
    done = dict(world.sql("""select person_key, max(action) from activation.op
        where epoch = 3 and (action <> 'remove' or dest_key <> 'email:old@x.io') group by person_key"""))
    assert [(case["case"], done.get(f"p{number:02}", "keep")) for number, case in enumerate(cases)] == [
        (case["case"], case["does"]) for case in cases]
    assert world.plan(2) == {"add": 0, "update": 0, "remove": 0, "keep": len(world.ledger()), "trigger": 0}
    assert set(world.channel.members) == world.ledger() == {
        address for row in rows(cases, "now") if row["person_id"] not in spared(cases, "now")
        and "@" in (address := (row["email"] or "").strip().lower())}


@pytest.mark.parametrize("case", [
    pytest.param(case, id=case["type"], marks=[getattr(pytest.mark, word)(engine, reason=why)
                 for word in ("notimpl", "notyet", "never") for engine, why in case.get(word, {}).items()])
    for case in TYPES])
def test_a_value_is_read_as_it_is(engine: Engine, case: dict[str, Any]) -> None:
    engine.sql("create table kept (v varchar)")
    with engine.opener() as warehouse:
        warehouse.execute(f"create temp table kinds as select {case['cast']} as v")
        warehouse.execute("create temp view audience_rows as select * from temp.kinds")
        [columns] = list(read_columns(warehouse, "select * from temp.audience_rows"))
    kind, text = case["reads"]
    [value] = columns["v"]
    assert (type(value).__name__, str(value)) == (kind, str(text))


def test_many_rows_are_written_as_few_are(engine: Engine) -> None:
    kinds = {"t": "varchar", "n": "bigint", "d": "double precision", "moment": "timestamp", "b": "boolean",
             "nothing": "bigint"}
    rows = [("é", 2**62, 0.5, datetime(2026, 1, 1, 2, 3, 4, 5), True, None), (None, -1, None, None, None, None)] * 80
    engine.sql("select 1")  # a file that is there
    with engine.opener() as warehouse:
        warehouse.execute("create schema if not exists activation")
        warehouse.execute(f"create table activation.kept ({', '.join(' '.join(kind) for kind in kinds.items())})")
        for some in (rows[:2], rows):
            warehouse.execute("delete from activation.kept")
            warehouse.insert("activation.kept", dict(zip(kinds, map(list, zip(*some, strict=True)), strict=True)))
            assert warehouse.query("select * from activation.kept") == some
