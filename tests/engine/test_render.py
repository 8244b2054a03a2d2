"""Columns are rendered to the letter as each value would be by itself: another letter would send every member again."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from destinations.protocol import Settings
from pipelines.planning.render import attributes_of, canonical, hash_of, jsonable, renderer, texts
from tests.bench.channel import Bulk
from tests.bench.store import AUDIENCE, SYNC

COLUMNS: dict[str, list[Any]] = {
    "texts": ["", "a", 'q"\\/\n\x00\x1f\x7f', "é 😀 \u2028", "%s", "{{7*7}}"],
    "integers": [0, -1, 2**63 - 1, 10**30],
    "booleans": [True, False],
    "floats": [0.0, -0.0, 0.1, 1e16, 1e-7, 1e300, float("nan"), float("inf"), float("-inf")],
    "decimals": [Decimal("1.50"), Decimal("1.5"), Decimal("-0.00"), Decimal("1E+3"), Decimal("0.10"), Decimal("12")],
    "times": [datetime(2026, 3, 1), datetime(2026, 3, 1, 1, 2, 3, 450), datetime(999, 1, 1)],
    "zoned": [datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 1, 2, tzinfo=timezone(timedelta(hours=2)))],
    "dates": [date(2026, 3, 1), date(1, 1, 1)],
    "hours": [time(1, 2), time(1, 2, 3, 4)],
    "bytes": [b"", b"\x00\xff"],
    "lists": [[], ["a", None, Decimal("1.0")], [[1]]],
    "objects": [{}, {"b": 1, "a": [datetime(2026, 1, 1)]}],
    "mixed, as JSON may be": [1, True, 1.0, "1", None, {"a": 1}, [False]],
    "nothing": [],
}


def alone(value: Any) -> str:
    """One value by itself."""
    return canonical(jsonable(value))


@pytest.mark.parametrize("kind", COLUMNS)
def test_a_column_is_written_as_its_values_are(kind: str) -> None:
    column = [*COLUMNS[kind], None, *COLUMNS[kind]]
    assert texts(column, "null") == [alone(value) for value in column]


def test_an_object_has_its_names_in_order_and_leaves_out_what_is_null_where_that_is_asked() -> None:
    dice, kinds = random.Random(7), list(COLUMNS.values())
    rows = {f"c{n}": [dice.choice([None, *kinds[n]]) for _ in range(60)] for n in range(len(kinds))}
    rows["_key"] = list(range(60))
    send = {f"c{n}": name for n, name in enumerate(('z"', "%d", "a", "é", "B", "b", "2", "10"))}
    for skip in (True, False):
        assert attributes_of(rows, send, skip=skip) == [
            canonical({name: value for column, name in send.items()
                       if (value := jsonable(rows[column][row])) is not None or not skip}) for row in range(60)]
    assert attributes_of(rows, {}) == ["{}"] * 60


def test_a_member_is_what_its_identifiers_make_of_it() -> None:
    sync = SYNC.model_copy(update={"send": {"score": "score"}})
    render = renderer(AUDIENCE, sync, Bulk(Settings()))
    made = render({"_key": ["p1", "p2", "p3"], "person_id": ["p1", "p2", "p3"], "score": [1, None, 2],
                   "email": ["\u200b A@X.io\n", None, "nobody"]})
    nobody = ['{"person":"p2"}', '{"person":"p3"}']
    assert (made.dest_key, made.identifiers, made.attributes, made.reason) == (
        ["email:a@x.io", None, None], ['{"email":"a@x.io","person":"p1"}', *nobody],
        ['{"score":1}', "{}", '{"score":2}'] if sync.nulls == "skip" else [
            '{"score":1}', '{"score":null}', '{"score":2}'],
        ["", "no identifier that the channel accepts", "email: not an e-mail address"])
    assert made.payload_hash == list(map(hash_of, made.identifiers, made.attributes))
