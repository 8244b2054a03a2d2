"""Answers as they come: nothing read from one can raise, and what it means for the driver is told."""

import json
import re

import pytest

import destinations
from destinations.answers import code, resend, unaccepted
from destinations.http import Request, Response, send_json, with_query
from destinations.protocol import Batch, Destination, Member, Operation, Verdict

MEMBER = Member("op1", "u1", {})
BATCH = Batch(Operation.ADD, (MEMBER,), "vip")


def open_(name: str, **settings: object) -> Destination:
    kind = destinations.load(name)
    return kind(kind.settings_type.model_validate(settings))


META = open_("meta_ads", access_token="t")
KLAVIYO = open_("klaviyo", api_key="k")


def error(status: int, headers: dict[str, str] | None = None, **body: object) -> Response:
    return Response(status, headers or {}, json.dumps({"error": body}).encode())


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"9" * 5000, b"[" * 100_000, b"nul"])
def test_a_body_that_is_no_json_reads_as_nothing(body: bytes) -> None:
    answer = Response(200, {}, body)
    assert (answer.json, answer.get("errors", 0, "code", default="none")) == (None, "none")


def test_a_path_that_ends_early_reads_as_the_default() -> None:
    answer = Response(200, {}, b'{"a": [{"b": 5}, null], "c": {"0": 1}}')
    paths = [("a", 0, "b"), ("a", 2), ("a", 1, "b"), ("c", 0), ("a", "b")]
    assert [answer.get(*path) for path in paths] == [5, None, None, None, None]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "17"}, 17.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT", "date": "Fri, 31 Dec 1999 23:59:29 GMT"}, 30.0),
        ({"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT", "date": "Fri, 31 Dec 1999 23:59:59 -0000"}, None),
        ({"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_beside_date(headers: dict[str, str], seconds: float | None) -> None:
    assert Response(429, headers).retry_after == seconds


def test_429_is_throttling_and_5xx_a_failure_and_401_a_refusal() -> None:
    told = [(KLAVIYO.throttled(one), KLAVIYO.failed(one), KLAVIYO.refused(one) is not None)
            for one in map(Response, (200, 400, 401, 403, 429, 503))]
    assert told == [(None, False, False), (None, False, False), (None, False, True), (None, False, True),
                    (0.0, False, False), (None, True, False)]


@pytest.mark.parametrize("number", [4, 17, 32, 341, 613, 80000, 80003, 80014])
def test_meta_throttles_in_the_body_of_a_400(number: int) -> None:
    answer = error(400, code=number)
    assert (META.throttled(answer), META.failed(answer), META.refused(answer)) == (0.0, False, None)


def test_meta_says_in_a_header_how_many_minutes_to_wait() -> None:
    account = [{"type": "custom_audience", "call_count": 100, "estimated_time_to_regain_access": 3}]
    usage = {"1": account, "2": [None], "3": 4}
    answer = error(400, {"x-business-use-case-usage": json.dumps(usage)}, code=80003)
    assert META.throttled(answer) == 180.0


@pytest.mark.parametrize("number", [10, 102, 190, 200, 294])
def test_meta_refuses_credentials_by_code(number: int) -> None:
    answer = error(403 if number == 200 else 400, code=number, error_subcode=463)
    assert META.throttled(answer) is None
    assert META.refused(answer) == (
        f"Meta refused the credentials ({number} 463): give access_token a fresh system user token "
        "with ads_management for this ad account"
    )


@pytest.mark.parametrize("body", [{"code": 1}, {"code": 2}, {"code": 368}, {"code": 100, "is_transient": True}])
def test_meta_fails_in_the_body_of_a_400(body: dict[str, object]) -> None:
    answer = error(400, **body)
    assert (META.throttled(answer), META.failed(answer), META.refused(answer)) == (None, True, None)


def test_meta_neither_throttles_nor_refuses_in_what_it_accepts_or_rejects() -> None:
    for answer in (error(200, code=4), error(200, code=190), error(200, is_transient=True), error(400, code=100)):
        assert (META.throttled(answer), META.failed(answer), META.refused(answer)) == (None, False, None)


@pytest.mark.parametrize(
    ("status", "verdict", "reason"),
    [
        (200, Verdict.UNKNOWN, "HTTP 200 with an unreadable answer"),
        (301, Verdict.REJECTED, "HTTP 301"),
        (400, Verdict.REJECTED, "HTTP 400"),
        (401, Verdict.DEFERRED, "HTTP 401"),
        (404, Verdict.REJECTED, "HTTP 404"),
        (408, Verdict.DEFERRED, "HTTP 408"),
        (422, Verdict.REJECTED, "HTTP 422"),
        (429, Verdict.DEFERRED, "HTTP 429"),
        (500, Verdict.UNKNOWN, "HTTP 500"),
        (524, Verdict.UNKNOWN, "HTTP 524"),
    ],
)
def test_a_request_that_was_not_accepted_ends_by_its_status(status: int, verdict: Verdict, reason: str) -> None:
    [outcome] = unaccepted(BATCH, Response(status))
    assert (outcome.id, outcome.verdict, outcome.reason) == ("op1", verdict, reason)


def test_a_channel_that_names_one_row_at_a_time_is_not_asked_for_ever() -> None:
    members = tuple(Member(f"op{number}", f"u{number}", {}) for number in range(7))
    refusal = Response(400, {}, b'{"errors": [{"code": "invalid", "source": {"pointer": "/rows/0/name"}}]}')
    row = re.compile(r"/rows/(\d+)/(\w+)")
    exchange = resend(lambda left: send_json("POST", "https://a.example", len(left)), members, row)
    sizes = [next(exchange).body]
    try:
        while True:
            sizes.append(exchange.send(refusal).body)
    except StopIteration as done:
        _, left, outcomes = done.value
    assert (sizes, left) == ([b"7", b"6", b"5", b"4", b"3"], ())
    assert [(outcome.id, str(outcome.verdict), outcome.reason) for outcome in outcomes] == [
        *((f"op{number}", "rejected", "invalid name") for number in range(5)),
        *((f"op{number}", "deferred", "refused together with other rows") for number in (5, 6)),
    ]


def test_of_a_vendors_words_only_codes_and_field_names_are_repeated() -> None:
    personal = ("ada@example.com", "+16505551212", "16505551212", "two words")
    parts = ("invalid", "attributes.plan", *personal, None, True, 100, -3)
    assert code(*parts) == "invalid attributes.plan 100 -3"


def test_the_repr_of_a_request_tells_neither_query_nor_headers_nor_body() -> None:
    url = with_query("https://a.example/profiles", filter="ada@example.com")
    request = send_json("POST", url, {"email": "ada@example.com"}, {"Authorization": "secret"})
    assert repr(request) == "Request(POST https://a.example/profiles)"


def test_json_bodies_are_compact_utf8() -> None:
    assert send_json("POST", "https://a.example", {"name": "Jürgen", "tags": [1, None]}) == Request(
        "POST", "https://a.example", {"Content-Type": "application/json"}, '{"name":"Jürgen","tags":[1,null]}'.encode()
    )


@pytest.mark.parametrize(
    ("name", "settings", "problem"),
    [
        ("webhook", {}, "url must be an https:// address"),
        ("webhook", {"url": "http://example.com"}, "url is not https: write https://"),
        ("webhook", {"url": "https://a.example", "secret": "hush"}, "must be whsec_ followed by the base64"),
        ("webhook", {"url": "https://a.example", "secret": "whsec_c2hvcnQ="}, "must be whsec_ followed by the base64"),
        ("webhook", {"base_url": "ftp://a.example"}, "base_url"),
        ("customerio", {"site_id": "s", "api_key": "k", "region": "asia"}, "'us' or 'eu'"),
        ("klaviyo", {"list_id": "L"}, "api_key"),
        ("klaviyo", {"api_key": "k", "lst_id": "L"}, "lst_id"),
        ("klaviyo", {"api_key": "k", "revision": "latest"}, "revision"),
        ("meta_ads", {"access_token": "t", "ad_account_id": "act_x"}, "ad_account_id"),
        ("meta_ads", {"access_token": "t", "version": "26"}, "version"),
        ("meta_ads", {"access_token": "t", "customer_file_source": "FOUND"}, "customer_file_source"),
    ],
)
def test_a_wrong_setting_is_told_and_no_secret_with_it(name: str, settings: dict[str, str], problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as told:
        destinations.load(name).settings_type.model_validate(settings)
    assert "hush" not in str(told.value)
