"""The pinned cast: its stories as rows, and as the oracle `expected_audiences.csv`.

The oracle is what the stories declare. No audience is computed here; tests/seeds does that, independently.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta

from billing_facts import account, member, subscription, usage
from cast_billing import COMPANIES, PEOPLE
from cast_buyers import RECENT, VIP, WINBACK
from cast_carts import ABANDONED_CART, ABANDONED_CHECKOUT
from cast_identity import IDENTITY
from cast_lifecycle import POST_PURCHASE_FIRST, WELCOME
from days import REPLAY_DAYS, as_of
from facts import calendar, consent, identity, person
from names import country_of, full_name
from stories import JOINED, Company, Fact, Story, account_of, person_id, ref_of, twin_ref
from tables import Row

STORIES: tuple[Story, ...] = (
    *WELCOME,
    *ABANDONED_CHECKOUT,
    *ABANDONED_CART,
    *POST_PURCHASE_FIRST,
    *WINBACK,
    *VIP,
    *RECENT,
    *IDENTITY,
    *PEOPLE,
)
ORACLE_COLUMNS = ("as_of", "audience", "person_id", "standing", "why")
LAST_USAGE = date(2026, 11, 3)


def cast_rows() -> Iterator[Row]:
    for story in STORIES:
        rows = list(story_rows(story))
        yield from rows
        yield from (row for row in rows if row[0] in story.twice)
    for company in COMPANIES:
        yield from company_rows(company)


def cast_size() -> int:
    """How many person_refs the cast has."""
    return sum(1 + len(story.twins) for story in STORIES)


def story_rows(story: Story) -> Iterator[Row]:
    ref = ref_of(story)
    yield from human(ref, story.facts, story.allows, dict(story.flags), story.name, story.shops)
    if story.mail:
        yield identity(ref, "email", f"cast.{ref[2:]}@example.com", JOINED)
    for twin in story.twins:
        yield from human(twin_ref(ref, twin), twin.facts, twin.allows, {}, story.name or full_name(ref, 0), True)


def human(
    ref: str,
    facts: Iterable[Fact],
    allows: Iterable[str],
    flags: dict[str, object],
    name: tuple[str, str] | None,
    shops: bool,
) -> Iterator[Row]:
    first, last = name or full_name(ref, 0)
    yield person(ref, first, last, country_of(ref), JOINED, **flags)  # type: ignore[arg-type]
    if shops:
        yield account(f"a_{ref[2:]}", f"Customer {ref[2:]}", JOINED, kind="b2c")
        yield member(f"a_{ref[2:]}", ref, "owner", JOINED)
    for channel in allows:
        yield consent(ref, channel, "granted", JOINED + timedelta(minutes=2))
    for fact in facts:
        yield from fact(ref)


def company_rows(company: Company) -> Iterator[Row]:
    key, created = account_of(company.number), company.created
    domain = f"cast-{company.number}.example"
    yield account(key, f"Cast {company.number}", created, kind=company.kind, domain=domain, internal=company.internal)
    yield subscription(key, company.plan, "trialing", created, created, seats=5)
    for nth, status in enumerate({"trialing": (), "past_due": ("active", "past_due")}.get(company.status, ("active",))):
        yield subscription(key, company.plan, status, created, created + timedelta(days=14 + 60 * nth), seats=5)
    for fact in company.facts:
        yield from fact(key)
    for day in calendar(max(company.levels[0][0], created.date()), LAST_USAGE):
        quantity = next(level for since, level in reversed(company.levels) if since <= day)
        if quantity is not None:
            yield usage(key, day, quantity)


def oracle() -> list[tuple[str, ...]]:
    """Every (as_of, audience, person) that the cast pins, day by day."""
    return sorted(
        (stamp(as_of(day)), span.audience, person_id(ref_of(story)), span.standing, span.why)
        for story in STORIES
        for span in story.spans
        for day in range(max(0, span.first), min(REPLAY_DAYS, span.last) + 1)
    )


def stamp(moment: datetime) -> str:
    return f"{moment.isoformat()}Z"
