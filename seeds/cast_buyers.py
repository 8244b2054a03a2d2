"""Cast of winback, vip and recent_buyers_suppress: days, cents and refunds."""

from datetime import datetime, time, timedelta

from days import before, business_date
from stories import Fact, Span, Story, bought, bounced, complained, misses, ordered_unpaid, refused, returned, stays

ADS = ("email", "ads")
SECOND = timedelta(seconds=1)
LATER_DAYS = range(1, 15)


def days_before(day: int, days: int, hour: int = 10) -> datetime:
    """So many Berlin dates before the date of the day's as_of, in daytime."""
    return datetime.combine(business_date(day), time(hour)) - timedelta(days=days)


def lapsed(
    number: int, last: datetime, spans: tuple[Span, ...], *facts: Fact, amount: str = "40.00", **given: object
) -> Story:
    """Two orders, the last one paid then."""
    orders = (bought(last - timedelta(days=15), "30.00"), bought(last, amount))
    return Story(number, (*orders, *facts), spans, **{"allows": ADS, **given})  # type: ignore[arg-type]


def returning(day: int) -> Story:
    """Lapsed on day 0, orders again in the night before `day`."""
    back = bought(before(day, hours=5), "22.00")
    gone = stays("winback", 0, day - 1, "last order 70 days before day 0", after="ordered again")
    recent = stays("recent_buyers_suppress", day, 14, "ordered again")
    return lapsed(180 + day, days_before(0, 70), gone + recent, back)


def turning_lapsed(day: int) -> Story:
    why = "the last order is 45 complete days old"
    return lapsed(195 + day, days_before(day, 45), stays("winback", day, 14, why, before="44 days only"))


LAPSED = days_before(0, 60)

WINBACK = (
    *(returning(day) for day in LATER_DAYS),
    *(turning_lapsed(day) for day in range(15)),
    lapsed(210, days_before(3, 120), stays("winback", 0, 3, "at most 120 days", after="121 days: time-boxed out")),
    lapsed(
        211,
        days_before(2, 46, 22) + timedelta(minutes=30),
        stays("winback", 2, 14, "45 days by the Berlin date", before="45 days by the UTC date only"),
    ),
    Story(212, (bought(LAPSED, "40.00"),), misses("winback", 0, 0, "a single order"), allows=ADS),
    lapsed(
        213,
        LAPSED,
        misses("winback", 0, 0, "the last order was fully refunded"),
        returned(LAPSED, "40.00", LAPSED + timedelta(days=3)),
    ),
    lapsed(
        214,
        LAPSED,
        stays("winback", 0, 14, "the last order was refunded in part only"),
        returned(LAPSED, "39.99", LAPSED + timedelta(days=3)),
    ),
    lapsed(215, LAPSED, misses("winback", 0, 0, "advertising was never allowed"), allows=("email",)),
    lapsed(
        216, LAPSED, stays("winback", 0, 5, "lapsed", after="withdrew advertising"), refused("ads", before(6, hours=3))
    ),
    lapsed(217, LAPSED, stays("winback", 0, 14, "in the holdout", standing="held_out")),
    lapsed(218, LAPSED, stays("winback", 0, 14, "the address bounced hard", standing="suppressed"), bounced(LAPSED)),
    lapsed(
        219,
        LAPSED,
        (
            Span("winback", 0, 2, "sent", "lapsed"),
            Span("winback", 3, 4, "suppressed", "a severity-1 ticket is open"),
            Span("winback", 5, 14, "sent", "the ticket is closed"),
        ),
        complained("complaint", 1, before(3, hours=8), before(5, hours=8)),
    ),
    lapsed(
        220,
        LAPSED,
        stays("winback", 0, 14, "the order of yesterday was never paid"),
        ordered_unpaid(before(0, hours=20), "9.00"),
    ),
    lapsed(
        221,
        LAPSED,
        stays("winback", 0, 14, "a severity-2 complaint does not silence"),
        complained("complaint", 2, LAPSED),
    ),
    lapsed(222, days_before(0, 44), stays("winback", 1, 14, "45 days", before="one day short of 45")),
    lapsed(223, days_before(0, 121), misses("winback", 0, 0, "one day more than 120")),
)

SPRING = datetime(2026, 5, 10, 10)


def spender(number: int, amounts: tuple[str, ...], spans: tuple[Span, ...], *facts: Fact, **given: object) -> Story:
    """One order of each amount, 20 days apart from May on."""
    orders = tuple(bought(order_day(nth), amount) for nth, amount in enumerate(amounts))
    return Story(number, (*orders, *facts), spans, **{"allows": ADS, **given})  # type: ignore[arg-type]


def order_day(nth: int) -> datetime:
    return SPRING + timedelta(days=20 * nth)


def becoming(day: int) -> Story:
    """The fourth order comes in the night before `day`; on even days it makes exactly 500.00."""
    fourth = bought(before(day, hours=6), "110.00" if day % 2 == 0 else "110.01")
    spans = stays("vip", day, 14, "the fourth order reached 500.00", before="three orders")
    return spender(240 + day, ("130.00",) * 3, spans, fourth)


def falling(day: int) -> Story:
    """A refund in the night before `day` leaves 499.99."""
    spans = stays("vip", 0, day - 1, "520.00 in four orders", after="a refund left 499.99")
    return spender(254 + day, ("130.00",) * 4, spans, returned(order_day(3), "20.01", before(day, hours=6)))


FOUR = ("130.00",) * 4
VIP = (
    *(becoming(day) for day in LATER_DAYS),
    *(falling(day) for day in LATER_DAYS),
    spender(269, ("130.00", "130.00", "130.00", "109.99"), misses("vip", 0, 0, "a cent below 500.00")),
    spender(270, ("130.00", "130.00", "130.00", "110.00"), stays("vip", 0, 14, "exactly 500.00")),
    spender(271, ("300.00",) * 3, misses("vip", 0, 0, "900.00, but in three orders")),
    spender(
        272,
        ("130.00",) * 3,
        misses("vip", 0, 0, "a cent of discount below 500.00"),
        bought(order_day(3), "110.00", discount="0.01"),
    ),
    spender(
        273, FOUR, stays("vip", 0, 14, "a refund left exactly 500.00"), returned(order_day(3), "20.00", order_day(4))
    ),
    spender(
        274,
        ("180.00",) * 3,
        misses("vip", 0, 0, "three orders, though their rows were loaded twice"),
        twice=("raw_orders", "raw_order_lines", "raw_payments"),
    ),
    spender(275, FOUR, stays("vip", 0, 14, "in the holdout", standing="held_out")),
    spender(
        276, FOUR, stays("vip", 0, 14, "complained about our mail", standing="suppressed"), bounced(SPRING, "complaint")
    ),
    spender(
        277,
        FOUR,
        (Span("vip", 0, 4, "sent", "520.00 in four orders"), Span("vip", 5, 14, "suppressed", "asked to be erased")),
        refused("all", before(5, hours=3), "erasure"),
    ),
    spender(
        278,
        ("180.00",) * 3,
        misses("vip", 0, 0, "the fourth order was never paid"),
        ordered_unpaid(order_day(3), "50.00"),
    ),
    spender(279, FOUR, misses("vip", 0, 0, "advertising was never allowed"), allows=("email",)),
    spender(
        280,
        ("130.00",) * 3,
        stays("vip", 0, 14, "the fourth was paid at the second attempt"),
        bought(order_day(3), "110.00", failed_first=True),
    ),
    spender(
        281,
        FOUR,
        stays("vip", 0, 14, "the refund was loaded twice but counts once"),
        returned(order_day(3), "15.00", order_day(4)),
        twice=("raw_refunds",),
    ),
)

RECENT_BUYERS = "recent_buyers_suppress"


def recent(number: int, paid: datetime, spans: tuple[Span, ...], *facts: Fact, **given: object) -> Story:
    return Story(number, (bought(paid, "50.00"), *facts), spans, **given)  # type: ignore[arg-type]


def cooling(day: int) -> Story:
    """The one order turns 30 days old in the night before `day`."""
    spans = stays(RECENT_BUYERS, 0, day - 1, "paid an order in the last 30 days", after="30 days have passed")
    return recent(290 + day, before(day, days=30, hours=1 + day * 3 % 22), spans)


BOUGHT = before(0, days=5)
RECENT = (
    *(cooling(day) for day in LATER_DAYS),
    recent(305, before(4, days=30), stays(RECENT_BUYERS, 0, 4, "paid exactly 30 days ago", after="31 days")),
    recent(
        306, before(4, days=30) - SECOND, stays(RECENT_BUYERS, 0, 3, "within 30 days", after="30 days and a second")
    ),
    Story(
        307,
        (bought(BOUGHT, "50.00", cancelled=before(3, hours=9)),),
        stays(RECENT_BUYERS, 0, 2, "paid", after="the order was cancelled"),
    ),
    recent(
        308,
        BOUGHT,
        stays(RECENT_BUYERS, 0, 5, "paid", after="fully refunded"),
        returned(BOUGHT, "50.00", before(6, hours=9)),
    ),
    recent(
        309,
        BOUGHT,
        stays(RECENT_BUYERS, 0, 14, "a cent less than all was refunded"),
        returned(BOUGHT, "49.99", before(1, hours=9)),
    ),
    recent(310, BOUGHT, stays(RECENT_BUYERS, 0, 14, "sparing people needs no consent"), allows=()),
    recent(
        311,
        BOUGHT,
        stays(RECENT_BUYERS, 0, 14, "withdrew from all channels", standing="suppressed"),
        refused("all", SPRING),
    ),
    recent(
        312,
        BOUGHT,
        (Span(RECENT_BUYERS, 0, 6, "sent", "paid"), Span(RECENT_BUYERS, 7, 14, "suppressed", "asked to be erased")),
        refused("all", before(7, hours=9), "erasure"),
    ),
    Story(313, (ordered_unpaid(BOUGHT, "50.00"),), misses(RECENT_BUYERS, 0, 0, "the order was never paid")),
    recent(
        314,
        BOUGHT,
        stays(RECENT_BUYERS, 0, 7, "half of it was refunded", after="the second half was refunded too"),
        returned(BOUGHT, "25.00", before(4, hours=9)),
        returned(BOUGHT, "25.00", before(8, hours=9)),
    ),
    recent(315, BOUGHT, misses(RECENT_BUYERS, 0, 0, "an employee"), flags=(("employee", True),)),
    recent(
        316,
        BOUGHT,
        stays(RECENT_BUYERS, 0, 14, "one of two orders was kept"),
        bought(BOUGHT + timedelta(days=1), "60.00"),
        returned(BOUGHT, "50.00", before(0, hours=9)),
    ),
    Story(
        317,
        (bought(BOUGHT, "50.00", discount="5.00"), returned(BOUGHT, "45.00", before(9, hours=9))),
        stays(RECENT_BUYERS, 0, 8, "paid", after="all that had been paid was refunded"),
    ),
    recent(318, BOUGHT, stays(RECENT_BUYERS, 0, 9, "paid", after="deleted"), flags=(("deleted", before(10, hours=2)),)),
)
