"""No row is lost: each is staged, a repetition or older version, not yet true, or in quarantine with its reason."""

import pytest

from tests.dbt_project.shop import DAY_ZERO, Shop

LAST_DAY = "2026-11-04T06:00:00Z"


@pytest.fixture(scope="module", params=[DAY_ZERO, LAST_DAY])
def replayed(shop: Shop, request: pytest.FixtureRequest) -> tuple[Shop, str]:
    shop.run(request.param)
    return shop, request.param


def test_every_row_of_every_raw_table_has_one_fate(replayed: tuple[Shop, str]) -> None:
    shop, as_of = replayed
    counts = shop.query(
        "select table_name, rows_known, rows_staged + rows_superseded + rows_early + rows_quarantined"
        " from quarantine.row_counts"
    )
    known = {
        name: shop.query(f"select count(*) from raw.raw_{name} where loaded_at < '{as_of[:-1]}'")[0][0]
        for (name,) in shop.query("select substr(table_name, 5) from duckdb_tables() where schema_name = 'raw'")
    }
    assert {name: (rows, fates) for name, rows, fates in counts} == {name: (rows, rows) for name, rows in known.items()}


def test_what_is_counted_as_staged_is_what_the_staging_models_show(replayed: tuple[Shop, str]) -> None:
    shop, _ = replayed
    models = shop.column("select view_name from duckdb_views() where schema_name = 'staging'")
    counts = shop.query("select table_name, rows_staged from quarantine.row_counts")
    shown = {
        name: (staged, shop.query(f"select count(*) from staging.stg_{name}")[0][0])
        for name, staged in counts
        if f"stg_{name}" in models
    }
    assert len(shown) > 30
    assert {name: pair for name, pair in shown.items() if pair[0] != pair[1]} == {}


def test_the_unusable_rows_of_the_seeds_are_in_quarantine_with_their_reasons(replayed: tuple[Shop, str]) -> None:
    shop, _ = replayed
    sources = shop.column("select distinct source_name from quarantine.row_counts")
    found = {
        source: shop.query(f"select table_name, row_key, reason from quarantine.quarantine_{source} order by all")
        for source in sources
    }
    drafts = [row for row in found["metronome"] if row[2] == "incomplete draft"]
    assert len(drafts) > 0
    assert {source: [row for row in rows if row not in drafts] for source, rows in found.items()} == {
        "ads": [("ad_spend", "2026-10-12 meta credit", "negative amount")],
        "billing": [("usage_daily", "b_t0001 exports 2026-10-12", "negative quantity")],
        "crm": [("opportunities", "op_odd", "unknown kind")],
        "messaging": [("consents", "n_fax", "unknown channel")],
        "metronome": [("metronome_events", "tx_sandbox", "not production")],
        "product": [("product_events", "d_nameless", "no name")],
        "reviews": [("reviews", "v_six", "unknown rating")],
        "shop": [
            ("order_lines", "o_00500_x 1", "no quantity"),
            ("order_lines", "o_00500_x 2", "negative quantity"),
            ("order_lines", "o_00500_x 3", "negative price"),
            ("order_lines", "o_00500_x 4", "no product"),
            ("orders", "", "no key"),
            ("orders", "C_00500_1", "negative amount"),
            ("orders", "o_nobody", "no person"),
            ("refunds", "r_nothing", "no amount"),
            ("shipments", "h_early", "delivered before shipped"),
        ],
        "shopify": [("shopify_orders", "test_1", "made to try the shop")],
        "support": [("tickets", "t_nobody", "nobody")],
        "web": [("events", "e_nameless", "no name"), ("events", "e_nobody", "nobody")],
    }


def test_no_table_outside_raw_carries_a_raw_address_of_a_page(replayed: tuple[Shop, str]) -> None:
    """A tracking address, a landing site or a page with a token identifies a person to whoever sees it."""
    shop, _ = replayed
    columns = shop.query(
        "select table_schema, table_name, column_name from information_schema.columns"
        " where table_schema not in ('raw', 'information_schema') and data_type = 'VARCHAR'"
    )
    carried = [
        f"{schema}.{table}.{column}"
        for schema, table, column in columns
        if shop.query(f"select 1 from {schema}.{table} where \"{column}\" like '%tok\\_%' escape '\\' limit 1")
    ]
    assert len(columns) > 200
    assert carried == []
