"""The webhook receiver of the sandbox verifies Standard Webhooks and counts repeats."""

from __future__ import annotations

import json

import pytest

from destinations.sandbox.channel import Credentials
from destinations.sandbox.webhook import sign

VECTOR = {
    "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "at": 1614265330,
    "body": b'{"test": 2432232314}',
    "signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}


def post(bench, unique, kind, data, path="", age=0, **headers):
    body = json.dumps({"type": kind, "timestamp": "2026-11-20T10:00:00Z", "data": data}).encode()
    at = str(int(bench.clock.now) - age)
    signature = sign(Credentials().webhook_secret, f"{unique}.{at}.".encode() + body)
    sent = {"webhook-id": unique, "webhook-timestamp": at, "webhook-signature": f"v1,old {signature}", **headers}
    return bench.webhook.send("POST", path, body, **sent)


def data(person, **attributes):
    return {
        "audience": "vip",
        "person_id": person,
        "identifiers": {"email": f"{person}@example.com"},
        "attributes": attributes,
    }


def test_the_signature_is_that_of_the_published_example():
    signed = f"{VECTOR['id']}.{VECTOR['at']}.".encode() + VECTOR["body"]
    assert sign(VECTOR["secret"], signed) == VECTOR["signature"]


def test_people_enter_and_leave_an_audience(bench):
    for number, (kind, person) in enumerate(
        [("entered", "u1"), ("entered", "u2"), ("updated", "u2"), ("left", "u1"), ("left", "u9")]
    ):
        assert post(bench, f"m{number}", f"audience.{kind}", data(person)).status == 200
    assert bench.truth("webhook")["audiences"] == {
        "vip": {"name": "vip", "members": ["u2@example.com"], "keys": ["u2"]}
    }


def test_another_type_is_a_message_and_a_repeated_id_counts_once(bench):
    answers = [post(bench, "m1", "cart_left", data("u1", value=12.5), path="/hooks/in") for _ in range(3)]
    truth = bench.truth("webhook")
    assert [one.status for one in answers] == [200, 200, 200]
    assert (truth["repeats"], truth["deliveries"], len(truth["messages"])) == (2, 1, 1)
    message = {k: v for k, v in truth["messages"][0].items() if k != "received_at"}
    assert message == {
        "id": "m1",
        "name": "cart_left",
        "to": "u1@example.com",
        "at": "2026-11-20T10:00:00Z",
        "silent": False,
        "properties": {"value": 12.5},
    }


@pytest.mark.parametrize(
    "headers",
    [
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": None},
        {"webhook-id": None},
        {"webhook-id": "another"},
        {"webhook-timestamp": None},
        {"webhook-timestamp": "now"},
    ],
)
def test_a_delivery_that_is_not_signed_as_it_stands_is_refused(bench, headers):
    assert post(bench, "m1", "cart_left", data("u1"), **headers).status == 401


@pytest.mark.parametrize(("age", "status"), [(299, 200), (301, 401), (-301, 401)])
def test_a_signature_is_good_for_five_minutes(bench, age, status):
    assert post(bench, "m1", "cart_left", data("u1"), age=age).status == status


def test_without_a_secret_only_the_id_is_needed(make):
    bench = make(credentials=Credentials(webhook_secret=None))
    body = {"type": "audience.entered", "timestamp": "2026-11-20T10:00:00Z", "data": data("u1")}
    assert bench.webhook.send("POST", "", body, **{"webhook-id": "m1"}).status == 200
    assert bench.webhook.send("POST", "", body).status == 401


@pytest.mark.parametrize(
    ("kind", "body"),
    [("cart_left", []), (7, {}), ("audience.entered", {}), ("audience.entered", {"audience": "vip"})],
)
def test_a_malformed_delivery_is_refused_and_may_be_sent_again(bench, kind, body):
    assert post(bench, "m1", kind, body).status == 400
    assert post(bench, "m1", "cart_left", data("u1")).status == 200
    assert bench.truth("webhook")["repeats"] == 0


def test_only_json_is_taken_and_only_posted(bench):
    assert post(bench, "m1", "cart_left", data("u1"), **{"Content-Type": "text/plain"}).status == 415
    assert bench.webhook.send("GET", "").status == 405
