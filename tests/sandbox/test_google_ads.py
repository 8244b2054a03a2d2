"""The Data Manager API of the sandbox accepts what Google accepts and refuses what it refuses."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from destinations.google_ads import GoogleAds, GoogleAdsSettings
from destinations.protocol import Batch, Job, Member, Operation, Refused

LISTS = "/v1/accountTypes/GOOGLE_ADS/accounts/1000000002/userLists"
KIND = {"uploadKeyTypes": ["CONTACT_ID"], "contactIdInfo": {"dataSourceType": "DATA_SOURCE_TYPE_FIRST_PARTY"}}


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def email(number):
    return {"emailAddress": sha(f"p{number}@example.com")}


@pytest.fixture
def google(bench, open_client):
    return open_client(bench, "google_ads", Authorization="Bearer sandbox-google")


def create(google, name="vip"):
    return google.send("POST", LISTS, {"displayName": name, "ingestedUserListInfo": KIND})


def body(key, *members, **more):
    account = {"accountType": "GOOGLE_ADS", "accountId": "1000000002"}
    rows = [member if "userData" in member else {"userData": {"userIdentifiers": [member]}} for member in members]
    return {"destinations": [{"operatingAccount": account, "productDestinationId": key}], "audienceMembers": rows,
            "encoding": "HEX", **more}  # fmt: skip


def ingest(google, key, *members, **more):
    terms = {"termsOfService": {"customerMatchTermsOfServiceStatus": "ACCEPTED"}}
    return google.send("POST", "/v1/audienceMembers:ingest", body(key, *members, **{**terms, **more}))


def status(google, answer):
    told = google.send("GET", f"/v1/requestStatus:retrieve?requestId={answer.json['requestId']}").json
    [one] = told["requestStatusPerDestination"]
    return one["requestStatus"], one.get("errorInfo", {}).get("errorCounts", [])


def held(bench, key):
    bench.clock.now += 1
    return bench.truth("google_ads")["audiences"][key]["members"]


def reason(answer):
    [one] = answer.json["error"]["details"][1]["fieldViolations"]
    return answer.status, one["field"], one["reason"]


def test_a_missing_or_wrong_token_is_refused(google):
    answers = [google.send("GET", LISTS, Authorization=header) for header in (None, "Bearer other")]
    assert [(one.status, one.json["error"]["status"]) for one in answers] == [(401, "UNAUTHENTICATED")] * 2


def test_another_account_is_forbidden(google):
    assert google.send("GET", LISTS.replace("1000000002", "7")).json["error"]["status"] == "PERMISSION_DENIED"


def test_lists_are_found_by_name_and_none_are_left_out(google):
    assert google.send("GET", LISTS).json == {}
    key = create(google).json["id"]
    for query, found in (("", [key]), ("?filter=display_name%20%3D%20%22vip%22", [key]),
                         ("?filter=display_name%20%3D%20%22other%22", None)):  # fmt: skip
        lists = google.send("GET", LISTS + query).json.get("userLists")
        assert (lists and [one["id"] for one in lists]) == found
    assert reason(create(google)) == (400, "user_list.display_name", "DISPLAY_NAME_ALREADY_USED")
    assert reason(google.send("GET", f"{LISTS}?filter=vip")) == (400, "filter", "INVALID_FILTER")


def test_members_are_in_the_list_when_the_request_is_worked_off(bench, google):
    key = create(google).json["id"]
    answer = ingest(google, key, email(1), email(2), email(1))
    assert status(google, answer) == ("PROCESSING", [])
    assert bench.truth("google_ads")["audiences"][key]["members"] == []
    assert held(bench, key) == sorted([sha("p1@example.com"), sha("p2@example.com")])
    assert status(google, answer) == ("SUCCESS", [])


def test_a_removal_takes_every_row_that_shares_an_identifier(bench, google):
    key, phone = create(google).json["id"], {"phoneNumber": sha("+16505551212")}
    ingest(google, key, {"userData": {"userIdentifiers": [email(1), phone]}}, email(2))
    held(bench, key)
    assert google.send("POST", "/v1/audienceMembers:remove", body(key, phone)).status == 200
    assert held(bench, key) == [sha("p2@example.com")]


def test_members_whose_consent_is_denied_are_counted_and_not_kept(bench, google):
    key = create(google).json["id"]
    denied = {"userData": {"userIdentifiers": [email(1)]}, "consent": {"adUserData": "CONSENT_DENIED"}}
    answer = ingest(google, key, denied, email(2))
    assert held(bench, key) == [sha("p2@example.com")]
    count = [{"recordCount": "1", "reason": "PROCESSING_ERROR_REASON_DENIED_CONSENT"}]
    assert status(google, answer) == ("PARTIAL_SUCCESS", count)


@pytest.mark.parametrize(
    ("more", "field", "wrong"),
    [
        ({"termsOfService": {"customerMatchTermsOfServiceStatus": "REJECTED"}}, "terms_of_service",
         "TERMS_AND_CONDITIONS_NOT_SIGNED"),
        ({"encoding": "BASE64"}, "encoding", "REQUIRED_FIELD_MISSING"),
        ({"colour": "red"}, "colour", "INVALID_ARGUMENT"),
        ({"audienceMembers": []}, "audience_members", "REQUIRED_FIELD_MISSING"),
        ({"audienceMembers": [{"userData": {"userIdentifiers": [email(1)]}}] * 10_001}, "audience_members",
         "TOO_MANY_AUDIENCE_MEMBERS"),
        ({"audienceMembers": [{"userData": {"userIdentifiers": [email(1)]}}, {"userIdData": {"userId": "u1"}}]},
         "audience_members", "MULTIPLE_DATA_TYPES_NOT_ALLOWED"),
    ],
)  # fmt: skip
def test_a_request_that_is_wrong_as_a_whole_is_refused(google, more, field, wrong):
    answer = ingest(google, create(google).json["id"], email(1), **more)
    first = answer.json["error"]["details"][1]["fieldViolations"][0]
    assert (answer.status, first["field"], first["reason"]) == (400, field, wrong)


@pytest.mark.parametrize(
    ("identifiers", "wrong"),
    [
        ([{"emailAddress": "ada@example.com"}], "INVALID_SHA256_FORMAT"),
        ([{"phoneNumber": sha("1").upper()}], "INVALID_SHA256_FORMAT"),
        ([{**email(1), "phoneNumber": sha("1")}], "INVALID_AUDIENCE_MEMBER"),
        ([email(1)] * 11, "TOO_MANY_USER_IDENTIFIERS"),
        ([], "NO_IDENTIFIERS_PROVIDED"),
        ([{"address": {"givenName": sha("a"), "familyName": sha("b"), "regionCode": "usa", "postalCode": "1"}}],
         "INVALID_COUNTRY_CODE"),
    ],
)  # fmt: skip
def test_one_wrong_member_refuses_the_request_and_is_named(bench, google, identifiers, wrong):
    key = create(google).json["id"]
    answer = ingest(google, key, email(1), {"userData": {"userIdentifiers": identifiers}})
    assert reason(answer) == (400, "audience_members[1].user_data.user_identifiers[0]", wrong)
    assert held(bench, key) == []


def test_a_list_that_is_gone_is_named(google):
    assert reason(ingest(google, "7", email(1)))[1:] == (
        "destinations[0].product_destination_id", "INVALID_USER_LIST_ID")  # fmt: skip


def test_whoever_was_not_ingested_since_a_time_is_removed(bench, google):
    key = create(google).json["id"]
    ingest(google, key, email(1), email(2))
    held(bench, key)
    bench.clock.now = 1_795_000_100
    ingest(google, key, email(2), email(3))
    held(bench, key)
    cutoff = {"destinations": body(key)["destinations"], "removeAsOfTime": "2026-11-18T11:08:00Z"}
    assert google.send("POST", "/v1/audienceMembers:removeAll", cutoff).status == 200
    assert held(bench, key) == sorted([sha("p2@example.com"), sha("p3@example.com")])
    late = google.send("POST", "/v1/audienceMembers:removeAll", {**cutoff, "removeAsOfTime": "2036-01-01T00:00:00Z"})
    assert reason(late)[1:] == ("remove_as_of_time", "INVALID_REMOVE_AS_OF_TIME")


def test_what_is_only_validated_changes_nothing(bench, google):
    key = create(google).json["id"]
    assert ingest(google, key, email(1), validateOnly=True).status == 200
    assert held(bench, key) == []


def test_three_hundred_calls_are_let_through_in_a_minute(make, open_client):
    bench = make(pace=True)
    google = open_client(bench, "google_ads", Authorization="Bearer sandbox-google")
    answers = [google.send("GET", LISTS) for _ in range(301)]
    assert ([one.status for one in answers], answers[-1].json["error"]["status"]) == (
        [200] * 300 + [429], "RESOURCE_EXHAUSTED")  # fmt: skip


def test_the_destination_enters_leaves_and_hears_how_it_ended(bench, drive):
    settings = {"access_token": "sandbox-google", "account_id": "100-000-0002", "terms_accepted": True,
                "base_url": bench.sandbox.base_url("google_ads")}  # fmt: skip
    google = GoogleAds(GoogleAdsSettings.model_validate(settings))
    drive(bench, google.check())
    key = drive(bench, google.prepare("vip"))
    assert drive(bench, google.prepare("vip")) == key

    def member(number, **attributes):
        address = google.identify("email", f"P.{number}@gmail.com")
        return Member(f"op{number}", f"u{number}", {"email": address}, attributes)

    def deliver(operation, *members):
        first = drive(bench, google.deliver(Batch(operation, members, "vip", key)))
        assert {str(one.verdict) for one in first} == {"pending"}
        [job] = {one.job for one in first}
        assert {one.reason for one in drive(bench, google.settle(Job(job, members, operation, key)))} == {
            "Google has not worked it off"}  # fmt: skip
        bench.clock.now += 1
        ended = drive(bench, google.settle(Job(job, members, operation)))
        return [(one.id, str(one.verdict), one.reason) for one in ended]

    told = "1 of 3 records failed, not named by Google: DENIED_CONSENT"
    assert deliver(Operation.ADD, member(1), member(2), member(3, ad_user_data=False)) == [
        (f"op{number}", "accepted", told) for number in (1, 2, 3)]
    assert deliver(Operation.REMOVE, member(1)) == [("op1", "accepted", "")]
    assert bench.truth("google_ads")["audiences"][key]["keys"] == [sha("p2@gmail.com")]
    cutoff = datetime.fromtimestamp(bench.clock.now, UTC)
    bench.clock.now += 10
    assert deliver(Operation.ADD, member(5)) == [("op5", "accepted", "")]
    drive(bench, google.cut_off(key, cutoff))
    bench.clock.now += 1
    assert bench.truth("google_ads")["audiences"][key]["keys"] == [sha("p5@gmail.com")]
    bench.sandbox.fault("google_ads", "job_failed")
    assert deliver(Operation.ADD, member(4)) == [("op4", "unknown", "INTERNAL_ERROR")]


def test_a_list_of_user_ids_takes_those_and_nothing_else(bench, google):
    kind = {"uploadKeyTypes": ["USER_ID"], "userIdInfo": {"dataSourceType": "DATA_SOURCE_TYPE_FIRST_PARTY"}}
    key = google.send("POST", LISTS, {"displayName": "vip", "ingestedUserListInfo": kind}).json["id"]
    member = {"audienceMembers": [{"userIdData": {"userId": "u1"}}]}
    assert ingest(google, key, **member).status == 200
    assert held(bench, key) == ["u1"]
    assert reason(ingest(google, key, email(1))) == (400, "audience_members[0]", "INVALID_USER_LIST_TYPE")
    contacts = create(google, "others").json["id"]
    assert reason(ingest(google, contacts, **member)) == (400, "audience_members[0]", "INVALID_USER_LIST_TYPE")


def test_a_refresh_token_fetches_a_token_that_opens_the_account(bench, drive):
    login = {"client_id": "c", "client_secret": "s", "account_id": "1000000002"}
    base = {"base_url": bench.sandbox.base_url("google_ads")}
    fresh = GoogleAds(GoogleAdsSettings(**login, **base, refresh_token="sandbox-google-refresh"))
    assert drive(bench, fresh.check()) is None
    revoked = GoogleAds(GoogleAdsSettings(**login, **base, refresh_token="old"))
    with pytest.raises(Refused, match="an access token for client_id and refresh_token: HTTP 400"):
        drive(bench, revoked.check())
