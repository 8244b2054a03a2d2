"""The destinations against the sandbox, which was written from the same contracts and shares no code with them."""

import hashlib
import time
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

import destinations
from destinations.protocol import (
    Batch,
    Destination,
    Job,
    Member,
    Operation,
    Outcome,
    Refused,
    Request,
    Response,
    Verdict,
)
from destinations.sandbox.server import CHANNELS, Sandbox

EVENT_TIME = datetime(2026, 3, 1, 12, tzinfo=UTC)
PERSONS = {
    spelling: f"u{number}"
    for number in range(9)
    for address in [f"person.{number}@example.com"]
    for spelling in (f"u{number}", address, hashlib.sha256(address.encode()).hexdigest())
}
ACCEPTED, REJECTED, UNKNOWN = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNKNOWN
SERVED = [name for name in destinations.names() if name in {channel.name for channel in CHANNELS}]
OWN = {"salesforce"}
"""Contacts without a name are refused there, and throttling comes without a time to wait: its own tests say so."""
MEMBERS = [name for name in SERVED if Operation.REMOVE in destinations.load(name).capabilities.operations
           and name not in OWN | {"slack"}]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(0) as started:
        yield started


def connect(sandbox: Sandbox, name: str, **more: Any) -> Destination:
    given = sandbox.environment()
    settings = {
        "webhook": {"secret": given["WEBHOOK_SECRET"]},
        "customerio": {key.lower().removeprefix("customerio_"): given[key]
                       for key in ("CUSTOMERIO_SITE_ID", "CUSTOMERIO_API_KEY", "CUSTOMERIO_APP_API_KEY")},
        "klaviyo": {"api_key": given["KLAVIYO_API_KEY"]},
        "meta_ads": {"access_token": given["META_ACCESS_TOKEN"], "ad_account_id": given["META_AD_ACCOUNT_ID"]},
        "braze": {"api_key": given["BRAZE_API_KEY"]},
        "onesignal": {"app_id": given["ONESIGNAL_APP_ID"], "api_key": given["ONESIGNAL_API_KEY"],
                      "texts": {"cart_abandoned": "Come back"}},
        "mixpanel": {key.lower().removeprefix("mixpanel_"): given[key] for key in
                     ("MIXPANEL_PROJECT_ID", "MIXPANEL_PROJECT_TOKEN", "MIXPANEL_USERNAME", "MIXPANEL_SECRET")},
        "iterable": {"api_key": given["ITERABLE_API_KEY"]},
        "tiktok_ads": {"access_token": given["TIKTOK_ADS_ACCESS_TOKEN"],
                       "advertiser_id": given["TIKTOK_ADS_ADVERTISER_ID"]},
        "google_ads": {"access_token": given["GOOGLE_ADS_ACCESS_TOKEN"], "account_id": given["GOOGLE_ADS_ACCOUNT_ID"],
                       "terms_accepted": True},
        "twilio": {"account_sid": given["TWILIO_ACCOUNT_SID"], "auth_token": given["TWILIO_AUTH_TOKEN"],
                   "from_number": "+15557122661", "texts": {"cart_abandoned": "Hi"}},
        "slack": {"bot_token": given["SLACK_BOT_TOKEN"], "channel": "C00000000"},
        "salesforce": {"access_token": given["SALESFORCE_ACCESS_TOKEN"], "external_id_field": "Customer_Key__c"},
        "hubspot": {"access_token": given["HUBSPOT_ACCESS_TOKEN"], "key_property": "customer_key"},
    }  # fmt: skip
    kind = destinations.load(name)
    return kind(kind.settings_type.model_validate({**settings[name], "base_url": sandbox.base_url(name), **more}))


def talk(exchange: Generator[Request, Response, Any]) -> Any:
    """The end of an exchange, each request sent once over a socket."""
    try:
        request = next(exchange)
        while True:
            sent = request.finish(request, int(time.time())) if request.finish else request
            got = requests.request(sent.method, sent.url, headers=dict(sent.headers), data=sent.body, timeout=10,
                                   allow_redirects=False)
            headers = {name.lower(): value for name, value in got.headers.items()}
            request = exchange.send(Response(got.status_code, headers, got.content))
    except StopIteration as done:
        return done.value


def member(to: Destination, number: int, ids: str = "op", **more: Any) -> Member:
    given = {"email": f"Person.{number}@Example.com", "phone": f"+1650555010{number}"}
    kinds = [kind for kind in to.capabilities.identifiers if kind in given]
    identifiers = {kind: to.identify(kind, given[kind]) for kind in kinds}
    attributes = {"plan": "pro"} if to.capabilities.attributes else {}
    return Member(f"{ids}-{number}", f"u{number}", {"person": f"u{number}", **identifiers}, attributes, **more)


def assert_(to: Destination, operation: Operation, members: list[Member], target: str | None) -> list[Outcome]:
    """Deliver in batches as large as allowed, and wait for jobs."""
    rows, outcomes = to.capabilities.operations[operation].rows, list[Outcome]()
    for start in range(0, len(members), rows):
        event = "cart_abandoned" if operation is Operation.TRIGGER else None
        batch = Batch(operation, tuple(members[start : start + rows]), "winback", target, event, at=EVENT_TIME)
        found = talk(to.deliver(batch))
        while job := next((one.job for one in found if one.job), None):
            time.sleep(0.05)
            waiting = {one.id for one in found if one.job}
            asked = Job(job, tuple(one for one in batch.members if one.id in waiting), operation, target)
            found = [one for one in found if not one.job] + list(talk(to.settle(asked)))
        outcomes += found
    return outcomes


def keys(sandbox: Sandbox, name: str) -> list[str]:
    """Persons in the only audience, whether the channel knows them by key, by address or by hash."""
    [audience] = sandbox.truth()["channels"][name]["audiences"].values()
    return sorted(PERSONS[key] for key in audience["keys"])


def verdicts(outcomes: list[Outcome]) -> dict[str, Verdict]:
    return {outcome.id: outcome.verdict for outcome in outcomes}


@pytest.mark.parametrize("name", MEMBERS)
def test_members_enter_change_and_leave(name: str, sandbox: Sandbox) -> None:
    to = connect(sandbox, name)
    talk(to.check())
    target = talk(to.prepare("winback")) if to.capabilities.needs_target else None
    added = assert_(to, Operation.ADD, [member(to, number) for number in range(4)], target)
    assert verdicts(added) == {f"op-{number}": ACCEPTED for number in range(4)}
    if Operation.UPDATE in to.capabilities.operations:
        assert set(verdicts(assert_(to, Operation.UPDATE, [member(to, 1, "change")], target)).values()) == {ACCEPTED}
    remote = {outcome.id: outcome.remote_id for outcome in added}
    leaving = [member(to, 0, "leave", remote_id=remote["op-0"]), member(to, 3, "leave")]
    left = assert_(to, Operation.REMOVE, leaving, target)
    assert verdicts(left) == {"leave-0": ACCEPTED, "leave-3": ACCEPTED}
    assert keys(sandbox, name) == ["u1", "u2"]
    if to.capabilities.readback:
        assert len(talk(to.members(target or ""))) == 2


FORGETS = [name for name in MEMBERS if Operation.DELETE in destinations.load(name).capabilities.operations]


@pytest.mark.parametrize("name", FORGETS)
def test_a_forgotten_person_is_in_no_audience(name: str, sandbox: Sandbox) -> None:
    to = connect(sandbox, name)
    target = talk(to.prepare("winback")) if to.capabilities.needs_target else None
    assert_(to, Operation.ADD, [member(to, number) for number in range(3)], target)
    forgotten = [member(to, 1, "forget"), member(to, 8, "forget")]
    assert {outcome.verdict for outcome in assert_(to, Operation.DELETE, forgotten, None)} == {ACCEPTED}
    assert keys(sandbox, name) == ["u0", "u2"]


@pytest.mark.parametrize("name", ["customerio", "klaviyo", "meta_ads"])
def test_a_remote_list_is_made_once(name: str, sandbox: Sandbox) -> None:
    to = connect(sandbox, name)
    assert talk(to.prepare("winback")) == talk(to.prepare("winback"))
    assert keys(sandbox, name) == []


@pytest.mark.parametrize("name", ["webhook", "customerio", "klaviyo", "iterable", "mixpanel"])
def test_a_trigger_that_is_sent_twice_is_one_message(name: str, sandbox: Sandbox) -> None:
    to = connect(sandbox, name)
    assert_(to, Operation.ADD, [member(to, 1, "set")], None)
    for _ in range(2):
        outcomes = assert_(to, Operation.TRIGGER, [member(to, 1, occurred_at=EVENT_TIME)], None)
        assert verdicts(outcomes) == {"op-1": ACCEPTED}
    truth = sandbox.truth()["channels"][name]
    assert [(one["name"], one["to"]) for one in truth["messages"]] == [("cart_abandoned", "person.1@example.com")]
    assert truth["repeats"] == 1


@pytest.mark.parametrize("name", ["customerio", "klaviyo"])
def test_rows_that_a_channel_refuses_are_told_and_the_others_enter(name: str, sandbox: Sandbox) -> None:
    to = connect(sandbox, name)
    target = talk(to.prepare("winback"))
    sandbox.fault(name, "partial", every=2)
    outcomes = assert_(to, Operation.ADD, [member(to, number) for number in range(4)], target)
    assert verdicts(outcomes) == {"op-0": ACCEPTED, "op-1": REJECTED, "op-2": ACCEPTED, "op-3": REJECTED}
    assert all(outcome.reason for outcome in outcomes if outcome.verdict is REJECTED)
    assert keys(sandbox, name) == ["u0", "u2"]


@pytest.mark.parametrize("name", ["customerio", "klaviyo", "meta_ads"])
def test_a_garbled_answer_leaves_members_uncertain(name: str, sandbox: Sandbox) -> None:
    to = connect(sandbox, name)
    target = talk(to.prepare("winback"))
    sandbox.fault(name, "garbage", applied=True)
    outcomes = assert_(to, Operation.ADD, [member(to, 1), member(to, 2)], target)
    assert verdicts(outcomes) == {"op-1": UNKNOWN, "op-2": UNKNOWN}


def test_an_import_that_was_cancelled_leaves_members_uncertain(sandbox: Sandbox) -> None:
    to = connect(sandbox, "klaviyo")
    target = talk(to.prepare("winback"))
    sandbox.fault("klaviyo", "job_failed")
    assert verdicts(assert_(to, Operation.ADD, [member(to, 1)], target)) == {"op-1": UNKNOWN}


@pytest.mark.parametrize("name", ["customerio", "klaviyo", "meta_ads"])
def test_a_list_that_is_gone_stops_the_sync(name: str, sandbox: Sandbox) -> None:
    to = connect(sandbox, name)
    batch = Batch(Operation.REMOVE, (member(to, 1, remote_id="01" + "0" * 24),), "winback", "999999")
    with pytest.raises(Refused, match=r"999999.*correct (segment_id|list_id|audience_id) in connections.yml"):
        talk(to.deliver(batch))


@pytest.mark.parametrize(
    ("name", "key"), [("customerio", "api_key"), ("klaviyo", "api_key"), ("meta_ads", "access_token")]
)
def test_wrong_credentials_fail_the_check_without_being_shown(name: str, key: str, sandbox: Sandbox) -> None:
    with pytest.raises(Refused) as told:
        talk(connect(sandbox, name, **{key: "wrong-and-secret"}).check())
    assert "wrong-and-secret" not in str(told.value)


@pytest.mark.parametrize("name", [name for name in SERVED if name not in OWN])
def test_throttling_is_told_to_the_driver(name: str, sandbox: Sandbox) -> None:
    to = connect(sandbox, name)
    sandbox.fault(name, "throttle", retry_after=60)
    operation = next(iter(to.capabilities.operations))
    request = next(to.deliver(Batch(operation, (member(to, 1),), "winback", "1", "cart_abandoned")))
    got = requests.request(request.method, request.url, headers=dict(request.headers), data=request.body, timeout=10)
    answer = Response(got.status_code, {name.lower(): value for name, value in got.headers.items()}, got.content)
    assert to.throttled(answer) == 60.0
