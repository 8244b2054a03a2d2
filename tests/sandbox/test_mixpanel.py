"""The Mixpanel of the sandbox accepts what Mixpanel accepts and refuses what it refuses."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from destinations.mixpanel import Mixpanel, MixpanelSettings
from destinations.protocol import Batch, Member, Operation

LOGIN = "Basic " + base64.b64encode(b"sandbox.service.account:sandbox-service-secret").decode()
IMPORT, ENGAGE = "/import?strict=1&project_id=1000003", "/engage?verbose=1"


@pytest.fixture
def mixpanel(bench, open_client):
    return open_client(bench, "mixpanel", Authorization=LOGIN)


def event(number=1, **more):
    given = {"distinct_id": f"u{number}", "time": 1_794_096_000, "$insert_id": f"e{number}", "pct": 42, **more}
    return {"event": "usage_dropped", "properties": given}


def update(person="u1", **changes):
    return {"$token": "sandbox-mixpanel", "$distinct_id": person, **{f"${name}": one for name, one in changes.items()}}


def people(bench):
    return bench.sandbox.channels["mixpanel"].state["people"]


def test_an_import_needs_the_service_account_and_the_project(mixpanel):
    statuses = [mixpanel.send("POST", IMPORT, [], Authorization=header).status for header in (None, "Basic eDp5")]
    assert [*statuses, mixpanel.send("POST", "/import?project_id=7", []).status] == [401, 401, 403]
    assert mixpanel.send("POST", IMPORT, []).json == {"code": 200, "num_records_imported": 0, "status": "OK"}


def test_good_events_are_imported_and_wrong_ones_named(bench, mixpanel):
    wrong = [event(2, distinct_id="null"), event(3, **{"$insert_id": "no way"}), event(4, time="now"),
             event(5, time=9_999_999_999), event(6, time=12), {"event": "x"}, event(7, x="y" * 1_000_001)]  # fmt: skip
    answer = mixpanel.send("POST", IMPORT, [event(1), *wrong])
    assert (answer.status, answer.json["num_records_imported"]) == (400, 1)
    assert [(one["index"], one["field"]) for one in answer.json["failed_records"]] == [
        (1, "properties.distinct_id"), (2, "properties.$insert_id"), (3, "properties.time"), (4, "properties.time"),
        (5, "properties.time"), (6, "properties"), (7, "properties")]  # fmt: skip
    [kept] = bench.truth("mixpanel")["messages"]
    assert (kept["id"], kept["name"], kept["to"], kept["at"], kept["properties"]) == (
        "e1", "usage_dropped", "u1", "2026-11-08T00:00:00.000Z", {"pct": 42})  # fmt: skip


def test_a_repeated_event_is_dropped_and_another_one_is_not(bench, mixpanel):
    for one in (event(1), event(1, pct=7), event(1, time=1_794_096_001)):
        assert mixpanel.send("POST", IMPORT, [one]).status == 200
    assert (len(bench.truth("mixpanel")["messages"]), bench.truth("mixpanel")["repeats"]) == (2, 1)


def test_two_thousand_events_are_taken_and_one_more_is_not(mixpanel):
    events = [event(number) for number in range(1, 2002)]
    assert [mixpanel.send("POST", IMPORT, events[:many]).status for many in (2000, 2001)] == [200, 413]


def test_profiles_are_set_cleared_joined_and_left(bench, mixpanel):
    first = [update(set={"plan": "pro", "note": "x"}), update(union={"cohorts": ["a", "b"]}),
             update("u2", union={"cohorts": ["a"]})]  # fmt: skip
    assert mixpanel.send("POST", ENGAGE, first).json == {"status": 1, "error": None}
    second = [update(unset=["note"]), update(union={"cohorts": ["b", "c"]}), update(remove={"cohorts": "a"})]
    assert mixpanel.send("POST", "/engage", second).raw == b"1"
    assert people(bench)["u1"] == {"plan": "pro", "cohorts": ["b", "c"]}
    assert {name: found["keys"] for name, found in bench.truth("mixpanel")["audiences"].items()} == {
        "a": ["u2"], "b": ["u1"], "c": ["u1"]}  # fmt: skip
    mixpanel.send("POST", ENGAGE, [update(delete="")])
    assert [*people(bench)] == ["u2"]


@pytest.mark.parametrize(
    "wrong",
    [
        {**update(set={}), "$token": "other"},
        update("", set={}),
        update("undefined", set={}),
        update(),
        update(set={}, unset=[]),
        update(set=[]),
        update(union={"cohorts": "a"}),
        {**update(set={}), "colour": "red"},
    ],
)
def test_one_wrong_update_refuses_the_request_under_200(bench, mixpanel, wrong):
    answer = mixpanel.send("POST", ENGAGE, [update(set={"plan": "pro"}), wrong])
    assert (answer.status, answer.json["status"], bool(answer.json["error"]), people(bench)) == (200, 0, True, {})


def test_fifteen_imports_are_let_through_in_a_second(make, open_client):
    bench = make(pace=True)
    mixpanel = open_client(bench, "mixpanel", Authorization=LOGIN)
    answers = [mixpanel.send("POST", IMPORT, []) for _ in range(16)]
    assert [one.status for one in answers] == [200] * 15 + [429]


def test_the_destination_enters_changes_triggers_and_leaves(bench, drive):
    settings = {"project_id": "1000003", "project_token": "sandbox-mixpanel", "username": "sandbox.service.account",
                "secret": "sandbox-service-secret", "base_url": bench.sandbox.base_url("mixpanel")}  # fmt: skip
    mixpanel = Mixpanel(MixpanelSettings.model_validate(settings))
    drive(bench, mixpanel.check())
    person = [Member(f"op{n}", f"u{n}", {"email": f"p{n}@example.com"}, {"plan": "pro", "x": None}) for n in range(3)]

    def deliver(operation, *members, **more):
        """Outcomes; what is refused as a whole is halved, as the driver does."""
        outcomes = drive(bench, mixpanel.deliver(Batch(operation, members, "vip", **more)))
        if len(members) > 1 and {str(one.verdict) for one in outcomes} == {"rejected"}:
            half = len(members) // 2
            return deliver(operation, *members[:half], **more) + deliver(operation, *members[half:], **more)
        return sorted((one.id, str(one.verdict)) for one in outcomes)

    placeholder = Member("op9", "null", {})
    assert deliver(Operation.ADD, *person, placeholder) == [
        *((f"op{n}", "accepted") for n in range(3)), ("op9", "rejected")]  # fmt: skip
    assert deliver(Operation.UPDATE, Member("op1", "u1", {}, {"plan": "free"})) == [("op1", "accepted")]
    assert deliver(Operation.REMOVE, person[0]) == [("op0", "accepted")]
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    for _ in range(2):
        assert deliver(Operation.TRIGGER, person[1], placeholder, event="seen", at=moment) == [
            ("op1", "accepted"), ("op9", "rejected")]  # fmt: skip
    truth = bench.truth("mixpanel")
    assert truth["audiences"] == {
        "vip": {"name": "vip", "members": ["p1@example.com", "p2@example.com"], "keys": ["u1", "u2"]}}
    assert ([(one["name"], one["to"]) for one in truth["messages"]], truth["repeats"]) == (
        [("seen", "p1@example.com")], 1)  # fmt: skip
    assert people(bench)["u1"]["plan"] == "free"
