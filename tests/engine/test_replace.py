"""A list that is replaced: all or nothing, over real sockets into Meta's sandbox."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC

import pytest

from destinations import meta_ads
from destinations.meta_ads import MetaAds
from destinations.protocol import Capabilities, Limits, Request
from destinations.sandbox.server import Sandbox
from pipelines import documents
from pipelines.delivery.http import HttpTransport
from pipelines.delivery.journal import Journal
from pipelines.delivery.ports import Answer, Lost
from pipelines.planning.plan import Plan
from pipelines.state import holds
from pipelines.sync import run_to_end, walk
from tests.engine.world import START, World

PEOPLE = [(f"p{n}", f"p{n}@x.io", n) for n in range(10)]


@dataclass
class Wire:
    """The real transport, with a word in what the run hears."""

    calls: list[str] = field(default_factory=list)
    lose: set[int] = field(default_factory=set)
    """Replace requests, counted from 1, whose answer is lost."""
    before: dict[int, object] = field(default_factory=dict)
    """What happens before such a request."""

    def __call__(self) -> Wire:
        self._inner, self._lost = HttpTransport(), set[int]()
        return self

    def start(self, ticket: int, request: Request) -> None:
        if "usersreplace" in request.url or request.url.endswith("/users"):
            self.calls.append(f"{request.method} {request.url.rpartition('/')[2]}")
        number = self.calls.count("POST usersreplace")
        if "usersreplace" in request.url:
            self.before.pop(number, lambda: None)()
            if number in self.lose:
                self._lost.add(ticket)
        self._inner.start(ticket, request)

    def wait(self, seconds: float | None) -> tuple[int, Answer] | None:
        found = self._inner.wait(seconds)
        if found and found[0] in self._lost:
            self._lost.remove(found[0])
            return found[0], Lost("reset", sent=True)
        return found

    def close(self) -> None:
        self._inner.close()


@dataclass
class Meta:
    """A world whose channel is Meta's sandbox, three rows a part."""

    world: World
    wire: Wire
    sandbox: Sandbox

    @property
    def members(self) -> list[str]:
        """Keys of those whom Meta holds."""
        return sorted(key for audience in self.sandbox.truth()["channels"]["meta_ads"]["audiences"].values()
                      for key in audience["keys"])


@pytest.fixture
def meta(make_world, monkeypatch: pytest.MonkeyPatch) -> Iterator[Meta]:
    able = {**{name: getattr(MetaAds.capabilities, name) for name in Capabilities.__slots__}, "replace": Limits(rows=3)}
    monkeypatch.setattr(MetaAds, "capabilities", Capabilities(**able))
    world = make_world(mode="replace")
    with Sandbox(0, clock=lambda: world.clock.now().replace(tzinfo=UTC).timestamp()) as sandbox:
        given = sandbox.environment()
        world.destination = MetaAds(meta_ads.MetaAdsSettings(
            base_url=sandbox.base_url("meta_ads"), access_token=given["META_ACCESS_TOKEN"],
            ad_account_id=given["META_AD_ACCOUNT_ID"]))
        wire = Wire()
        world.transport = wire
        world.people(*PEOPLE)
        yield Meta(world, wire, sandbox)


def keys(*numbers: int) -> list[str]:
    return sorted(f"p{n}" for n in numbers)


def test_the_list_arrives_in_parts_and_an_unchanged_one_is_not_sent_again(meta: Meta) -> None:
    first = meta.world.run()
    assert (first.status, first.plan.whole, first.accepted, meta.members) == ("ok", 10, 10, keys(*range(10)))
    assert documents.plan_entry(first.plan)["whole"] == 10
    assert meta.wire.calls == ["POST usersreplace"] * 4
    assert (meta.world.run(1).status, len(meta.wire.calls)) == ("nothing", 4)
    meta.world.people(*PEOPLE[:8], ("p9", "p9@x.io", 9), ("q", "q@x.io", 1))
    second = meta.world.run(2)
    assert (second.plan.add, second.plan.remove, second.plan.whole, second.accepted) == (1, 1, 10, 11)
    assert meta.members == sorted([*keys(*range(8), 9), "q"])
    assert len(meta.world.ledger()) == 10


def test_a_part_whose_answer_was_lost_is_repeated_and_the_last_one_never(meta: Meta) -> None:
    meta.wire.lose = {2}
    assert (meta.world.run().accepted, len(meta.wire.calls)) == (10, 5)
    meta.world.people(*PEOPLE, ("q", "q@x.io", 1))
    meta.wire.lose = {9}
    result = meta.world.run(1)
    assert (result.status, result.unknown, len(meta.wire.calls)) == ("failed", 11, 9)
    result = meta.world.run(1.01)
    assert (result.status, result.accepted, len(meta.wire.calls), len(meta.members)) == ("ok", 11, 13, 11)


def test_whoever_is_suppressed_inside_a_session_ends_it_and_the_next_run_goes_without_them(meta: Meta) -> None:
    meta.wire.before = {2: lambda: meta.world.spare("p1")}
    result = meta.world.run()
    assert (result.status, result.accepted, result.deferred, meta.members) == ("failed", 0, 10, [])
    assert "1 of the list were suppressed since the plan" in result.reason
    result = meta.world.run(1)
    assert (result.status, result.accepted, meta.members) == ("ok", 9, keys(0, *range(2, 10)))


class Killed(BaseException):
    """The process ends here."""


def _kill() -> None:
    raise Killed


def test_a_crash_leaves_the_session_and_nothing_is_finished_from_the_old_one(meta: Meta) -> None:
    meta.world.run()
    meta.world.people(*PEOPLE[1:], ("q", "q@x.io", 1))
    meta.wire.before = {7: _kill}
    with pytest.raises(Killed):
        meta.world.run(1)
    assert (meta.members, meta.world.ledger()) == (keys(*range(10)), {_hashed(f"p{n}@x.io") for n in range(10)})
    blocked = meta.world.run(1.01)
    assert (blocked.status, blocked.deferred, meta.members) == ("failed", 11, keys(*range(10)))
    assert "another replace session open" in blocked.reason
    done = meta.world.run(1.1)
    assert (done.status, meta.members) == ("ok", sorted([*keys(*range(1, 10)), "q"]))


def test_a_run_that_was_taken_over_begins_no_session(meta: Meta) -> None:
    world = meta.world
    other = replace(world.ports, run_id="other", alone=False,
                    journal=lambda sync: Journal(world.folder / f"{sync}.other"))
    old = walk(world.audience, world.tasks, world.suppressions, other, START)
    assert isinstance([next(old), next(old)][1], Plan)
    world.people(*PEOPLE[:9])
    new = world.run(0.1)
    [late] = run_to_end(old)
    assert (new.status, late.status, len(meta.wire.calls), meta.members) == ("ok", "failed", 3, keys(*range(9)))


def test_a_guard_is_not_to_be_had_without(meta: Meta) -> None:
    meta.world.run()
    meta.world.people(*PEOPLE[:5])
    meta.world.spare("p0")
    held = meta.world.run(1)
    assert (held.status, held.plan.remove, meta.wire.calls[4:]) == ("held", 6, ["DELETE users"])
    assert meta.members == keys(*range(1, 10))
    with meta.world.warehouse() as warehouse, warehouse.transaction():
        holds.approve(warehouse, meta.world.run(1.01).plan.plan_id, "ops", "the campaign ended", meta.world.clock.now())
    assert (meta.world.run(1.02).status, meta.members) == ("ok", keys(1, 2, 3, 4))


def test_a_sync_that_replaces_from_now_on_replaces_once_and_back_again_sends_only_differences(meta: Meta) -> None:
    meta.world.declare()
    meta.world.run()
    meta.world.declare(mode="replace")
    assert (meta.world.run(1).plan.whole, meta.world.run(1.1).status) == (10, "nothing")
    meta.world.declare()
    meta.world.people(*PEOPLE[:9])
    assert (meta.world.run(2).plan.remove, meta.wire.calls[-1], meta.members) == (1, "DELETE users", keys(*range(9)))
    assert meta.world.run(3).status == "nothing"


def _hashed(email: str) -> str:
    return hashlib.sha256(email.encode()).hexdigest()
