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
        "raw_products": "product_id name category price cost currency consumable created_at loaded_at",
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
        "raw_subscriptions": "subscription_id account_id plan status mrr seats term_months started_at"
        " trial_ends_at renews_at cancelled_at cancel_reason changed_at loaded_at",
        "raw_invoices": "invoice_id account_id amount_due issued_at due_at paid_at disputed_at loaded_at",
        "raw_usage_daily": "account_id metric day qty loaded_at",
        "raw_quotas": "account_id metric quota period_start period_end changed_at loaded_at",
        "raw_tickets": "ticket_id person_ref account_id kind severity opened_at closed_at loaded_at",
        "raw_reviews": "review_id person_ref product_id rating created_at loaded_at",
        "raw_ad_spend": "day platform campaign audience spend loaded_at",
        "raw_price_changes": "product_id price currency changed_at loaded_at",
        "raw_stock_subscriptions": "stock_subscription_id person_ref product_id subscribed_at cancelled_at loaded_at",
        "raw_product_subscriptions": "product_subscription_id person_ref product_id every_days started_at cancelled_at"
        " loaded_at",
        "raw_shipments": "shipment_id order_id kind carrier tracking_url shipped_at delivered_at loaded_at",
        "raw_returns": "return_id order_id product_id reason requested_at closed_at loaded_at",
        "raw_loyalty_points": "entry_id person_ref points reason occurred_at loaded_at",
        "raw_chargebacks": "chargeback_id order_id amount opened_at closed_at loaded_at",
        "raw_messages": "message_id person_ref channel message_class campaign sent_at delivered_at opened_at"
        " is_machine_open clicked_at loaded_at",
        "raw_erasure_requests": "request_id person_ref requested_at closed_at loaded_at",
        "raw_survey_answers": "answer_id person_ref score answered_at loaded_at",
        "raw_account_flags": "flag_id account_id person_ref flag starts_at ends_at loaded_at",
        "raw_opportunities": "opportunity_id account_id kind stage status amount opened_at closed_at changed_at"
        " loaded_at",
        "raw_product_events": "event_id account_id person_ref name occurred_at loaded_at",
        "raw_incidents": "incident_id account_id kind started_at ended_at loaded_at",
        "raw_metronome_customer": "id environment_type name ingest_aliases billing_provider_customer_id created_at"
        " archived_at updated_at loaded_at",
        "raw_metronome_contracts_contracts": "id environment_type snapshot_id customer_id starting_at ending_before"
        " archived_at updated_at loaded_at",
        "raw_metronome_contracts_balances": "id environment_type snapshot_id customer_id contract_id type name"
        " access_schedule balance updated_at loaded_at",
        "raw_metronome_draft_invoice": "_metronome_metadata_id id environment_type snapshot_time status total"
        " customer_id start_timestamp end_timestamp updated_at loaded_at",
        "raw_metronome_invoice": "id environment_type status total customer_id billing_provider_invoice_external_status"
        " start_timestamp end_timestamp issued_at updated_at loaded_at",
        "raw_metronome_events": "transaction_id environment_type customer_id timestamp event_type properties"
        " updated_at loaded_at",
        "raw_shopify_orders": "id customer_id created_at processed_at updated_at cancelled_at delivered_at"
        " financial_status currency total_line_items_price total_discounts total_price test landing_site loaded_at",
        "raw_shopify_order_lines": "order_id line_number sku quantity price loaded_at",
        "raw_shopify_refunds": "id order_id processed_at amount loaded_at",
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
