"""The raw tables: their columns, how a value is written, and the CSV text of a table."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

from days import LAST_AS_OF

Row = tuple[str, dict[str, object]]
"""The table and the values by column; what is not given is empty."""

COLUMNS: dict[str, tuple[str, ...]] = {
    name: tuple(columns.split())
    for name, columns in {
        "raw_products": "product_id name category price cost consumable created_at loaded_at",
        "raw_stock_changes": "product_id available_qty changed_at loaded_at",
        "raw_persons": "person_ref first_name last_name country timezone created_at is_test is_employee deleted_at"
        " loaded_at",
        "raw_identities": "identity_id person_ref kind value verified first_seen_at loaded_at",
        "raw_consents": "consent_id person_ref channel purpose status changed_at loaded_at",
        "raw_bounces": "bounce_id person_ref channel kind occurred_at loaded_at",
        "raw_orders": "order_id person_ref placed_at paid_at cancelled_at delivered_at gross discount loaded_at",
        "raw_order_lines": "order_id line_no product_id qty unit_price loaded_at",
        "raw_refunds": "refund_id order_id amount refunded_at loaded_at",
        "raw_payments": "payment_id order_id invoice_id attempt status amount attempted_at error_code loaded_at",
        "raw_events": "event_id anonymous_id user_id name occurred_at loaded_at session_id cart_id product_id qty"
        " value url",
        "raw_accounts": "account_id name domain kind is_internal created_at loaded_at",
        "raw_members": "account_id person_ref role active_from active_to loaded_at",
        "raw_subscriptions": "subscription_id account_id plan status mrr seats started_at trial_ends_at renews_at"
        " cancelled_at changed_at loaded_at",
        "raw_invoices": "invoice_id account_id amount_due issued_at due_at paid_at disputed_at loaded_at",
        "raw_usage_daily": "account_id metric day qty loaded_at",
        "raw_quotas": "account_id metric quota period_start period_end changed_at loaded_at",
        "raw_tickets": "ticket_id person_ref account_id kind severity opened_at closed_at loaded_at",
        "raw_reviews": "review_id person_ref product_id rating created_at loaded_at",
        "raw_ad_spend": "day platform campaign audience spend loaded_at",
    }.items()
}


def known(rows: Iterable[Row]) -> Iterable[Row]:
    """The rows that have landed by the last as_of."""
    return (row for row in rows if row[1]["loaded_at"] < LAST_AS_OF)  # type: ignore[operator]


def collect(rows: Iterable[Row]) -> dict[str, list[tuple[str, ...]]]:
    """Every table's rows as text, sorted, so that a new row is one new line and moves no other."""
    tables: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for table, values in rows:
        tables[table].append(as_text(table, values))
    return {table: sorted(tables[table]) for table in COLUMNS}


def as_text(table: str, values: dict[str, object]) -> tuple[str, ...]:
    columns = COLUMNS[table]
    unknown = values.keys() - set(columns)
    if unknown:
        raise KeyError(f"{table} has no column {', '.join(sorted(unknown))}; its columns are {', '.join(columns)}")
    return tuple(written(values.get(column)) for column in columns)


def written(value: object) -> str:
    """One value as it stands in the CSV."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    return str(value)


def csv_text(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return buffer.getvalue()
