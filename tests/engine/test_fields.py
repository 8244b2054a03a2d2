"""What becomes of a column on its way to the channel: every type, nulls, JSON, renames, and what is too large."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from destinations.protocol import Batch, Capabilities, Exchange, Limits, Operation
from tests.engine.world import Mail, World

VALUES: dict[str, tuple[str, Any]] = {
    "timestamp": ("timestamp '2026-01-02 03:04:05.678901'", "2026-01-02T03:04:05.678901Z"),
    "timestamp_with_zone": ("timestamptz '2026-01-02 03:04:05+02'", "2026-01-02T01:04:05Z"),
    "date": ("date '2026-01-02'", "2026-01-02"),
    "time": ("time '03:04:05'", "03:04:05"),
    "interval": ("interval '1 day 2 hours 1.5 seconds'", "P0M1DT7201.5S"),
    "whole_decimal": ("12.00::decimal(18, 2)", 12),
    "decimal": ("12.50::decimal(18, 2)", 12.5),
    "hugeint": ("9007199254740993::hugeint", 9007199254740993),
    "double": ("59.9::double", 59.9),
    "not_a_number": ("'nan'::double", None),
    "infinite": ("'infinity'::double", None),
    "boolean": ("false", False),
    "text": ("'Zoë <b>'", "Zoë <b>"),
    "enum": ("'pro'::enum('free', 'pro')", "pro"),
    "uuid": ("uuid '00000000-0000-4000-8000-000000000001'", "00000000-0000-4000-8000-000000000001"),
    "blob": ("'ab'::blob", "YWI="),
    "null": ("null::integer", None),
    "list": ("[1, null, 3]", [1, None, 3]),
    "list_of_times": ("[date '2026-01-02']", ["2026-01-02"]),
    "struct": ("{'city': 'Kyiv', 'at': {'day': date '2026-01-02'}}", {"city": "Kyiv", "at": {"day": "2026-01-02"}}),
    "map": ("map {'a': 1.5::decimal(4, 2), 'b': null}", {"a": 1.5, "b": None}),
    "map_of_dates": ("map {date '2026-01-02': true}", {"2026-01-02": True}),
    "list_of_maps": ("[map {'a': 1}]", [{"a": 1}]),
    "json": ("""'{"items": [{"sku": "A1", "price": 5.0}]}'::json""", {"items": [{"sku": "A1", "price": 5.0}]}),
    "json_null": ("'null'::json", None),
    "list_of_json": ("""['[1]'::json, null]""", [[1], None]),
}


class Picky(Mail):
    """A channel that sends what differs, and takes no more than 200 bytes of a member."""

    capabilities = Capabilities(
        operations={operation: Limits(rows=3, row_bytes=200) for operation in Mail.capabilities.operations},
        identifiers=("email",), partial=True)

    def deliver(self, batch: Batch) -> Exchange:
        if batch.operation is Operation.UPDATE:
            members = tuple(replace(member, attributes={
                name: value for name, value in member.attributes.items()
                if name not in member.acknowledged or member.acknowledged[name] != value}) for member in batch.members)
            batch = replace(batch, members=members)
        return (yield from super().deliver(batch))


class Shop(World):
    """The audience `cart` with all its columns sent."""

    def fill(self, **columns: str) -> None:
        """Ada's row now, each column as SQL."""
        listed = ", ".join(f'{sql} as "{name}"' for name, sql in columns.items())
        self.sql(f"create or replace table cart as select 'ada' as person_id, 'ada@x.io' as email, {listed}")


@pytest.fixture
def shop(tmp_path: Path) -> Callable[..., Shop]:
    return lambda *args, **sync: Shop(tmp_path, *args, **sync)


def test_every_type_of_the_warehouse_arrives_as_the_json_that_says_the_same(shop: Callable[..., Shop]) -> None:
    world = shop(send=list(VALUES))
    world.fill(**{name: sql for name, (sql, _) in VALUES.items()})
    world.run()
    assert world.channel.members["ada@x.io"] == {name: wanted for name, (_, wanted) in VALUES.items()}
    assert world.run(1).status == "nothing"


def test_a_message_carries_the_same_values(shop: Callable[..., Shop]) -> None:
    world = shop(trigger={"when": "enters", "event": "seen", "send": list(VALUES)}, first_sync="live")
    world.fill(**{name: sql for name, (sql, _) in VALUES.items()})
    world.run()
    [message] = world.channel.messages
    assert {name: message[name] for name in VALUES} == {name: wanted for name, (_, wanted) in VALUES.items()}


def test_a_null_clears_the_value_unless_nulls_are_skipped(tmp_path: Path) -> None:
    for nulls, kept in (("clear", {"plan": None, "seats": 2}), ("skip", {"seats": 2})):
        (tmp_path / nulls).mkdir()
        world = Shop(tmp_path / nulls, send={"tier": "plan", "seats": "seats"}, nulls=nulls)
        world.fill(tier="null::varchar", seats="2")
        world.run()
        assert world.channel.members["ada@x.io"] == kept


def test_a_member_that_is_too_large_is_rejected_with_a_reason_before_it_is_sent(shop: Callable[..., Shop]) -> None:
    world = shop(Picky, send=["note"])
    world.fill(note="repeat('x', 300)")
    result = world.run()
    assert (result.rejected, world.channel.requests, world.sql("select reason from activation.receipt")) == (
        1, 0, [("larger than one member may be in this channel",)])


def test_an_update_of_a_channel_that_bills_by_attribute_sends_what_differs_from_what_was_acknowledged(
    shop: Callable[..., Shop]
) -> None:
    world = shop(Picky, send=["tier", "seats", "owner"])
    world.fill(tier="'free'", seats="1", owner="null::varchar")
    world.run()
    for day, seats in ((1, 2), (2, 3)):
        world.fill(tier="'free'", seats=str(seats), owner="null::varchar")
        world.run(day)
        assert world.channel.members["ada@x.io"] == {"seats": seats}
    world.fill(tier="null::varchar", seats="3", owner="'zoe'")
    world.run(3)
    assert world.channel.members["ada@x.io"] == {"tier": None, "owner": "zoe"}


@pytest.mark.parametrize("fault", ["lost", "lost_before", "500", "garbage_job"])
def test_after_a_lost_answer_everything_is_sent_again(shop: Callable[..., Shop], fault: str) -> None:
    world = shop(Picky, send=["tier", "seats"])
    world.fill(tier="'free'", seats="1")
    world.run()
    world.fill(tier="'free'", seats="2")
    world.channel.faults = ["job"] if fault == "garbage_job" else [fault] * 4
    world.channel.job_verdict = "unknown"
    world.run(1)
    world.fill(tier="'free'", seats="3")
    world.run(2)
    assert world.channel.members["ada@x.io"] == {"tier": "free", "seats": 3}


def test_who_left_and_comes_back_is_sent_whole(shop: Callable[..., Shop]) -> None:
    world = shop(Picky, send=["tier", "seats"])
    world.fill(tier="'free'", seats="1")
    world.run()
    world.sql("delete from cart")
    world.run(1)
    world.fill(tier="'free'", seats="2")
    world.run(2)
    assert world.channel.members["ada@x.io"] == {"tier": "free", "seats": 2}
