"""The orders of one filler person in twenty once more, as a Shopify export has them: the same facts in another shape.

Every value is text, moments carry the shop's offset, and `landing_site` brings what the visitor's link carried. Ids are
the shop's own, so that both shapes can be compared row by row.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from draw import code
from tables import Row

ONE_IN, TAKEN = 20, {"raw_orders", "raw_order_lines", "raw_refunds"}
SHOP_TIME = timezone(timedelta(hours=2))


def exported_to_shopify(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows, and after each that Shopify would know too, Shopify's."""
    for table, values in rows:
        yield table, values
        if table in TAKEN and is_taken(str(values["order_id"])):
            yield from {"raw_orders": orders, "raw_order_lines": lines, "raw_refunds": refunds}[table](values)


def is_taken(order_id: str) -> bool:
    """Order ids are o_<number of the person>_<number of the order>."""
    person = int(order_id.split("_")[1])
    return person % 1000 >= 500 and person % ONE_IN == 0


def orders(row: dict[str, Any]) -> Iterator[Row]:
    paid, total = row["paid_at"], row["gross"] - row["discount"]
    yield (
        "raw_shopify_orders",
        {
            "id": row["order_id"][2:],
            "customer_id": str(int(row["person_ref"][2:])),
            "created_at": local(row["placed_at"]),
            "processed_at": local(paid or row["placed_at"]),
            "updated_at": local(row["loaded_at"]),
            "cancelled_at": local(row["cancelled_at"]),
            "delivered_at": local(row["delivered_at"]),
            "financial_status": "paid" if paid else "pending",
            "currency": "EUR",
            "total_line_items_price": str(row["gross"]),
            "total_discounts": str(row["discount"]),
            "total_price": str(total),
            "test": "false",
            "landing_site": f"/?utm_source=mail&email_token=tok_{code('landing', row['order_id'])}",
            "loaded_at": row["loaded_at"],
        },
    )


def lines(row: dict[str, Any]) -> Iterator[Row]:
    yield (
        "raw_shopify_order_lines",
        {
            "order_id": row["order_id"][2:],
            "line_number": str(row["line_no"]),
            "sku": row["product_id"],
            "quantity": str(row["qty"]),
            "price": str(row["unit_price"]),
            "loaded_at": row["loaded_at"],
        },
    )


def refunds(row: dict[str, Any]) -> Iterator[Row]:
    yield (
        "raw_shopify_refunds",
        {
            "id": row["refund_id"][2:],
            "order_id": row["order_id"][2:],
            "processed_at": local(row["refunded_at"]),
            "amount": str(row["amount"]),
            "loaded_at": row["loaded_at"],
        },
    )


def local(moment: datetime | None) -> str | None:
    """As the shop's clock shows it, with its offset."""
    return moment.replace(tzinfo=UTC).astimezone(SHOP_TIME).isoformat() if moment else None
