"""Cast of abandoned_checkout and abandoned_cart: minutes, cookies, and the night on which an hour came twice."""

from datetime import datetime, timedelta

from catalogue import LIMITED
from days import as_of, before
from stories import (
    Span,
    Story,
    Twin,
    allowed,
    bought,
    bounced,
    checked_out,
    complained,
    known_as,
    mailed,
    misses,
    put_in_cart,
    refused,
    signed_in,
    stays,
)

SECOND = timedelta(seconds=1)
SUMMER = datetime(2026, 7, 1, 12)
DAYS = range(15)
CHECKOUT, CART = "abandoned_checkout", "abandoned_cart"


def left(day: int, why: str, standing: str = "sent", before: str = "not yet") -> tuple[Span, ...]:
    return stays(CHECKOUT, day, day, why, standing=standing, before=before, after="the checkout is older than 24 h")


def leaves(
    number: int, at: datetime, spans: tuple[Span, ...], *facts: object, value: str = "49.90", **given: object
) -> Story:
    return Story(number, (checked_out(at, value), *facts), spans, **given)  # type: ignore[arg-type]


ABANDONED_CHECKOUT = (
    *(
        leaves(41 + day, before(day, hours=2 + day * 5 % 21), left(day, "left a checkout in the last day"))
        for day in DAYS
    ),
    leaves(56, before(2, hours=1), left(2, "left the checkout exactly an hour ago")),
    leaves(
        57,
        before(2, minutes=59, seconds=59),
        misses(CHECKOUT, 2, 3, "a second short of an hour, and a day later too old"),
    ),
    leaves(58, before(3, hours=24), misses(CHECKOUT, 2, 3, "on the second of one as_of, exactly 24 h before the next")),
    leaves(59, before(3, hours=24) + SECOND, left(3, "left the checkout a second less than 24 h ago")),
    leaves(60, before(4, hours=5), left(4, "a cart of exactly 10.00"), value="10.00"),
    leaves(61, before(4, hours=5), misses(CHECKOUT, 4, 4, "a cent below 10.00"), value="9.99"),
    leaves(
        62, before(5, hours=5), misses(CHECKOUT, 5, 5, "paid half an hour later"), bought(before(5, hours=4.5), "49.90")
    ),
    leaves(
        63, before(5, hours=5), misses(CHECKOUT, 5, 5, "paid on the same second"), bought(before(5, hours=5), "49.90")
    ),
    leaves(
        64,
        before(5, hours=5),
        left(5, "the order was paid a second before the checkout"),
        bought(before(5, hours=5) - SECOND, "12.00"),
    ),
    leaves(
        65,
        before(6, hours=5),
        misses(CHECKOUT, 6, 6, "the latest checkout is worth 5.00 only"),
        checked_out(before(6, hours=4), "5.00"),
    ),
    leaves(
        66,
        before(6, hours=5),
        misses(CHECKOUT, 6, 7, "the latest checkout is 20 minutes old"),
        checked_out(before(6, minutes=20), "49.90"),
    ),
    leaves(
        67,
        before(6, hours=5),
        left(6, "the order that followed landed two days late"),
        bought(before(6, hours=4), "49.90", loaded=before(8, hours=3)),
    ),
    Story(
        68,
        (checked_out(before(7, hours=5), "49.90", loaded=before(7, hours=5) + timedelta(hours=30)),),
        misses(CHECKOUT, 7, 8, "the event landed 30 hours late"),
    ),
    Story(
        69,
        (checked_out(before(8, hours=5), "49.90", user="{n}.0"),),
        left(8, "known by the legacy id, written as a float"),
    ),
    Story(
        70,
        (known_as("anonymous", "an_cast{n}"), checked_out(before(8, hours=5), "49.90", user="", cookie="an_cast{n}")),
        left(8, "the cookie is a known identity"),
    ),
    Story(
        71,
        (
            checked_out(before(9, hours=5), "49.90", user="", cookie="an_cast{n}"),
            signed_in(before(9, hours=4), "an_cast{n}"),
        ),
        left(9, "signed in with the same cookie an hour later"),
    ),
    Story(
        72,
        (checked_out(before(9, hours=5), "49.90", user="{{ user.id }}", cookie="an_lost{n}"),),
        misses(CHECKOUT, 9, 9, "the id is an un-rendered template token"),
    ),
    leaves(
        73,
        datetime(2026, 10, 25, 0, 30),
        misses(CHECKOUT, 4, 4, "paid 40 minutes later, though the wall clock says earlier"),
        bought(datetime(2026, 10, 25, 1, 10), "49.90"),
    ),
    leaves(
        74,
        datetime(2026, 10, 25, 1, 20),
        left(4, "paid half an hour before, though the wall clock says later"),
        bought(datetime(2026, 10, 25, 0, 50), "49.90"),
    ),
    leaves(75, before(7, hours=5), left(7, "in the holdout", "held_out")),
    leaves(76, before(0, hours=5), left(0, "in the holdout", "held_out")),
    leaves(
        77,
        before(10, hours=5),
        left(10, "complained about our mail in summer", "suppressed"),
        bounced(SUMMER, "complaint"),
    ),
    leaves(
        78,
        before(8, hours=5),
        (
            Span(CHECKOUT, 8, 8, "suppressed", "a severity-1 ticket is open"),
            *left(9, "the ticket is closed", before="")[1:],
        ),
        checked_out(before(9, hours=5), "49.90"),
        complained("complaint", 1, before(8, hours=9), before(9, hours=9)),
    ),
    leaves(
        79,
        before(10, hours=5),
        left(10, "a chargeback is open", "suppressed"),
        complained("chargeback", 3, before(10, days=5)),
    ),
    leaves(
        80,
        before(11, hours=5),
        left(11, "reached by SMS: e-mail was never allowed"),
        known_as("phone", "+49 30 23125 499"),
        allows=("sms",),
    ),
    leaves(
        81,
        before(11, hours=5),
        misses(CHECKOUT, 11, 11, "allowed no channel"),
        known_as("phone", "+49 30 23125 498"),
        allows=(),
    ),
    leaves(82, before(12, hours=5), left(12, "one checkout, though its row was loaded twice"), twice=("raw_events",)),
    leaves(
        83,
        before(12, hours=5),
        misses(CHECKOUT, 12, 12, "withdrew e-mail an hour before as_of"),
        refused("email", before(12, hours=1)),
    ),
    leaves(
        84,
        before(13, hours=5),
        misses(CHECKOUT, 13, 13, "the only channel allowed is SMS, and the phone is invalid"),
        known_as("phone", "12345"),
        allows=("sms",),
    ),
    leaves(
        85,
        before(13, hours=5),
        left(13, "withdrew long ago and came back"),
        refused("email", SUMMER),
        allowed("email", SUMMER + timedelta(days=9)),
    ),
    leaves(
        86,
        before(9, hours=5),
        misses(CHECKOUT, 9, 9, "took the one thing out of the cart after the checkout"),
        put_in_cart(before(9, hours=6)),
        put_in_cart(before(9, hours=4), -1),
    ),
    leaves(
        87,
        before(9, hours=5),
        left(9, "one of two things is left in the cart"),
        put_in_cart(before(9, hours=6), 2),
        put_in_cart(before(9, hours=4), -1),
    ),
    leaves(
        88,
        before(10, hours=5),
        misses(CHECKOUT, 10, 10, "what is in the cart is sold out"),
        put_in_cart(before(10, hours=6), product=LIMITED),
    ),
    leaves(
        89,
        before(10, hours=5),
        left(10, "of what is in the cart one thing is sold out, another is not"),
        put_in_cart(before(10, hours=6), product=LIMITED),
        put_in_cart(before(10, hours=6)),
    ),
    leaves(
        90,
        before(12, hours=5),
        left(12, "what was sold out is there again"),
        put_in_cart(before(12, hours=6), product=LIMITED),
    ),
    leaves(
        127,
        before(13, hours=5),
        misses(CHECKOUT, 13, 13, "was mailed about a checkout exactly 72 h ago"),
        mailed(CHECKOUT, before(13, hours=72)),
    ),
    leaves(
        128,
        before(13, hours=5),
        left(13, "was mailed about a checkout 72 h and a second ago"),
        mailed(CHECKOUT, before(13, hours=72) - SECOND),
    ),
    leaves(129, before(11, hours=5), left(11, "in the global holdout", "suppressed"), spared=True),
)


def waits(first: int, last: int, why: str, standing: str = "sent", **more: str) -> tuple[Span, ...]:
    return stays(CART, first, last, why, standing=standing, **{"after": "the cart is older than 48 h", **more})


def fills(number: int, at: datetime, spans: tuple[Span, ...], *facts: object, **given: object) -> Story:
    return Story(number, (put_in_cart(at), *facts), spans, **given)  # type: ignore[arg-type]


ABANDONED_CART = (
    *(
        fills(91 + day, before(day, hours=5 + day * 3 % 18), waits(day, day + 1, "a cart between 4 and 48 h old"))
        for day in DAYS
    ),
    fills(126, before(-1, hours=9), waits(-1, 0, "a cart between 4 and 48 h old")),
    fills(106, before(2, hours=4), waits(2, 3, "the cart is exactly 4 h old")),
    fills(
        107, before(2, hours=4) + SECOND, waits(3, 3, "a day later it is old enough", before="a second short of 4 h")
    ),
    fills(108, before(4, hours=48), waits(3, 3, "the cart is a day old", after="the cart is exactly 48 h old")),
    fills(109, before(4, hours=48) + SECOND, waits(3, 4, "the cart is a second less than 48 h old")),
    fills(
        110, before(5, hours=9), misses(CART, 5, 6, "took the one thing out again"), put_in_cart(before(5, hours=8), -1)
    ),
    Story(
        111,
        (put_in_cart(before(5, hours=9), 2), put_in_cart(before(5, hours=8), -1)),
        waits(5, 6, "one of two things is left in the cart"),
    ),
    fills(
        112,
        before(6, hours=9),
        misses(CART, 6, 7, "went to the checkout on the same second"),
        checked_out(before(6, hours=9), "5.00"),
    ),
    fills(
        113,
        before(6, hours=8),
        waits(7, 7, "the checkout is too old, the cart is not", before="is in abandoned_checkout, which wins")
        + left(6, "left a checkout"),
        checked_out(before(6, hours=10), "30.00"),
    ),
    fills(
        114,
        before(7, hours=10),
        waits(8, 8, "the order is older than 24 h now", before="paid another order in the last 24 h"),
        bought(before(7, hours=20), "15.00"),
    ),
    fills(115, before(7, hours=10), misses(CART, 7, 8, "paid an hour later"), bought(before(7, hours=9), "25.00")),
    Story(
        116,
        (put_in_cart(before(8, hours=10), loaded=as_of(8) + timedelta(hours=3)),),
        waits(9, 9, "the event has landed", before="the event has not landed yet"),
    ),
    Story(
        117,
        (put_in_cart(before(8, hours=10), url="https://shop.example/cart?person_token=tok_117_do_not_forward"),),
        waits(8, 9, "a cart whose URL carried a token of the person"),
    ),
    Story(
        118,
        (
            put_in_cart(before(9, hours=12), cart="a"),
            put_in_cart(before(9, hours=10), cart="b"),
            put_in_cart(before(9, hours=9), -1, cart="b"),
        ),
        misses(CART, 9, 10, "the latest cart is empty, an older one does not count"),
    ),
    fills(119, before(10, hours=10), waits(10, 11, "in the holdout", "held_out")),
    fills(
        120, before(10, hours=10), waits(10, 11, "asked to be erased", "suppressed"), refused("all", SUMMER, "erasure")
    ),
    fills(
        121,
        before(11, hours=10),
        (
            Span(CART, 11, 11, "sent", "a cart between 4 and 48 h old"),
            Span(CART, 12, 12, "suppressed", "the mail of the day before bounced"),
        ),
        bounced(before(12, hours=20)),
    ),
    fills(122, datetime(2026, 10, 25, 1, 30), waits(4, 5, "filled at 02:30 winter time, 4.5 h ago")),
    fills(
        123,
        before(4, hours=48.5),
        waits(3, 3, "the cart is a day old", after="48.5 h old, though the wall clock says 47.5"),
    ),
    fills(
        124,
        before(12, hours=10),
        misses(CART, 12, 13, "ordered an hour later with the other account of the same human"),
        known_as("email", "two.accounts@example.com"),
        twins=(Twin(125, (known_as("email", "Two.Accounts@Example.com "), bought(before(12, hours=9), "25.00"))),),
    ),
)
