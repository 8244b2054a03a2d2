"""The Iterable of the sandbox accepts what Iterable accepts and refuses what it refuses."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from destinations.iterable import Iterable, IterableSettings
from destinations.protocol import Batch, Member, Operation

EVENT = {"email": "ada@example.com", "eventName": "usage_dropped", "id": "e1", "createdAt": 1_794_096_000}


@pytest.fixture
def iterable(bench, open_client):
    return open_client(bench, "iterable", Api_Key="sandbox-iterable")


def create(iterable, name="vip"):
    return iterable.send("POST", "/api/lists", {"name": name}).json["listId"]


def subscribe(iterable, key, *rows):
    return iterable.send("POST", "/api/lists/subscribe", {"listId": key, "subscribers": list(rows)})


def state(bench):
    return bench.sandbox.channels["iterable"].state


@pytest.mark.parametrize("header", [None, "other"])
def test_a_missing_or_wrong_key_is_refused(iterable, header):
    answer = iterable.send("GET", "/api/lists", Api_Key=header)
    assert (answer.status, answer.json["code"]) == (401, "BadApiKey")


def test_lists_are_made_shown_filled_read_and_emptied(bench, iterable):
    key = create(iterable)
    assert iterable.send("GET", "/api/lists").json == {"lists": [{"id": key, "name": "vip"}]}
    answer = subscribe(iterable, key, {"email": "Ada@example.com", "dataFields": {"plan": "pro"}}, {"userId": "u2"})
    assert (answer.status, answer.json["successCount"], answer.json["failCount"]) == (200, 2, 0)
    assert iterable.send("GET", f"/api/lists/getUsers?listId={key}").raw == b"ada@example.com\nu2\n"
    body = {"listId": key, "subscribers": [{"email": "ada@example.com"}, {"email": "nobody@example.com"}]}
    gone = iterable.send("POST", "/api/lists/unsubscribe", body).json
    assert (gone["failCount"], gone["failedUpdates"]["notFoundEmails"]) == (1, ["nobody@example.com"])
    assert bench.truth("iterable")["audiences"][str(key)]["members"] == ["u2"]
    assert state(bench)["users"]["ada@example.com"]["dataFields"] == {"plan": "pro"}


def test_failures_come_under_200_and_are_named_by_value(bench, iterable):
    iterable.send("POST", "/api/users/forget", {"userId": "u9"})
    bad = ({"email": "no address"}, {"userId": ""}, {"userId": "u9"})
    answer = subscribe(iterable, create(iterable), {"email": "ada@example.com"}, *bad)
    named = {group: values for group, values in answer.json["failedUpdates"].items() if values}
    assert (answer.status, answer.json["successCount"], answer.json["failCount"]) == (200, 1, 3)
    assert named == {"invalidEmails": ["no address"], "invalidUserIds": [""], "forgottenUserIds": ["u9"]}
    assert [*state(bench)["users"]] == ["ada@example.com"]


@pytest.mark.parametrize(
    ("path", "body", "params"),
    [
        ("lists/subscribe", {"listId": "1", "subscribers": []}, ["obj.listId"]),
        ("lists/subscribe", {"listId": 1, "subscribers": []}, ["obj.subscribers"]),
        ("lists/subscribe", {"listId": 1, "subscribers": [{"email": "a@b.co"}] * 1001}, ["obj.subscribers"]),
        ("lists/unsubscribe", {"listId": 1, "subscribers": [{"email": 5}]}, ["obj.subscribers[0].email"]),
        ("users/bulkUpdate", {"users": [{"userId": "u", "dataFields": []}]}, ["obj.users[0].dataFields"]),
        ("events/trackBulk", {"events": [EVENT, {**EVENT, "createdAt": "now"}]}, ["obj.events[1].createdAt"]),
        ("events/trackBulk", {"events": [{**EVENT, "colour": "red"}]}, ["obj.events[0].colour"]),
    ],
)
def test_a_body_of_another_shape_is_refused_as_a_whole(bench, iterable, path, body, params):
    answer = iterable.send("POST", f"/api/{path}", body)
    assert (answer.status, answer.json["code"], [*answer.json["params"]]) == (400, "BadJsonBody", params)
    assert state(bench)["users"] == {}


def test_a_list_that_is_gone_is_told(iterable):
    answer = subscribe(iterable, 9, {"email": "ada@example.com"})
    assert (answer.status, answer.json["msg"]) == (400, "Invalid list id: 9")
    assert iterable.send("GET", "/api/lists/getUsers?listId=9").status == 400


def test_an_event_with_a_known_id_overwrites_the_one_before(bench, iterable):
    for fields in ({"pct": 1}, {"pct": 2}):
        iterable.send("POST", "/api/events/trackBulk", {"events": [{**EVENT, "dataFields": fields}]})
    [message] = bench.truth("iterable")["messages"]
    assert (message["id"], message["to"], message["at"], message["properties"]) == (
        "e1", "ada@example.com", "2026-11-08T00:00:00.000Z", {"pct": 2})  # fmt: skip
    assert bench.truth("iterable")["repeats"] == 1


def test_five_list_calls_are_let_through_in_a_second(make, open_client):
    bench = make(pace=True)
    iterable = open_client(bench, "iterable", Api_Key="sandbox-iterable")
    key = create(iterable)
    answers = [subscribe(iterable, key, {"userId": "u1"}) for _ in range(6)]
    assert [one.status for one in answers] == [200] * 5 + [429]
    assert (answers[5].json["code"], "retry-after" in answers[5].headers) == ("RateLimitExceeded", False)


@pytest.mark.parametrize(("path", "key", "recipient"), [
    ("/api/email/target", "campaignId", {"recipientEmail": "ada@example.com"}),
    ("/api/workflows/triggerWorkflow", "workflowId", {"userId": "u1"}),
])  # fmt: skip
def test_a_message_that_the_api_starts_is_sent_as_often_as_it_is_asked_for(bench, iterable, path, key, recipient):
    number = bench.sandbox.credentials.iterable_message_id
    bodies = ({key: 7, **recipient}, {key: number}, *[{key: number, **recipient}] * 2)
    answers = [iterable.send("POST", path, body) for body in bodies]
    assert [(one.status, one.json["code"]) for one in answers] == [
        (400, "BadParams"), (400, "invalid"), (200, "Success"), (200, "Success")]
    assert len(bench.truth("iterable")["messages"]) == 2


@pytest.mark.parametrize("identifier", ["email", "user_id"])
def test_the_destination_enters_changes_triggers_leaves_and_reads_back(bench, drive, identifier):
    settings = {"api_key": "sandbox-iterable", "identifier": identifier, "base_url": bench.sandbox.base_url("iterable")}
    iterable = Iterable(IterableSettings.model_validate(settings))
    drive(bench, iterable.check())
    key = drive(bench, iterable.prepare("vip"))
    assert drive(bench, iterable.prepare("vip")) == key
    people = tuple(Member(f"op{n}", f"u{n}", {"email": f"p{n}@example.com"}, {"plan": "pro"}) for n in range(3))

    def deliver(operation, members, **more):
        outcomes = drive(bench, iterable.deliver(Batch(operation, members, "vip", key, **more)))
        return [(one.id, str(one.verdict)) for one in outcomes]

    assert deliver(Operation.ADD, people) == [(f"op{n}", "accepted") for n in range(3)]
    assert deliver(Operation.UPDATE, people[1:2]) == [("op1", "accepted")]
    assert deliver(Operation.REMOVE, people[:1]) == [("op0", "accepted")]
    for _ in range(2):
        moment = datetime(2026, 3, 1, tzinfo=UTC)
        assert deliver(Operation.TRIGGER, people[1:2], event="seen", at=moment) == [("op1", "accepted")]
    held = {"email": ["p1@example.com", "p2@example.com"], "user_id": ["u1", "u2"]}
    assert drive(bench, iterable.members(key)) == held[identifier]
    assert bench.truth("iterable")["audiences"][key]["keys"] == held[identifier]
    assert ([one["name"] for one in bench.truth("iterable")["messages"]], bench.truth("iterable")["repeats"]) == (
        ["seen"], 1)  # fmt: skip
    bench.sandbox.fault("iterable", "partial")
    assert deliver(Operation.ADD, people[:2]) == [("op0", "accepted"), ("op1", "rejected")]
