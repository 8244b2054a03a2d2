"""Day by day, everybody of the pinned cast stands where expected_audiences.csv says."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from tests.dbt_project.shop import Expectation, Shop, read_oracle

MINIMUM_REPLAY_DAYS = 15


@dataclass(frozen=True, slots=True)
class Day:
    """Who is in which audience, and whom nobody may contact, as of one moment."""

    members: Mapping[str, set[str]]
    do_not_contact: set[str]


@dataclass(frozen=True, slots=True)
class Rule:
    """What an audience declares about standings."""

    suppress: tuple[str, ...]
    holdout: float


@pytest.fixture(scope="session")
def rules(shop: Shop, oracle: list[Expectation]) -> dict[str, Rule]:
    """The audiences that the oracle speaks of; the others have timelines of their own."""
    spoken_of = {row.audience for row in oracle}
    declared = {
        node.name: node.config.meta["audience"]
        for node in shop.manifest.nodes.values()
        if node.resource_type == "model" and node.name in spoken_of
    }
    return {
        name: Rule(tuple(audience.get("suppress", ())), float(audience.get("holdout", "0%").rstrip("%")) / 100)
        for name, audience in declared.items()
    }


@pytest.fixture(scope="session")
def oracle() -> list[Expectation]:
    return read_oracle()


@pytest.fixture(scope="session")
def replay(shop: Shop, rules: dict[str, Rule], oracle: list[Expectation]) -> dict[str, Day]:
    return {as_of: look(shop, as_of, rules) for as_of in sorted({row.as_of for row in oracle})}


def look(shop: Shop, as_of: str, audiences: Mapping[str, Rule]) -> Day:
    shop.run(as_of)
    spared = {name for rule in audiences.values() for name in rule.suppress}
    members = {name: shop.column(f"select person_id from audiences.{name}") for name in {*audiences, *spared}}
    return Day(members, shop.column("select person_id from suppressions.do_not_contact"))


def standing(audience: str, person_id: str, day: Day, rule: Rule) -> str:
    if person_id not in day.members[audience]:
        return "out"
    if person_id in day.do_not_contact or any(person_id in day.members[name] for name in rule.suppress):
        return "suppressed"
    bucket = int(hashlib.md5(f"{audience}|{person_id}".encode()).hexdigest()[:8], 16) % 10_000
    return "held_out" if bucket < rule.holdout * 10_000 else "sent"


def test_everybody_of_the_cast_stands_where_the_oracle_says(replay, rules, oracle) -> None:
    wrong = [
        (row, stands)
        for row in oracle
        if (stands := standing(row.audience, row.person_id, replay[row.as_of], rules[row.audience])) != row.standing
    ]
    assert wrong == []


def test_the_oracle_speaks_of_every_audience_and_day(replay, rules, oracle) -> None:
    assert {row.audience for row in oracle} == set(rules)
    assert len(replay) == MINIMUM_REPLAY_DAYS


def test_no_audience_is_empty_on_any_day_and_people_come_and_go(replay, rules) -> None:
    days = list(replay.values())
    assert [(as_of, name) for as_of, day in replay.items() for name in rules if not day.members[name]] == []
    assert [name for name in rules if all(day.members[name] == days[0].members[name] for day in days)] == []
