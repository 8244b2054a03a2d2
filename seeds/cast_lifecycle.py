"""Cast of welcome and post_purchase_first: the two audiences one enters once in a life."""

from datetime import datetime, timedelta

from days import as_of, before
from names import NAUGHTY
from stories import Span, Story, allowed, bought, bounced, known_as, misses, ordered_unpaid, refused, returned, stays

SECOND = timedelta(seconds=1)
SUMMER = datetime(2026, 7, 1, 12)
DAYS = range(15)


def welcomed(day: int, why: str, standing: str = "sent") -> tuple[Span, ...]:
    return stays("welcome", day, day, why, standing=standing, after="the opt-in is older than 24 h")


def newcomer(number: int, day: int, **given: object) -> Story:
    """Opts in between 2 and 21 hours before the day's as_of."""
    at = before(day, hours=2 + day * 7 % 20)
    return Story(number, (allowed("email", at),), welcomed(day, "first opt-in in the last 24 h"), allows=(), **given)  # type: ignore[arg-type]


def opts_in(number: int, at: datetime, spans: tuple[Span, ...], *facts: object, **given: object) -> Story:
    return Story(number, (allowed("email", at), *facts), spans, **{"allows": (), **given})  # type: ignore[arg-type]


WELCOME = (
    *(newcomer(1 + day, day, name=NAUGHTY[day] if day < len(NAUGHTY) else None) for day in DAYS),
    Story(
        16,
        (allowed("email", as_of(2), loaded=as_of(2)),),
        stays(
            "welcome",
            3,
            3,
            "opted in on the very second the window opens",
            before="that second is not before as_of",
            after="a day has passed",
        ),
        allows=(),
    ),
    Story(
        17,
        (allowed("email", as_of(2) - SECOND, loaded=as_of(2) - SECOND),),
        stays("welcome", 2, 2, "opted in one second before as_of", after="24 h and a second have passed"),
        allows=(),
    ),
    opts_in(
        18,
        before(4, hours=5),
        misses("welcome", 4, 4, "opted in before, in spring"),
        refused("email", SUMMER),
        allows=("email",),
    ),
    opts_in(
        19,
        before(5, hours=5),
        misses("welcome", 5, 5, "paid an order an hour before the opt-in"),
        bought(before(5, hours=6), "20.00"),
    ),
    opts_in(
        20, before(5, hours=6), welcomed(5, "the order came after the opt-in"), bought(before(5, hours=5), "20.00")
    ),
    Story(
        21,
        (allowed("email", before(6, hours=5), loaded=before(8, hours=2)),),
        misses("welcome", 6, 8, "the opt-in landed two days late, when it was no longer fresh"),
        allows=(),
    ),
    Story(
        22,
        (allowed("sms", before(6, hours=5)),),
        misses("welcome", 6, 6, "an SMS opt-in is no e-mail opt-in"),
        allows=(),
    ),
    opts_in(
        23,
        before(7, hours=5),
        misses("welcome", 7, 7, "withdrew two hours later"),
        refused("email", before(7, hours=3)),
    ),
    opts_in(24, before(8, hours=5), welcomed(8, "the address bounced hard", "suppressed"), bounced(before(8, hours=4))),
    opts_in(
        25,
        before(8, hours=5),
        welcomed(8, "withdrew from all channels", "suppressed"),
        refused("all", before(8, hours=4)),
    ),
    opts_in(26, before(9, hours=5), welcomed(9, "in the holdout", "held_out")),
    opts_in(27, before(0, hours=5), welcomed(0, "in the holdout", "held_out")),
    opts_in(28, before(9, hours=5), misses("welcome", 9, 9, "a test person"), flags=(("test", True),)),
    opts_in(29, before(9, hours=5), misses("welcome", 9, 9, "an employee"), flags=(("employee", True),)),
    opts_in(
        30,
        before(10, hours=5),
        misses("welcome", 10, 10, "deleted before as_of"),
        flags=(("deleted", before(10, hours=1)),),
    ),
    opts_in(
        31,
        before(10, hours=5),
        misses("welcome", 10, 10, "has no valid address"),
        known_as("email", "nobody@@example.com"),
        mail=False,
    ),
    opts_in(
        32, datetime(2026, 10, 25, 0, 30), welcomed(4, "opted in at 02:30 summer time, the first of two that night")
    ),
    opts_in(
        33, datetime(2026, 10, 25, 1, 30), welcomed(4, "opted in at 02:30 winter time, the second of two that night")
    ),
    opts_in(
        34,
        before(11, hours=5),
        welcomed(11, "an old withdrawal from all channels was taken back"),
        refused("all", SUMMER),
        allowed("all", before(12, days=20)),
    ),
    opts_in(
        35, before(12, hours=5), welcomed(12, "deleted only after as_of"), flags=(("deleted", before(13, hours=3)),)
    ),
)


def first_order(day: int, why: str, standing: str = "sent") -> tuple[Span, ...]:
    return stays("post_purchase_first", day, day, why, standing=standing, after="the order is older than 24 h")


def first_buyer(day: int) -> Story:
    paid = before(day, hours=1 + day * 5 % 22)
    recent = stays("recent_buyers_suppress", day, 14, "paid an order in the last 30 days")
    return Story(141 + day, (bought(paid, "35.00"),), first_order(day, "first paid order in the last 24 h") + recent)


def buys(number: int, paid: datetime, spans: tuple[Span, ...], *facts: object, **given: object) -> Story:
    return Story(number, (bought(paid, "35.00"), *facts), spans, **given)  # type: ignore[arg-type]


POST_PURCHASE_FIRST = (
    *(first_buyer(day) for day in DAYS),
    Story(
        156,
        (bought(as_of(2), "35.00"),),
        stays(
            "post_purchase_first",
            3,
            3,
            "paid exactly 24 h ago",
            before="paid on the second of as_of, not before it",
            after="a day has passed",
        ),
    ),
    Story(
        157,
        (bought(as_of(2) - SECOND, "35.00", loaded=as_of(2) - SECOND),),
        stays("post_purchase_first", 2, 2, "paid one second before as_of", after="paid 24 h and a second ago"),
    ),
    buys(
        158,
        before(4, hours=5),
        misses("post_purchase_first", 4, 4, "the second order, the first was in summer"),
        bought(SUMMER, "20.00"),
    ),
    buys(159, before(4, hours=5), first_order(4, "the earlier order was never paid"), ordered_unpaid(SUMMER, "20.00")),
    Story(
        160,
        (bought(before(5, hours=9), "35.00", cancelled=before(5, hours=7)),),
        misses("post_purchase_first", 5, 5, "cancelled two hours later"),
    ),
    buys(
        161,
        before(5, hours=9),
        misses("post_purchase_first", 5, 5, "a part was refunded"),
        returned(before(5, hours=9), "5.00", before(5, hours=7)),
    ),
    buys(
        162,
        before(6, hours=5),
        first_order(6, "the refund came after as_of")
        + stays("recent_buyers_suppress", 6, 6, "the refund came after as_of", after="fully refunded"),
        returned(before(6, hours=5), "35.00", before(7, hours=5)),
    ),
    Story(
        163,
        (bought(before(6, hours=5), "35.00", loaded=before(8, hours=2)),),
        misses("post_purchase_first", 6, 8, "the order landed two days late")
        + stays("recent_buyers_suppress", 8, 14, "the order has landed", before="the order has not landed yet"),
    ),
    buys(164, before(7, hours=5), first_order(7, "in the holdout", "held_out")),
    buys(165, before(8, hours=5), first_order(8, "the address bounced hard in summer", "suppressed"), bounced(SUMMER)),
    buys(
        166,
        before(9, hours=5),
        first_order(9, "withdrew from all channels that night", "suppressed"),
        refused("all", before(9, hours=2)),
    ),
    buys(
        167,
        before(10, hours=5),
        first_order(10, "one order, though its rows were loaded twice"),
        twice=("raw_orders", "raw_order_lines", "raw_payments"),
    ),
    buys(168, before(11, hours=5), misses("post_purchase_first", 11, 11, "allowed no channel"), allows=()),
    buys(
        169,
        before(12, hours=5),
        first_order(12, "paid at the second attempt"),
        ordered_unpaid(before(12, hours=6), "35.00"),
    ),
)
