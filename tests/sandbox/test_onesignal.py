"""The OneSignal of the sandbox accepts what OneSignal accepts and refuses what it refuses."""

from __future__ import annotations

import pytest

from destinations.onesignal import Onesignal, OnesignalSettings
from destinations.protocol import Batch, Member, Operation

APP = "00000000-0000-4000-8000-000000000001"
USERS, KEY = f"/apps/{APP}/users", "1fe42cbe-4d0f-4b6e-8a5c-0123456789ab"


@pytest.fixture
def onesignal(bench, open_client):
    return open_client(bench, "onesignal", Authorization="Key sandbox-onesignal")


def user(onesignal, key="u1", **tags):
    return onesignal.send("POST", USERS, {"identity": {"external_id": key}, "properties": {"tags": tags}})


def push(onesignal, *people, **more):
    body = {"app_id": APP, "include_aliases": {"external_id": list(people)}, "target_channel": "push",
            "contents": {"en": "Hi"}, **more}  # fmt: skip
    return onesignal.send("POST", "/notifications", body)


@pytest.mark.parametrize("header", [None, "Key other", "Basic sandbox-onesignal"])
def test_a_missing_or_wrong_key_is_refused(onesignal, header):
    assert onesignal.send("POST", USERS, {}, Authorization=header).status == 401


def test_a_user_is_created_once_and_changed_after_that(bench, onesignal):
    first, second = user(onesignal, plan="pro", vip="true", seats=3), user(onesignal, plan="free", vip="")
    assert (first.status, second.status) == (201, 200)
    assert first.json["identity"] == second.json["identity"]
    assert second.json["properties"]["tags"] == {"plan": "free", "seats": 3}
    assert bench.truth("onesignal")["audiences"] == {}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"identity": {}},
        {"identity": {"external_id": " "}},
        {"identity": {"external_id": 7}},
        {"identity": {"external_id": "u1"}, "properties": {"tags": {"plan": None}}},
        {"identity": {"external_id": "u1"}, "properties": {"tags": {"plan": ["a"]}}},
        {"identity": {"external_id": "u1"}, "colour": "red"},
    ],
)
def test_a_malformed_user_is_refused(bench, onesignal, body):
    assert (onesignal.send("POST", USERS, body).status, bench.truth("onesignal")["people"]) == (400, 0)


def test_another_app_is_refused(onesignal):
    assert onesignal.send("POST", USERS.replace(APP, "other"), {"identity": {"external_id": "u1"}}).status == 400
    assert push(onesignal, "u1", app_id="other").json == {"errors": ["app_id not found"]}
    assert onesignal.send("GET", "/notifications?app_id=other").status == 400


def test_a_message_to_nobody_is_refused_under_200_and_unknown_people_are_named(bench, onesignal):
    user(onesignal)
    nobody, some = push(onesignal, "u8"), push(onesignal, "u1", "u8")
    assert (nobody.status, nobody.json) == (200, {"id": "", "errors": ["All included players are not subscribed"]})
    assert (some.status, some.json["errors"]) == (200, {"invalid_aliases": {"external_id": ["u8"]}})
    assert [(one["to"], one["name"]) for one in bench.truth("onesignal")["messages"]] == [("u1", "Hi")]


def test_a_repeated_key_is_answered_with_the_first_message_for_thirty_days(bench, onesignal):
    user(onesignal)
    first, again = push(onesignal, "u1", idempotency_key=KEY), push(onesignal, "u1", idempotency_key=KEY)
    bench.clock.now += 30 * 86_400 + 1
    late = push(onesignal, "u1", idempotency_key=KEY)
    assert (first.json["id"] == again.json["id"], late.json["id"] == first.json["id"]) == (True, False)
    assert (len(bench.truth("onesignal")["messages"]), bench.truth("onesignal")["repeats"]) == (2, 1)


@pytest.mark.parametrize(
    "more",
    [{"contents": {}}, {"target_channel": "pigeon"}, {"idempotency_key": "op1"}, {"include_aliases": {}},
     {"include_aliases": {"external_id": []}}, {"custom_data": {"x": "y" * 2048}}, {"colour": "red"}],
)  # fmt: skip
def test_a_malformed_message_is_refused(bench, onesignal, more):
    user(onesignal)
    assert (push(onesignal, "u1", **more).status, bench.truth("onesignal")["messages"]) == (400, [])


def test_a_hundred_users_are_let_through_in_a_second_and_the_wait_is_told(make, open_client):
    bench = make(pace=True)
    onesignal = open_client(bench, "onesignal", Authorization="Key sandbox-onesignal")
    answers = [user(onesignal) for _ in range(101)]
    assert ([one.status for one in answers[-2:]], answers[-1].headers["retry-after"]) == ([200, 429], "1")


def test_the_destination_enters_changes_triggers_and_leaves(bench, drive):
    settings = {"app_id": APP, "api_key": "sandbox-onesignal", "base_url": bench.sandbox.base_url("onesignal"),
                "texts": {"seen": "You saw {{ plan }}"}, "templates": {"welcome": "t-1"}}  # fmt: skip
    onesignal = Onesignal(OnesignalSettings.model_validate(settings))
    drive(bench, onesignal.check())

    def deliver(operation, number, unique="op", event=None):
        member = Member(f"{unique}{number}", f"u{number}", {}, {"plan": "pro"})
        [outcome] = drive(bench, onesignal.deliver(Batch(operation, (member,), "vip", event=event)))
        return str(outcome.verdict), outcome.reason, bool(outcome.remote_id)

    assert [deliver(Operation.ADD, number) for number in range(3)] == [("accepted", "", True)] * 3
    assert deliver(Operation.UPDATE, 1) == ("accepted", "", True)
    assert deliver(Operation.REMOVE, 0) == ("accepted", "", True)
    for _ in range(2):
        assert deliver(Operation.TRIGGER, 1, "seen", "seen") == ("accepted", "", False)
    assert deliver(Operation.TRIGGER, 2, "welcome", "welcome") == ("accepted", "", False)
    assert deliver(Operation.TRIGGER, 9, "seen", "seen") == ("rejected", "without a subscribed device", False)
    truth = bench.truth("onesignal")
    assert truth["audiences"]["vip"] == {"name": "vip", "members": ["u1", "u2"], "keys": ["u1", "u2"]}
    assert ([(one["name"], one["to"]) for one in truth["messages"]], truth["repeats"]) == (
        [("You saw pro", "u1"), ("t-1", "u2")], 1)  # fmt: skip
