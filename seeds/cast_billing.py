"""Cast of the three billing audiences: companies whose usage, invoices and quotas are planted, and their people.

Usage is flat on purpose: 100 a day before the fall and 30 after it, so that every ratio can be worked out by hand.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal

from billing_facts import invoice, quota, subscription
from days import as_of, before, business_date
from growth import flag, outage
from stories import JOINED, Company, Fact, Span, Story, bounced, misses, refused, seat, stays
from tables import Row

DROP, FAILED, QUOTA = "usage_drop_40_wow", "failed_payment_still_active", "approaching_quota_80"
METERED = date(2026, 9, 12)
SECOND = timedelta(seconds=1)


def dates(day: int, back: int) -> date:
    """The business date so many days before the day's."""
    return business_date(day) - timedelta(days=back)


def person(
    number: int, company: int, spans: tuple[Span, ...], *facts: Fact, role: str = "owner", **given: object
) -> Story:
    return Story(number, (seat(company, role), *facts), spans, shops=False, **given)  # type: ignore[arg-type]


# usage_drop_40_wow: five of seven fallen days are 350 < 420 = 60 %; four are exactly 420, which is not below. Thirteen
# fallen days are 210 of 280 = 75 %, fourteen 210 of 210: that is two mornings, and the end.


def fallen(number: int, since: date, **given: object) -> Company:
    return Company(number, ((METERED, 100), (since, 30)), **given)  # type: ignore[arg-type]


def dropping(
    first: int, why: str = "this week is below 60 % of the week before", standing: str = "sent"
) -> tuple[Span, ...]:
    """In for the nine days on which five to thirteen fallen days lie behind."""
    return stays(
        DROP,
        first,
        min(first + 8, 14),
        why,
        standing=standing,
        before="exactly 60 % is not below",
        after="at least 75 % of the week before on two mornings",
    )


def fallen_on(day: int) -> int:
    """The number of the company whose fifth fallen day lies behind on that day."""
    return 7 + day if day > -7 else 45 + day


def downgraded(since: datetime) -> Fact:
    return lambda key: [subscription(key, "team", "active", JOINED, since, seats=3)]


def closed(since: datetime) -> Fact:
    return lambda key: [flag(key, "seasonal_closure", since)]


FALLS = dates(0, 5)
SPIKE = ((METERED, 100), (dates(5, 14), 400), (dates(5, 7), 100))
ONE_GOOD_DAY = ((METERED, 100), (dates(0, 7), 30), (dates(0, 3), 180), (dates(0, 2), 30))
"""360 of 420 on the morning of day 4 alone"""
FLOOR = ((METERED, 14), (dates(3, 8), 15), (dates(3, 7), 5))

USAGE_COMPANIES = (
    *(fallen(fallen_on(day), dates(day, 5)) for day in range(-8, 15)),
    Company(22, FLOOR, plan="solo"),
    Company(
        23, ((METERED, 14), (dates(3, 14), 15), (dates(3, 13), 14), (dates(3, 8), 15), (dates(3, 7), 5)), plan="solo"
    ),
    Company(24, SPIKE),
    fallen(25, dates(2, 5), created=as_of(3) - timedelta(days=28)),
    fallen(26, FALLS, status="trialing"),
    fallen(
        27,
        FALLS,
        facts=(
            lambda key: [
                subscription(
                    key,
                    "team",
                    "cancelled",
                    datetime(2026, 4, 25, 9),
                    before(2, hours=9),
                    seats=5,
                    cancelled=before(2, hours=9),
                )
            ],
        ),
    ),
    fallen(28, FALLS, status="past_due"),
    fallen(29, FALLS),
    fallen(30, FALLS),
    fallen(31, FALLS),
    fallen(32, FALLS),
    fallen(33, FALLS),
    fallen(34, FALLS, internal=True),
    fallen(35, FALLS, kind="b2c"),
    Company(36, ((METERED, 100), (dates(2, 3), None))),
    fallen(39, FALLS, facts=(lambda key: outage(key, "incident", before(0, days=5), before(0, days=1)),)),
    fallen(40, FALLS, facts=(closed(before(0, days=6)),)),
    fallen(72, FALLS, facts=(closed(before(4, hours=5)),)),
    fallen(73, FALLS, facts=(downgraded(before(0, days=5)),)),
    fallen(74, FALLS, facts=(downgraded(before(0, days=10)),)),
    Company(75, ONE_GOOD_DAY),
    Company(76, ((METERED, 15), (FALLS, 4))),
)
USAGE = (
    *(person(387 + day, fallen_on(day), dropping(day)) for day in range(-8, 15)),
    person(402, 22, misses(DROP, 3, 3, "99 the week before, a unit below the floor")),
    person(
        403,
        23,
        stays(
            DROP,
            3,
            9,
            "100 the week before, the floor",
            before="99 the week before",
            after="35 of 45 and 35 of 35 on two mornings",
        ),
    ),
    person(404, 24, misses(DROP, 5, 5, "back to normal after a week's peak: above 70 % of the median")),
    person(
        405,
        25,
        stays(
            DROP,
            3,
            10,
            "a customer for exactly 28 days",
            before="a customer for 27 days",
            after="at least 75 % of the week before on two mornings",
        ),
    ),
    person(406, 26, misses(DROP, 0, 0, "still on trial")),
    person(407, 27, stays(DROP, 0, 1, "usage fell", after="the subscription was cancelled")),
    person(408, 28, dropping(0, "past due is still a customer")),
    person(409, 29, misses(DROP, 0, 0, "the owner allowed no channel"), allows=()),
    person(410, 29, dropping(0, "the admin of the same company"), role="admin"),
    person(411, 29, misses(DROP, 0, 0, "neither owner nor admin"), role="member"),
    person(412, 30, dropping(0, "owner of two companies that fell: one row"), seat(31, "admin")),
    Story(
        413,
        (seat(31, "admin", before(3, hours=9)),),
        stays(DROP, 0, 2, "usage fell", after="left the company"),
        shops=False,
    ),
    person(414, 32, dropping(0, "in the holdout", "held_out")),
    person(415, 33, dropping(0, "the address bounced hard", "suppressed"), bounced(before(0, days=90))),
    person(416, 34, misses(DROP, 0, 0, "our own company")),
    person(417, 35, misses(DROP, 0, 0, "a consumer account")),
    person(
        418,
        36,
        stays(
            DROP,
            2,
            13,
            "days without a row are days without usage",
            before="500 of 700",
            after="nothing of nothing on two mornings",
        ),
    ),
    person(488, 39, misses(DROP, 0, 9, "an incident explains the fall, and then the week before has fallen too")),
    person(489, 40, misses(DROP, 0, 9, "closed for the season")),
    person(490, 72, stays(DROP, 0, 3, "usage fell", before="exactly 60 % is not below", after="closed for the season")),
    person(491, 73, misses(DROP, 0, 13, "a downgrade explains the fall")),
    person(
        492,
        74,
        stays(
            DROP,
            5,
            8,
            "the downgrade was fifteen days ago",
            before="a downgrade explains the fall",
            after="at least 75 % of the week before on two mornings",
        ),
    ),
    person(
        493,
        75,
        stays(
            DROP,
            0,
            12,
            "back for a single morning, on day 4",
            before="430 of 700",
            after="at least 75 % of the week before on two mornings",
        ),
    ),
    person(494, 76, misses(DROP, 0, 9, "105 the week before, less than a quarter of those on the plan")),
)

# failed_payment_still_active


def billed(
    number: int,
    *failures: datetime,
    amount: str = "87.00",
    paid: datetime | None = None,
    disputed: datetime | None = None,
    levels: tuple[tuple[date, int | None], ...] = ((METERED, 50),),
) -> Company:
    issued = min(failures) - timedelta(days=2)

    def rows(key: str) -> Iterable[Row]:
        bill = f"v_{key[2:]}_1"
        return invoice(key, bill, Decimal(amount), issued, paid=paid, disputed=disputed, failures=failures)

    return Company(number, levels, (rows,))


def failing(
    first: int, last: int, why: str = "the payment failed, the company works on", **more: str
) -> tuple[Span, ...]:
    return stays(FAILED, first, min(last, 14), why, **{"after": "the failure is older than 72 h", **more})


def daily_invoice(day: int) -> Company:
    """Fails in the night before `day`; on odd days it is paid in the next night."""
    return billed(43 + day, before(day, hours=3 + day % 5), paid=before(day + 1, hours=2) if day % 2 else None)


def daily_debtor(day: int) -> Story:
    last = day if day % 2 else day + 2
    after = "paid" if day % 2 else "the failure is older than 72 h"
    return person(422 + day, 43 + day, failing(day, last, after=after), role="billing" if day % 3 else "owner")


EDGE = before(4, hours=72)
FAILED_COMPANIES = (
    *(daily_invoice(day) for day in range(-2, 15)),
    billed(58, EDGE),
    billed(59, EDGE - SECOND),
    billed(60, before(5, hours=5), amount="0.99"),
    billed(61, before(5, hours=5), amount="1.00"),
    billed(62, before(3, hours=5), disputed=before(4, hours=9)),
    billed(63, before(6, hours=5), levels=((METERED, 50), (dates(6, 3), 0))),
    billed(64, before(6, hours=5), levels=((METERED, 50), (dates(6, 1), 0))),
    billed(65, before(7, hours=5)),
    billed(66, before(7, hours=5)),
    billed(67, before(8, hours=5)),
    billed(68, before(8, hours=5)),
    billed(69, before(9, hours=5)),
    billed(70, before(9, hours=9), paid=before(9, hours=8)),
    billed(71, before(2, hours=5), before(4, hours=5)),
    billed(77, before(11, hours=5)),
)
FAILED_PAYMENTS = (
    *(daily_debtor(day) for day in range(-2, 15)),
    person(437, 58, failing(2, 4, "at most 72 h, the last time exactly", after="96 h ago")),
    person(438, 59, failing(2, 3, after="72 h and a second ago")),
    person(439, 60, misses(FAILED, 5, 5, "a cent below 1.00")),
    person(440, 61, failing(5, 7, "exactly 1.00")),
    person(441, 62, failing(3, 3, after="disputed")),
    person(442, 63, misses(FAILED, 6, 6, "no usage for three days")),
    person(443, 64, failing(6, 6, "used the day before yesterday", after="no usage for three days")),
    person(444, 65, failing(7, 9, "the billing contact"), role="billing"),
    person(445, 65, misses(FAILED, 7, 7, "the owner, but there is a billing contact")),
    Story(
        446, (seat(66, "billing", before(0, days=9)),), misses(FAILED, 7, 7, "no longer in the company"), shops=False
    ),
    person(447, 66, failing(7, 9, "the owner: the billing contact has left")),
    person(448, 67, failing(8, 10, "transactional: no marketing consent is needed"), allows=()),
    person(
        449, 68, failing(8, 10, "withdrew from all channels", standing="suppressed"), refused("all", before(0, days=90))
    ),
    person(450, 69, failing(9, 11, "the address bounced hard", standing="suppressed"), bounced(before(0, days=90))),
    person(451, 70, misses(FAILED, 9, 9, "the second attempt succeeded")),
    person(453, 77, failing(11, 13, "in the global holdout, which spares nobody a failed payment"), spared=True),
    person(452, 71, failing(2, 6, "a second failure two days later keeps it in")),
)

# approaching_quota_80: 100 a day against 3000 in 30 days; 24 complete days are exactly 80 %. At that pace 2699 are used
# up more than three days before the period ends, 2700 just three days before.


def capped(
    number: int, start: date, amount: int | None, *changes: tuple[int, datetime], noted: tuple[Fact, ...] = ()
) -> Company:
    """Periods of 30 days; the changes hit the one that starts then."""
    periods = (start - timedelta(days=30), start, start + timedelta(days=30))
    facts: tuple[Fact, ...] = tuple(
        lambda key, first=first: [quota(key, amount, first, first + timedelta(days=30))] for first in periods
    )
    more: tuple[Fact, ...] = tuple(
        lambda key, new=new, at=at: [quota(key, new, start, start + timedelta(days=30), at)] for new, at in changes
    )
    return Company(number, ((METERED, 100),), facts + more + noted)


def filling(first: int, last: int, why: str = "between 80 and 100 % of the quota", **more: str) -> tuple[Span, ...]:
    return stays(
        QUOTA, first, min(last, 14), why, **{"before": "2300 of 3000", "after": "a new period has begun", **more}
    )


QUOTA_COMPANIES = (
    *(capped(86 + day, dates(day, 24), 3000) for day in range(-5, 15)),
    capped(101, dates(2, 24), 3001),
    capped(102, dates(2, 20), 2500),
    capped(103, dates(2, 24), None),
    capped(104, dates(4, 24), 3000, (2900, before(6, hours=10))),
    capped(105, dates(4, 24), 3000, (6000, before(6, hours=10))),
    capped(106, dates(5, 24), 3000),
    capped(107, dates(5, 24), 3000),
    capped(108, dates(5, 24), 3000),
    capped(109, dates(4, 24), 3000, (2900, before(6, hours=24))),
    capped(110, dates(2, 7), 2699),
    capped(111, dates(2, 7), 2700),
    capped(112, dates(4, 24), 3000, noted=(lambda key: [flag(key, "prepaid_overage", before(6, hours=4))],)),
)
QUOTAS = (
    *(
        person(460 + day, 86 + day, filling(day, day + 5), role=("owner", "admin", "billing")[day % 3])
        for day in range(-5, 15)
    ),
    person(475, 101, filling(3, 7, before="2400 of 3001: a unit too much quota")),
    person(476, 102, filling(-11, 6, "used up on the 25th day", after="2500 of 2500 is over, not approaching")),
    person(477, 103, misses(QUOTA, 2, 2, "unlimited")),
    person(
        478,
        104,
        (
            *filling(4, 5, after="the quota changed in the last 24 h"),
            Span(QUOTA, 7, 8, "sent", "2700 of the new 2900"),
            Span(QUOTA, 9, 9, "out", "2900 of 2900 is over, not approaching"),
        ),
    ),
    person(479, 105, filling(4, 5, after="the quota was raised") + misses(QUOTA, 7, 7, "2700 of the new 6000")),
    person(480, 106, filling(5, 10, "an admin"), role="admin"),
    person(481, 106, misses(QUOTA, 5, 5, "neither owner nor admin nor billing"), role="member"),
    person(482, 107, filling(5, 10, "in the holdout", standing="held_out")),
    person(
        483,
        108,
        filling(5, 10, "asked to be erased", standing="suppressed"),
        refused("all", before(0, days=90), "erasure"),
    ),
    person(
        484,
        109,
        (*filling(4, 5, after="the quota changed exactly 24 h ago"), Span(QUOTA, 7, 8, "sent", "2700 of the new 2900")),
    ),
    person(
        485, 110, filling(2, 14, "at this pace used up over three days early", before="six days say little of a month")
    ),
    person(486, 111, misses(QUOTA, 2, 14, "at this pace used up exactly three days early")),
    person(495, 107, filling(5, 10, "in the global holdout", standing="suppressed"), spared=True),
    person(487, 112, filling(4, 5, after="overage was agreed")),
)

COMPANIES = (*USAGE_COMPANIES, *FAILED_COMPANIES, *QUOTA_COMPANIES)
PEOPLE = (*USAGE, *FAILED_PAYMENTS, *QUOTAS)
