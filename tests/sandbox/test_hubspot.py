"""The HubSpot of the sandbox accepts what HubSpot accepts and refuses what it refuses."""

from __future__ import annotations

import pytest

from destinations.hubspot import Hubspot, HubspotSettings
from destinations.protocol import Batch, Member, Operation, Refused

UPSERT, LISTS = "/crm/objects/2026-09/contacts/batch/upsert", "/crm/lists/2026-09"


@pytest.fixture
def hubspot(bench, open_client):
    return open_client(bench, "hubspot", Authorization="Bearer sandbox-hubspot")


def row(number, **properties):
    return {"idProperty": "email", "id": f"p{number}@example.com", "objectWriteTraceId": f"op{number}",
            "properties": properties}


def upsert(hubspot, *rows):
    return hubspot.send("POST", UPSERT, {"inputs": list(rows)})


def make_list(hubspot, name="vip", processing="MANUAL"):
    return hubspot.send("POST", LISTS, {"name": name, "objectTypeId": "0-1", "processingType": processing})


def category(answer):
    return answer.status, answer.json["category"]


@pytest.mark.parametrize("header", [None, "Bearer other", "sandbox-hubspot"])
def test_a_missing_or_wrong_token_is_refused(hubspot, header):
    assert category(hubspot.send("POST", UPSERT, {}, Authorization=header)) == (401, "INVALID_AUTHENTICATION")


def test_headers_say_what_is_left_of_ten_seconds(make, open_client):
    hubspot = open_client(make(pace=True), "hubspot", Authorization="Bearer sandbox-hubspot")
    told = [upsert(hubspot, row(1)).headers for _ in range(2)]
    assert [[one[f"x-hubspot-ratelimit-{name}"] for name in ("max", "remaining", "interval-milliseconds")]
            for one in told] == [["100", "99", "10000"], ["100", "98", "10000"]]


def test_a_record_is_found_by_its_property_whatever_the_case(hubspot):
    first = upsert(hubspot, row(1, plan="pro")).json["results"][0]
    again = upsert(hubspot, {**row(1, plan="free"), "id": "P1@Example.com"}).json["results"][0]
    assert (first["new"], again["new"], first["id"] == again["id"]) == (True, False, True)
    assert (again["objectWriteTraceId"], again["properties"]["plan"]) == ("op1", "free")


@pytest.mark.parametrize(
    "inputs",
    [
        [],
        [row(number) for number in range(101)],
        [row(1), {**row(1), "id": "P1@example.com"}],
        [{**row(1), "idProperty": "plan"}],
        [{"idProperty": "email", "id": "a@example.com"}],
        [{**row(1), "colour": "red"}],
    ],
    ids=["none", "too many", "repeated id", "not unique", "no properties", "unknown field"],
)
def test_a_batch_that_is_wrong_as_a_whole_is_refused(hubspot, bench, inputs):
    assert category(upsert(hubspot, *inputs)) == (400, "VALIDATION_ERROR")
    assert bench.truth("hubspot")["records"] == {"contacts": 0, "companies": 0}


def test_a_hundred_rows_are_taken(hubspot):
    assert len(upsert(hubspot, *(row(number) for number in range(100))).json["results"]) == 100


@pytest.mark.parametrize(
    ("wrong", "name"), [({"Plan": "pro"}, "Plan"), ({"ltv": 12}, "ltv"), ({"note": "x" * 70_000}, "note")]
)
def test_a_wrong_row_is_named_by_its_trace_id_and_the_others_are_written(hubspot, wrong, name):
    answer = upsert(hubspot, row(1), row(2, **wrong))
    assert (answer.status, answer.json["numErrors"], len(answer.json["results"])) == (207, 1, 1)
    assert answer.json["errors"][0]["context"] == {"objectWriteTraceId": ["op2"], "propertyName": [name]}


def test_a_list_takes_records_of_this_account_and_tells_the_others(hubspot, bench):
    [made] = upsert(hubspot, row(1)).json["results"]
    key = make_list(hubspot).json["list"]["listId"]
    added = hubspot.send("PUT", f"{LISTS}/{key}/memberships/add", [made["id"], "31337"])
    assert added.json == {"recordsIdsAdded": [made["id"]], "recordIdsRemoved": [], "recordIdsMissing": ["31337"]}
    again = hubspot.send("PUT", f"{LISTS}/{key}/memberships/add", [made["id"]])
    assert (again.json["recordsIdsAdded"], bench.truth("hubspot")["audiences"][key]["members"]) == (
        [], ["p1@example.com"])
    removed = hubspot.send("PUT", f"{LISTS}/{key}/memberships/remove", [made["id"]])
    assert (removed.json["recordIdsRemoved"], bench.truth("hubspot")["audiences"][key]["members"]) == ([made["id"]], [])


def test_a_list_that_fills_itself_or_is_not_there_takes_nobody(hubspot):
    dynamic = make_list(hubspot, processing="DYNAMIC").json["list"]["listId"]
    statuses = [hubspot.send("PUT", f"{LISTS}/{key}/memberships/add", []).status for key in (dynamic, "999")]
    assert statuses == [400, 404]


def test_a_name_is_given_to_one_list(hubspot):
    assert [make_list(hubspot).status, make_list(hubspot).status] == [200, 400]


def test_the_hundred_and_first_call_within_ten_seconds_waits(make, open_client):
    bench = make(pace=True)
    client = open_client(bench, "hubspot", Authorization="Bearer sandbox-hubspot")
    answers = [client.send("GET", "/crm/objects/2026-09/contacts") for _ in range(101)]
    assert [answer.status for answer in answers] == [200] * 100 + [429]
    assert answers[-1].json["policyName"] == "TEN_SECONDLY_ROLLING"


def test_the_destination_fills_a_list_from_end_to_end(bench, drive):
    to = Hubspot(HubspotSettings(access_token="sandbox-hubspot", base_url=bench.sandbox.base_url("hubspot")))

    def send(operation, target, *numbers, **more):
        members = tuple(Member(f"op{n}", f"u{n}", {"email": f"p{n}@example.com"}, {"customer_key": f"u{n}"}, **more)
                        for n in numbers)
        return drive(bench, to.deliver(Batch(operation, members, "vip", target)))

    drive(bench, to.check())
    target = drive(bench, to.prepare("vip"))
    assert drive(bench, to.prepare("vip")) == target
    added = send(Operation.ADD, target, 1, 2, 3)
    send(Operation.UPDATE, target, 2)
    assert bench.truth("hubspot")["audiences"][target]["keys"] == ["u1", "u2", "u3"]
    send(Operation.REMOVE, target, 1, remote_id=added[0].remote_id)
    send(Operation.REMOVE, target, 3, 9)
    assert bench.truth("hubspot")["audiences"][target] == {"name": "vip", "members": ["p2@example.com"], "keys": ["u2"]}
    assert drive(bench, to.members(target)) == ["p2@example.com"]
    with pytest.raises(Refused, match="HubSpot knows no list 999"):
        send(Operation.ADD, "999", 1)
