"""The Braze of the sandbox accepts what Braze accepts and refuses what it refuses."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from destinations.braze import Braze, BrazeSettings
from destinations.protocol import Batch, Member, Operation

NO_DATA = "Valid data must be provided in the 'attributes', 'events', or 'purchases' fields."
EVENT = {"external_id": "u1", "name": "usage_dropped", "time": "2026-11-08T00:00:00Z"}


@pytest.fixture
def braze(bench, open_client):
    return open_client(bench, "braze", Authorization="Bearer sandbox-braze")


def track(braze, **arrays):
    return braze.send("POST", "/users/track", arrays)


def person(bench, key):
    return bench.sandbox.channels["braze"].state["people"][key]


def test_a_missing_or_wrong_key_is_refused(braze):
    for header in (None, "Bearer other", "sandbox-braze"):
        answer = braze.send("POST", "/users/track", {}, Authorization=header)
        assert (answer.status, answer.json) == (401, {"message": "Invalid API Key"})


@pytest.mark.parametrize("body", [{}, {"attributes": []}, {"people": [{"external_id": "u1"}]}, {"attributes": "x"}])
def test_a_request_without_data_is_refused(braze, body):
    answer = track(braze, **body)
    assert (answer.status, answer.json) == (400, {"message": NO_DATA})


def test_headers_say_what_is_left_of_three_seconds(make, open_client):
    bench = make(pace=True)
    braze = open_client(bench, "braze", Authorization="Bearer sandbox-braze")
    answers = [track(braze, events=[EVENT]).headers for _ in range(2)]
    assert [answer["x-ratelimit-remaining"] for answer in answers] == ["2999", "2998"]
    assert 0 < int(answers[0]["x-ratelimit-reset"]) - bench.clock.now <= 3


def test_seventy_five_objects_of_all_kinds_together_are_taken_and_one_more_is_not(braze):
    people = [{"external_id": f"u{n}", "plan": "pro"} for n in range(70)]
    taken = track(braze, attributes=people, events=[EVENT] * 5)
    assert (taken.status, taken.json) == (
        201, {"message": "success", "attributes_processed": 70, "events_processed": 5})
    assert track(braze, attributes=people, events=[EVENT] * 6).status == 400


@pytest.mark.parametrize(
    ("array", "row", "wrong"),
    [
        ("attributes", {"plan": "pro"}, "'external_id' or"),
        ("attributes", {"external_id": "u1", "braze_id": "b1"}, "'external_id' or"),
        ("attributes", {"external_id": 7}, "'external_id' is not valid"),
        ("events", {**EVENT, "name": None}, "'name' is not valid"),
        ("events", {**EVENT, "time": "yesterday"}, "'time' is not valid"),
        ("events", {**EVENT, "colour": "red"}, "'colour' is not valid"),
        ("events", {**EVENT, "properties": {"x": "y" * 50_001}}, "'properties' is not valid"),
        ("purchases", {"external_id": "u1", "product_id": "p"}, "'currency' is not valid"),
    ],
)
def test_a_wrong_object_is_named_by_index_and_the_others_are_processed(bench, braze, array, row, wrong):
    good = {"attributes": {"external_id": "u2", "plan": "pro"}, "events": {**EVENT, "external_id": "u2"},
            "purchases": {"external_id": "u2", "product_id": "p", "currency": "EUR", "price": 1,
                          "time": EVENT["time"]}}[array]  # fmt: skip
    answer = track(braze, **{array: [good, row]})
    [error] = answer.json["errors"]
    assert (answer.status, error["input_array"], error["index"]) == (201, array, 1)
    assert error["type"].startswith(wrong)
    assert [*bench.sandbox.channels["braze"].state["people"]] == ["u2"]


def test_when_every_object_is_wrong_the_request_is_refused(braze):
    answer = track(braze, events=[{**EVENT, "time": "yesterday"}])
    assert (answer.status, answer.json["message"], len(answer.json["errors"])) == (400, NO_DATA, 1)


def test_attributes_are_written_cleared_cut_off_and_changed_in_arrays(bench, braze):
    track(braze, attributes=[{"external_id": "u1", "plan": "pro", "note": "x" * 300, "tags": {"add": ["a", "b"]}}])
    track(braze, attributes=[{"external_id": "u1", "plan": None, "tags": {"add": ["b", "c"], "remove": ["a"]}}])
    assert person(bench, "u1") == {"note": "x" * 255, "tags": ["b", "c"]}


def test_who_is_not_there_is_not_made_where_the_object_says_so(bench, braze):
    track(braze, attributes=[{"external_id": "u1", "_update_existing_only": True, "plan": "pro"}])
    assert bench.truth("braze")["people"] == 0


def test_a_person_without_external_id_is_found_again_by_what_was_given(bench, braze):
    for _ in range(2):
        track(braze, attributes=[{"email": "ada@example.com", "plan": "pro"}])
    assert bench.truth("braze")["people"] == 1


def test_a_repeated_event_is_another_message(bench, braze):
    for _ in range(2):
        track(braze, events=[EVENT])
    assert [one["name"] for one in bench.truth("braze")["messages"]] == ["usage_dropped"] * 2


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"campaign_id": "other", "recipients": [{"external_user_id": "u1"}]}, "Invalid Campaign ID"),
        ({"campaign_id": "sandbox-campaign"}, "No Recipients"),
        ({"campaign_id": "sandbox-campaign", "broadcast": True}, "No Recipients"),
        ({"campaign_id": "sandbox-campaign", "recipients": [{"external_user_id": "u"}] * 51}, "Too Many Recipients"),
        ({"recipients": []}, "campaign_id is required"),
    ],
)
def test_a_campaign_that_cannot_be_sent_is_refused(braze, body, told):
    answer = braze.send("POST", "/campaigns/trigger/send", body)
    assert (answer.status, answer.json) == (400, {"message": told})


def test_three_thousand_calls_are_let_through_in_three_seconds(make, open_client):
    bench = make(pace=True)
    braze = open_client(bench, "braze", Authorization="Bearer sandbox-braze")
    windows = bench.sandbox.channels["braze"].windows
    for _ in range(3000):
        windows.take("track", ((3000, 3),))
    answer = track(braze, events=[EVENT])
    assert (answer.status, answer.json) == (429, {"message": "Rate limit exceeded"})
    assert 1 <= int(answer.headers["x-ratelimit-retry-after"]) <= 3


def test_the_destination_enters_changes_triggers_and_leaves(bench, drive):
    settings = {"api_key": "sandbox-braze", "base_url": bench.sandbox.base_url("braze"),
                "campaigns": {"welcome": "sandbox-campaign"}, "canvases": {"tour": "sandbox-canvas"}}  # fmt: skip
    braze = Braze(BrazeSettings.model_validate(settings))
    people = tuple(Member(f"op{n}", f"u{n}", {"email": f"p{n}@example.com"}, {"plan": "pro"}) for n in range(3))

    def deliver(operation, members, **more):
        outcomes = drive(bench, braze.deliver(Batch(operation, members, "vip", **more)))
        return {(one.id, str(one.verdict)) for one in outcomes}

    drive(bench, braze.check())
    every = {(f"op{n}", "accepted") for n in range(3)}
    assert deliver(Operation.ADD, people) == every
    changed = Member("op1", "u1", {}, {"plan": "free"}, acknowledged={"plan": "pro"})
    assert deliver(Operation.UPDATE, (changed,)) == {("op1", "accepted")}
    assert deliver(Operation.REMOVE, people[:1]) == {("op0", "accepted")}
    for event in ("seen", "welcome", "tour"):
        moment = {"at": datetime(2026, 3, 1, tzinfo=UTC)}
        assert deliver(Operation.TRIGGER, people[1:2], event=event, **moment) == {("op1", "accepted")}
    truth = bench.truth("braze")
    assert truth["audiences"] == {
        "vip": {"name": "vip", "members": ["p1@example.com", "p2@example.com"], "keys": ["u1", "u2"]}}
    assert [(one["name"], one["to"], one["properties"]) for one in truth["messages"]] == [
        (name, "p1@example.com", {"plan": "pro"}) for name in ("seen", "campaign", "canvas")]
    assert person(bench, "u1")["plan"] == "free"
