"""What filler people and strangers do on the web site."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from catalogue import EVERYDAY, PRODUCTS
from days import HISTORY_START, LAST_AS_OF, REPLAY_DAYS, SILENCE, as_of
from draw import between, chance, code, moment, pick
from facts import ZERO, Line, event
from tables import Row

SHOP = "https://shop.example"
FULL_TRACKING = as_of(-4)
"""Orders before this one have no web journey: the tracker kept visits only."""
DAYS = (LAST_AS_OF - HISTORY_START).days
CHECKOUT_RATE, CART_RATE = 0.044, 0.025


def silent(at: datetime) -> bool:
    return SILENCE[0] <= at < SILENCE[1]


def who_says(ref: str, at: datetime) -> tuple[str | None, str | None]:
    """anonymous_id and user_id of a visit: most people are signed in, some only known by their cookie's id."""
    if chance(f"{ref}{at.date()}", "cookie only", 0.12) and chance(ref, "anonymous", 0.5):
        return f"an_{ref[2:]}", None
    return (f"an_{ref[2:]}" if chance(ref, "anonymous", 0.5) else None), ref


def journey(ref: str, order_id: str, lines: Sequence[Line], placed: datetime) -> Iterator[Row]:
    """From the cart to the order: what stands before a purchase."""
    if placed < FULL_TRACKING:
        return
    cart = f"k_{code('cart', order_id)}"
    anonymous, user = who_says(ref, placed)
    for nth, (product, quantity, price) in enumerate(lines):
        at = placed - timedelta(minutes=12 - 3 * nth)
        yield added(anonymous, user, cart, product, quantity, price, at)
    total = sum((quantity * price for _, quantity, price in lines), ZERO)
    at = placed - timedelta(minutes=2)
    yield event("checkout_started", at, anonymous=anonymous, user=user, cart=cart, value=total, url=f"{SHOP}/checkout")


def abandoned(ref: str, created: datetime) -> Iterator[Row]:
    """On some days a person leaves a checkout or a cart behind."""
    for day in range(-3, REPLAY_DAYS + 1):
        for kind, rate in (("checkout", CHECKOUT_RATE), ("cart", CART_RATE)):
            key = f"{ref} {kind} {day}"
            at = moment(key, "at", as_of(day - 1), as_of(day))
            if chance(key, "happens", rate) and at > created:
                yield from left_behind(ref, key, at, kind == "checkout")


def left_behind(ref: str, key: str, at: datetime, checkout: bool) -> Iterator[Row]:
    cart = f"k_{code('cart', key)}"
    anonymous, user = who_says(ref, at)
    total = ZERO
    for nth in range(between(key, "adds", 1, 2)):
        product = pick(key, f"product {nth}", EVERYDAY)
        price = PRODUCTS[product][2]
        total += price
        yield added(anonymous, user, cart, product, 1, price, at - timedelta(minutes=9 - 4 * nth))
        if nth and chance(key, "thinks again", 0.3):
            total -= price
            yield removed(anonymous, user, cart, product, price, at - timedelta(minutes=3))
    if checkout:
        url = f"{SHOP}/checkout"
        yield event("checkout_started", at, anonymous=anonymous, user=user, cart=cart, value=total, url=url)


def added(
    anonymous: str | None, user: str | None, cart: str, product: str, quantity: int, price: Decimal, at: datetime
) -> Row:
    return event(
        "add_to_cart",
        at,
        anonymous=anonymous,
        user=user,
        cart=cart,
        product=product,
        quantity=quantity,
        value=price * quantity,
        url=f"{SHOP}/cart/{cart}",
    )


def removed(anonymous: str | None, user: str | None, cart: str, product: str, price: Decimal, at: datetime) -> Row:
    return event(
        "remove_from_cart",
        at,
        anonymous=anonymous,
        user=user,
        cart=cart,
        product=product,
        quantity=1,
        value=price,
        url=f"{SHOP}/cart/{cart}",
    )


def visits(ref: str, created: datetime) -> Iterator[Row]:
    for nth in range(between(ref, "visits", 0, 2)):
        at = moment(ref, f"visit {nth}", max(created, HISTORY_START), LAST_AS_OF)
        if not silent(at):
            anonymous, user = who_says(ref, at)
            yield from looked_around(f"{ref} visit {nth}", at, anonymous, user)


def stranger_rows(nth: int) -> Iterator[Row]:
    """A visitor whom nobody knows, in daytime; they come in turn, so that each day has some."""
    key = f"stranger {nth}"
    day = HISTORY_START + timedelta(days=nth % DAYS)
    at = moment(key, "at", day + timedelta(hours=5), day + timedelta(hours=21))
    if not silent(at):
        yield from looked_around(key, at, f"an_x{code(key)}", None)


def looked_around(key: str, at: datetime, anonymous: str | None, user: str | None) -> Iterator[Row]:
    product = pick(key, "product", EVERYDAY)
    if user and anonymous:
        yield event("signed_in", at - timedelta(minutes=1), anonymous=anonymous, user=user, url=f"{SHOP}/login")
    else:
        yield event("page_viewed", at - timedelta(minutes=1), anonymous=anonymous, user=user)
    url = f"{SHOP}/p/{product}"
    yield event("product_viewed", at, anonymous=anonymous, user=user, product=product, url=url)
