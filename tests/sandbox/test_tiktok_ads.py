"""The TikTok of the sandbox accepts what TikTok accepts and refuses what it refuses, always under HTTP 200."""

from __future__ import annotations

import hashlib

import pytest

from destinations.protocol import Batch, Member, Operation, Response
from destinations.tiktok_ads import TiktokAds, TiktokAdsSettings

ADVERTISER = "7000000000000000001"
MAPPING, LIST = "/open_api/v1.3/segment/mapping/", "/open_api/v1.3/dmp/custom_audience/list/"


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def tiktok(bench, open_client):
    return open_client(bench, "tiktok_ads", Access_Token="sandbox-tiktok")


def create(tiktok, name="vip"):
    body = {"custom_audience_name": name, "advertiser_id": ADVERTISER, "action": "create"}
    return tiktok.send("POST", "/open_api/v1.3/segment/audience/", body).json["data"]["audience_id"]


def mapping(key, *rows, action="add", schema=("EMAIL_SHA256", "PHONE_SHA256"), **more):
    data = [[{"id": sha(one), "audience_ids": [key]} if one else {} for one in row] for row in rows]
    return {"advertiser_ids": [ADVERTISER], "action": action, "id_schema": list(schema), "batch_data": data, **more}


def code(answer):
    return answer.status, answer.json["code"]


def keys(bench, key):
    return bench.truth("tiktok_ads")["audiences"][key]["keys"]


@pytest.mark.parametrize("header", [None, "other"])
def test_a_missing_or_wrong_token_is_refused_under_200(tiktok, header):
    assert code(tiktok.send("GET", LIST, Access_Token=header)) == (200, 40105)


def test_another_advertiser_may_not_be_touched(tiktok):
    assert code(tiktok.send("GET", f"{LIST}?advertiser_id=7")) == (200, 40001)
    assert code(tiktok.send("POST", MAPPING, mapping("1", ("a", ""), advertiser_ids=["7"]))) == (200, 40001)


def test_audiences_are_listed_in_pages(tiktok):
    made = [create(tiktok, f"list {number}") for number in range(5)]
    path = f"{LIST}?advertiser_id={ADVERTISER}&page_size=2&page="
    pages = [tiktok.send("GET", f"{path}{number}").json["data"] for number in (1, 2, 3)]
    assert [one["audience_id"] for page in pages for one in page["list"]] == made
    assert {page["page_info"]["total_page"] for page in pages} == {3}
    assert code(tiktok.send("GET", f"{LIST}?advertiser_id={ADVERTISER}&page_size=101")) == (200, 40002)


def test_rows_are_added_and_deleted_by_any_identifier(bench, tiktok):
    key = create(tiktok)
    assert code(tiktok.send("POST", MAPPING, mapping(key, ("a", "1"), ("b", ""), ("", "3")))) == (200, 0)
    assert keys(bench, key) == sorted([sha("a"), sha("b"), sha("3")])
    tiktok.send("POST", MAPPING, mapping(key, ("1",), ("3",), action="delete", schema=["PHONE_SHA256"]))
    assert keys(bench, key) == [sha("b")]


@pytest.mark.parametrize(
    "change",
    [
        {"action": "append"},
        {"colour": "red"},
        {"id_schema": ["SHOE_SIZE"]},
        {"id_schema": []},
        {"batch_data": []},
        {"batch_data": [[{}, {}]]},
        {"batch_data": [[{}]]},
        {"batch_data": [[{"id": "ada@example.com", "audience_ids": ["1"]}, {}]]},
        {"batch_data": [[{"id": sha("a").upper(), "audience_ids": ["1"]}, {}]]},
        {"batch_data": [[{"id": sha("a")}, {}]]},
        {"batch_data": [[{"id": sha("a"), "audience_ids": ["9"]}, {}]]},
        {"batch_data": [[{}, {}]] * 10_001},
    ],
)
def test_a_malformed_call_is_refused_as_a_whole(bench, tiktok, change):
    key = create(tiktok)
    assert code(tiktok.send("POST", MAPPING, {**mapping(key, ("a", "")), **change})) == (200, 40002)
    assert keys(bench, key) == []


def test_ten_calls_are_let_through_in_a_second(make, open_client):
    bench = make(pace=True)
    tiktok = open_client(bench, "tiktok_ads", Access_Token="sandbox-tiktok")
    answers = [tiktok.send("GET", f"{LIST}?advertiser_id={ADVERTISER}") for _ in range(11)]
    assert [code(one) for one in answers] == [(200, 0)] * 10 + [(200, 40100)]


def test_the_destination_enters_and_leaves_and_hears_failures_under_200(bench, drive):
    settings = {"access_token": "sandbox-tiktok", "advertiser_id": ADVERTISER,
                "base_url": bench.sandbox.base_url("tiktok_ads")}  # fmt: skip
    tiktok = TiktokAds(TiktokAdsSettings.model_validate(settings))
    drive(bench, tiktok.check())
    key = drive(bench, tiktok.prepare("vip"))
    assert drive(bench, tiktok.prepare("vip")) == key
    given = [tiktok.identify("email", f"p{number}@example.com") for number in range(3)]
    people = tuple(Member(f"op{number}", f"u{number}", {"email": one}) for number, one in enumerate(given))

    def deliver(operation, members, target=key):
        outcomes = drive(bench, tiktok.deliver(Batch(operation, members, "vip", target)))
        return [(one.id, str(one.verdict)) for one in outcomes]

    assert deliver(Operation.ADD, people) == [(f"op{number}", "accepted") for number in range(3)]
    assert deliver(Operation.REMOVE, people[:1]) == [("op0", "accepted")]
    assert keys(bench, key) == sorted(given[1:])
    bench.sandbox.fault("tiktok_ads", "partial")
    assert deliver(Operation.ADD, people[:2]) == [("op0", "rejected"), ("op1", "rejected")]


def answer(number, **headers):
    return Response(200, headers, b'{"code": %d, "message": "x", "data": {}}' % number)


def test_the_destination_reads_throttling_failures_and_refused_credentials_from_the_code():
    tiktok = TiktokAds(TiktokAdsSettings.model_validate({"access_token": "t", "advertiser_id": "1"}))
    told = {number: (tiktok.throttled(answer(number)), tiktok.failed(answer(number)),
                     bool(tiktok.refused(answer(number))))
            for number in (0, 40002, 40100, 40133, 40105, 50000)}  # fmt: skip
    assert told == {0: (None, False, False), 40002: (None, False, False), 40100: (0.0, False, False),
                    40133: (0.0, False, False), 40105: (None, False, True), 50000: (None, True, False)}  # fmt: skip
