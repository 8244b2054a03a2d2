"""The Slack of the sandbox accepts what Slack accepts and refuses what it refuses."""

from __future__ import annotations

import pytest

from destinations.protocol import Batch, Member, Operation, Refused
from destinations.slack import Slack, SlackSettings

HOOK = "/services/T00000000/B00000000/sandbox"


@pytest.fixture
def hook(bench, open_client):
    return open_client(bench, "slack")


@pytest.fixture
def bot(bench, open_client):
    return open_client(bench, "slack", Authorization="Bearer xoxb-sandbox")


def section(text):
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def test_a_message_to_the_webhook_is_answered_ok(bench, hook):
    answer = hook.send("POST", HOOK, {"text": "hi", "blocks": [section("hi")]})
    assert (answer.status, answer.raw, answer.headers["content-type"]) == (200, b"ok", "text/plain")
    assert [one["properties"] for one in bench.truth("slack")["messages"]] == [{"text": "hi"}]


@pytest.mark.parametrize(
    ("body", "word"),
    [({}, "no_text"), ({"text": 5}, "invalid_payload"), ({"txt": "hi"}, "invalid_payload"), (b"hi", "invalid_payload"),
     ({"blocks": [section("x" * 3001)]}, "invalid_blocks"), ({"text": "x" * 40_001}, "msg_too_long")],
)
def test_a_malformed_message_is_refused_by_a_word(hook, body, word):
    answer = hook.send("POST", HOOK, body)
    assert (answer.status, answer.raw.decode()) == (400, word)


def test_an_unknown_webhook_has_no_service_and_no_secret_stands_in_the_log(bench, hook):
    answer = hook.send("POST", "/services/T1/B1/other", {"text": "hi"})
    assert (answer.status, answer.raw) == (404, b"no_service")
    assert [seen.path for seen in bench.sandbox.requests] == ["/services/{hook}"]


@pytest.mark.parametrize(
    ("header", "channel", "word"),
    [(None, "C00000000", "not_authed"), ("Bearer x", "C00000000", "invalid_auth"),
     ("Bearer xoxb-sandbox", "C1", "channel_not_found")],
)
def test_a_method_that_fails_is_told_under_200(bot, header, channel, word):
    body = {"channel": channel, "text": "hi"}
    answer = bot.send("POST", "/api/chat.postMessage", body, Authorization=header)
    assert (answer.status, answer.json) == (200, {"ok": False, "error": word})


def test_a_second_message_within_a_second_waits(make, open_client):
    client = open_client(make(pace=True), "slack")
    answers = [client.send("POST", HOOK, {"text": "hi"}) for _ in range(2)]
    assert [(answer.status, "retry-after" in answer.headers) for answer in answers] == [(200, False), (429, True)]


@pytest.mark.parametrize("way", [{"webhook_url": f"https://hooks.slack.com{HOOK}"},
                                 {"bot_token": "xoxb-sandbox", "channel": "C00000000"}], ids=["webhook", "bot"])
def test_the_destination_posts_from_end_to_end(bench, drive, way):
    to = Slack(SlackSettings(base_url=bench.sandbox.base_url("slack"), texts={"won": "{{ name }} is back"}, **way))
    members = (Member("op1", "u1", {}, {"name": "<Ada>"}), Member("op2", "u2", {}))
    drive(bench, to.check())
    for operation, chosen in ((Operation.ADD, members), (Operation.UPDATE, members[:1]), (Operation.REMOVE, members),
                              (Operation.TRIGGER, members[:1])):
        event = "won" if operation is Operation.TRIGGER else None
        outcomes = drive(bench, to.deliver(Batch(operation, chosen, "vip", None, event)))
        assert {str(outcome.verdict) for outcome in outcomes} == {"accepted"}
    assert [one["properties"]["text"] for one in bench.truth("slack")["messages"]] == [
        "*vip* +2 entered", "*vip* ±1 changed", "*vip* −2 left", "&lt;Ada&gt; is back"]


def test_a_webhook_that_is_gone_stops_the_sync(bench, drive):
    gone = "https://hooks.slack.com/services/T1/B1/other"
    to = Slack(SlackSettings(base_url=bench.sandbox.base_url("slack"), webhook_url=gone))
    with pytest.raises(Refused, match="no_service"):
        drive(bench, to.deliver(Batch(Operation.ADD, (Member("op1", "u1", {}),), "vip")))
