"""A project of somebody else from check to status: what is said, what arrives, and that nothing is sent twice."""

from __future__ import annotations

from typing import Any

from .conftest import Bakery

PLANNED = ("segment", "suppressed", "wanted", "add", "update", "remove", "keep", "trigger", "unusable")
ENDED = ("status", "accepted", "rejected", "deferred", "unknown", "pending")


def counts(document: dict[str, Any], names: tuple[str, ...]) -> dict[str, tuple[Any, ...]]:
    return {entry["sync"]: tuple(entry[name] for name in names) for entry in document["syncs"]}


def sync(bakery: Bakery, *words: str) -> dict[str, tuple[Any, ...]]:
    ran = bakery.tailrace("sync", "--json", *words)
    assert ran.said == (0, "")
    return counts(ran.document("sync"), ENDED)


def members(bakery: Bakery) -> dict[str, list[str]]:
    return {channel: bakery.held(channel, "Regular_Guests") for channel in ("meta_ads", "klaviyo", "customerio")}


def test_a_project_that_knows_nothing_of_us_is_well_declared(bakery: Bakery) -> None:
    plain, written = bakery.tailrace("check"), bakery.tailrace("check", "--json")
    assert (plain.code, plain.out, plain.err) == (0, "3 audiences and 6 syncs are well declared.\n", "")
    assert (written.code, written.document("check")) == (0, {"complaints": []})


def test_a_plan_counts_every_sync_sends_nothing_and_changes_no_state(bakery: Bakery) -> None:
    ran = bakery.tailrace("plan", "--json")
    assert ran.said == (2, "")
    assert counts(ran.document("plan"), PLANNED) == {
        # of four regulars one said no, and one has no address: only the channel that knows guests by id takes that one
        "Regular_Guests__ads": (4, 1, 2, 2, 0, 0, 0, 0, 1),
        "Regular_Guests__letters": (4, 1, 2, 2, 0, 0, 0, 0, 1),
        "Regular_Guests__mails": (4, 1, 3, 3, 0, 0, 0, 0, 0),
        "late_payers__hook": (2, 1, 1, 1, 0, 0, 0, 0, 0),
        "newcomers__mails": (1, 0, 1, 1, 0, 0, 0, 0, 0),
        "newcomers__hook": (1, 0, 1, 0, 0, 0, 0, 0, 0),
    }
    assert (bakery.state(), len(bakery.box.requests)) == ({"files": []}, 0)
    sync(bakery, "--no-build")
    before, sent = bakery.state(), len(bakery.box.requests)
    bakery.sql("update till.guests set visits = visits + 1 where guest_no = 1")
    assert bakery.tailrace("plan", "--json").code == 2
    assert (bakery.state(), len(bakery.box.requests)) == (before, sent)


def test_everyone_arrives_and_a_second_sync_sends_no_request(bakery: Bakery) -> None:
    assert sync(bakery) == {
        "Regular_Guests__ads": ("ok", 2, 0, 0, 0, 0),
        "Regular_Guests__letters": ("ok", 2, 0, 0, 0, 0),
        "Regular_Guests__mails": ("ok", 3, 0, 0, 0, 0),
        "late_payers__hook": ("ok", 1, 0, 0, 0, 0),
        "newcomers__mails": ("ok", 1, 0, 0, 0, 0),
        "newcomers__hook": ("nothing", 0, 0, 0, 0, 0),
    }
    assert members(bakery) == {"meta_ads": ["1", "2"], "klaviyo": ["1", "2"], "customerio": ["1", "2", "5"]}
    assert (bakery.held("webhook", "late_payers"), bakery.held("customerio", "newcomers")) == (["F1"], ["4"])
    sent = len(bakery.box.requests)
    assert set(sync(bakery).values()) == {("nothing", 0, 0, 0, 0, 0)}
    assert len(bakery.box.requests) == sent
    assert bakery.tailrace("plan").code == 0


def test_changes_arrive_enter_leave_attribute_address_and_refusal(bakery: Bakery) -> None:
    sync(bakery)
    bakery.sql("insert into till.guests values (6, 'Gil', 'gil@example.com', null, 3, '2026-01-01', false)")
    bakery.sql("delete from till.guests where guest_no = 2")
    bakery.sql("update till.guests set visits = 8 where guest_no = 1")
    assert moves(bakery) == {"Regular_Guests__ads": (1, 0, 1), "Regular_Guests__letters": (1, 0, 1),
                             "Regular_Guests__mails": (1, 1, 1)}
    sync(bakery, "Regular_Guests")
    assert members(bakery) == {"meta_ads": ["1", "6"], "klaviyo": ["1", "6"], "customerio": ["1", "5", "6"]}
    bakery.sql("update till.guests set mail = 'ada@example.org' where guest_no = 1")
    # The ads and letters channels know Ada by her address, so the old one goes and the new one comes.
    assert moves(bakery) == {"Regular_Guests__ads": (1, 0, 1), "Regular_Guests__letters": (1, 0, 1),
                             "Regular_Guests__mails": (0, 1, 0)}
    sync(bakery, "Regular_Guests")
    assert members(bakery) == {"meta_ads": ["1", "6"], "klaviyo": ["1", "6"], "customerio": ["1", "5", "6"]}
    [ada] = [person for person in bakery.box.channels["customerio"].state["people"].values() if person["id"] == "1"]
    assert (ada["email"], ada["attributes"]) == ("ada@example.org", {"name": "Ada", "visit_count": 8})
    lists = bakery.box.truth()["channels"]["klaviyo"]["audiences"].values()
    assert [found["members"] for found in lists] == [["ada@example.org", "gil@example.com"]]
    bakery.sql("update till.guests set refuses = true where guest_no = 1")
    sync(bakery, "--select", "Regular_Guests")
    assert members(bakery) == {"meta_ads": ["6"], "klaviyo": ["6"], "customerio": ["5", "6"]}
    assert bakery.tailrace("plan", "Regular_Guests").code == 0


def moves(bakery: Bakery) -> dict[str, tuple[Any, ...]]:
    """Planned adds, updates and removals of the regular guests."""
    return counts(bakery.tailrace("plan", "--json", "Regular_Guests").document("plan"), PLANNED[3:6])


def test_an_account_that_is_spared_or_paid_leaves_by_its_own_key(bakery: Bakery) -> None:
    sync(bakery, "late_payers")
    bakery.sql("delete from till.complaints")
    bakery.sql("update till.firms set owed = 0 where firm = 'F1'")
    assert sync(bakery, "late_payers") == {"late_payers__hook": ("ok", 2, 0, 0, 0, 0)}
    assert bakery.held("webhook", "late_payers") == ["F2"]


def test_who_enters_is_told_once_and_who_was_there_before_is_not(bakery: Bakery) -> None:
    sync(bakery)
    assert (bakery.messages("customerio"), bakery.messages("webhook")) == ([], [])
    bakery.sql("insert into till.guests values (7, 'Hal', 'hal@example.com', null, 1, '2026-03-01', false)")
    told = counts(bakery.tailrace("plan", "--json", "newcomers").document("plan"), ("add", "trigger"))
    assert told == {"newcomers__mails": (1, 1), "newcomers__hook": (0, 1)}
    for _ in range(2):
        sync(bakery)
        mail, hook = bakery.messages("customerio"), bakery.messages("webhook")
        # Customer.io compares times as Unix seconds, and a date by its midnight.
        assert [(m["name"], m["to"], m["properties"], m["silent"]) for m in mail] == [
            ("first_visit", "hal@example.com", {"day": 1772323200}, False)]
        assert [(m["name"], m["to"], m["properties"]) for m in hook] == [("guest.arrived", "hal@example.com", {})]
    assert [bakery.box.truth()["channels"][name]["repeats"] for name in ("customerio", "webhook")] == [0, 0]


def test_a_sync_can_be_narrowed_to_one_connection_and_leaves_the_others_alone(bakery: Bakery) -> None:
    assert list(sync(bakery, "--to", "letters")) == ["Regular_Guests__letters"]
    assert {seen.channel for seen in bakery.box.requests} == {"klaviyo"}


def test_status_says_what_arrived_and_lists_who_did_not_by_key(bakery: Bakery) -> None:
    assert (before := bakery.tailrace("status")).said == (0, "") and before.out == "Nothing was synced yet.\n"
    sync(bakery)
    found = bakery.tailrace("status", "--json")
    assert found.said == (0, "")
    assert {entry["sync"]: (entry["members"], entry["status"], entry["undelivered"])
            for entry in found.document("status")["syncs"]} == {
        "Regular_Guests__ads": (2, "ok", {"unusable": 1}),
        "Regular_Guests__letters": (2, "ok", {"unusable": 1}),
        "Regular_Guests__mails": (3, "ok", {}),
        "late_payers__hook": (1, "ok", {}),
        "newcomers__hook": (0, "nothing", {}),
        "newcomers__mails": (1, "ok", {}),
    }
    listed = bakery.tailrace("status", "--undelivered")
    assert listed.out.splitlines()[-2:] == [
        "Regular_Guests__ads  5  unusable: email: not an e-mail address",
        "Regular_Guests__letters  5  unusable: email: not an e-mail address"]
    assert "not an address" not in listed.out


def test_errors_exit_with_1_and_say_what_would_be_right(bakery: Bakery) -> None:
    assert bakery.tailrace("plan", "regular_guests").said == (1, (
        "regular_guests: there is no audience regular_guests (did you mean Regular_Guests?); declared are: "
        "Regular_Guests, late_payers, newcomers\n"))
    assert bakery.tailrace("sync", "--to", "letter").said == (1, (
        "connections.yml: there is no connection letter (did you mean letters?); declared are: ads, hook, letters, "
        "mails\n"))
    assert len(bakery.box.requests) == 0
