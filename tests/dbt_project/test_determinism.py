"""Same inputs and same as_of, same tables: in any order of the rows, and whether history came at once or in parts."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dbt_project.shop import PROJECT, Shop, copy_project

AS_OF = "2026-10-28T06:00:00Z"
WATCHED = ("identity", "people", "candidates", "suppressions", "audiences")
UNORDERED = re.compile(
    r"""\b(any_value|arbitrary|first|last|mode|nextval) \s* \(
      | \b(row_number|rank|dense_rank|lag|lead|first_value|last_value) \s* \( [^()]* \) \s* over \s* \(
        (?! (?: [^()] | \( [^()]* \) )* order \s+ by )
      | \b(string_agg|array_agg|listagg|group_concat) \s* \( (?! [^)]* order \s+ by )
      | \b(sum|avg) \s* \( \s* cast \s* \( [^)]* \b(double|float|real)\b""",
    re.IGNORECASE | re.VERBOSE,
)
"""What takes any row, numbers rows that have no order, or adds floats in whatever order they come."""


def tables(shop: Shop) -> dict[str, str]:
    """A digest of the rows of every table that an audience is or is made of."""
    names = shop.query(f"select schema_name, table_name from duckdb_tables() where schema_name in {WATCHED}")
    return {
        f"{schema}.{name}": shop.query(
            "select md5(coalesce(string_agg(line, chr(10) order by line), ''))"
            f" from (select cast(t as varchar) as line from {schema}.{name} as t)"
        )[0][0]
        for schema, name in names
    }


def run(shop: Shop, *options: str) -> None:
    ran = shop.dbt("run", *options, "--vars", f"as_of: '{AS_OF}'", manifest=shop.manifest)
    assert ran.success, [result.message for result in ran.result if result.status != "success"]


@pytest.mark.slow
def test_rows_of_the_sources_may_come_in_any_order(tmp_path: Path) -> None:
    shop = copy_project(tmp_path)
    assert shop.dbt("seed").success
    run(shop)
    before = tables(shop)
    for name in shop.column("select table_name from duckdb_tables() where schema_name = 'raw'"):
        shuffled = f"select * from raw.{name} as t order by md5(cast(t as varchar))"
        shop.query(f"create or replace table raw.{name} as {shuffled}")
    run(shop, "--full-refresh", "--exclude", "resource_type:seed")
    assert len(before) > 50
    assert {name: digest for name, digest in tables(shop).items() if digest != before[name]} == {}


def landed(shop: Shop, *options: str) -> list[tuple]:
    ran = shop.dbt("run", "--select", "landed_events", *options, manifest=shop.manifest)
    assert ran.success, [result.message for result in ran.result]
    return shop.query("select * from staging.landed_events order by all")


def test_events_that_landed_in_parts_and_out_of_order_are_those_of_a_full_refresh(tmp_path: Path) -> None:
    shop = copy_project(tmp_path)
    assert shop.dbt("seed", "--select", "raw_events").success
    shop.query("alter table raw.raw_events rename to all_events")
    early = "loaded_at < timestamp '2026-08-01' or md5(event_id) < '8' and loaded_at < timestamp '2026-08-03'"
    shop.query(f"create table raw.raw_events as select * from raw.all_events where {early}")
    first = landed(shop)
    # The rest, among it rows that landed before the newest one so far, and a second row of an id that is there.
    shop.query(f"insert into raw.raw_events select * from raw.all_events where not coalesce({early}, false)")
    repeated = "select * replace ('c_00501' as user_id, loaded_at + interval 9 day as loaded_at) from raw.all_events"
    shop.query(f"insert into raw.raw_events {repeated} where loaded_at between '2026-08-01' and '2026-08-05'")
    behind = f"select count(*) from raw.all_events where not ({early}) and loaded_at < timestamp '2026-08-03'"
    in_parts = landed(shop)
    assert shop.query(behind)[0][0] > 0
    assert 0 < len(first) < len(in_parts)
    assert in_parts == landed(shop, "--full-refresh")


def unordered(folder: Path) -> Iterator[str]:
    """What depends on the order in which rows happen to come, as file:line: text."""
    for file in sorted(folder.rglob("*.sql")):
        text = file.read_text(encoding="utf-8")
        for found in UNORDERED.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            yield f"{file.relative_to(folder)}:{line}: {found[0]}"


def test_no_model_or_macro_depends_on_the_order_of_rows() -> None:
    assert list(unordered(PROJECT / "models")) == []
    assert list(unordered(PROJECT / "macros")) == []


@pytest.mark.parametrize(
    "text",
    [
        "any_value(email)",
        "first(email)",
        "row_number() over ()",
        "row_number() over (partition by person_id)",
        "lag(day, 1) over (partition by person_id)",
        "string_agg(reason, ', ')",
        "sum(cast(qty as double precision))",
        "nextval('ids')",
    ],
)
def test_what_takes_rows_as_they_come_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "loose.sql").write_text(f"select\n  {text}\nfrom orders\n")
    assert list(unordered(tmp_path)) == [f"loose.sql:2: {UNORDERED.search(text)[0]}"]


@pytest.mark.parametrize(
    "text",
    [
        "count(*) over ()",
        "row_number() over (partition by person_id order by day)",
        "string_agg(reason, ', ' order by reason)",
        "sum(cast(qty as decimal(18, 2)))",
        "min(node) over (partition by component)",
        "first_of(aliases)",
    ],
)
def test_what_has_an_order_or_needs_none_is_allowed(text: str) -> None:
    assert not UNORDERED.search(text)
