"""Our requests beside those of the vendors' official SDKs for the same call: equal, or a difference told here."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

import destinations
from destinations.protocol import Batch, Destination, Member, Operation, Request

Captures = Callable[[str], Any]


def open_(name: str, **settings: Any) -> Destination:
    kind = destinations.load(name)
    return kind(kind.settings_type.model_validate(settings))


def first(destination: Destination, batch: Batch) -> Request:
    return next(destination.deliver(batch))


@pytest.fixture
def captured(reference_json: Captures) -> Callable[[str, str, str], list[Any]]:
    def find(sdk: str, method: str, path: str) -> list[Any]:
        requests = reference_json(f"contracts/captured/{sdk}.json")["requests"]
        return [one for one in requests if one["method"] == method and urlsplit(one["path"]).path == path]

    return find


ADA = Member("e1", "u1", {"person": "u1", "email": "a@example.com"}, {"ltv": 12.5}, remote_id="01A")


@pytest.mark.parametrize(
    ("operation", "method", "path"),
    [
        (Operation.ADD, "POST", "/api/profile-bulk-import-jobs"),
        (Operation.REMOVE, "DELETE", "/api/lists/VRgFBd/relationships/profiles"),
    ],
)
def test_klaviyo_speaks_as_its_sdk(operation: Operation, method: str, path: str, captured: Any) -> None:
    [theirs] = captured("klaviyo", method, path)
    ours = first(open_("klaviyo", api_key="pk_test"), Batch(operation, (ADA,), "vip", "VRgFBd"))
    assert json.loads(ours.body or b"") == theirs["body"]
    assert (ours.method, urlsplit(ours.url).path) == (method, path)
    # The SDK is one revision ahead of the published specification, which states the same limits.
    own = {name: ours.headers.get(name) for name in ("Accept", "Content-Type", "Authorization")}
    assert own == {name: theirs["headers"][name] for name in own}
    assert (ours.headers["revision"], theirs["headers"]["revision"]) == ("2026-07-15", "2026-10-15")


def test_a_klaviyo_event_is_the_sdks_plus_the_warehouses_key(captured: Any) -> None:
    [theirs] = captured("klaviyo", "POST", "/api/events")
    expected = theirs["body"]
    attributes = expected["data"]["attributes"]
    attributes["profile"]["data"]["attributes"]["external_id"] = "u1"
    del attributes["time"]
    member = Member("e1", "u1", {"email": "a@example.com"}, {"x": 1})
    ours = first(open_("klaviyo", api_key="pk_test"), Batch(Operation.TRIGGER, (member,), "vip", event="Usage Dropped"))
    assert json.loads(ours.body or b"") == expected


def test_a_customerio_batch_is_the_sdks_with_an_id_made_of_the_operation(captured: Any) -> None:
    [theirs] = captured("customerio", "POST", "/api/v2/batch")
    customerio = open_("customerio", site_id="site", api_key="key")
    person = first(customerio, Batch(Operation.ADD, (Member("op1", "u1", {}, {"plan": "pro"}),), "vip"))
    fallen = (Member("op1", "u1", {}, {"pct": 42}),)
    event = first(customerio, Batch(Operation.TRIGGER, fallen, "vip", event="usage_dropped"))
    ours = json.loads(person.body or b"")["batch"] + json.loads(event.body or b"")["batch"]
    ids = [len(item.pop("id")) for item in (ours[1], theirs["body"]["batch"][1])]
    assert (ours, ids) == (theirs["body"]["batch"], [26, 26])
    assert person.headers["Authorization"] == theirs["headers"]["Authorization"]


def test_a_twilio_message_is_the_sdks_without_its_callback(captured: Any) -> None:
    account = "AC11111111111111111111111111111111"
    [theirs] = captured("twilio", "POST", f"/2010-04-01/Accounts/{account}/Messages.json")
    fields = dict(parse_qsl(theirs["body"]))
    to = open_("twilio", account_sid=account, auth_token="tok", texts={"e": fields["Body"]},
               messaging_service_sid=fields["MessagingServiceSid"])
    ours = first(to, Batch(Operation.TRIGGER, (Member("op1", "u1", {"phone": fields["To"]}),), "vip", None, "e"))
    del fields["StatusCallback"]  # nothing here receives callbacks
    assert (dict(parse_qsl((ours.body or b"").decode())), urlsplit(ours.url).path) == (fields, theirs["path"])
    assert {name: theirs["headers"][name] for name in ("Authorization", "Content-Type")} == dict(ours.headers)


def test_a_slack_message_is_the_sdks(captured: Any) -> None:
    [theirs] = captured("slack", "POST", "/services/T/B/x")
    text, shown = theirs["body"]["text"], theirs["body"]["blocks"][0]
    to = open_("slack", webhook_url="https://hooks.slack.com/services/T/B/x", texts={"e": text})
    ours = first(to, Batch(Operation.TRIGGER, (Member("op1", "u1", {}),), "vip", None, "e"))
    assert ours.finish is not None
    # The SDK's caller chose its words for the block; ours shows the text there.
    block = {**shown, "text": {**shown["text"], "text": text}}
    assert json.loads(ours.body or b"") == {"text": text, "blocks": [block]}
    assert urlsplit(ours.finish(ours, 0).url).path == theirs["path"]
    assert ours.headers == {"Content-Type": theirs["headers"]["Content-Type"]}


MIXPANEL = {"project_id": "1", "project_token": "tok", "username": "robot", "secret": "s"}


def test_a_mixpanel_event_is_the_sdks_without_its_own_name_and_the_token(captured: Any) -> None:
    """The SDK posts a form; /import documents JSON, and takes the project from the address, not from each event."""
    [theirs] = captured("mixpanel", "POST", "/import")
    expected = json.loads(dict(parse_qsl(theirs["body"]))["data"])
    for own in ("token", "mp_lib", "$lib_version"):
        del expected["properties"][own]
    moment = datetime.fromtimestamp(expected["properties"]["time"], UTC)
    member = Member(expected["properties"]["$insert_id"], expected["properties"]["distinct_id"], {}, occurred_at=moment)
    batch = Batch(Operation.TRIGGER, (member,), "vip", event=expected["event"])
    ours = first(open_("mixpanel", **MIXPANEL), batch)
    assert json.loads(ours.body or b"") == [expected]
    assert urlsplit(ours.url).path == "/import"


def test_a_mixpanel_profile_is_the_sdks_without_a_time(captured: Any) -> None:
    """Without `$time` an update counts from when it arrives, and ours arrive in order."""
    [theirs] = captured("mixpanel", "POST", "/engage")
    expected = json.loads(dict(parse_qsl(theirs["body"]))["data"])
    del expected["$time"]
    member = Member("op1", expected["$distinct_id"], {}, expected["$set"])
    ours = first(open_("mixpanel", **MIXPANEL), Batch(Operation.UPDATE, (member,), "vip"))
    assert json.loads(ours.body or b"") == [expected]
    assert urlsplit(ours.url).path == "/engage"
