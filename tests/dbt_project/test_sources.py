"""Sources: how fresh they were at as_of, and one contract that two shapes of source fulfil."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from tests.dbt_project.shop import DAY_ZERO, Shop

ORDERS = ["stg_orders", "stg_order_lines", "stg_refunds"]
LAST_DAY = "2026-11-04T06:00:00Z"


def freshness(shop: Shop, as_of: str) -> Counter[str]:
    asked = shop.dbt("source", "freshness", "--vars", f"as_of: '{as_of}'", manifest=shop.manifest)
    return Counter(str(result.status) for result in asked.result.results)


def test_every_source_is_as_fresh_as_it_says_on_each_day_of_the_seeds(shop: Shop) -> None:
    tables = len([table for table in shop.manifest.sources.values() if table.schema == "raw"])
    assert tables == len(shop.query("select * from duckdb_tables() where schema_name = 'raw'"))
    for as_of in (DAY_ZERO, LAST_DAY):
        assert freshness(shop, as_of) == {"pass": tables}


def test_a_source_that_stands_still_is_stale_at_a_later_as_of_whatever_the_clock_says(shop: Shop) -> None:
    assert freshness(shop, "2026-11-06T09:00:00Z")["error"] > 3
    assert freshness(shop, "2026-11-05T09:00:00Z")["warn"] > 3


def test_an_audience_that_judges_by_what_did_not_happen_is_ready_until_a_feed_of_its_is_late(shop: Shop) -> None:
    [(last,)] = shop.query("select max(loaded_at) from raw.raw_orders")
    ready = [shop.dbt("test", "--select", "vip_at_risk,test_name:ready", "--vars",
                      f"as_of: '{(last + timedelta(hours=26, seconds=late)).isoformat()}'").success for late in (0, 1)]
    assert ready == [True, False]


def staged(shop: Shop, **variables: str) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of the order models, and their columns and types, under these vars."""
    given = ", ".join(f"{name}: '{value}'" for name, value in {"as_of": LAST_DAY, **variables}.items())
    built = shop.dbt("run", "--select", *ORDERS, "--vars", f"{{{given}}}")
    assert built.success, [result.message for result in built.result if result.status != "success"]
    taken = "order_id in (select 'o_' || id from raw.raw_shopify_orders)"
    rows = {name: shop.query(f"select * from staging.{name} where {taken} order by all") for name in ORDERS}
    return rows | {f"{name}: columns": shop.query(f"describe staging.{name}") for name in ORDERS}


@pytest.fixture(scope="module")
def from_the_shop(shop: Shop) -> dict[str, list[tuple[Any, ...]]]:
    found = staged(shop, orders_from="shop")
    assert all(found.values())
    return found


def test_orders_from_a_shopify_export_have_the_contract_and_the_rows_of_the_shops_own(
    shop: Shop, from_the_shop: dict[str, list[tuple[Any, ...]]]
) -> None:
    assert staged(shop, orders_from="shopify") == from_the_shop


def test_tables_of_loaders_are_read_where_seeds_are_not(
    shop: Shop, from_the_shop: dict[str, list[tuple[Any, ...]]]
) -> None:
    assert staged(shop, raw_from="sources") == from_the_shop


def test_a_second_shape_runs_through_the_whole_project(shop: Shop) -> None:
    """Models below staging and their tests do not know where orders come from."""
    chosen = ["+person_attributes", "--exclude", "resource_type:seed", "resource_type:unit_test"]
    built = shop.dbt("build", "--select", *chosen, "--vars", f"{{as_of: '{LAST_DAY}', orders_from: shopify}}")
    assert [result.message for result in built.result if result.status not in ("success", "pass")] == []
    assert 0 < shop.query("select sum(orders_count) from people.person_attributes")[0][0] < 100
