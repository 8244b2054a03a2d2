"""The SDKs of Klaviyo and Customer.io make our calls against one server: what differs stands here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from destinations.customerio_bodies import ADDRESSED
from destinations.customerio_messages import SETTINGS
from destinations.protocol import Batch, Job, Member, Operation
from tests.destinations.wire import MISSING, Capture, differences, heard, open_

EMAIL, PHONE = "ada@example.com", "+16505551212"
ADA = Member("op1", "u1", {"person": "u1", "email": EMAIL, "phone": PHONE}, {"plan": "pro", "seats": 3}, "01ADA",
             datetime(2026, 3, 1, 12, tzinfo=UTC))  # fmt: skip

REVISION = {"header.revision": ("2026-10-15", "2026-07-15")}
"""The SDK is one revision ahead of the newest published specification, which we are validated by."""
PROFILE = {"email": EMAIL, "phone_number": PHONE, "external_id": "u1", "properties": {"plan": "pro", "seats": 3}}


def row(**attributes: Any) -> dict[str, Any]:
    return {"type": "profile", "attributes": attributes}


def job(kind: str, rows: list[Any], **more: Any) -> dict[str, Any]:
    return {"data": {"type": kind, "attributes": {"profiles": {"data": rows}, **more}}}


CONSENT = {"email": {"marketing": {"consent": "SUBSCRIBED", "consented_at": "2026-02-01T00:00:00+00:00"}}}
BY_PHONE = {"sms": {"marketing": {"consent": "SUBSCRIBED", "consented_at": "2026-02-01T00:00:00+00:00"}}}
TAKEN_BACK = {"email": {"marketing": {"consent": "UNSUBSCRIBED"}}}
LIST = {"lists": {"data": [{"type": "list", "id": "VRgFBd"}]}}
AGREES = Member("op1", "u1", {"email": EMAIL}, {"subscriptions.email": "2026-02-01T00:00:00Z"})
AGREES_BY_PHONE = Member("op1", "u1", {"phone": PHONE}, {"subscriptions.sms": "2026-02-01T00:00:00Z"})
DISAGREES = Member("op1", "u1", {"email": EMAIL}, {"subscriptions.email": None}, acknowledged=AGREES.attributes)
NOBODY = (200, {"data": []})
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
Klaviyo = Callable[[Any], Any]
CALLS: dict[str, tuple[Klaviyo, Batch, int]] = {
    "imports": (lambda api: api.Profiles.bulk_import_profiles({"data": {
        **job("profile-bulk-import-job", [row(**PROFILE)])["data"], "relationships": LIST}}),
        Batch(Operation.ADD, (ADA,), "vip", "VRgFBd"), 0),
    "removes": (lambda api: api.Lists.remove_profiles_from_list("VRgFBd", {"data": [
        {"type": "profile", "id": "01ADA"}]}), Batch(Operation.REMOVE, (ADA,), "vip", "VRgFBd"), 0),
    "subscribes": (lambda api: api.Profiles.bulk_subscribe_profiles(job(
        "profile-subscription-bulk-create-job", [row(email=EMAIL, subscriptions=CONSENT)], historical_import=True)),
        Batch(Operation.ADD, (AGREES,), "vip", "VRgFBd", at=AT), 1),
    "subscribes to SMS": (lambda api: api.Profiles.bulk_subscribe_profiles(job(
        "profile-subscription-bulk-create-job", [row(phone_number=PHONE, subscriptions=BY_PHONE)],
        historical_import=True)), Batch(Operation.ADD, (AGREES_BY_PHONE,), "vip", "VRgFBd", at=AT), 1),
    "unsubscribes": (lambda api: api.Profiles.bulk_unsubscribe_profiles(job(
        "profile-subscription-bulk-delete-job", [row(email=EMAIL, subscriptions=TAKEN_BACK)])),
        Batch(Operation.UPDATE, (DISAGREES,), "vip", "VRgFBd", at=AT), 0),
    "suppresses": (lambda api: api.Profiles.bulk_suppress_profiles(job(
        "profile-suppression-bulk-create-job", [row(email=EMAIL)])),
        Batch(Operation.ADD, (ADA,), "vip", "suppressions"), 0),
    "unsuppresses": (lambda api: api.Profiles.bulk_unsuppress_profiles(job(
        "profile-suppression-bulk-delete-job", [row(email=EMAIL)])),
        Batch(Operation.REMOVE, (ADA,), "vip", "suppressions"), 0),
    "deletes": (lambda api: api.Data_Privacy.request_profile_deletion({"data": {
        "type": "data-privacy-deletion-job", "attributes": {"profile": {"data": {
            "type": "profile", "id": "01ADA", "attributes": {}}}}}}), Batch(Operation.DELETE, (ADA,), "vip"), 0),
    "records": (lambda api: api.Events.create_event({"data": {"type": "event", "attributes": {
        "time": "2026-03-01T12:00:00+00:00", "properties": {"plan": "pro", "seats": 3}, "unique_id": "op1",
        "backfill": False, "metric": {"data": {"type": "metric", "attributes": {"name": "seen"}}},
        "profile": {"data": {"type": "profile", "attributes": {
            "email": EMAIL, "phone_number": PHONE, "external_id": "u1"}}}}}}),
        Batch(Operation.TRIGGER, (ADA,), "vip", event="seen"), 0),
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_klaviyo_is_told_what_its_sdk_tells_it(call: str, server: Capture) -> None:
    sdk = pytest.importorskip("klaviyo_api", reason=MISSING)
    speak, batch, at = CALLS[call]
    api = sdk.KlaviyoAPI("pk_test", test_host=server.url, max_retries=1)
    theirs = heard(server, lambda: speak(api), (202, None))
    ours = server.play(open_("klaviyo", server, api_key="pk_test").deliver(batch), *[NOBODY] * at, (202, None))
    assert differences(theirs, ours[at]) == REVISION


ENDED = (200, {"data": {"id": "job1", "attributes": {"status": "complete", "failed_count": 0}}})
KEYS = ["email", "phone_number", "external_id"]
IMPORT, LIFT = (Job("job1", (ADA,), operation, target) for operation, target in (
    (Operation.ADD, "VRgFBd"), (Operation.REMOVE, "suppressions")))
QUESTIONS: dict[str, tuple[Klaviyo, Callable[[Any], Any], int]] = {
    "how an import stands": (lambda api: api.Profiles.get_bulk_import_profiles_job("job1"),
                             lambda ours: ours.settle(IMPORT), 0),
    "what it refused": (lambda api: api.Profiles.get_errors_for_bulk_import_profiles_job("job1", page_size=100),
                        lambda ours: ours.settle(IMPORT), 1),
    "whom it has made": (lambda api: api.Profiles.get_profiles_for_bulk_import_profiles_job(
        "job1", fields_profile=KEYS, page_size=100), lambda ours: ours.settle(IMPORT), 2),
    "how a suppression stands": (lambda api: api.Profiles.get_bulk_suppress_profiles_job("job1"),
                                 lambda ours: ours.settle(replace(IMPORT, target="suppressions")), 0),
    "how its lifting stands": (lambda api: api.Profiles.get_bulk_unsuppress_profiles_job("job1"),
                               lambda ours: ours.settle(LIFT), 0),
    "who is on a list": (lambda api: api.Lists.get_profiles_for_list("VRgFBd", fields_profile=KEYS, page_size=100),
                         lambda ours: ours.members("VRgFBd"), 0),
    "whose an address is": (lambda api: api.Profiles.get_profiles(
        filter=f'any(email,["{EMAIL}"])', fields_profile=["email"], page_size=100),
        lambda ours: ours.deliver(Batch(Operation.REMOVE, (replace(ADA, remote_id=None),), "vip", "VRgFBd")), 0),
}  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS)
def test_klaviyo_is_asked_what_its_sdk_asks_it(question: str, server: Capture) -> None:
    sdk = pytest.importorskip("klaviyo_api", reason=MISSING)
    speak, exchange, at = QUESTIONS[question]
    api = sdk.KlaviyoAPI("pk_test", test_host=server.url, max_retries=1)
    theirs = heard(server, lambda: speak(api), NOBODY)
    answers = [ENDED, NOBODY, NOBODY] if at else [ENDED if "stands" in question else NOBODY]
    ours = server.play(exchange(open_("klaviyo", server, api_key="pk_test")), *answers[:at + 1])
    assert differences(theirs, ours[at]) == REVISION


def test_klaviyo_is_asked_for_a_list_and_given_one_as_by_its_sdk(server: Capture) -> None:
    sdk = pytest.importorskip("klaviyo_api", reason=MISSING)
    api = sdk.KlaviyoAPI("pk_test", test_host=server.url, max_retries=1)
    looks = heard(server, lambda: api.Lists.get_lists(filter='equals(name,"vip")', fields_list=["name"]), NOBODY)
    body = {"data": {"type": "list", "attributes": {"name": "vip"}}}
    makes = heard(server, lambda: api.Lists.create_list(body), (201, None))
    ours = server.play(open_("klaviyo", server, api_key="pk_test").prepare("vip"), NOBODY, (201, {"data": {"id": "X"}}))
    assert [differences(looks, ours[0]), differences(makes, ours[1])] == [REVISION, REVISION]


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Capture]:
    """Customer.io's Track client speaks TLS alone."""
    with Capture(tls=tmp_path) as started:
        yield started


PERSON = {"type": "person", "identifiers": {"id": "u1"}}
BATCHES: dict[str, tuple[dict[str, Any], Batch]] = {
    "identifies": ({**PERSON, "action": "identify", "attributes": {"plan": "pro", "seats": 3, "email": EMAIL,
                                                                   "phone": PHONE}},
                   Batch(Operation.ADD, (ADA,), "vip")),
    "deletes": ({**PERSON, "action": "delete"}, Batch(Operation.DELETE, (ADA,), "vip")),
    "records": ({**PERSON, "action": "event", "name": "seen", "id": "01KJMMA2R0FMY6Q3AHNJ7CF6HA",
                 "attributes": {"plan": "pro", "seats": 3}, "timestamp": 1772366400},
                Batch(Operation.TRIGGER, (ADA,), "vip", event="seen")),
}  # fmt: skip


@pytest.mark.parametrize("call", BATCHES)
def test_customerio_is_told_what_its_sdk_tells_it(call: str, secure: Capture) -> None:
    sdk = pytest.importorskip("customerio", reason=MISSING)
    item, batch = BATCHES[call]
    track = sdk.CustomerIO("site", "key", host="localhost", port=secure.port, retries=0)
    track.http.verify, track.http.trust_env = secure.certificate, False
    theirs = heard(secure, lambda: track.batch([item]))
    [ours] = secure.play(open_("customerio", secure, site_id="site", api_key="key").deliver(batch))
    assert {name: pair for name, pair in differences(theirs, ours).items() if name != "body.batch.0.id"} == {}
    assert [len(str(found.fields().get("body.batch.0.id", ""))) for found in (theirs, ours)] in ([26, 26], [0, 0])


@pytest.mark.parametrize("kind", ["email", "push", "sms", "whatsapp", "inbox_message", "in_app"])
def test_customerio_is_asked_for_a_message_as_by_its_sdk(kind: str, server: Capture) -> None:
    sdk = pytest.importorskip("customerio", reason=MISSING)
    api = sdk.APIClient("app-key", url=server.url)
    said = {"transactional_message_id": "7", "identifiers": {"id": "u1"}, "message_data": {"plan": "pro", "seats": 3},
            **({"to": {"email": EMAIL, "sms": PHONE, "whatsapp": PHONE}[kind]} if kind in ADDRESSED else {}),
            **({} if kind.startswith("in") else {"send_to_unsubscribed": False})}
    kinds = {"email": sdk.SendEmailRequest, "push": sdk.SendPushRequest, "sms": sdk.SendSMSRequest,
             "whatsapp": sdk.SendWhatsAppRequest,
             "inbox_message": sdk.SendInboxMessageRequest, "in_app": sdk.SendInAppRequest}
    theirs = heard(server, lambda: getattr(api, f"send_{kind}")(kinds[kind](**said)))
    settings = {SETTINGS[kind]: {"seen": "7"}}
    to = open_("customerio", server, site_id="s", api_key="k", app_api_key="app-key", **settings)
    [ours] = server.play(to.deliver(Batch(Operation.TRIGGER, (ADA,), "vip", event="seen")))
    assert differences(theirs, ours) == {}
