"""Every kind of dirt is really there, so many times: a generator that grew clean would test nothing."""

import re
from collections import Counter
from datetime import date, datetime, timedelta

from tests.seeds.people import Raw, berlin, plain, time

Tables = dict[str, list[Raw]]


def repeated(rows: list[Raw]) -> int:
    return sum(count - 1 for count in Counter(tuple(row.values()) for row in rows).values())


def test_rows_are_repeated_exactly(tables: Tables) -> None:
    counts = {table: repeated(rows) for table, rows in tables.items() if repeated(rows)}
    assert counts == {
        "raw_consents": 11,
        "raw_events": 52,
        "raw_order_lines": 22,
        "raw_orders": 14,
        "raw_payments": 14,
        "raw_refunds": 3,
        "raw_usage_daily": 27,
    }


def test_some_event_ids_come_under_two_users_and_only_views_do(tables: Tables) -> None:
    users: dict[str, set[str]] = {}
    for row in tables["raw_events"]:
        users.setdefault(row["event_id"], set()).add(row["user_id"])
    torn = {event for event, names in users.items() if len(names) > 1}
    kinds = {row["name"] for row in tables["raw_events"] if row["event_id"] in torn}
    assert (len(torn), kinds) == (19, {"page_viewed", "product_viewed"})


def test_some_user_ids_are_floats_of_people_that_exist(tables: Tables) -> None:
    people = {row["person_ref"] for row in tables["raw_persons"]}
    floats = [row["user_id"] for row in tables["raw_events"] if re.fullmatch(r"\d+\.0", row["user_id"])]
    assert len(floats) == 135
    assert [text for text in floats if f"c_{int(text[:-2]):05}" not in people] == []


def test_every_other_user_id_is_a_person_or_a_template_token(tables: Tables) -> None:
    people = {row["person_ref"] for row in tables["raw_persons"]}
    odd = Counter(row["user_id"] for row in tables["raw_events"] if row["user_id"] not in people | {""})
    assert {text: count for text, count in odd.items() if not text.endswith(".0")} == {"{{ user.id }}": 26}


def test_some_events_land_one_to_three_days_late(tables: Tables) -> None:
    delays = [time(row["loaded_at"]) - time(row["occurred_at"]) for row in tables["raw_events"]]
    late = [delay for delay in delays if delay > timedelta(hours=13)]
    assert len(late) == 109
    assert timedelta(days=1) <= min(late) <= max(late) < timedelta(days=3, minutes=10)


def test_one_day_has_no_events_and_all_others_have_some(tables: Tables) -> None:
    days = {berlin(time(row["occurred_at"])) for row in tables["raw_events"]}
    all_days = {date(2026, 4, 25) + timedelta(days=n) for n in range(193)}
    assert all_days - days == {date(2026, 10, 11)}
    assert not any(row["occurred_at"].startswith("2026-10-11") for row in tables["raw_events"])


def test_things_happen_in_both_hours_from_two_to_three_on_the_night_of_the_clock_change(tables: Tables) -> None:
    hours = Counter(row["occurred_at"][:13] for row in tables["raw_events"])
    assert hours["2026-10-25 00"] > 0
    assert hours["2026-10-25 01"] > 0
    assert berlin(datetime(2026, 10, 25, 22, 30)) == date(2026, 10, 25)


def test_names_are_naughty_and_from_everywhere(tables: Tables) -> None:
    firsts = {row["first_name"] for row in tables["raw_persons"]}
    assert {
        "<script>alert(1)</script>",
        "Robert'); DROP TABLE raw_persons;--",
        "李小龙",
        "محمد",
        "👩‍🚀",
        "NULL",
    } <= firsts
    assert any(name != name.strip() for name in firsts)
    assert any(len(name) > 100 for name in firsts)


def test_some_phones_are_invalid(tables: Tables) -> None:
    phones = [row for row in tables["raw_identities"] if row["kind"] == "phone"]
    assert sum(not plain(row) for row in phones) == 40


def test_some_addresses_carry_a_token_of_a_person(tables: Tables) -> None:
    assert sum("person_token=" in row["url"] for row in tables["raw_events"]) == 64


def test_some_people_share_an_address_and_some_mailboxes_are_shared_by_too_many(tables: Tables) -> None:
    sharers: dict[str, set[str]] = {}
    for row in tables["raw_identities"]:
        if row["kind"] == "email" and row["verified"] == "true":
            sharers.setdefault(plain(row), set()).add(row["person_ref"])
    assert Counter(len(refs) for refs in sharers.values() if len(refs) > 1) == {2: 24, 3: 1, 4: 1}


def test_every_row_landed_after_it_happened_and_before_the_last_as_of(tables: Tables) -> None:
    happened = {"raw_events": "occurred_at", "raw_consents": "changed_at", "raw_refunds": "refunded_at"}
    early = [row for table, column in happened.items() for row in tables[table] if row["loaded_at"] < row[column]]
    beyond = [row for rows in tables.values() for row in rows if row["loaded_at"] >= "2026-11-04 06:00:00"]
    assert (early, beyond) == ([], [])
