"""What follows an order and a membership: parcels, returns, chargebacks, points, wishes, surveys, newsletters.

Drawn for filler people only. Each kind of fact has a rate of its own, so the tables stay small.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from catalogue import EVERYDAY, PRODUCTS
from days import HISTORY_START, LAST_AS_OF, as_of
from draw import between, chance, code, moment, pick
from facts import Line, landed
from tables import Row

PARCELS_SINCE = as_of(-21)
"""The carrier's feed begins here; earlier orders have no parcel."""
CONSUMABLES = tuple(key for key in EVERYDAY if PRODUCTS[key][1] in ("coffee", "care"))
MAILS = 10


def after_order(
    ref: str, order_id: str, lines: list[Line], paid: datetime, delivered: datetime | None
) -> Iterator[Row]:
    """The parcel of a paid order and what may come of it."""
    if paid >= PARCELS_SINCE and chance(order_id, "parcel", 0.5):
        yield from parcel(order_id, "original", paid + timedelta(hours=between(order_id, "packed", 4, 30)), delivered)
    if delivered and chance(order_id, "lost", 0.02):
        sent = delivered + timedelta(days=between(order_id, "sent again", 2, 5))
        yield from parcel(order_id, "replacement", sent, sent + timedelta(days=2))
    if delivered and chance(order_id, "returned", 0.035):
        yield from sent_back(order_id, lines[0][0], delivered + timedelta(days=between(order_id, "returned", 1, 12)))
    if chance(order_id, "chargeback", 0.012):
        yield from chargeback(order_id, lines, paid + timedelta(days=between(order_id, "charged back", 5, 40)))
    if chance(ref, "loyal", 0.2):
        yield points(ref, order_id, sum(int(price) * quantity for _, quantity, price in lines), "order", paid)


def parcel(order_id: str, kind: str, shipped: datetime, delivered: datetime | None) -> Iterator[Row]:
    """One row when it leaves, one more when it arrives."""
    key = code("parcel", order_id, kind)
    values = {
        "shipment_id": f"h_{key}",
        "order_id": order_id,
        "kind": kind,
        "carrier": pick(key, "by", ("post", "van")),
    }
    values |= {"tracking_url": f"https://track.example/{key}?zip=10115&token=tok_{code('track', key)}"}
    values |= {"shipped_at": shipped}
    yield "raw_shipments", values | {"loaded_at": landed(key, shipped)}
    if delivered and delivered > shipped:
        yield "raw_shipments", values | {"delivered_at": delivered, "loaded_at": landed(key, delivered)}


def sent_back(order_id: str, product_id: str, asked: datetime) -> Iterator[Row]:
    values = {"return_id": f"b_{code('return', order_id)}", "order_id": order_id, "product_id": product_id}
    values |= {"reason": pick(order_id, "why back", ("broken", "not as described", "changed my mind"))}
    values |= {"requested_at": asked}
    yield "raw_returns", values | {"loaded_at": landed(order_id, asked)}
    if chance(order_id, "return closed", 0.8):
        closed = asked + timedelta(days=between(order_id, "return takes", 2, 14))
        yield "raw_returns", values | {"closed_at": closed, "loaded_at": landed(order_id, closed)}


def chargeback(order_id: str, lines: list[Line], opened: datetime) -> Iterator[Row]:
    values = {"chargeback_id": f"g_{code('chargeback', order_id)}", "order_id": order_id, "opened_at": opened}
    values |= {"amount": sum((quantity * price for _, quantity, price in lines), Decimal("0.00"))}
    yield "raw_chargebacks", values | {"loaded_at": landed(order_id, opened)}
    if chance(order_id, "settled", 0.7):
        closed = opened + timedelta(days=between(order_id, "settles after", 5, 25))
        yield "raw_chargebacks", values | {"closed_at": closed, "loaded_at": landed(order_id, closed)}


def points(ref: str, occasion: str, amount: int, reason: str, at: datetime) -> Row:
    values = {"entry_id": f"l_{code('points', ref, occasion)}", "person_ref": ref, "points": max(1, amount)}
    return "raw_loyalty_points", values | {"reason": reason, "occurred_at": at, "loaded_at": landed(ref, at)}


def wishes_and_words(ref: str, created: datetime, bought: int) -> Iterator[Row]:
    """What a person asks for, answers, and is sent."""
    first = max(created, HISTORY_START)
    if chance(ref, "waits for stock", 0.04):
        at = moment(ref, "waits since", max(first, as_of(-40)), LAST_AS_OF)
        values = {"stock_subscription_id": f"w_{code('wish', ref)}", "person_ref": ref, "subscribed_at": at}
        values |= {"product_id": pick(ref, "waits for", EVERYDAY), "loaded_at": landed(ref, at)}
        yield "raw_stock_subscriptions", values
    if bought and chance(ref, "standing order", 0.05):
        at = moment(ref, "standing since", first, LAST_AS_OF)
        values = {"product_subscription_id": f"q_{code('standing', ref)}", "person_ref": ref, "started_at": at}
        values |= {"product_id": pick(ref, "standing for", CONSUMABLES), "every_days": pick(ref, "every", (14, 30, 60))}
        ends = at + timedelta(days=45) if chance(ref, "standing ends", 0.4) else None
        yield "raw_product_subscriptions", values | {"cancelled_at": ends, "loaded_at": landed(ref, at)}
    if bought and chance(ref, "survey", 0.1):
        at = moment(ref, "answers at", first, LAST_AS_OF)
        values = {"answer_id": f"z_{code('survey', ref)}", "person_ref": ref, "score": between(ref, "score", 3, 10)}
        yield "raw_survey_answers", values | {"answered_at": at, "loaded_at": landed(ref, at)}
    if chance(ref, "wants to be forgotten", 0.008):
        at = moment(ref, "asks", first, LAST_AS_OF)
        values = {"request_id": f"f_{code('erasure', ref)}", "person_ref": ref, "requested_at": at}
        yield "raw_erasure_requests", values | {"closed_at": at + timedelta(days=20), "loaded_at": landed(ref, at)}
    if chance(ref, "newsletters", 0.07):
        yield from newsletters(ref, first)


def newsletters(ref: str, since: datetime) -> Iterator[Row]:
    """A mail every fortnight; some people never look, and of some only a machine does."""
    interested = chance(ref, "interested", 0.5)
    for nth in range(MAILS):
        sent = LAST_AS_OF - timedelta(days=14 * nth + 1, seconds=between(ref, f"mail {nth}", 0, 7200))
        if sent < since:
            return
        key = f"{ref} mail {nth}"
        opened = sent + timedelta(hours=between(key, "opens", 1, 30)) if chance(key, "opened", 0.6) else None
        person = interested and chance(key, "by a person", 0.7)
        values = {"message_id": f"m_{code('mail', ref, nth)}", "person_ref": ref, "channel": "email"}
        values |= {"message_class": "marketing", "campaign": f"news_{26 - nth}", "sent_at": sent}
        values |= {"delivered_at": sent + timedelta(seconds=40), "opened_at": opened}
        values |= {"is_machine_open": bool(opened) and not person}
        values |= {
            "clicked_at": opened + timedelta(minutes=3) if opened and person and chance(key, "click", 0.5) else None
        }
        yield "raw_messages", values | {"loaded_at": landed(key, sent)}
