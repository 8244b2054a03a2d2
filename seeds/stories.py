"""The grammar of the pinned cast: a story is a person, the facts planted for it, and where it must stand and why.

A story knows its number, not its id: the id is the first of number, number + 1000, number + 2000 … whose holdout
buckets agree with the standings that the story declares, the bucket of the global holdout among them. So ids depend on
their own story only.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from billing_facts import member
from catalogue import GIFT_CARD
from days import REPLAY_DAYS
from draw import bucket
from facts import bounce, consent, event, identity, message, order, refund, ticket
from tables import Row

Fact = Callable[[str], Iterable[Row]]
"""Rows, given the id of the person (or the account) they are about."""

HOLDOUTS = {
    "welcome": 0.10,
    "abandoned_checkout": 0.10,
    "abandoned_cart": 0.10,
    "post_purchase_first": 0.10,
    "winback": 0.10,
    "vip": 0.05,
    "recent_buyers_suppress": 0.0,
    "usage_drop_40_wow": 0.10,
    "failed_payment_still_active": 0.0,
    "approaching_quota_80": 0.10,
}
PROGRAMME = ("spring", 500)
"""What the global holdout is drawn by, and its buckets of 10,000"""
JOINED = datetime(2026, 4, 25, 9)
"""When a cast person came, unless its story says otherwise."""


@dataclass(frozen=True, slots=True)
class Span:
    audience: str
    first: int
    last: int
    standing: str
    why: str


@dataclass(frozen=True, slots=True)
class Twin:
    """Another shop account, of the same human or of one that must not be taken for it."""

    number: int
    facts: tuple[Fact, ...] = ()
    allows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Story:
    number: int
    """1 … 499"""
    facts: tuple[Fact, ...]
    spans: tuple[Span, ...]
    allows: tuple[str, ...] = ("email",)
    """The channels allowed when joining"""
    name: tuple[str, str] | None = None
    mail: bool = True
    """Whether it has a verified address of its own"""
    flags: tuple[tuple[str, object], ...] = ()
    """What facts.person takes besides: test, employee, deleted"""
    shops: bool = True
    """Whether it has a consumer account in the shop"""
    spared: bool = False
    """Whether it is in the global holdout"""
    twins: tuple[Twin, ...] = ()
    twice: tuple[str, ...] = ()
    """Tables in which every row of this story was loaded twice"""


@dataclass(frozen=True, slots=True)
class Company:
    number: int
    """1 … 499"""
    levels: tuple[tuple[date, int | None], ...]
    """Usage a day from each date on; None where nothing is metered"""
    facts: tuple[Fact, ...] = ()
    kind: str = "b2b"
    internal: bool = False
    created: datetime = JOINED
    status: str = "active"
    plan: str = "team"


def stays(
    audience: str, first: int, last: int, why: str, *, standing: str = "sent", before: str = "not yet", after: str = ""
) -> tuple[Span, ...]:
    """In the audience from the first to the last day, out the day before and the day after."""
    around = (Span(audience, first - 1, first - 1, "out", before), Span(audience, last + 1, last + 1, "out", after))
    if last < REPLAY_DAYS and not after:
        raise ValueError(f"{audience}, day {last + 1}: say why the person has left")
    return tuple(
        span
        for span in (around[0], Span(audience, first, last, standing, why), around[1])
        if span.last >= 0 and span.first <= REPLAY_DAYS
    )


def misses(audience: str, first: int, last: int, why: str) -> tuple[Span, ...]:
    return (Span(audience, first, last, "out", why),)


def ref_of(story: Story) -> str:
    """The story's person_ref; see the top of this file."""
    return next(
        f"c_{story.number + 1000 * turn:05}" for turn in range(999) if fits(f"c_{story.number + 1000 * turn:05}", story)
    )


def fits(ref: str, story: Story) -> bool:
    held = {span.audience: span.standing == "held_out" for span in story.spans if span.standing in ("sent", "held_out")}
    limits = {audience: round(HOLDOUTS[audience] * 10_000) for audience in held}
    held[PROGRAMME[0]], limits[PROGRAMME[0]] = story.spared, PROGRAMME[1]
    return all((bucket(name, person_id(ref)) < limits[name]) == wanted for name, wanted in held.items())


def person_id(ref: str) -> str:
    return f"p_{ref[2:]}"


def twin_ref(ref: str, twin: Twin) -> str:
    """Always greater than the story's own ref, which therefore names the human."""
    return f"c_{twin.number + 1000 * (int(ref[2:]) // 1000 + 1):05}"


def account_of(company: int) -> str:
    return f"b_{company:05}"


def order_id(ref: str, paid: datetime) -> str:
    return f"o_{ref[2:]}_{paid:%m%d%H%M%S}"


# Facts that stories plant.


def bought(paid: datetime, gross: str, *, discount: str = "0", **more: datetime | bool | None) -> Fact:
    """One paid order of a gift card; `more` as for facts.order."""
    lines = [(GIFT_CARD, 1, Decimal(gross))]
    return lambda ref: order(ref, order_id(ref, paid), lines, paid, paid, discount=Decimal(discount), **more)  # type: ignore[arg-type]


def ordered_unpaid(placed: datetime, gross: str) -> Fact:
    return lambda ref: order(ref, order_id(ref, placed), [(GIFT_CARD, 1, Decimal(gross))], placed, None)


def returned(paid: datetime, amount: str, at: datetime) -> Fact:
    """A refund of the order that was paid then."""
    return lambda ref: [refund(order_id(ref, paid), Decimal(amount), at)]


def allowed(channel: str, at: datetime, *, loaded: datetime | None = None) -> Fact:
    return lambda ref: [consent(ref, channel, "granted", at, loaded=loaded)]


def refused(channel: str, at: datetime, status: str = "withdrawn") -> Fact:
    return lambda ref: [consent(ref, channel, status, at)]


def bounced(at: datetime, kind: str = "hard") -> Fact:
    return lambda ref: [bounce(ref, kind, at)]


def complained(kind: str, severity: int, opened: datetime, closed: datetime | None = None) -> Fact:
    return lambda ref: ticket(ref, kind, severity, opened, closed)


def known_as(kind: str, value: str, *, verified: bool = True, since: datetime = JOINED) -> Fact:
    """An identifier; {n} in the value is the number of the ref."""
    return lambda ref: [identity(ref, kind, value.format(n=int(ref[2:])), since, verified=verified)]


def checked_out(at: datetime, value: str, *, user: str = "c_{n:05}", cookie: str = "", **more: datetime) -> Fact:
    """A checkout; {n} in user and cookie is the number of the ref, an empty one is not sent."""
    return lambda ref: [
        event("checkout_started", at, **who(ref, user, cookie), cart=cart_of(ref), value=Decimal(value), **more)  # type: ignore[arg-type]
    ]


def put_in_cart(
    at: datetime,
    quantity: int = 1,
    cart: str = "",
    url: str = "https://shop.example/cart",
    product: str = "P-001",
    **more: datetime,
) -> Fact:
    """A negative quantity takes things out again."""
    name = "add_to_cart" if quantity > 0 else "remove_from_cart"
    size = abs(quantity)
    return lambda ref: [
        event(
            name,
            at,
            user=ref,
            cart=cart_of(ref) + cart,
            product=product,
            quantity=size,
            value=Decimal(25 * size),
            url=url,
            **more,
        )  # type: ignore[arg-type]
    ]


def mailed(campaign: str, at: datetime) -> Fact:
    return lambda ref: [message(ref, campaign, at)]


def signed_in(at: datetime, cookie: str) -> Fact:
    return lambda ref: [event("signed_in", at, **who(ref, "c_{n:05}", cookie), url="https://shop.example/login")]


def seat(company: int, role: str, until: datetime | None = None) -> Fact:
    return lambda ref: [member(account_of(company), ref, role, JOINED, until)]


def who(ref: str, user: str, cookie: str) -> dict[str, str | None]:
    n = int(ref[2:])
    return {
        "user": user.replace("{n:05}", f"{n:05}").replace("{n}", str(n)) or None,
        "anonymous": cookie.format(n=n) or None,
    }


def cart_of(ref: str) -> str:
    return f"k_{ref[2:]}"


def both(*groups: Iterable[Story]) -> Iterator[Story]:
    for group in groups:
        yield from group
