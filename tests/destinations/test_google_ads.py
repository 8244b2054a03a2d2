"""Google's requests parse as Google's own protos, and its hashes are those of its own formatter."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import destinations
from destinations.google_ads import GoogleAds
from destinations.matching import google_address
from destinations.protocol import Request
from destinations.testing import read_cases, run_case

CASES = Path(__file__).parent / "cases" / "google_ads.yaml"
MESSAGES = {
    "audienceMembers:ingest": "IngestAudienceMembersRequest",
    "audienceMembers:remove": "RemoveAudienceMembersRequest",
    "audienceMembers:removeAll": "RemoveAllAudienceMembersRequest",
    "userLists": "UserList",
}
GOOGLE = GoogleAds(GoogleAds.settings_type.model_validate({"access_token": "t", "account_id": "1"}))


def parse(request: Request) -> None:
    """Raises ParseError where the body is not the message that the proto defines."""
    datamanager = pytest.importorskip("google.ads.datamanager_v1", reason="google-ads-datamanager is not installed")
    from google.protobuf import json_format

    message = getattr(datamanager, MESSAGES[request.url.rpartition("/")[2]])
    json_format.ParseDict(json.loads(request.body or b""), message.pb()())


def test_every_body_of_every_case_is_a_message_of_googles_protos() -> None:
    kind, bodies = destinations.load("google_ads"), 0
    for case in read_cases(CASES):
        for request in run_case(kind, case):
            if request.body and not request.url.endswith("/token"):
                parse(request)
                bodies += 1
    assert bodies > 8


def test_a_body_that_is_no_such_message_is_found_out() -> None:
    pytest.importorskip("google.ads.datamanager_v1", reason="google-ads-datamanager is not installed")
    wrong = b'{"audienceMembers": [{"userData": {"userIdentifiers": [{"addressInfo": {}}]}}]}'
    with pytest.raises(Exception, match="addressInfo"):
        parse(Request("POST", "https://x.example/v1/audienceMembers:ingest", {}, wrong))


@pytest.mark.parametrize(("field", "kind"), [("email_address", "email"), ("phone_number", "phone")])
def test_googles_hashes_are_those_of_its_formatter(field: str, kind: str, reference_json: Callable[[str], Any]) -> None:
    vectors = [case for case in reference_json("contracts/vectors.json")["google"] if case["field"] == field]
    assert vectors
    assert [GOOGLE.identify(kind, case["input"], "US") for case in vectors] == [case["sha256"] for case in vectors]


def test_googles_addresses_are_those_of_its_formatter(reference_json: Callable[[str], Any]) -> None:
    vectors = reference_json("contracts/vectors.json")["google"]
    whole = {"given_name": "a", "family_name": "b", "region_code": "us", "postal_code": "1"}
    names = {"given_name": "givenName", "family_name": "familyName", "region_code": "regionCode",
             "postal_code": "postalCode"}  # fmt: skip
    told = [(google_address({**whole, case["field"]: case["input"]}) or {})[names[case["field"]]]
            for case in vectors if case["field"] in names]
    assert told == [case["sha256"] or case["normalised"] for case in vectors if case["field"] in names]
    assert len(told) == 8


@pytest.mark.parametrize(
    "columns",
    [{}, {"given_name": "Ada", "family_name": "L", "region_code": "US"},
     {"given_name": "Ada", "family_name": " ", "region_code": "US", "postal_code": "1"},
     {"given_name": "Ada", "family_name": "L", "region_code": "Atlantis", "postal_code": "1"}],
)  # fmt: skip
def test_an_address_is_whole_or_not_there(columns: dict[str, Any]) -> None:
    assert google_address(columns) is None
