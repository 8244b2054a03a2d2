"""The engine walks real destinations against the sandbox: plans, batches, jobs and receipts as in a user's run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest
import requests

import destinations
from destinations.api import Calls
from destinations.protocol import Operation, Request, Response
from destinations.sandbox.server import Sandbox
from pipelines.forget import forget
from pipelines.state import rejects
from tests.engine.desk import Opened
from tests.engine.test_fields import VALUES
from tests.engine.world import World

ADA, BEN, CLEO = ("ada", "ada@example.com", 1), ("ben", "ben@example.com", 2), ("cleo", "cleo@example.com", 3)
SETTINGS: dict[str, dict[str, Any]] = {
    "braze": {"api_key": "BRAZE_API_KEY"},
    "hubspot": {"access_token": "HUBSPOT_ACCESS_TOKEN"},
    "meta_ads": {"access_token": "META_ACCESS_TOKEN", "ad_account_id": "META_AD_ACCOUNT_ID"},
    "google_ads": {"access_token": "GOOGLE_ADS_ACCESS_TOKEN", "account_id": "GOOGLE_ADS_ACCOUNT_ID"},
    "tiktok_ads": {"access_token": "TIKTOK_ADS_ACCESS_TOKEN", "advertiser_id": "TIKTOK_ADS_ADVERTISER_ID"},
    "klaviyo": {"api_key": "KLAVIYO_API_KEY"},
    "customerio": {"site_id": "CUSTOMERIO_SITE_ID", "api_key": "CUSTOMERIO_API_KEY",
                   "app_api_key": "CUSTOMERIO_APP_API_KEY"},
    "iterable": {"api_key": "ITERABLE_API_KEY"},
    "mixpanel": {"project_id": "MIXPANEL_PROJECT_ID", "project_token": "MIXPANEL_PROJECT_TOKEN",
                 "username": "MIXPANEL_USERNAME", "secret": "MIXPANEL_SECRET"},
    "onesignal": {"app_id": "ONESIGNAL_APP_ID", "api_key": "ONESIGNAL_API_KEY"},
}
MORE: dict[str, dict[str, Any]] = {"google_ads": {"terms_accepted": True}, "onesignal": {"texts": {"seen": "Hi"}},
                                   "hubspot": {"key_property": "customer_key"}}  # fmt: skip
SPELLINGS = {spelling: person for person, address, _ in (ADA, BEN, CLEO)
             for spelling in (person, address, hashlib.sha256(address.encode()).hexdigest())}  # fmt: skip


class Far:
    """The sandbox, as the world's channel."""

    def answer(self, request: Request) -> Response:
        sent = {"headers": dict(request.headers), "data": request.body, "timeout": 10}
        got = requests.request(request.method, request.url, **sent)
        return Response(got.status_code, {name.lower(): value for name, value in got.headers.items()}, got.content)


@pytest.fixture
def open_world(tmp_path: Path) -> Iterator[Callable[..., tuple[World, Sandbox]]]:
    opened: list[Sandbox] = []

    def start(name: str, meta_minimum: int = 0, **sync: Any) -> tuple[World, Sandbox]:
        world = World(tmp_path, **sync)
        sandbox = Sandbox(0, meta_minimum=meta_minimum,
                          clock=lambda: world.clock.now().replace(tzinfo=UTC).timestamp()).start()
        opened.append(sandbox)
        given = sandbox.environment()
        settings = {key: given[variable] for key, variable in SETTINGS[name].items()} | MORE.get(name, {})
        kind = destinations.load(name)
        world.destination = kind(kind.settings_type.model_validate({**settings, "base_url": sandbox.base_url(name)}))
        world.channel = Far()
        return world, sandbox

    yield start
    for sandbox in opened:
        sandbox.stop()


def held(sandbox: Sandbox, name: str) -> list[str]:
    audiences = sandbox.truth()["channels"][name]["audiences"].values()
    return sorted(SPELLINGS[key] for found in audiences for key in found["keys"])


@pytest.mark.parametrize("name", SETTINGS)
def test_the_channel_holds_what_the_audience_says_and_the_ledger_knows_it(
    name: str, open_world: Callable[..., tuple[World, Sandbox]]
) -> None:
    world, sandbox = open_world(name, send=["value"] if destinations.load(name).capabilities.attributes else [])
    world.people(ADA, BEN)
    first = world.run()
    assert (first.plan.add, first.accepted, held(sandbox, name)) == (2, 2, ["ada", "ben"])
    world.people(("ben", "ben@example.com", 9), CLEO)
    second = world.run(1)
    assert (second.plan.add, second.plan.remove, held(sandbox, name)) == (1, 1, ["ben", "cleo"])
    assert len(world.ledger()) == 2
    assert world.run(2).status == "nothing"


@pytest.mark.parametrize("name", [
    name for name in SETTINGS if Operation.DELETE in destinations.load(name).capabilities.operations])
def test_a_forgotten_persons_profile_is_deleted_in_the_channel(
    name: str, open_world: Callable[..., tuple[World, Sandbox]]
) -> None:
    world, sandbox = open_world(name)
    world.people(ADA, BEN)
    world.run()
    report = forget(Opened(world), "ada", "Privacy", "asked", world.clock.now())
    assert (report.confirmed, [(each.connection, each.outcome) for each in report.deletions]) == (
        True, [("mail", "deleted")])
    assert (held(sandbox, name), sandbox.truth()["channels"][name].get("people", 1)) == (["ben"], 1)
    assert "ada" not in json.dumps(sandbox.truth()["channels"][name])


@pytest.mark.parametrize("name", ["braze", "iterable", "mixpanel", "onesignal"])
def test_who_enters_is_told_once(name: str, open_world: Callable[..., tuple[World, Sandbox]]) -> None:
    world, sandbox = open_world(name, trigger={"when": "enters", "event": "seen"})
    world.people(ADA)
    world.run()
    world.people(ADA, BEN)
    for day in (1, 2):
        world.run(day)
    messages = sandbox.truth()["channels"][name]["messages"]
    assert [SPELLINGS[one["to"]] for one in messages] == ["ben"]


def consents(sandbox: Sandbox) -> dict[str, str]:
    account = sandbox.channels["klaviyo"]
    return {profile["external_id"]: account.state["consents"].get(key, {}).get("email", {}).get("consent", "never")
            for key, profile in account.state["profiles"].items()}


def test_consent_follows_the_warehouse_and_never_overrides_who_has_unsubscribed_since(
    open_world: Callable[..., tuple[World, Sandbox]]
) -> None:
    world, sandbox = open_world("klaviyo", send={"agreed": "subscriptions.email"})
    def agree(**moments: str | None) -> None:
        world.sql("create or replace table cart (person_id varchar, email varchar, agreed timestamp)")
        for who, at in moments.items():
            world.sql("insert into cart values (?, ?, ?)", (who, f"{who}@example.com", at))

    agree(ada="2026-10-01", ben="2026-10-02", cleo=None)
    world.run()
    assert consents(sandbox) == {"ada": "SUBSCRIBED", "ben": "SUBSCRIBED", "cleo": "never"}
    account = sandbox.channels["klaviyo"].account
    account.consent(account.index["email", "ada@example.com"], "email", "UNSUBSCRIBED", "2026-10-22T00:00:00Z")
    agree(ada="2026-10-03", ben=None, cleo="2026-10-22")
    world.run(2)
    assert consents(sandbox) == {"ada": "UNSUBSCRIBED", "ben": "UNSUBSCRIBED", "cleo": "SUBSCRIBED"}


def test_members_of_a_suppression_list_are_suppressed_in_klaviyo_and_lifted_again(
    open_world: Callable[..., tuple[World, Sandbox]]
) -> None:
    world, sandbox = open_world("klaviyo", target="suppressions")
    world.people(ADA, BEN)
    world.run()
    suppressed = [sandbox.truth()["channels"]["klaviyo"]["suppressed"]]
    world.people(BEN)
    world.run(1)
    suppressed.append(sandbox.truth()["channels"]["klaviyo"]["suppressed"])
    assert suppressed == [["ada@example.com", "ben@example.com"], ["ben@example.com"]]


HELD: dict[str, Callable[[Any], Any]] = {
    "klaviyo": lambda state: next(iter(state["profiles"].values()))["properties"],
    "customerio": lambda state: next(iter(state["people"].values()))["attributes"],
    "braze": lambda state: state["people"]["ada"],
    "iterable": lambda state: state["users"]["ada@example.com"]["dataFields"],
    "mixpanel": lambda state: state["people"]["ada"],
    "onesignal": lambda state: next(iter(state["people"].values()))["tags"],
}
"""Vendor → what it keeps of the only person it knows."""


SECONDS = {"2026-01-02T03:04:05.678901Z": 1767323045, "2026-01-02T01:04:05Z": 1767315845, "2026-01-02": 1767312000}
"""Times of `VALUES` as Customer.io and OneSignal compare them."""


def timed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: timed(part) for key, part in value.items()}
    if isinstance(value, list):
        return [timed(part) for part in value]
    return SECONDS.get(value, value) if isinstance(value, str) else value


def as_kept(name: str, value: Any) -> Any:
    """A value as the vendor keeps it: OneSignal's tags are texts."""
    if name in ("customerio", "onesignal"):
        value = timed(value)
    if name != "onesignal" or value is None or isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@pytest.mark.parametrize("name", HELD)
def test_every_type_of_column_arrives_in_the_channel_as_the_value_that_says_the_same(
    name: str, open_world: Callable[..., tuple[World, Sandbox]]
) -> None:
    world, sandbox = open_world(name, send={column: f"{column}_there" for column in VALUES})
    listed = ", ".join(f'{sql} as "{column}"' for column, (sql, _) in VALUES.items())
    world.sql(f"create or replace table cart as select 'ada' as person_id, 'ada@example.com' as email, {listed}")
    assert world.run().accepted == 1
    kept = HELD[name](sandbox.channels[name].state)
    assert {column: kept.get(f"{column}_there") for column in VALUES} == {
        column: as_kept(name, wanted) for column, (_, wanted) in VALUES.items()}


def test_a_row_that_mixpanel_refuses_under_http_200_is_found_by_halving(
    open_world: Callable[..., tuple[World, Sandbox]]
) -> None:
    world, sandbox = open_world("mixpanel")
    people = [(f"p{number}", f"p{number}@example.com", number) for number in range(9)]
    world.people(*people, ("undefined", "odd@example.com", 1))
    result = world.run()
    [audience] = sandbox.truth()["channels"]["mixpanel"]["audiences"].values()
    assert (result.accepted, result.rejected, audience["keys"]) == (9, 1, [person for person, _, _ in people])
    assert world.sql("select distinct reason from activation.receipt where outcome = 'rejected'") == [
        ("HTTP 200 with status 0: an invalid profile update",)]


def test_who_must_stay_because_an_audience_would_get_too_small_is_told_and_leaves_when_others_come(
    open_world: Callable[..., tuple[World, Sandbox]]
) -> None:
    world, sandbox = open_world("meta_ads", meta_minimum=3)
    people = [(f"p{number}", f"p{number}@example.com", 1) for number in range(9)]

    def run(day: float, *present: tuple[str, str, int]) -> tuple[int, int, int]:
        world.people(*present)
        result = world.run(day)
        [audience] = sandbox.truth()["channels"]["meta_ads"]["audiences"].values()
        return result.accepted, result.rejected, len(audience["keys"])

    assert run(0, *people) == (9, 0, 9)
    # Of seven who leave, three may, and two, and one; the last one stays, and is asked for once a run.
    assert run(1, *people[:2]) == (6, 1, 3)
    before = len(sandbox.requests)
    assert (run(2, *people[:2]), len(sandbox.requests) - before) == ((0, 1, 3), 1)
    with world.warehouse() as warehouse:
        [told] = rejects.find(warehouse, world.clock.now())
    assert (told.action, told.refusals, told.next, told.reason.partition(";")[0]) == (
        "remove", 2, "run", "HTTP 400: 200 1870047: Meta lets the audience get no smaller")
    assert [run(day, *people[:2], CLEO) for day in (3, 4)] == [(1, 1, 4), (1, 0, 3)]
    with world.warehouse() as warehouse:
        assert rejects.find(warehouse, world.clock.now()) == []
    assert world.run(5).status == "nothing"


class Deaf(Far):
    """The sandbox takes messages, and their answers are lost."""

    def answer(self, request: Request) -> Response:
        got = super().answer(request)
        starts = ("/v1/send/", "/triggers", "/email/target", "/triggerWorkflow")
        return Response(500) if any(word in request.url for word in starts) else got


@pytest.mark.parametrize("starts", ["emails", "pushes", "inbox_messages", "broadcasts"])
def test_a_message_of_customerio_is_sent_once_and_never_again_when_its_answer_was_lost(
    starts: str, open_world: Callable[..., tuple[World, Sandbox]]
) -> None:
    world, sandbox = open_world("customerio", trigger={"when": "enters", "event": "seen"})
    settings = world.destination.settings.model_copy(update={starts: {"seen": "7"}})
    world.destination = type(world.destination)(settings).for_event("seen")
    world.people(ADA)
    world.run()
    world.people(ADA, BEN)
    world.channel = Deaf()
    told = [world.run(day).unknown for day in (1, 2)]
    messages = sandbox.truth()["channels"]["customerio"]["messages"]
    assert (told, [SPELLINGS.get(one["to"]) for one in messages]) == ([1, 0], ["ben"])


@pytest.mark.parametrize("starts", ["campaigns", "workflows"])
def test_a_message_of_iterable_is_sent_once_and_never_again_when_its_answer_was_lost(
    starts: str, open_world: Callable[..., tuple[World, Sandbox]]
) -> None:
    world, sandbox = open_world("iterable", trigger={"when": "enters", "event": "seen"})
    number = sandbox.credentials.iterable_message_id
    settings = world.destination.settings.model_copy(update={starts: {"seen": number}})
    world.destination = type(world.destination)(settings).for_event("seen")
    world.people(ADA)
    world.run()
    world.people(ADA, BEN)
    world.channel = Deaf()
    told = [world.run(day).unknown for day in (1, 2)]
    messages = sandbox.truth()["channels"]["iterable"]["messages"]
    assert (told, [(one["name"], SPELLINGS[one["to"]]) for one in messages]) == (
        [1, 0], [(f"{starts[:-1]} {number}", "ben")])


class Forgetful(Far):
    """Somebody deletes ben in Customer.io just before a broadcast."""

    def __init__(self, track: Calls) -> None:
        self.track = track

    def answer(self, request: Request) -> Response:
        if request.url.endswith("/triggers"):
            gone = {"type": "person", "identifiers": {"id": "ben"}, "action": "delete"}
            assert super().answer(self.track.ask("POST", "v2/batch", {"batch": [gone]})).ok
        return super().answer(request)


def test_who_is_not_in_the_workspace_was_left_out_of_a_broadcast_and_is_told_so(
    open_world: Callable[..., tuple[World, Sandbox]]
) -> None:
    world, sandbox = open_world("customerio", trigger={"when": "enters", "event": "seen"})
    settings = world.destination.settings.model_copy(update={"broadcasts": {"seen": "12"}})
    world.destination = type(world.destination)(settings).for_event("seen")
    world.run()
    world.people(ADA, BEN)
    world.channel = Forgetful(world.destination._track)
    world.run(1)
    messages = sandbox.truth()["channels"]["customerio"]["messages"]
    receipts = world.sql("""select person_key, r.outcome, r.reason from activation.receipt r
                            join activation.op o using (sync_id, epoch, op_id)
                            where o.action = 'event' and r.outcome <> 'accepted' order by all""")
    assert ([SPELLINGS.get(one["to"]) for one in messages], receipts) == (
        ["ada"], [("ada", "ok", ""), ("ben", "rejected", "not in Customer.io")])


def test_a_list_too_small_for_the_channel_to_use_is_told_while_it_changes(
    open_world: Callable[..., tuple[World, Sandbox]]
) -> None:
    world, _ = open_world("meta_ads")
    world.people(ADA, BEN)
    assert world.run().plan.notes == ("mail uses no list of fewer than 100 matched people: 2 are wanted",)
    assert world.run(1).plan.notes == ()
