"""What the driver is told of an answer: to slow down, to try again, or that the credentials are refused."""

import json
from typing import Any

import pytest

import destinations
from destinations.http import Response
from destinations.protocol import Batch, Destination, Member, Operation


def open_(name: str, **settings: Any) -> Destination:
    kind = destinations.load(name)
    return kind(kind.settings_type.model_validate(settings))


BRAZE = open_("braze", api_key="k")
GOOGLE = open_("google_ads", access_token="t", account_id="1")


def google(status: int, state: str, *reasons: str) -> Response:
    error = {"code": status, "status": state, "details": [{"reason": reason} for reason in reasons]}
    return Response(status, {}, json.dumps({"error": error}).encode())


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"x-ratelimit-retry-after": "17"}, 17.0), ({"retry-after": "3"}, 3.0), ({}, 0.0),
     ({"x-ratelimit-retry-after": "soon"}, 0.0)],
)  # fmt: skip
def test_braze_says_in_a_header_of_its_own_when_to_come_back(headers: dict[str, str], seconds: float) -> None:
    assert BRAZE.throttled(Response(429, headers)) == seconds


def test_braze_throttles_by_429_alone() -> None:
    assert BRAZE.throttled(Response(400, {"x-ratelimit-retry-after": "17"})) is None


@pytest.mark.parametrize(
    ("name", "settings", "kinds"),
    [("google_ads", {"access_token": "t", "account_id": "1"}, ("email", "phone")),
     ("google_ads", {"access_token": "t", "account_id": "1", "upload_key": "USER_ID"}, ("person", "account")),
     ("google_ads", {"access_token": "t", "account_id": "1", "upload_key": "MOBILE_ID", "list_id": "5"}, ("madid",)),
     ("hubspot", {"access_token": "t"}, ("email",)),
     ("hubspot", {"access_token": "t", "id_property": "customer_key"}, ("person", "account", "email"))],
)  # fmt: skip
def test_a_connection_knows_people_by_what_its_settings_say(
    name: str, settings: dict[str, Any], kinds: tuple[str, ...]
) -> None:
    assert open_(name, **settings).capabilities.identifiers == kinds


META = open_("meta_ads", access_token="t")
HUBSPOT = open_("hubspot", access_token="t")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({}, 0.0), ({"x-business-use-case-usage": '{"1": [{"call_count": 79, "total_time": 3}]}'}, 0.0),
     ({"x-business-use-case-usage": '{"1": [{"call_count": 28}, {"total_cputime": 90}]}'}, 30.0),
     ({"x-ad-account-usage": '{"acc_id_util_pct": 100}'}, 60.0), ({"x-app-usage": '{"call_count": 85}'}, 15.0),
     ({"x-app-usage": "garbage", "x-ad-account-usage": '{"acc_id_util_pct": "99"}'}, 0.0)],
)  # fmt: skip
def test_meta_is_called_slower_the_nearer_a_quota_is(headers: dict[str, str], seconds: float) -> None:
    assert META.rests(Response(200, headers)) == seconds


@pytest.mark.parametrize(
    ("remaining", "interval", "seconds"), [("3", "10000", 0.0), ("0", "10000", 10.0), ("0", "soon", 1.0)]
)
def test_hubspot_is_left_alone_when_nothing_remains_of_an_interval(
    remaining: str, interval: str, seconds: float
) -> None:
    headers = {"x-hubspot-ratelimit-remaining": remaining, "x-hubspot-ratelimit-interval-milliseconds": interval}
    assert HUBSPOT.rests(Response(200, headers)) == seconds


KLAVIYO = open_("klaviyo", api_key="k")
SALESFORCE = open_("salesforce", instance_url="https://x.example", access_token="t", external_id_field="Key__c")
DATE = "Sun, 01 Mar 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("channel", "headers", "seconds"),
    [(KLAVIYO, {"ratelimit-remaining": "1", "ratelimit-reset": "42"}, 0.0),
     (KLAVIYO, {"ratelimit-remaining": "0", "ratelimit-reset": "42"}, 42.0),
     (KLAVIYO, {"ratelimit-remaining": "0"}, 0.0),
     (BRAZE, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1772366403", "date": DATE}, 3.0),
     (BRAZE, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1772366403"}, 1.0),
     (BRAZE, {"x-ratelimit-remaining": "2", "x-ratelimit-reset": "1772366403", "date": DATE}, 0.0),
     (HUBSPOT, {"x-hubspot-ratelimit-remaining": "9", "x-hubspot-ratelimit-daily-remaining": "0"}, 3600.0),
     (SALESFORCE, {"sforce-limit-info": "api-usage=4999/5000"}, 0.0),
     (SALESFORCE, {"sforce-limit-info": "api-usage=5000/5000"}, 3600.0),
     (SALESFORCE, {"sforce-limit-info": "per-app-api-usage=250/250(appName=x)"}, 0.0)],
)  # fmt: skip
def test_a_channel_is_left_alone_when_its_headers_say_that_nothing_remains(
    channel: Destination, headers: dict[str, str], seconds: float
) -> None:
    assert channel.rests(Response(200, headers)) == seconds


def long_ones(*lengths: int) -> tuple[Member, ...]:
    return tuple(Member(f"op{n}", f"u{n}", {"email": f"u{n}@example.com"}, {"note": "x" * n}) for n in lengths)


def test_a_value_too_long_for_iterable_is_not_sent_and_the_others_are() -> None:
    exchange = open_("iterable", api_key="k").deliver(Batch(Operation.ADD, long_ones(32_000, 32_001), "vip", "7"))
    sent = json.loads(next(exchange).body or b"")["subscribers"]
    with pytest.raises(StopIteration) as ended:
        exchange.send(Response(200, {}, b'{"successCount": 1, "failCount": 0}'))
    assert [one["email"] for one in sent] == ["u32000@example.com"]
    assert [(one.id, str(one.verdict), one.reason) for one in ended.value.value] == [
        ("op32001", "rejected", "note is longer than 32000 characters"), ("op32000", "accepted", "")]


def test_a_value_too_long_for_hubspot_is_not_sent_and_the_others_are() -> None:
    exchange = HUBSPOT.deliver(Batch(Operation.ADD, long_ones(65_536, 65_537), "vip"))
    sent = json.loads(next(exchange).body or b"")["inputs"]
    told = {"results": [{"id": "7", "objectWriteTraceId": "op65536"}]}
    with pytest.raises(StopIteration) as ended:
        exchange.send(Response(200, {}, json.dumps(told).encode()))
    assert [one["id"] for one in sent] == ["u65536@example.com"]
    assert [(one.id, str(one.verdict), one.reason) for one in ended.value.value] == [
        ("op65537", "rejected", "note is longer than 65536 characters"), ("op65536", "accepted", "")]


def test_google_aborts_with_a_409_that_is_worth_another_try() -> None:
    told = [GOOGLE.failed(answer) for answer in
            (google(409, "ABORTED"), google(409, "ALREADY_EXISTS"), google(400, "ABORTED"), google(503, "UNAVAILABLE"))]
    assert told == [True, False, False, True]


def test_google_refuses_an_account_by_its_reason_and_a_token_by_its_status() -> None:
    terms, plain = google(403, "PERMISSION_DENIED", "ADVERTISER_TOS_NOT_ACCEPTED"), google(401, "UNAUTHENTICATED")
    assert GOOGLE.refused(terms) == (
        "Google refused the account: accept the Customer Match terms in this Google Ads account")
    assert GOOGLE.refused(plain) == (
        "GoogleAds refused the credentials (HTTP 401): check this connection's keys; "
        "access_token lasts an hour and needs the scope datamanager")
    assert GOOGLE.refused(google(400, "INVALID_ARGUMENT", "ADVERTISER_TOS_NOT_ACCEPTED")) is None


def test_google_says_of_a_refresh_token_that_has_run_out_what_to_do() -> None:
    told = Response(400, {}, b'{"error": "invalid_grant", "error_description": "Token has been expired or revoked."}')
    assert GOOGLE.refused(told) == "Google gave no access token (invalid_grant): authorise refresh_token anew"


@pytest.mark.parametrize(
    ("name", "settings", "problem"),
    [
        ("braze", {"api_key": "k", "region": "europe"}, "region"),
        ("braze", {"api_key": "k", "campaigns": {"seen": 5}}, "campaigns.seen"),
        ("google_ads", {"access_token": "t"}, "account_id"),
        ("google_ads", {"account_id": "1", "client_id": "c"}, "give access_token, or client_id"),
        ("google_ads", {"access_token": "t", "account_id": "1", "upload_key": "MOBILE_ID"}, "give its list_id"),
        ("google_ads", {"access_token": "t", "account_id": "customers/1"}, "account_id"),
        ("google_ads", {"access_token": "t", "account_id": "1", "consent": "yes"}, "'granted' or 'denied'"),
        ("google_ads", {"access_token": "t", "account_id": "1", "membership_days": 541}, "membership_days"),
        ("tiktok_ads", {"access_token": "t", "advertiser_id": "me"}, "advertiser_id"),
        ("iterable", {"api_key": "k", "region": "asia"}, "'us' or 'eu'"),
        ("iterable", {"api_key": "k", "list_id": "vip"}, "list_id"),
        ("mixpanel", {"project_id": "1", "project_token": "p", "username": "u"}, "secret"),
        ("onesignal", {"app_id": "my app", "api_key": "k"}, "app_id"),
        ("onesignal", {"app_id": "0" * 36, "api_key": "k"}, "app_id"),
    ],
)
def test_a_wrong_setting_is_told(name: str, settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        destinations.load(name).settings_type.model_validate(settings)
