"""Dirt: what arrives broken in every real warehouse, by rate and drawn by hash like all else.

It is applied to filler rows only; the cast plants its own where the outcome must be certain.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from decimal import Decimal

from days import HISTORY_START, LAST_AS_OF, as_of
from draw import between, chance, code, moment
from facts import event
from tables import Row

TWICE = {
    "raw_events": 0.01,
    "raw_orders": 0.01,
    "raw_order_lines": 0.005,
    "raw_payments": 0.005,
    "raw_refunds": 0.05,
    "raw_consents": 0.005,
    "raw_usage_daily": 0.004,
}
"""The tables whose loaders sometimes write a row twice, and how often"""
LATE, FLOAT_ID, PERSON_IN_URL, TWO_USERS = 0.02, 0.03, 0.01, 0.02
UNRENDERED = "{{ user.id }}"
TOKEN_EVENTS = 25


def soiled(rows: Iterable[Row]) -> Iterator[Row]:
    for table, values in rows:
        arrived = [soiled_event(values), *other_owner(values)] if table == "raw_events" else [values]
        for row in arrived:
            yield table, row
            if chance("|".join(map(str, row.values())), "twice", TWICE.get(table, 0)):
                yield table, row


def other_owner(values: dict[str, object]) -> Iterator[dict[str, object]]:
    """The same event id once more, under another user."""
    if harmless(values) and chance(str(values["event_id"]), "two users", TWO_USERS):
        yield values | {"user_id": other_user(str(values["user_id"]))}


def harmless(values: dict[str, object]) -> bool:
    """A signed-in view without a cookie: whomever it goes to, no audience and no identity changes."""
    signed_in_view = values["name"] in ("page_viewed", "product_viewed") and str(values["user_id"]).startswith("c_")
    return signed_in_view and not values["anonymous_id"]


def other_user(ref: str) -> str:
    """The filler person next door."""
    number = int(ref[2:])
    return f"c_{number - 1 if number % 1000 == 999 else number + 1:05}"


def soiled_event(values: dict[str, object]) -> dict[str, object]:
    key, user = str(values["event_id"]), values["user_id"]
    if user and chance(key, "float id", FLOAT_ID):
        values = values | {"user_id": f"{int(str(user)[2:])}.0"}
    if chance(key, "token in url", PERSON_IN_URL):
        values = values | {"url": f"{values['url']}?person_token=tok_{code('token', key)}"}
    if chance(key, "late", LATE):
        values = values | {"loaded_at": values["loaded_at"] + timedelta(hours=between(key, "hours late", 24, 72))}  # type: ignore[operator]
    return values


UNUSABLE: dict[str, tuple[dict[str, object], ...]] = {
    "raw_orders": (
        {"order_id": "o_nobody", "placed_at": as_of(-9), "gross": Decimal("20.00"), "discount": Decimal("0.00")},
        {"order_id": "C_00500_1", "person_ref": "c_00500", "placed_at": as_of(-9), "gross": Decimal("-20.00")},
        {"person_ref": "c_00500", "placed_at": as_of(-9), "gross": Decimal("20.00")},
    ),
    "raw_order_lines": (
        {"order_id": "o_00500_x", "line_no": 1, "product_id": "P-001", "qty": 0, "unit_price": Decimal("9.00")},
        {"order_id": "o_00500_x", "line_no": 2, "product_id": "P-001", "qty": -2, "unit_price": Decimal("9.00")},
        {"order_id": "o_00500_x", "line_no": 3, "product_id": "P-001", "qty": 1, "unit_price": Decimal("-9.00")},
        {"order_id": "o_00500_x", "line_no": 4, "qty": 1, "unit_price": Decimal("9.00")},
    ),
    "raw_refunds": (
        {"refund_id": "r_nothing", "order_id": "o_00500_x", "amount": Decimal(0), "refunded_at": as_of(-9)},
    ),
    "raw_shipments": (
        {
            "shipment_id": "h_early",
            "order_id": "o_00500_x",
            "kind": "original",
            "shipped_at": as_of(-9),
            "delivered_at": as_of(-10),
            "tracking_url": "https://track.example/h_early?token=tok_early",
        },
    ),
    "raw_events": (
        {"event_id": "e_nobody", "name": "page_viewed", "occurred_at": as_of(-9), "url": "https://shop.example/"},
        {"event_id": "e_nameless", "user_id": "c_00500", "occurred_at": as_of(-9), "url": "https://shop.example/"},
    ),
    "raw_consents": (
        {
            "consent_id": "n_fax",
            "person_ref": "c_00500",
            "channel": "fax",
            "status": "granted",
            "changed_at": as_of(-9),
        },
    ),
    "raw_reviews": (
        {"review_id": "v_six", "person_ref": "c_00500", "product_id": "P-001", "rating": 6, "created_at": as_of(-9)},
    ),
    "raw_tickets": ({"ticket_id": "t_nobody", "kind": "question", "severity": 3, "opened_at": as_of(-9)},),
    "raw_usage_daily": ({"account_id": "b_t0001", "metric": "exports", "day": as_of(-9).date(), "qty": -5},),
    "raw_ad_spend": ({"day": as_of(-9).date(), "platform": "meta", "campaign": "credit", "spend": Decimal("-1.00")},),
    "raw_product_events": ({"event_id": "d_nameless", "account_id": "b_00501", "occurred_at": as_of(-9)},),
    "raw_opportunities": (
        {
            "opportunity_id": "op_odd",
            "account_id": "b_00501",
            "kind": "barter",
            "status": "open",
            "changed_at": as_of(-9),
        },
    ),
    "raw_metronome_events": (
        {"transaction_id": "tx_sandbox", "environment_type": "SANDBOX", "customer_id": "mc_x", "timestamp": as_of(-9)},
    ),
    "raw_shopify_orders": ({"id": "test_1", "customer_id": "500", "test": "true", "total_price": "1.00"},),
}
"""Rows that nobody can use, one and another reason for each source"""


def unusable_rows() -> Iterator[Row]:
    for table, rows in UNUSABLE.items():
        for values in rows:
            yield table, values | {"loaded_at": as_of(-9) + timedelta(minutes=5)}


def token_rows() -> Iterator[Row]:
    """Views sent by a page whose template was never rendered."""
    for nth in range(TOKEN_EVENTS):
        at = moment(f"token {nth}", "at", HISTORY_START, LAST_AS_OF)
        yield event(
            "product_viewed", at, anonymous=f"an_t{code('token visitor', nth)}", user=UNRENDERED, product="P-002"
        )
