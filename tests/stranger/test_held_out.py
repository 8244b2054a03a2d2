"""Somebody else's project holds people out, of one audience and of all marketing, and then resizes both."""

from __future__ import annotations

from .conftest import Bakery

REGULARS, CONTROL = "models/guests/Regular_Guests.yml", "models/crm/global_holdout"


def declare(bakery: Bakery, holdout: str, control: str) -> None:
    file = bakery.folder / REGULARS
    lines = [line for line in file.read_text().splitlines() if "holdout:" not in line]
    lines.insert(lines.index("        audience:") + 1, f"          holdout: {holdout}")
    file.write_text("\n".join([*lines, ""]))
    drawn = f"select guest_no from {{{{ source('till', 'guests') }}}} where {control}"
    (bakery.folder / f"{CONTROL}.sql").write_text(drawn)
    (bakery.folder / f"{CONTROL}.yml").write_text(
        "models: [{name: global_holdout, columns: [{name: guest_no, config: {meta: {identifier: person}}}]}]")


def open_shop(bakery: Bakery) -> None:
    bakery.sql("insert into till.guests select n, 'Guest', 'g' || n || '@example.com', null, 5, '2026-01-05', false"
               " from range(100, 200) as numbers(n)")


def lists(bakery: Bakery) -> tuple[set[str], set[str]]:
    return tuple(set(bakery.held("meta_ads", name)) for name in ("Regular_Guests", "Regular_Guests__held_out"))


def test_ads_are_told_whom_to_exclude_and_nobody_changes_sides_when_holdouts_grow_and_shrink(bakery: Bakery) -> None:
    open_shop(bakery)
    declare(bakery, "30%", "guest_no between 100 and 109")
    assert bakery.tailrace("check").said == (0, "")
    assert bakery.tailrace("sync", "Regular_Guests").code == 0
    sent, out = lists(bakery)
    control = {str(number) for number in range(100, 110)}
    assert (sent & out, (sent | out) & control, len(sent | out)) == (set(), set(), 92)
    assert 15 <= len(out) <= 40
    assert out & set(bakery.held("klaviyo", "Regular_Guests")) == set()
    for holdout, now in (("50%", "guest_no between 100 and 129"), ("2%", "guest_no = 100")):
        declare(bakery, holdout, now)
        assert bakery.tailrace("sync", "Regular_Guests").code == 0
        assert lists(bakery) == (sent, out)
    bakery.sql("update till.guests set refuses = true")
    assert bakery.tailrace("sync", "Regular_Guests").code == 0
    assert lists(bakery) == (set(), set())


def test_what_is_transactional_reaches_those_held_out_of_all_marketing(bakery: Bakery) -> None:
    declare(bakery, "0%", "true")
    file = bakery.folder / "models/guests/newcomers.yml"
    file.write_text(file.read_text().replace("        audience:", "        audience:\n          kind: transactional"))
    assert bakery.tailrace("sync", "newcomers", "Regular_Guests").code == 0
    assert (bakery.held("customerio", "newcomers"), bakery.held("customerio", "Regular_Guests")) == (["4"], [])
