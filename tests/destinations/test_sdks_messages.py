"""The SDKs of Twilio, Slack and Mixpanel make our calls against one server, and the library of its standard verifies a
webhook: what differs stands here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from destinations.protocol import Batch, Member, Operation
from tests.destinations.wire import MISSING, Capture, differences, heard, open_

EMAIL, PHONE = "ada@example.com", "+16505551212"
ADA = Member("op1", "u1", {"person": "u1", "email": EMAIL, "phone": PHONE}, {"plan": "pro", "seats": 3}, "01ADA",
             datetime(2026, 3, 1, 12, tzinfo=UTC))  # fmt: skip


SERVICE, KEY = "MG" + "2" * 32, "SK" + "3" * 32


@pytest.mark.parametrize(
    ("said", "settings", "login"),
    [
        ({"from_": "+15557122661", "status_callback": "https://shop.example/told"},
         {"from_number": "+15557122661", "status_callback": "https://shop.example/told"}, ()),
        ({"messaging_service_sid": SERVICE}, {"messaging_service_sid": SERVICE}, ()),
        ({"from_": "SHOP"}, {"from_number": "SHOP", "api_key_sid": KEY}, (KEY,)),
    ],
    ids=["a number", "a service", "a name, by an API key"],
)  # fmt: skip
def test_twilio_is_asked_for_a_message_as_by_its_sdk(
    said: dict[str, str], settings: dict[str, str], login: tuple[str, ...], server: Capture
) -> None:
    sdk = pytest.importorskip("twilio.rest", reason=MISSING)
    account = "AC" + "1" * 32
    client = sdk.Client(*login, "tok", account) if login else sdk.Client(account, "tok")
    client.api.base_url = server.url
    theirs = heard(server, lambda: client.messages.create(to=PHONE, body="Hi pro", **said))
    to = open_("twilio", server, account_sid=account, auth_token="tok", texts={"seen": "Hi {{ plan }}"}, **settings)
    [ours] = server.play(to.deliver(Batch(Operation.TRIGGER, (ADA,), "vip", event="seen")))
    # The SDK names itself in a header of its own too.
    assert list(differences(theirs, ours)) == ["header.x-twilio-client"]


def test_twilio_is_asked_for_the_account_as_by_its_sdk(server: Capture) -> None:
    sdk = pytest.importorskip("twilio.rest", reason=MISSING)
    account = "AC" + "1" * 32
    client = sdk.Client(account, "tok")
    client.api.base_url = server.url
    theirs = heard(server, lambda: client.api.accounts(account).fetch())
    to = open_("twilio", server, account_sid=account, auth_token="tok", from_number=PHONE, texts={"seen": "Hi"})
    [ours] = server.play(to.check(), (200, {"status": "active"}))
    assert list(differences(theirs, ours)) == ["header.x-twilio-client"]


BLOCKS = [{"type": "section", "text": {"type": "mrkdwn", "text": "Hi pro"}}]


def test_slack_is_told_what_its_sdk_tells_it_by_a_bot(server: Capture) -> None:
    sdk = pytest.importorskip("slack_sdk", reason=MISSING)
    client = sdk.WebClient("xoxb-1", base_url=f"{server.url}/api/")
    theirs = heard(server, lambda: client.chat_postMessage(channel="C1", text="Hi pro", blocks=BLOCKS))
    to = open_("slack", server, bot_token="xoxb-1", channel="C1", texts={"seen": "Hi {{ plan }}"})
    [ours] = server.play(to.deliver(Batch(Operation.TRIGGER, (ADA,), "vip", event="seen")))
    assert differences(theirs, ours) == {}


def test_slack_is_asked_whose_a_token_is_as_by_its_sdk(server: Capture) -> None:
    """The SDK posts an empty form; ours is JSON, as with all that a bot says."""
    sdk = pytest.importorskip("slack_sdk", reason=MISSING)
    theirs = heard(server, lambda: sdk.WebClient("xoxb-1", base_url=f"{server.url}/api/").auth_test())
    [ours] = server.play(open_("slack", server, bot_token="xoxb-1", channel="C1").check(), (200, {"ok": True}))
    assert differences(theirs, ours) == {
        "header.content-type": ("application/x-www-form-urlencoded", "application/json;charset=utf-8")}


def test_slack_is_told_what_its_sdk_tells_it_by_a_webhook(server: Capture) -> None:
    sdk = pytest.importorskip("slack_sdk.webhook", reason=MISSING)
    client = sdk.WebhookClient(f"{server.url}/services/T/B/x")
    theirs = heard(server, lambda: client.send(text="Hi pro", blocks=BLOCKS), (200, b"ok"))
    to = open_("slack", server, webhook_url="https://hooks.slack.com/services/T/B/x", texts={"seen": "Hi {{ plan }}"})
    [ours] = server.play(to.deliver(Batch(Operation.TRIGGER, (ADA,), "vip", event="seen")), (200, b"ok"))
    assert differences(theirs, ours) == {}


MIXPANEL = {"project_id": "7", "project_token": "tok", "username": "robot", "secret": "hush"}
UPDATES: dict[str, tuple[Callable[[Any], Any], Batch, int]] = {
    "sets": (lambda api: api.people_set("u1", {"plan": "pro", "seats": 3, "$email": EMAIL, "$phone": PHONE}),
             Batch(Operation.UPDATE, (ADA,), "vip"), 0),
    "clears": (lambda api: api.people_unset("u1", ["plan"]),
               Batch(Operation.UPDATE, (Member("op1", "u1", {}, {"plan": None}),), "vip"), 0),
    "unions": (lambda api: api.people_union("u1", {"tailrace_audiences": ["vip"]}),
               Batch(Operation.ADD, (ADA,), "vip"), 1),
    "removes": (lambda api: api.people_remove("u1", {"tailrace_audiences": "vip"}),
                Batch(Operation.REMOVE, (ADA,), "vip"), 0),
    "deletes": (lambda api: api.people_delete("u1"), Batch(Operation.DELETE, (ADA,), "vip"), 0),
}


@pytest.mark.parametrize("call", UPDATES)
def test_mixpanel_is_told_of_a_person_what_its_sdk_tells_it(call: str, server: Capture) -> None:
    """The SDK posts one update as a form, at its own time; ours are JSON (reference/profile-batch-update), in order."""
    sdk = pytest.importorskip("mixpanel", reason=MISSING)
    speak, batch, at = UPDATES[call]
    api = sdk.Mixpanel("tok", sdk.Consumer(people_url=f"{server.url}/engage", retry_limit=0))
    theirs = heard(server, lambda: speak(api), (200, {"status": 1}))
    [ours] = server.play(open_("mixpanel", server, **MIXPANEL).deliver(batch), (200, {"status": 1}))
    update, said = ours.body[at], theirs.body["data"]
    told = said if isinstance(said, list) else [said]
    assert [{key: value for key, value in one.items() if key != "$time"} for one in told] == [update]
    assert (theirs.method, theirs.path, theirs.body["verbose"], ours.query["verbose"]) == ("POST", "/engage", "1", "1")


def test_mixpanel_is_told_of_an_event_what_its_sdk_tells_it(server: Capture) -> None:
    """The SDK names itself and the project in each event; /import takes the project from its address."""
    sdk = pytest.importorskip("mixpanel", reason=MISSING)
    api = sdk.Mixpanel("tok", sdk.Consumer(import_url=f"{server.url}/import", retry_limit=0))
    theirs = heard(server, lambda: api.import_data(
        "key", "u1", "seen", 1772366400, {"plan": "pro", "seats": 3, "$insert_id": "op1"}), (200, {"status": 1}))
    to = open_("mixpanel", server, **MIXPANEL)
    [ours] = server.play(to.deliver(Batch(Operation.TRIGGER, (ADA,), "vip", event="seen")))
    [event] = ours.body
    said = theirs.body["data"]
    own = {name: said["properties"].pop(name) for name in ("token", "mp_lib", "$lib_version")}
    assert (said, own["token"], theirs.path, ours.path) == (event, "tok", "/import", "/import")
    assert ours.query == {"strict": "1", "project_id": "7"}


def test_a_webhook_is_verified_by_the_library_of_its_standard(server: Capture) -> None:
    library = pytest.importorskip("standardwebhooks", reason=MISSING)
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    to = open_("webhook", server, url="https://example.com/hook", secret=secret)
    request = next(to.deliver(Batch(Operation.ADD, (ADA,), "vip")))
    assert request.finish is not None
    signed = request.finish(request, int(datetime.now(UTC).timestamp()))
    told = library.Webhook(secret).verify((signed.body or b"").decode(), dict(signed.headers))
    assert told["data"]["person_id"] == "u1"
    with pytest.raises(library.WebhookVerificationError):
        library.Webhook(secret).verify((signed.body or b"").decode() + " ", dict(signed.headers))
    late = request.finish(request, int(datetime.now(UTC).timestamp()) - 3600)
    with pytest.raises(library.WebhookVerificationError, match="too old"):
        library.Webhook(secret).verify((late.body or b"").decode(), dict(late.headers))
