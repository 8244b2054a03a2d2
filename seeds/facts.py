"""Facts as rows: one function a kind of fact, used by the cast and the filler alike.

A fact lands some minutes after it happened unless `loaded` says otherwise. Ids are made of what they identify, so they
stay when other rows come and go.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from draw import between, code
from tables import Row

Line = tuple[str, int, Decimal]
"""product_id, quantity, unit price"""
ZERO = Decimal("0.00")


def landed(entity: str, at: datetime) -> datetime:
    """When a fact became known if nothing special happened: 20 to 400 seconds later."""
    return at + timedelta(seconds=between(f"{entity}@{at}", "lag", 20, 400))


def person(
    ref: str,
    first: str,
    last: str,
    country: str,
    created: datetime,
    *,
    test: bool = False,
    employee: bool = False,
    deleted: datetime | None = None,
) -> Row:
    zone = {"GB": "Europe/London", "US": "America/New_York", "FR": "Europe/Paris"}.get(country, "Europe/Berlin")
    return "raw_persons", {
        "person_ref": ref,
        "first_name": first,
        "last_name": last,
        "country": country,
        "timezone": zone,
        "created_at": created,
        "is_test": test,
        "is_employee": employee,
        "deleted_at": deleted,
        "loaded_at": landed(ref, created),
    }


def identity(
    ref: str, kind: str, value: str, seen: datetime, *, verified: bool = True, loaded: datetime | None = None
) -> Row:
    return "raw_identities", {
        "identity_id": f"i_{code('identity', ref, kind, value)}",
        "person_ref": ref,
        "kind": kind,
        "value": value,
        "verified": verified,
        "first_seen_at": seen,
        "loaded_at": loaded or landed(ref, seen),
    }


def consent(ref: str, channel: str, status: str, changed: datetime, *, loaded: datetime | None = None) -> Row:
    return "raw_consents", {
        "consent_id": f"n_{code('consent', ref, channel, status, changed)}",
        "person_ref": ref,
        "channel": channel,
        "purpose": "marketing",
        "status": status,
        "changed_at": changed,
        "loaded_at": loaded or landed(ref, changed),
    }


def bounce(ref: str, kind: str, at: datetime) -> Row:
    return "raw_bounces", {
        "bounce_id": f"x_{code('bounce', ref, kind, at)}",
        "person_ref": ref,
        "channel": "email",
        "kind": kind,
        "occurred_at": at,
        "loaded_at": landed(ref, at),
    }


def order(
    ref: str,
    order_id: str,
    lines: Sequence[Line],
    placed: datetime,
    paid: datetime | None,
    *,
    discount: Decimal = ZERO,
    cancelled: datetime | None = None,
    delivered: datetime | None = None,
    failed_first: bool = False,
    loaded: datetime | None = None,
) -> Iterator[Row]:
    """The order, its lines and its payment attempts. The amount paid is gross minus discount."""
    gross = sum((quantity * price for _, quantity, price in lines), ZERO)
    known = loaded or landed(order_id, paid or placed)
    yield (
        "raw_orders",
        {
            "order_id": order_id,
            "person_ref": ref,
            "placed_at": placed,
            "paid_at": paid,
            "cancelled_at": cancelled,
            "delivered_at": delivered,
            "gross": gross,
            "discount": discount,
            "loaded_at": known,
        },
    )
    for number, (product_id, quantity, price) in enumerate(lines, 1):
        line = {"order_id": order_id, "line_no": number, "product_id": product_id, "qty": quantity}
        yield "raw_order_lines", line | {"unit_price": price, "loaded_at": known}
    if failed_first or paid is None:
        yield payment(1, "failed", gross - discount, placed, order_id=order_id, error="card_declined", loaded=known)
    if paid:
        yield payment(1 + failed_first, "succeeded", gross - discount, paid, order_id=order_id, loaded=known)


def refund(order_id: str, amount: Decimal, at: datetime) -> Row:
    return "raw_refunds", {
        "refund_id": f"r_{code('refund', order_id, at)}",
        "order_id": order_id,
        "amount": amount,
        "refunded_at": at,
        "loaded_at": landed(order_id, at),
    }


def payment(
    attempt: int,
    status: str,
    amount: Decimal,
    at: datetime,
    *,
    order_id: str | None = None,
    invoice_id: str | None = None,
    error: str | None = None,
    loaded: datetime | None = None,
) -> Row:
    return "raw_payments", {
        "payment_id": f"y_{code('payment', order_id, invoice_id, attempt)}",
        "order_id": order_id,
        "invoice_id": invoice_id,
        "attempt": attempt,
        "status": status,
        "amount": amount,
        "attempted_at": at,
        "error_code": error,
        "loaded_at": loaded or landed(f"{order_id}{invoice_id}", at),
    }


def event(
    name: str,
    at: datetime,
    *,
    anonymous: str | None = None,
    user: str | None = None,
    cart: str | None = None,
    product: str | None = None,
    quantity: int | None = None,
    value: Decimal | None = None,
    url: str = "https://shop.example/",
    loaded: datetime | None = None,
) -> Row:
    key = code("event", name, at, anonymous, user, cart, product)
    return "raw_events", {
        "event_id": f"e_{key}",
        "anonymous_id": anonymous,
        "user_id": user,
        "name": name,
        "occurred_at": at,
        "loaded_at": loaded or landed(key, at),
        "session_id": f"s_{code('session', anonymous, user, at.date())[:6]}",
        "cart_id": cart,
        "product_id": product,
        "qty": quantity,
        "value": value,
        "url": url,
    }


def message(ref: str, campaign: str, sent: datetime) -> Row:
    """A mail that arrived and that nobody opened."""
    key = code("message", ref, campaign, sent)
    values: dict[str, object] = {"message_id": f"m_{key}", "person_ref": ref, "channel": "email"}
    values |= {"message_class": "marketing", "campaign": campaign, "sent_at": sent, "is_machine_open": False}
    return "raw_messages", values | {"delivered_at": sent, "loaded_at": landed(key, sent)}


def ticket(
    ref: str,
    kind: str,
    severity: int,
    opened: datetime,
    closed: datetime | None = None,
    *,
    account: str | None = None,
) -> Iterator[Row]:
    """A change feed: one row when it is opened, one more when it is closed."""
    row: dict[str, object] = {
        "ticket_id": f"t_{code('ticket', ref, kind, opened)}",
        "person_ref": ref,
        "account_id": account,
        "kind": kind,
        "severity": severity,
        "opened_at": opened,
    }
    yield "raw_tickets", row | {"loaded_at": landed(ref, opened)}
    if closed:
        yield "raw_tickets", row | {"closed_at": closed, "loaded_at": landed(ref, closed)}


def review(ref: str, product_id: str, rating: int, at: datetime) -> Row:
    return "raw_reviews", {
        "review_id": f"v_{code('review', ref, product_id, at)}",
        "person_ref": ref,
        "product_id": product_id,
        "rating": rating,
        "created_at": at,
        "loaded_at": landed(ref, at),
    }


def calendar(first: date, last: date) -> Iterator[date]:
    """The dates from first up to and including last."""
    return (first + timedelta(days=n) for n in range((last - first).days + 1))
