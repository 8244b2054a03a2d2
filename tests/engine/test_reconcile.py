"""Reconciling: a channel that somebody changed by hand is read back and mended by exactly the missing operations."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import pytest

from destinations.protocol import Capabilities, Destination, Member, Operation, Reading, Request, Response, Verdict
from destinations.sandbox.server import Sandbox
from destinations.table import Table, TableSettings
from pipelines import documents
from pipelines.delivery.http import HttpTransport
from pipelines.reconcile import reconcile
from tests.destinations.test_channels import assert_, connect
from tests.engine.desk import Opened
from tests.engine.world import Mail, World

PEOPLE = [(f"p{n}", f"p{n}@example.com", n) for n in range(6)]
CHANNELS = ("customerio", "klaviyo", "iterable", "hubspot", "salesforce")


class ReadMail(Mail):
    """Mail whose members can be read back."""

    capabilities = Capabilities(operations=Mail.capabilities.operations, identifiers=("email",), readback=True)

    def members(self, target: str) -> Reading:
        answer = yield Request("GET", f"https://mail.example/members/{target}", reads=True)
        return [str(one) for one in answer.get("members", default=[])]


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    world = make_world(ReadMail, send=["value"], target="all")
    usual = world.channel.answer

    def answer(request: Request) -> Any:
        if "/members/" in request.url:
            return Response(200, {}, json.dumps({"members": sorted(world.channel.members)}).encode())
        return usual(request)

    world.channel.answer = answer  # type: ignore[method-assign]
    world.people(*PEOPLE)
    world.run()
    return world


def counts(world: World, **more: Any) -> list[Any]:
    """Drift of the only sync, and what its repair did."""
    world.clock.seconds += 60
    [found] = reconcile(Opened(world), **more)
    seen, repair = found.drift, found.repair
    return [seen and (seen.missing, seen.extra, seen.strangers),
            repair and (repair.status, repair.plan.add, repair.plan.update, repair.plan.remove, repair.accepted)]


def test_where_nothing_was_changed_nothing_is_sent(world: World) -> None:
    before = world.channel.requests
    assert (counts(world), world.channel.requests) == ([(0, 0, 0), None], before)


def test_who_was_taken_out_comes_back_and_who_was_put_back_goes_and_strangers_stay(world: World) -> None:
    world.people(*PEOPLE[1:])
    world.run(1)
    world.channel.members |= {"p0@example.com": {"value": 0}, "stranger@example.com": {}}
    del world.channel.members["p3@example.com"]
    before = world.channel.requests
    assert counts(world) == [(1, 1, 1), ("ok", 1, 0, 1, 2)]
    assert world.channel.requests == before + 2
    assert sorted(world.channel.members) == [*(f"p{n}@example.com" for n in range(1, 6)), "stranger@example.com"]
    assert world.ledger() == {f"p{n}@example.com" for n in range(1, 6)}
    assert counts(world) == [(0, 0, 1), None]
    assert world.run(9).status == "nothing"


def test_before_the_first_sync_everybody_there_is_a_stranger(world: World) -> None:
    world.sql("drop schema activation cascade")
    assert counts(world) == [(0, 0, 6), None]


def test_only_looking_marks_and_sends_nothing(world: World) -> None:
    world.channel.members.clear()
    assert counts(world, repair=False) == [(6, 0, 0), None]
    assert (world.run(1).status, world.sql("select missing from activation.drift")) == ("nothing", [(6,)])


def test_what_is_in_doubt_is_not_drift(world: World) -> None:
    world.people(*PEOPLE[1:])
    world.channel.faults = ["lost_before"] * 4
    world.run(1)
    assert counts(world) == [(0, 0, 0), None]


def test_a_refused_repair_stays_unknown_and_is_tried_again(world: World) -> None:
    del world.channel.members["p3@example.com"]
    world.channel.faults = ["lost_before"] * 4
    assert counts(world)[1][0] == "failed"
    assert (world.run(0.01).status, "p3@example.com" in world.channel.members) == ("ok", True)


def test_a_channel_that_cannot_be_read_back_says_so_and_tells_by_period(make_world: Callable[..., World]) -> None:
    world = make_world(send=["value"], reassert_every="1d")
    world.people(*PEOPLE)
    world.run()
    [found] = reconcile(Opened(world))
    assert (found.drift, found.overdue, found.repair) == (None, 0, None)
    assert found.note == "this channel cannot be read back; its members are told again by period (0 are due)"
    world.clock.seconds += 90_000
    [found] = reconcile(Opened(world))
    assert (found.overdue, found.repair and found.repair.accepted) == (6, 6)


def test_the_command_prints_lines_and_a_document(world: World, at_desk) -> None:
    desk = at_desk(world)
    world.clock.seconds += 60
    del world.channel.members["p3@example.com"]
    looked = desk("reconcile", "--no-repair")
    assert (looked.code, looked.out) == (2, "cart__mail: 5 in the channel, 6 acknowledged: 1 missing there\n")
    mended = desk("reconcile", "cart", "--json")
    document = json.loads(mended.out)
    jsonschema.validate(document, documents.schema("reconcile"))
    assert (mended.code, document["syncs"][0]["repair"]["add"]) == (0, 1)
    assert desk("reconcile").out == "cart__mail: 6 in the channel, 6 acknowledged: no drift\n"


@dataclass
class Counting:
    """The real transport; counts what changes the channel."""

    changes: Counter[str] = field(default_factory=Counter)

    def __call__(self) -> Counting:
        self._inner = HttpTransport()
        return self

    def start(self, ticket: int, request: Request) -> None:
        self.changes["write" if not request.reads else "read"] += 1
        self._inner.start(ticket, request)

    def wait(self, seconds: float | None) -> Any:
        return self._inner.wait(seconds)

    def close(self) -> None:
        self._inner.close()


def briefly(seconds: float) -> None:
    """Jobs of the sandbox take real time."""
    time.sleep(min(seconds, 0.3))


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(0) as started:
        yield started


def by_hand(to: Destination, operation: Operation, number: int, target: str) -> None:
    """Somebody changes the channel in its own pages."""
    person, email = f"p{number}", f"p{number}@example.com"
    names = {"LastName": "By Hand"} if "salesforce" in type(to).__module__ else {}
    member = Member("by-hand", person, {"person": person, "email": email}, names)
    [outcome] = assert_(to, operation, [member], target)
    assert outcome.verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("name", CHANNELS)
def test_channels_of_the_sandbox_are_read_back_and_mended(
    make_world: Callable[..., World], sandbox: Sandbox, name: str
) -> None:
    world, wire = make_world(send={"email": "LastName"} if name == "salesforce" else {}), Counting()
    world.destination, world.transport = connect(sandbox, name), wire
    world.clock.sleep = briefly  # type: ignore[method-assign]
    world.people(*PEOPLE)
    assert world.run().accepted == 6
    [(target,)] = world.sql("select target from activation.sync_control")
    assert counts(world) == [(0, 0, 0), None]
    world.people(*PEOPLE[:5])
    world.run(1)
    by_hand(world.destination, Operation.REMOVE, 2, str(target))
    by_hand(world.destination, Operation.ADD, 5, str(target))
    briefly(0.3)
    assert counts(world) == [(1, 1, 0), ("ok", 1, 0, 1, 2)]
    assert counts(world) == [(0, 0, 0), None]


def test_a_table_that_was_edited_is_read_back_and_mended(make_world: Callable[..., World], tmp_path: Path) -> None:
    world = make_world(send=["value"])
    world.destination, world.transport = Table(TableSettings(database=f"duckdb://{tmp_path}/crm.duckdb")), HttpTransport
    duckdb.connect(str(tmp_path / "crm.duckdb")).close()
    world.people(*PEOPLE)
    assert world.run().accepted == 6
    world.people(*PEOPLE[:5])
    world.run(1)
    with duckdb.connect(str(tmp_path / "crm.duckdb")) as crm:
        crm.execute("delete from audiences.cart where person_id = 'p2'")
        crm.execute("insert into audiences.cart (person_id) values ('p5'), ('typed in')")
    assert counts(world) == [(1, 1, 1), ("ok", 1, 0, 1, 2)]
    with duckdb.connect(str(tmp_path / "crm.duckdb")) as crm:
        assert crm.execute("select person_id, value from audiences.cart order by 1").fetchall() == [
            *((f"p{n}", n) for n in range(5)), ("typed in", None)]
