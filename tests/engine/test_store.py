"""The tables as others rely on them: BI by their names and meaning, a new release by what an old one left."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from pipelines.errors import StateError
from pipelines.state import migrations, schema
from tests.engine.world import START, World

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "pipelines" / "state" / "README.md").read_text("utf-8")
STABLE = ("runs", "receipts", "ledger", "membership", "stays", "snapshots", "delivered", "undelivered", "unresolved",
          "drift", "holds", "candidates")
TRIGGER = {"when": "enters", "event": "welcome", "send": ["value"], "max_age": "48h"}


def columns(world: World, relation: str) -> list[str]:
    return [row[0] for row in world.sql(f"describe select * from activation.{relation}")]


def shape(world: World) -> dict[str, set[str]]:
    names = world.sql("select table_name from information_schema.tables where table_schema = 'activation'")
    return {name: set(columns(world, name)) for (name,) in names}


@pytest.fixture
def first(make_world) -> World:
    """What the first release left after three runs, its channel, and the shop as it was then."""
    world = make_world(send=["value"], trigger=TRIGGER)
    world.sql("drop table cart")
    world.sql("drop table spared")
    with duckdb.connect(str(world.file)) as connection:
        connection.execute((HERE / "stores" / "first.sql").read_text("utf-8"))
    world.channel.members = {"ben@x.io": {"value": 5}, "cleo@x.io": {"value": 3}}
    return world


@pytest.mark.parametrize("name", STABLE)
def test_the_page_names_every_column_of_what_bi_may_rely_on(world: World, name: str) -> None:
    with world.warehouse() as warehouse, warehouse.transaction():
        schema.create(warehouse)
    part = re.search(rf"^## {name}\n(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL)
    assert part is not None
    assert re.findall(r"^\| (\w+) \| \S", part[1], re.MULTILINE)[1:] == columns(world, name)


@pytest.mark.never("postgres", reason="the first release knew DuckDB alone")
def test_a_store_of_the_first_release_becomes_what_a_new_one_is(first: World, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    fresh = World(tmp_path / "new")
    for world in (first, fresh):
        with world.warehouse() as warehouse, warehouse.transaction():
            schema.create(warehouse)
    assert shape(first) == shape(fresh)
    assert [world.sql("from activation.version") for world in (first, fresh)] == [[(migrations.VERSION,)]] * 2


@pytest.mark.never("postgres", reason="the first release knew DuckDB alone")
def test_nothing_is_sent_again_from_a_store_of_the_first_release(first: World) -> None:
    result = first.run(2.03)
    assert (result.status, result.plan.changes, result.plan.keep, first.channel.requests) == ("nothing", 0, 3, 0)


@pytest.mark.never("postgres", reason="the first release knew DuckDB alone")
def test_what_changes_after_the_migration_is_sent_and_only_that(first: World) -> None:
    first.people(("ben", "ben@x.io", 6), ("cleo", "cleo@x.io", 3), ("eve", "eve@x.io", 4),
                 ("fay", "fay@x.io", 1))
    result = first.run(2.03)
    assert (result.plan.add, result.plan.update, result.plan.remove, result.plan.trigger) == (1, 1, 0, 1)
    assert [message["email"] for message in first.channel.messages] == ["fay@x.io"]


@pytest.mark.never("postgres", reason="the first release knew DuckDB alone")
def test_planning_migrates_nothing(first: World) -> None:
    before = shape(first)
    assert (first.plan(2.03)["add"], shape(first)) == (0, before)


def test_a_store_of_a_newer_release_is_refused(world: World) -> None:
    world.run()
    world.sql("insert into activation.version values (999)")
    with pytest.raises(StateError, match=f"of version 999, and this release knows {migrations.VERSION}"):
        world.run(1)


def test_the_views_answer_for_what_a_run_did(world: World) -> None:
    world.people(("ada", "ada@x.io", 1), ("ben", "ben@x.io", 2), ("eve", "no address", 3))
    world.channel.refuse = {"ben@x.io"}
    world.run()
    assert world.sql("select sync_id, epoch, status, added, accepted, rejected, unusable, members from"
                     " activation.runs") == [("cart__mail", 1, "ok", 2, 1, 1, 1, 3)]
    assert world.sql("select person_key, state, refusals from activation.ledger order by 1") == [
        ("ada", "present", 0), ("ben", "unknown", 1)]
    assert world.sql("select person_key, action, attempt, outcome, reason from activation.receipts order by 1") == [
        ("ada", "add", 1, "ok", ""), ("ben", "add", 1, "rejected", "refused")]


def test_a_stay_has_the_moment_it_speaks_of_and_the_moment_it_was_decided(make_world) -> None:
    """Each day is looked at an hour late. On the second day ada is spared, and ben has left."""
    world = make_world()
    world.clock.seconds = 3600
    world.people(("ada", "ada@x.io", 1), ("ben", "ben@x.io", 2))
    world.run()
    world.people(("ada", "ada@x.io", 1))
    world.spare("ada")
    world.run(1)
    first, second = (START.replace(tzinfo=None) + timedelta(days=day) for day in (0, 1))
    hour = timedelta(hours=1)
    assert world.sql("from activation.stays order by person_key, since") == [
        ("cart", "ada", "sent", 1, first, first, first + hour, second, second + hour, None),
        ("cart", "ada", "suppressed", 1, first, second, second + hour, None, None, None),
        ("cart", "ben", "sent", 1, first, first, first + hour, second, second + hour, second)]
    assert world.sql("select taken_at, recorded_at, status, segment, suppressed, entered, departed"
                     " from activation.snapshots order by snapshot_id") == [
        (first, first + hour, "accepted", 2, 0, 2, 0), (second, second + hour, "accepted", 1, 1, 0, 1)]
