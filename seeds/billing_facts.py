"""Facts of the subscription business as rows: accounts, members, subscriptions, invoices, usage, quotas."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from draw import between
from facts import landed, payment
from tables import Row

METRIC = "api_calls"


def account(
    account_id: str, name: str, created: datetime, *, kind: str, domain: str | None = None, internal: bool = False
) -> Row:
    return "raw_accounts", {
        "account_id": account_id,
        "name": name,
        "domain": domain,
        "kind": kind,
        "is_internal": internal,
        "created_at": created,
        "loaded_at": landed(account_id, created),
    }


def member(account_id: str, ref: str, role: str, since: datetime, until: datetime | None = None) -> Row:
    return "raw_members", {
        "account_id": account_id,
        "person_ref": ref,
        "role": role,
        "active_from": since,
        "active_to": until,
        "loaded_at": landed(account_id, since),
    }


def subscription(
    account_id: str,
    plan: str,
    status: str,
    started: datetime,
    changed: datetime,
    *,
    seats: int,
    cancelled: datetime | None = None,
    reason: str | None = None,
    term: int = 12,
) -> Row:
    """One state of the change feed; the latest changed_at wins."""
    prices = {"solo": 9, "starter": 19, "team": 29, "scale": 49}
    return "raw_subscriptions", {
        "subscription_id": f"u_{account_id[2:]}",
        "account_id": account_id,
        "plan": plan,
        "status": status,
        "mrr": Decimal(prices[plan] * seats),
        "seats": seats,
        "term_months": term,
        "started_at": started,
        "trial_ends_at": started + timedelta(days=14),
        "renews_at": started + timedelta(days=365 if term == 12 else 30 * term),
        "cancelled_at": cancelled,
        "cancel_reason": reason,
        "changed_at": changed,
        "loaded_at": landed(account_id, changed),
    }


def invoice(
    account_id: str,
    invoice_id: str,
    amount: Decimal,
    issued: datetime,
    *,
    paid: datetime | None = None,
    disputed: datetime | None = None,
    failures: tuple[datetime, ...] = (),
) -> Iterator[Row]:
    """The invoice as issued, again when paid or disputed, and the payment attempts."""
    row: dict[str, object] = {"invoice_id": invoice_id, "account_id": account_id, "amount_due": amount}
    row |= {"issued_at": issued, "due_at": issued + timedelta(days=7)}
    yield "raw_invoices", row | {"loaded_at": landed(invoice_id, issued)}
    if disputed:
        yield "raw_invoices", row | {"disputed_at": disputed, "loaded_at": landed(invoice_id, disputed)}
    if paid:
        yield "raw_invoices", row | {"paid_at": paid, "loaded_at": landed(invoice_id, paid)}
    for attempt, at in enumerate(failures, 1):
        yield payment(attempt, "failed", amount, at, invoice_id=invoice_id, error="insufficient_funds")
    if paid:
        yield payment(len(failures) + 1, "succeeded", amount, paid, invoice_id=invoice_id)


def usage(account_id: str, day: date, quantity: int) -> Row:
    """A day's usage lands the next night, before the 06:00 run."""
    night = datetime.combine(day, time(2)) + timedelta(days=1)
    return "raw_usage_daily", {
        "account_id": account_id,
        "metric": METRIC,
        "day": day,
        "qty": quantity,
        "loaded_at": night + timedelta(minutes=between(f"{account_id}{day}", "night", 0, 9) * 5),
    }


def quota(account_id: str, amount: int | None, start: date, end: date, changed: datetime | None = None) -> Row:
    """A period [start, end); a change within the period is one more row, the latest changed_at wins."""
    at = changed or datetime.combine(start, time(0, 5))
    return "raw_quotas", {
        "account_id": account_id,
        "metric": METRIC,
        "quota": amount,
        "period_start": start,
        "period_end": end,
        "changed_at": at,
        "loaded_at": landed(account_id, at),
    }
