"""Filler people: who they are, what they allowed, what they bought, what they left in a cart.

A filler person's whole life is a function of its serial. Lives are of a few kinds, in the proportions that give each
commerce audience a plausible size.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from aftermath import after_order, wishes_and_words
from billing_facts import account, member
from browsing import abandoned, journey, visits
from catalogue import line
from days import HISTORY_START, LAST_AS_OF, as_of, before
from draw import between, chance, moment, pick, share
from facts import ZERO, bounce, consent, identity, order, person, refund, review, ticket
from names import INVALID_PHONES, country_of, full_name, mail, phone
from tables import Row

FIRST_SERIAL = 500
"""Numbers ending in 000 … 499 belong to the cast."""
BLOCK, COMPANIES_A_BLOCK, SEATS = 17, 2, 4
"""Of each block of 17 people the first eight sit in two companies; so no company moves when another one comes."""
LIVES = ((0.45, "new"), (0.63, "first"), (0.74, "lapsed"), (0.79, "vip"), (0.95, "regular"), (1.01, "browser"))


@dataclass(frozen=True, slots=True)
class Shopper:
    serial: int
    """0, 1, 2, … among the filler people"""
    ref: str
    life: str
    country: str
    seated: bool
    """Came by a company's subscription rather than by the shop"""
    created: datetime
    allowed: datetime
    """When it allowed the channels: a new one lately, any other at once"""
    orders: tuple[datetime, ...]
    """When each order was paid, oldest first"""


def shopper(serial: int) -> Shopper:
    ref = f"c_{FIRST_SERIAL + serial % 500 + 1000 * (serial // 500):05}"
    life = next(name for limit, name in LIVES if share(ref, "life") < limit)
    seated = serial % BLOCK < COMPANIES_A_BLOCK * SEATS
    early = moment(ref, "created", HISTORY_START + timedelta(hours=1), datetime(2026, 9, 10))
    late = moment(ref, "allowed", before(0, hours=26), LAST_AS_OF)
    orders = tuple(sorted(purchases(ref, life, late)))
    created = (
        late if life == "new" and not seated else min([early, *(paid - timedelta(hours=2) for paid in orders[:1])])
    )
    allowed = (late if life == "new" else created) + timedelta(seconds=90)
    return Shopper(serial, ref, life, country_of(ref), seated, created, allowed, orders)


def purchases(ref: str, life: str, subscribed: datetime) -> Iterator[datetime]:
    if life == "new" and chance(ref, "buys", 0.55):
        yield subscribed + timedelta(seconds=between(ref, "first order", 3600, 4 * 86400))
    if life == "first":
        campaign = LAST_AS_OF - before(0, hours=30)  # more come at its beginning
        yield before(0, hours=30) + timedelta(seconds=int(campaign.total_seconds() * share(ref, "first order") ** 1.4))
    if life == "lapsed":
        last = moment(ref, "last order", before(0, days=119), before(0, days=34))
        yield from (last - timedelta(days=9 * nth, seconds=between(ref, f"gap {nth}", 0, 500_000)) for nth in range(3))
    if life in ("vip", "regular"):
        low, high = (5, 8) if life == "vip" else (1, 4)
        for nth in range(between(ref, "orders", low, high)):
            yield moment(ref, f"order {nth}", HISTORY_START + timedelta(days=2), LAST_AS_OF)


def shopper_rows(who: Shopper) -> Iterator[Row]:
    """All rows of one filler person."""
    created = who.created
    first, last = full_name(who.ref)
    yield person(
        who.ref,
        first,
        last,
        who.country,
        created,
        test=chance(who.ref, "test", 0.004),
        employee=chance(who.ref, "employee", 0.006),
        deleted=as_of(-30) if chance(who.ref, "deleted", 0.008) else None,
    )
    if not who.seated:
        yield account(f"a_{who.ref[2:]}", f"Customer {who.ref[2:]}", created, kind="b2c")
        yield member(f"a_{who.ref[2:]}", who.ref, "owner", created)
    yield from identities(who, created)
    yield from consents(who)
    for nth, paid in enumerate(who.orders):
        yield from purchase(who, nth, paid)
    yield from abandoned(who.ref, created)
    yield from visits(who.ref, created)
    yield from complaints(who, created)
    yield from wishes_and_words(who.ref, created, len(who.orders))


def identities(who: Shopper, created: datetime) -> Iterator[Row]:
    ref = who.ref
    yield identity(ref, "email", mail(ref), created, verified=chance(ref, "verified", 0.96))
    if chance(ref, "second mail", 0.1):
        yield identity(ref, "email", mail(ref, 2), created + timedelta(days=3), verified=chance(ref, "verified 2", 0.7))
    if who.serial % 40 == 1:  # the same human came back with a second account
        twin = shopper(who.serial - 1).ref
        yield identity(ref, "email", mail(twin).strip().title(), created + timedelta(hours=1))
    if chance(ref, "phone", 0.5):
        yield identity(ref, "phone", phone(500 + who.serial, who.country), created)
    elif chance(ref, "bad phone", 0.08):
        yield identity(ref, "phone", pick(ref, "which bad phone", INVALID_PHONES), created, verified=False)
    if chance(ref, "anonymous", 0.5):
        yield identity(ref, "anonymous", f"an_{ref[2:]}", created)
    if chance(ref, "device", 0.08):
        yield identity(ref, "device", f"dv_{ref[2:]}", created)


def consents(who: Shopper) -> Iterator[Row]:
    ref, granted = who.ref, who.allowed
    if chance(ref, "email consent", 0.97 if who.life in ("new", "first") else 0.88):
        yield consent(ref, "email", "granted", granted)
        if chance(ref, "email withdrawn", 0.04):
            yield consent(ref, "email", "withdrawn", moment(ref, "withdrawn", granted, LAST_AS_OF))
    if chance(ref, "ads consent", 0.72):
        yield consent(ref, "ads", "granted", granted)
    if chance(ref, "sms consent", 0.25):
        yield consent(ref, "sms", "granted", granted)
    if chance(ref, "push consent", 0.35):
        yield consent(ref, "push", "granted", granted)
    if chance(ref, "all withdrawn", 0.015):
        status = pick(ref, "all status", ("withdrawn", "withdrawn", "erasure"))
        yield consent(ref, "all", status, moment(ref, "all", granted, LAST_AS_OF))


def purchase(who: Shopper, nth: int, paid: datetime) -> Iterator[Row]:
    order_id = f"o_{who.ref[2:]}_{nth + 1}"
    lines = [line(order_id, n, dear=who.life == "vip") for n in range(between(order_id, "lines", 1, 2))]
    gross = sum((quantity * price for _, quantity, price in lines), ZERO)
    discount = (gross / 10).quantize(Decimal("0.01")) if chance(order_id, "discount", 0.15) else ZERO
    placed = paid - timedelta(seconds=between(order_id, "pays after", 30, 900))
    never_paid = nth > 0 and chance(order_id, "never paid", 0.04)
    cancelled = paid + timedelta(hours=5) if chance(order_id, "cancelled", 0.02) else None
    delivered = None if cancelled or never_paid else paid + timedelta(hours=between(order_id, "delivery", 40, 120))
    yield from order(
        who.ref,
        order_id,
        lines,
        placed,
        None if never_paid else paid,
        discount=discount,
        cancelled=cancelled,
        delivered=delivered,
        failed_first=chance(order_id, "card fails", 0.07),
    )
    yield from journey(who.ref, order_id, lines, placed)
    if never_paid:
        return
    yield from after_order(who.ref, order_id, lines, paid, delivered)
    if chance(order_id, "refund", 0.04):
        part = gross - discount if chance(order_id, "full", 0.5) else (gross / 3).quantize(Decimal("0.01"))
        yield refund(order_id, part, paid + timedelta(hours=between(order_id, "refund after", 60, 300)))
    if chance(order_id, "review", 0.1):
        days = between(order_id, "review after", 6, 20)
        yield review(who.ref, lines[0][0], between(order_id, "rating", 1, 5), paid + timedelta(days=days))


def complaints(who: Shopper, created: datetime) -> Iterator[Row]:
    ref = who.ref
    if chance(ref, "bounce", 0.012):
        kind = pick(ref, "bounce kind", ("hard", "hard", "complaint"))
        yield bounce(ref, kind, moment(ref, "bounce", created, LAST_AS_OF))
    if chance(ref, "ticket", 0.06):
        opened = moment(ref, "ticket", created, LAST_AS_OF)
        kind = pick(ref, "ticket kind", ("question",) * 5 + ("complaint",) * 3 + ("return",) * 3 + ("chargeback",))
        severity = pick(ref, "severity", (1, 2, 3, 3, 4, 4))
        closed = opened + timedelta(hours=between(ref, "closed after", 4, 200))
        yield from ticket(ref, kind, severity, opened, closed if chance(ref, "closed", 0.9) else None)
