"""Dirt: what arrives broken in every real warehouse, by rate and drawn by hash like all else.

It is applied to filler rows only; the cast plants its own where the outcome must be certain.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from days import HISTORY_START, LAST_AS_OF
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


def token_rows() -> Iterator[Row]:
    """Views sent by a page whose template was never rendered."""
    for nth in range(TOKEN_EVENTS):
        at = moment(f"token {nth}", "at", HISTORY_START, LAST_AS_OF)
        yield event(
            "product_viewed", at, anonymous=f"an_t{code('token visitor', nth)}", user=UNRENDERED, product="P-002"
        )
