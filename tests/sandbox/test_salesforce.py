"""The Salesforce of the sandbox accepts what Salesforce accepts and refuses what it refuses."""

from __future__ import annotations

import pytest

from destinations.protocol import Batch, Job, Member, Operation, Response, Verdict
from destinations.salesforce import Salesforce, SalesforceSettings

DATA, KEY = "/services/data/v62.0", "Customer_Key__c"
JOB = {"object": "Contact", "operation": "upsert", "externalIdFieldName": KEY, "contentType": "CSV", "lineEnding": "LF"}


@pytest.fixture
def salesforce(bench, open_client):
    return open_client(bench, "salesforce", Authorization="Bearer sandbox-salesforce")


def create(salesforce, **more):
    return salesforce.send("POST", f"{DATA}/jobs/ingest", {**JOB, **more})


def upload(salesforce, job, table):
    return salesforce.send("PUT", f"{DATA}/jobs/ingest/{job}/batches", table.encode(), Content_Type="text/csv")


def close(salesforce, job):
    return salesforce.send("PATCH", f"{DATA}/jobs/ingest/{job}", {"state": "UploadComplete"})


def code(answer):
    return answer.status, answer.json[0]["errorCode"]


@pytest.mark.parametrize("header", [None, "Bearer other"])
def test_a_missing_or_wrong_token_is_an_invalid_session(salesforce, header):
    answer = salesforce.send("GET", f"{DATA}/sobjects/Contact", Authorization=header)
    assert code(answer) == (401, "INVALID_SESSION_ID")


@pytest.mark.parametrize(
    ("more", "expected"),
    [({"object": "Dog"}, "INVALIDENTITY"), ({"operation": "sync"}, "INVALIDJOB"), ({"colour": "red"}, "INVALIDJOB"),
     ({"externalIdFieldName": "Email"}, "INVALIDJOB")],
)
def test_a_malformed_job_is_refused(salesforce, more, expected):
    assert code(create(salesforce, **more)) == (400, expected)


def test_a_job_is_filled_once_closed_once_and_then_runs(bench, salesforce):
    job = create(salesforce).json["id"]
    assert code(close(salesforce, job)) == (400, "INVALIDJOBSTATE")
    assert upload(salesforce, job, f"LastName,{KEY}\nLovelace,u1\n,u2\n").status == 201
    assert code(upload(salesforce, job, f"LastName,{KEY}\nLovelace,u1\n")) == (400, "INVALIDJOBSTATE")
    assert close(salesforce, job).json["state"] == "InProgress"
    assert code(close(salesforce, job)) == (400, "INVALIDJOBSTATE")
    assert salesforce.send("GET", f"{DATA}/jobs/ingest/{job}/failedResults").status == 404
    bench.clock.now += 1
    assert salesforce.send("GET", f"{DATA}/jobs/ingest/{job}").json["state"] == "JobComplete"
    done, failed = (salesforce.send("GET", f"{DATA}/jobs/ingest/{job}/{name}").raw.decode().splitlines()
                    for name in ("successfulResults", "failedResults"))
    assert done == [f'"sf__Id","sf__Created","LastName","{KEY}"', '"003000000000000002","true","Lovelace","u1"']
    assert failed[1].startswith('"","REQUIRED_FIELD_MISSING:')
    assert bench.truth("salesforce")["records"]["Contact"] == 1


@pytest.mark.parametrize("table", ["", "LastName\nLovelace\n"])
def test_a_table_without_rows_or_key_is_refused(salesforce, table):
    assert code(upload(salesforce, create(salesforce).json["id"], table)) == (400, "CLIENT_INPUT_ERROR")


def test_a_collection_takes_two_hundred_records(salesforce):
    records = [{"attributes": {"type": "CampaignMember"}, "CampaignId": "701", "ContactId": "003"}] * 201
    answers = [salesforce.send("POST", f"{DATA}/composite/sobjects", {"allOrNone": False, "records": records[:n]})
               for n in (200, 201)]
    assert [answer.status for answer in answers] == [200, 400]
    assert answers[0].json[0]["errors"][0]["statusCode"] == "INVALID_CROSS_REFERENCE_KEY"


def test_a_query_that_is_none_is_refused(salesforce):
    assert code(salesforce.send("GET", f"{DATA}/query?q=DROP+TABLE")) == (400, "MALFORMED_QUERY")


@pytest.mark.parametrize("login", [{"access_token": "sandbox-salesforce"}, {"client_id": "app", "client_secret": "s"}])
def test_the_destination_fills_a_campaign_from_end_to_end(bench, drive, login):
    to = Salesforce(SalesforceSettings(external_id_field=KEY, base_url=bench.sandbox.base_url("salesforce"), **login))

    def send(operation, *numbers, remote=None, **attributes):
        ids = remote or {}
        members = tuple(Member(f"op{n}", f"u'{n}", {"email": f"p{n}@example.com"}, attributes, ids.get(f"op{n}"))
                        for n in numbers)
        outcomes = drive(bench, to.deliver(Batch(operation, members, "vip", target)))
        if outcomes[0].verdict is Verdict.PENDING:
            bench.clock.now += 1
            outcomes = drive(bench, to.settle(Job(outcomes[0].job, members, operation, target)))
        return {outcome.id: (str(outcome.verdict), outcome.reason, outcome.remote_id) for outcome in outcomes}

    drive(bench, to.check())
    target = drive(bench, to.prepare("v'ip"))
    assert drive(bench, to.prepare("v'ip")) == target
    added = send(Operation.ADD, 1, 2, 3, LastName="Love, lace")
    assert {verdict[:2] for verdict in added.values()} == {("accepted", "")}
    send(Operation.UPDATE, 2, LastName="King")
    assert send(Operation.ADD, 4)["op4"][:2] == ("rejected", "REQUIRED_FIELD_MISSING LastName")
    assert drive(bench, to.members(target)) == ["u'1", "u'2", "u'3"]
    assert bench.truth("salesforce")["audiences"][target]["keys"] == ["u'1", "u'2", "u'3"]
    left = send(Operation.REMOVE, 1, 3, 9, remote={"op1": added["op1"][2]})
    assert [left[f"op{n}"][:2] for n in (1, 3, 9)] == [
        ("accepted", ""), ("accepted", ""), ("accepted", "not in the campaign")]
    assert bench.truth("salesforce")["audiences"] == {
        target: {"name": "v'ip", "members": ["p2@example.com"], "keys": ["u'2"]}}
    forgotten = send(Operation.DELETE, 2, 9)
    assert [forgotten[f"op{n}"][:2] for n in (2, 9)] == [("accepted", ""), ("accepted", "not in Salesforce")]
    assert bench.truth("salesforce")["records"]["Contact"] == 2
    assert bench.truth("salesforce")["audiences"][target]["keys"] == []


def test_a_days_calls_that_are_used_up_leave_the_rest_to_a_later_run(bench, salesforce):
    to = Salesforce(SalesforceSettings(external_id_field=KEY, access_token="t", base_url="http://127.0.0.1:9"))
    bench.sandbox.fault("salesforce", "throttle")
    got = salesforce.send("GET", f"{DATA}/sobjects/Contact")
    answer = Response(got.status, got.headers, got.raw)
    assert (code(got), to.throttled(answer), to.refused(answer)) == ((403, "REQUEST_LIMIT_EXCEEDED"), 3600.0, None)
