"""The Twilio of the sandbox accepts what Twilio accepts and refuses what it refuses."""

from __future__ import annotations

import base64
from urllib.parse import urlencode

import pytest

from destinations.protocol import Batch, Member, Operation, Refused
from destinations.twilio import Twilio, TwilioSettings

ACCOUNT = "AC" + "0" * 32
MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
FORM = {"To": "+15558675310", "From": "+15557122661", "Body": "Hi"}
LOGIN = "Basic " + base64.b64encode(f"{ACCOUNT}:sandbox-twilio".encode()).decode()


@pytest.fixture
def twilio(bench, open_client):
    return open_client(bench, "twilio", Authorization=LOGIN, Content_Type="application/x-www-form-urlencoded")


def send(twilio, **form):
    answer = twilio.send("POST", MESSAGES, urlencode({**FORM, **form}).encode())
    return answer.status, answer.json.get("code")


def test_a_message_is_taken_and_a_repeat_is_a_second_one(bench, twilio):
    assert [send(twilio), send(twilio)] == [(201, None), (201, None)]
    messages = bench.truth("twilio")["messages"]
    assert [(one["to"], one["properties"]) for one in messages] == [("+15558675310", {"body": "Hi"})] * 2


@pytest.mark.parametrize("header", [None, "Basic x"])
def test_a_wrong_login_is_refused(twilio, header):
    answer = twilio.send("POST", MESSAGES, urlencode(FORM).encode(), Authorization=header)
    assert (answer.status, answer.json["code"]) == (401, 20003)


@pytest.mark.parametrize(
    ("form", "code"),
    [({"To": ""}, 21604), ({"To": "555"}, 21211), ({"From": "+15005550001"}, 21212), ({"Body": ""}, 21602),
     ({"Body": "x" * 1601}, 21617), ({"To": "+15005550009"}, 21612), ({"Colour": "red"}, 20001)],
)
def test_a_wrong_message_is_refused_by_its_code(bench, twilio, form, code):
    assert send(twilio, **form) == (400, code)
    assert bench.truth("twilio")["messages"] == []


def test_json_is_not_taken(twilio):
    assert twilio.send("POST", MESSAGES, b"{}", Content_Type="application/json").status == 415


def test_the_destination_sends_from_end_to_end(bench, drive):
    def open_(**more):
        given = {"account_sid": ACCOUNT, "auth_token": "sandbox-twilio", "from_number": "+15557122661",
                 "texts": {"cart_abandoned": "Hi {{ name }}"}, "base_url": bench.sandbox.base_url("twilio"), **more}
        return Twilio(TwilioSettings.model_validate(given))

    def trigger(to, number):
        member = Member("op1", "u1", {"phone": number}, {"name": "Ada"})
        [outcome] = drive(bench, to.deliver(Batch(Operation.TRIGGER, (member,), "vip", None, "cart_abandoned")))
        return str(outcome.verdict), outcome.reason

    drive(bench, open_().check())
    bench.sandbox.channels["twilio"].state["opted_out"]["+15558675312"] = True
    told = [trigger(open_(), f"+1555867531{number}") for number in (0, 2)]
    assert told == [("accepted", ""), ("rejected", "21610: has opted out of messages from this sender")]
    assert [one["properties"]["body"] for one in bench.truth("twilio")["messages"]] == ["Hi Ada"]
    with pytest.raises(Refused, match="error 21212"):
        trigger(open_(from_number="+15005550001"), "+15558675310")
    with pytest.raises(Refused, match="HTTP 401"):
        drive(bench, open_(auth_token="wrong").check())
