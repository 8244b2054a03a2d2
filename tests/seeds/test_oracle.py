"""The oracle against the facts: what the cast declares is what the rules, computed once more, say of the CSVs."""

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from hashlib import md5

import pytest

from tests.seeds.audiences import AUDIENCES
from tests.seeds.people import Raw, World

Tables = dict[str, list[Raw]]
DAYS = [datetime(2026, 10, 21, 6) + timedelta(days=day) for day in range(15)]
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
OWED = {"recent_buyers_suppress", "failed_payment_still_active"}
"""No marketing: the global holdout is not spared it"""
SIZES = {
    "welcome": (14, 40),
    "abandoned_checkout": (14, 40),
    "abandoned_cart": (14, 60),
    "post_purchase_first": (14, 40),
    "winback": (100, 150),
    "vip": (40, 80),
    "recent_buyers_suppress": (100, 500),
    "usage_drop_40_wow": (10, 40),
    "failed_payment_still_active": (4, 20),
    "approaching_quota_80": (20, 60),
}
"""Fewest and most members on a day"""


def stamp(moment: datetime) -> str:
    return f"{moment.isoformat()}Z"


@pytest.fixture(scope="module")
def replay(tables: Tables) -> dict[str, tuple[World, dict[str, set[str]]]]:
    worlds = {stamp(as_of): World(tables, as_of) for as_of in DAYS}
    return {as_of: (world, {name: rule(world) for name, rule in AUDIENCES.items()}) for as_of, world in worlds.items()}


def standing(audience: str, person_id: str, members: set[str], silenced: set[str]) -> str:
    if person_id not in members:
        return "out"
    if person_id in silenced or (audience not in OWED and drawn("spring", person_id, 0.05)):
        return "suppressed"
    return "held_out" if drawn(audience, person_id, HOLDOUTS[audience]) else "sent"


def drawn(salt: str, person_id: str, share: float) -> bool:
    return int(md5(f"{salt}|{person_id}".encode()).hexdigest()[:8], 16) % 10_000 < share * 10_000


def test_everybody_of_the_cast_stands_where_the_oracle_says(
    oracle: list[Raw], replay: dict[str, tuple[World, dict[str, set[str]]]]
) -> None:
    silenced = {as_of: world.do_not_contact() for as_of, (world, _) in replay.items()}
    found = [
        row
        | {
            "standing": standing(
                row["audience"], row["person_id"], replay[row["as_of"]][1][row["audience"]], silenced[row["as_of"]]
            )
        }
        for row in oracle
    ]
    assert len(oracle) > 2000
    assert [(row, seen["standing"]) for row, seen in zip(oracle, found, strict=True) if row != seen] == []


def test_no_person_is_pinned_twice_for_one_audience_and_day(oracle: list[Raw]) -> None:
    keys = Counter((row["as_of"], row["audience"], row["person_id"]) for row in oracle)
    assert [key for key, count in keys.items() if count > 1] == []
    assert all(row["why"] for row in oracle)


@pytest.mark.parametrize("audience", HOLDOUTS)
def test_an_audience_has_every_kind_of_cast(oracle: list[Raw], audience: str) -> None:
    kinds = {row["standing"] for row in oracle if row["audience"] == audience}
    held_out = {"held_out"} if HOLDOUTS[audience] else set()
    assert kinds == {"sent", "out", "suppressed"} | held_out


@pytest.mark.parametrize("audience", HOLDOUTS)
def test_somebody_of_the_cast_enters_and_somebody_leaves_on_each_replay_day(oracle: list[Raw], audience: str) -> None:
    stays: dict[str, dict[str, str]] = defaultdict(dict)
    for row in oracle:
        if row["audience"] == audience:
            stays[row["as_of"]][row["person_id"]] = row["standing"]
    moves = {}
    for yesterday, today in zip(map(stamp, DAYS), map(stamp, DAYS[1:]), strict=False):
        pairs = [(was, stays[today].get(person)) for person, was in stays[yesterday].items()]
        moves[today] = (("out", "sent") in pairs, ("sent", "out") in pairs)
    assert {day: seen for day, seen in moves.items() if seen != (True, True)} == {}


def test_the_audiences_have_plausible_sizes(replay: dict[str, tuple[World, dict[str, set[str]]]]) -> None:
    sizes = {name: [len(members[name]) for _, members in replay.values()] for name in AUDIENCES}
    odd = {name: found for name, found in sizes.items() if min(found) < SIZES[name][0] or max(found) > SIZES[name][1]}
    assert odd == {}
