"""Shards: a plan is made as a whole and delivered in parts, and what comes of it is what one process would have done.

A process of a machine is a set of ports: those of one folder share its journals and locks, those of another nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from destinations.protocol import Request
from pipelines import shards as process
from pipelines.audiences import Guards
from pipelines.delivery.journal import Journal
from pipelines.delivery.pace import PartOfPace, SharedPace, part_of
from pipelines.errors import LeaseHeld, LeaseLost
from pipelines.run import Ports, Result
from pipelines.state import holds
from pipelines.state.shards import Spread
from pipelines.sync import run_to_end, walk
from tests.engine.engines import DuckFile, Engine, PostgresDatabase
from tests.engine.world import START, Wire, World

Person = tuple[str, str, int]
SHARDS = 4
DECLARED = {"send": ["value"], "trigger": {"when": "enters", "event": "welcome", "max_age": "48h"},
            "first_sync": "live"}


def crowd(names: Iterator[int] | range, value: int = 1) -> list[Person]:
    return [(f"p{name}", f"p{name}@x.io", value) for name in names]


def machine(world: World, name: str) -> Ports:
    """The ports of a process of this machine."""
    folder = world.folder / name
    folder.mkdir(exist_ok=True)

    def known(sync: str) -> Journal | None:
        path = folder / f"{sync}.journal"
        return Journal(path) if path.exists() else None

    return replace(world.ports, journal=lambda sync: Journal(folder / f"{sync}.journal"), known_journal=known,
                   run_id=name)


def give_away(world: World, ports: Ports, days: float = 0, where: str = "anywhere") -> Spread | Result:
    """Plan, and leave the plan to shards where it is large."""
    at = START + timedelta(days=days)
    world.clock.at = at.replace(tzinfo=None)
    return next(step for step in walk(world.audience, world.tasks, world.suppressions, ports, at, spread=where)
                if isinstance(step, Spread | Result))


def subject(world: World):
    return world.tasks[0].subject(world.audience, world.suppressions)


def deliver(world: World, ports: Ports, *numbers: int) -> None:
    for number in numbers:
        for _ in process.send(subject(world), ports, number):
            pass


def run(world: World, ports: Ports, days: float = 0) -> Result:
    """One run in shards from its plan to its end."""
    given = give_away(world, ports, days)
    return given if isinstance(given, Result) else close(world, *[ports] * given.shards)


def close(world: World, *of: Ports) -> Result:
    """Deliver each shard from a machine, in this order, and close the plan from the last."""
    for number, ports in enumerate(of, 1):
        deliver(world, ports, number)
    return process.close(subject(world), of[-1])


def recorded(world: World) -> dict[str, object]:
    """All that a run leaves behind, but for the order in a plan and what hangs on it."""
    return {
        "channel": dict(world.channel.members), "told": sorted(each["id"] for each in world.channel.messages),
        "ledger": world.sql("select sync_id, dest_key, action, outcome, payload_hash, identifiers, epoch"
                            " from activation.ledger_base order by dest_key, action, outcome"),
        "operations": world.sql(
            "select o.epoch, o.op_id, o.action, o.dest_key, o.person_key, o.payload_hash, r.attempt, r.outcome,"
            " r.reason from activation.op as o left join activation.receipt as r"
            " on r.sync_id = o.sync_id and r.epoch = o.epoch and r.op_id = o.op_id order by 1, 2, 7"),
        "log": world.sql("select epoch, status, counts, reason from activation.run_log order by epoch"),
        "lease": world.sql("select epoch, lease_until, folded_epoch, target from activation.sync_control"),
        "under way": [world.sql(f"select count(*) from activation.{table}")
                      for table in ("spread", "shard", "shard_places")],
    }


def days_of(seed: int) -> list[list[Person]]:
    """Four days: people come, change their value or their address, share one, and go."""
    drawn = random.Random(seed)
    days, people = [], {}
    for _ in range(4):
        for name in drawn.sample(range(60), 40):
            if name in people and drawn.random() < 0.3:
                del people[name]
            else:
                address = drawn.choice((name, name, name, name + 100, drawn.randrange(60)))
                people[name] = (f"p{name}", f"p{address}@x.io", drawn.randrange(3))
        days.append(list(people.values()))
    return days


@pytest.fixture
def twin(engine: Engine, tmp_path: Path, request: pytest.FixtureRequest) -> World:
    """The same world once more, in a database of its own."""
    folder = tmp_path / "twin"
    folder.mkdir()
    other = (DuckFile(folder / "shop.duckdb") if isinstance(engine, DuckFile)
             else PostgresDatabase(request.getfixturevalue("server").database()))
    return World(folder, engine=other, **DECLARED)


@pytest.mark.parametrize("seed", range(3))
def test_shards_leave_the_channel_and_every_table_as_one_process_does(
    make_world: Callable[..., World], twin: World, seed: int
) -> None:
    world = make_world(**DECLARED, shards=SHARDS)
    for day, people in enumerate(days_of(seed)):
        for each in (world, twin):
            each.people(*people)
        given = give_away(world, machine(world, "a"), day)
        if isinstance(given, Spread):
            close(world, *(machine(world, name) for name in "abca"))
        assert isinstance(given, Spread) or day > 0
        twin.run(day)
    assert recorded(world) == recorded(twin)
    assert world.ledger() == set(world.channel.members)


@pytest.fixture
def spread(make_world: Callable[..., World]) -> World:
    """A plan of sixty adds is under way in shards that may be anywhere."""
    world = make_world(**DECLARED, shards=SHARDS)
    world.people(*crowd(range(60)))
    assert isinstance(give_away(world, machine(world, "a")), Spread)
    return world


def test_all_operations_of_a_person_are_in_one_shard_and_persons_who_share_a_key_are_in_the_first(
    make_world: Callable[..., World]
) -> None:
    world = make_world(**DECLARED, shards=SHARDS)
    world.people(*crowd(range(60)))
    world.run()
    moved = [(f"p{name}", f"p{name + 100}@x.io", 2) for name in range(58)]
    world.people(*moved, ("new", "p58@x.io", 1), ("p59", "p59@x.io", 1))
    world.same(("p59", "joined"))
    world.people(*moved, ("new", "p58@x.io", 1), ("joined", "joined@x.io", 1))
    give_away(world, machine(world, "a"), 1)
    shards_of: dict[str, set[int]] = {}
    for person, shard in world.sql("""
            select coalesce(o.person_key, o.dest_key), p.shard from activation.op as o
            inner join activation.shard_places as p on o.epoch = p.epoch and o.seq between p.first_seq and p.last_seq
            where o.epoch = 2"""):
        shards_of.setdefault({"p59": "joined"}.get(person, person), set()).add(shard)
    assert {len(shards) for shards in shards_of.values()} == {1}
    assert set().union(*shards_of.values()) == {1, 2, 3, 4}
    assert shards_of["new"] == {1}


def test_what_is_small_is_delivered_where_it_is_planned(make_world: Callable[..., World]) -> None:
    world = make_world(**DECLARED, shards=SHARDS)
    world.people(*crowd(range(4)))
    result = give_away(world, machine(world, "a"))
    assert (result.status, len(world.channel.members)) == ("ok", 4)


def test_a_plan_is_held_as_a_whole_and_its_approval_is_of_the_whole(make_world: Callable[..., World]) -> None:
    world = make_world(send=["value"], shards=SHARDS)
    world.guards = Guards(removal="30%", entries=None, unusable="100%")
    world.people(*crowd(range(60)))
    run(world, machine(world, "a"))
    world.people(*crowd(range(20)))
    held = give_away(world, machine(world, "a"), 1)
    assert (held.status, len(world.channel.members)) == ("held", 60)
    with world.warehouse() as warehouse, warehouse.transaction():
        holds.approve(warehouse, held.plan.plan_id, "ada", "asked", world.clock.now())
    assert run(world, machine(world, "b"), 1.01).accepted == 40
    assert len(world.channel.members) == 20


def test_two_processes_never_have_one_shard(spread: World) -> None:
    steps = process.send(subject(spread), machine(spread, "a"), 2)
    next(steps)
    with pytest.raises(LeaseHeld, match="cart__mail, shard 2 of 4: run a holds it until 06:15:00 UTC"):
        deliver(spread, machine(spread, "b"), 2)
    list(steps)
    with pytest.raises(LeaseHeld, match="shard 2 of 4 has been delivered"):
        deliver(spread, machine(spread, "b"), 2)


def test_while_shards_deliver_no_run_begins_even_on_their_machine(spread: World) -> None:
    with pytest.raises(LeaseHeld, match="every sync of this audience is being run elsewhere"):
        run_to_end(walk(spread.audience, spread.tasks, spread.suppressions, machine(spread, "a"), START))
    assert isinstance(give_away(spread, machine(spread, "b")), Spread)  # it may help


def test_a_shard_that_was_silent_for_too_long_has_lost_its_turn(spread: World) -> None:
    steps = process.send(subject(spread), machine(spread, "a"), 1)
    next(steps)
    spread.clock.seconds += 3_600
    deliver(spread, machine(spread, "b"), 1, 2, 3, 4)
    with pytest.raises(LeaseLost):
        list(steps)
    assert process.close(subject(spread), machine(spread, "b")).status == "ok"
    assert spread.ledger() == set(spread.channel.members)


def died(world: World, ports: Ports, number: int) -> None:
    """A process takes a shard, has two requests answered, and dies before the third answer."""
    world.channel.faults = ["", "", "die"]
    with pytest.raises(Death):
        deliver(world, replace(ports, transport=lambda: Dying(world.channel)), number)
    world.channel.faults = []


class Death(Exception):
    """The process is gone."""


class Dying(Wire):
    """A transport that applies a request and then takes its process with it."""

    def start(self, ticket: int, request: Request) -> None:
        dies = self.channel.faults[:1] == ["die"]
        if dies:
            self.channel.faults[0] = ""
        super().start(ticket, request)
        if dies:
            raise Death


def test_the_death_of_one_shard_leaves_the_others_whole_and_who_comes_next_goes_on(spread: World) -> None:
    died(spread, machine(spread, "a"), 1)
    deliver(spread, machine(spread, "b"), 2, 3)
    stopped = process.close(subject(spread), machine(spread, "b"))
    assert (stopped.status, stopped.reason.partition(";")[0]) == ("failed", "shards that have not ended: 1, 4")
    deliver(spread, machine(spread, "a"), 1, 4)  # the same machine takes over at once
    done = process.close(subject(spread), machine(spread, "a"))
    assert (done.status, done.accepted + done.unknown) == ("ok", 120)
    assert len({message["id"] for message in spread.channel.messages}) == len(spread.channel.messages)
    spread.run(1)
    assert spread.ledger() == set(spread.channel.members) == {f"p{name}@x.io" for name in range(60)}


def test_on_another_machine_what_a_dead_shard_has_no_answer_to_is_unknown(spread: World) -> None:
    died(spread, machine(spread, "a"), 1)
    spread.clock.seconds += 3_600
    deliver(spread, machine(spread, "b"), 1, 2, 3, 4)
    done = process.close(subject(spread), machine(spread, "b"))
    lost = spread.sql("select distinct reason from activation.receipt where outcome = 'unknown'")
    assert (done.status, lost) == ("ok", [("the journal of that run is lost",)])
    assert done.unknown > 0


def test_the_next_run_settles_a_plan_that_nobody_went_on_with_whatever_its_number_of_shards(spread: World) -> None:
    died(spread, machine(spread, "a"), 1)
    deliver(spread, machine(spread, "a"), 2)
    spread.clock.seconds += 3_600
    spread.declare(**DECLARED, shards=7)
    done = run(spread, machine(spread, "a"), 1)
    settled = dict(spread.sql("select outcome, count(*) from activation.receipt where epoch = 1 group by outcome"))
    assert (done.status, set(settled)) == ("ok", {"ok", "unknown", "void"})
    assert sum(settled.values()) == 120
    assert spread.ledger() == set(spread.channel.members) == {f"p{name}@x.io" for name in range(60)}
    assert len({message["id"] for message in spread.channel.messages}) == 60


def test_a_plan_that_one_machine_delivers_is_left_to_it(make_world: Callable[..., World]) -> None:
    world = make_world(**DECLARED, shards=SHARDS)
    world.people(*crowd(range(60)))
    give_away(world, machine(world, "a"), where="here")
    with pytest.raises(LeaseHeld, match="another machine delivers the plan under way, with all its shards"):
        deliver(world, machine(world, "b"), 1)
    deliver(world, machine(world, "a"), 1, 2, 3, 4)
    assert process.close(subject(world), machine(world, "a")).accepted == 120
    assert process.close(subject(world), machine(world, "b")) is None


def test_who_was_suppressed_since_the_plan_is_spared_by_its_shard(spread: World) -> None:
    spread.spare("p7", "p8")
    close(spread, *(machine(spread, "a"),) * 4)
    assert set(spread.channel.members) == {f"p{name}@x.io" for name in range(60)} - {"p7@x.io", "p8@x.io"}


def test_what_a_shard_fails_with_is_what_the_run_failed_with(spread: World) -> None:
    deliver(spread, machine(spread, "a"), 1, 2, 3)
    spread.channel.faults = ["401"]
    deliver(spread, machine(spread, "a"), 4)
    done = process.close(subject(spread), machine(spread, "a"))
    refused = "Mail refused the credentials (HTTP 401): check this connection's keys"
    assert (done.status, done.reason) == ("failed", f"connection mail: {refused}")
    assert done.deferred > 0


def test_jobs_of_a_channel_are_asked_by_the_shard_that_gave_them(make_world: Callable[..., World]) -> None:
    world = make_world(send=["value"], shards=2)
    world.people(*crowd(range(60)))
    give_away(world, machine(world, "a"))
    world.channel.faults = ["job"] * 40
    deliver(world, machine(world, "a"), 1)
    waiting = set(world.channel.jobs)
    deliver(world, machine(world, "b"), 2)
    assert process.close(subject(world), machine(world, "b")).accepted == 60
    assert (len(waiting) > 3, world.ledger()) == (True, set(world.channel.members))


def test_shards_that_may_be_anywhere_have_their_part_of_a_rate_and_no_more(tmp_path: Path) -> None:
    machines = [SharedPace(tmp_path / name) for name in "ab"]
    paces = [PartOfPace(machines[number % 2], number, 4) for number in range(1, 5)]
    started = [second for second in range(100) for pace in paces for _ in range(3)
               if pace.delay("key", [(8, 10.0)], second) == 0]
    assert max(sum(at <= each < at + 10 for each in started) for at in range(100)) == 8
    for each in machines:
        each.close()


def test_a_rest_that_one_shard_is_asked_for_is_kept_by_those_of_its_machine(tmp_path: Path) -> None:
    shared = SharedPace(tmp_path / "pace")
    PartOfPace(shared, 1, 4).hold("key", 60)
    assert PartOfPace(shared, 2, 4).delay("key", [(8, 10.0)], 0) == 60
    shared.close()


def test_parts_of_a_rate_add_up_to_no_more_than_the_whole() -> None:
    assert part_of([(8, 1.0), (2, 10.0)], 4) == [(2, 1.0), (1, 20.0)]
