"""HubSpot's SDK, and simple-salesforce, which is other people's, make our calls against one server: what differs stands
here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from destinations.protocol import Batch, Destination, Job, Member, Operation
from tests.destinations.wire import ABSENT, MISSING, Capture, differences, open_

ADA = Member("op1", "u1", {"email": "a@example.com"}, {"plan": "pro"})


@pytest.fixture
def hubspot(server: Capture) -> Callable[[str, str], Any]:
    """An API of HubSpot's SDK: `hubspot("contacts", "BatchApi")`."""
    pytest.importorskip("hubspot", reason=MISSING)

    def start(package: str, name: str) -> Any:
        module = pytest.importorskip(f"hubspot.crm.{package}")
        configuration = module.Configuration(host=server.url)
        configuration.access_token = "pat-1"
        return getattr(module, name)(module.ApiClient(configuration))

    return start


RECORD = {"id": "7", "objectWriteTraceId": "op1", "properties": {"email": "a@example.com"}, "new": True,
          "createdAt": "2026-03-01T12:00:00Z", "updatedAt": "2026-03-01T12:00:00Z", "archived": False}  # fmt: skip
WRITTEN = {"results": [RECORD], "status": "COMPLETE", "startedAt": "2026-03-01T12:00:00Z",
           "completedAt": "2026-03-01T12:00:00Z"}  # fmt: skip
LISTED = {"recordsIdsAdded": ["7"], "recordIdsRemoved": [], "recordIdsMissing": []}
LIST = {"list": {"listId": "9", "name": "vip", "objectTypeId": "0-1", "processingType": "MANUAL", "listVersion": 1,
                 "processingStatus": "COMPLETE"}}  # fmt: skip
OBJECTS, LISTS = "/crm/v3/objects", "/crm/v3/lists"


def dated(path: str) -> dict[str, Any]:
    """The SDK speaks v3; ours the dated version, whose specification is published and which is kept for longer."""
    ours = path.replace("/crm/v3/objects/", "/crm/objects/2026-09/").replace("/crm/v3/lists", "/crm/lists/2026-09")
    return {"path": (path, ours)}


@pytest.mark.parametrize(("kind", "key"), [("contacts", "email"), ("companies", "account_id")])
def test_hubspot_writes_records_as_its_sdk_does(
    kind: str, key: str, server: Capture, hubspot: Callable[[str, str], Any]
) -> None:
    name = "a@example.com" if key == "email" else "u1"
    row = {"id": name, "idProperty": key, "objectWriteTraceId": "op1", "properties": {"plan": "pro"}}
    [theirs] = server.hear(lambda: hubspot(kind, "BatchApi").upsert({"inputs": [row]}), (200, WRITTEN))
    to = open_("hubspot", server, access_token="pat-1", object_type=kind, id_property=key)
    [ours] = server.play(to.deliver(Batch(Operation.UPDATE, (ADA,), "vip")), (200, WRITTEN))
    assert differences(theirs, ours) == dated(f"{OBJECTS}/{kind}/batch/upsert")


@pytest.mark.parametrize(("operation", "verb"), [(Operation.ADD, "add"), (Operation.REMOVE, "remove")])
def test_hubspot_changes_lists_as_its_sdk_does(
    operation: Operation, verb: str, server: Capture, hubspot: Callable[[str, str], Any]
) -> None:
    [theirs] = server.hear(lambda: getattr(hubspot("lists", "MembershipsApi"), verb)("9", ["7"]), (200, LISTED))
    answers = [(200, WRITTEN), (200, LISTED)] if operation is Operation.ADD else [(200, LISTED)]
    member = Member("op1", "u1", ADA.identifiers, ADA.attributes, remote_id="7")
    to = open_("hubspot", server, access_token="pat-1")
    ours = server.play(to.deliver(Batch(operation, (member,), "vip", "9")), *answers)
    assert differences(theirs, ours[-1]) == dated(f"{LISTS}/9/memberships/{verb}")


def test_hubspot_looks_for_a_list_and_makes_it_as_its_sdk_does(
    server: Capture, hubspot: Callable[[str, str], Any]
) -> None:
    lists = hubspot("lists", "ListsApi")
    [looks] = server.hear(lambda: lists.get_by_name("vip", "0-1"), (200, LIST))
    body = {"name": "vip", "objectTypeId": "0-1", "processingType": "MANUAL"}
    [makes] = server.hear(lambda: lists.create(body), (200, LIST))
    ours = server.play(open_("hubspot", server, access_token="pat-1").prepare("vip"), (404, {}), (200, LIST))
    # A GET has no body whose type could be told.
    assert differences(looks, ours[0]) == {
        **dated(f"{LISTS}/object-type-id/0-1/name/vip"), "header.content-type": ("application/json", ABSENT)}
    assert differences(makes, ours[1]) == {"path": (f"{LISTS}/", "/crm/lists/2026-09")}


def test_hubspot_reads_a_list_back_as_its_sdk_does(server: Capture, hubspot: Callable[[str, str], Any]) -> None:
    page = {"results": [{"recordId": "7", "membershipTimestamp": "2026-03-01T12:00:00Z"}]}
    [lists] = server.hear(lambda: hubspot("lists", "MembershipsApi").get_page("9", limit=100), (200, page))
    body = {"inputs": [{"id": "7"}], "properties": ["email"], "propertiesWithHistory": []}
    [reads] = server.hear(lambda: hubspot("contacts", "BatchApi").read(body), (200, WRITTEN))
    ours = server.play(open_("hubspot", server, access_token="pat-1").members("9"), (200, page), (200, WRITTEN))
    assert differences(lists, ours[0]) == {
        **dated(f"{LISTS}/9/memberships"), "header.content-type": ("application/json", ABSENT)}
    assert differences(reads, ours[1]) == dated(f"{OBJECTS}/contacts/batch/read")


def test_hubspot_forgets_a_contact_as_its_sdk_does(server: Capture, hubspot: Callable[[str, str], Any]) -> None:
    body = {"objectId": "a@example.com", "idProperty": "email"}
    [theirs] = server.hear(lambda: hubspot("contacts", "BasicApi").purge(body), (204, None))
    [ours] = server.play(open_("hubspot", server, access_token="pat-1").deliver(
        Batch(Operation.DELETE, (ADA,), "vip")), (204, None))  # fmt: skip
    assert differences(theirs, ours) == dated(f"{OBJECTS}/contacts/gdpr-delete")


def test_hubspot_checks_a_token_as_its_sdk_reads_contacts(server: Capture, hubspot: Callable[[str, str], Any]) -> None:
    page = (200, {"results": []})
    [theirs] = server.hear(lambda: hubspot("contacts", "BasicApi").get_page(limit=1, archived=False), page)
    [ours] = server.play(open_("hubspot", server, access_token="pat-1").check(), page)
    assert differences(theirs, ours) == {
        **dated(f"{OBJECTS}/contacts"), "header.content-type": ("application/json", ABSENT),
        "query.archived": ("False", ABSENT)}


@pytest.fixture
def salesforce(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Capture, Any]]:
    """A server that speaks TLS, for simple-salesforce speaks nothing else, and that client."""
    client = pytest.importorskip("simple_salesforce", reason=MISSING)
    with Capture(tls=tmp_path) as server:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", server.certificate)
        yield server, client.Salesforce(instance=f"localhost:{server.port}", session_id="sid", version="62.0")


PRETTY = {"header.x-prettyprint": ("1", ABSENT)}
"""Line breaks in answers, for people."""


def salesforce_at(server: Capture) -> Destination:
    return open_("salesforce", server, access_token="sid", external_id_field="Key__c")


def test_salesforce_is_handed_a_job_as_simple_salesforce_does(salesforce: tuple[Capture, Any]) -> None:
    server, client = salesforce
    job, ended = {"id": "7501", "state": "Open"}, {"id": "7501", "state": "JobComplete", "numberRecordsProcessed": 1,
                                                    "numberRecordsFailed": 0}  # fmt: skip
    rows = [{"FirstName": "A", "Key__c": "u1"}]
    theirs = server.hear(lambda: client.bulk2.Contact.upsert(records=rows, external_id_field="Key__c", wait=0),
                         (200, job), (201, None), (200, job), (200, ended), (200, ended))  # fmt: skip
    member = Member("op1", "u1", {}, {"FirstName": "A"})
    ours = server.play(salesforce_at(server).deliver(Batch(Operation.ADD, (member,), "vip")),
                       (200, job), (201, None), (200, job))  # fmt: skip
    # simple-salesforce's columns come in any order.
    assert [sorted(zip(*map(str.split, one.body.replace(",", " ").splitlines()), strict=True))
            for one in (theirs[1], ours[1])] == [[("FirstName", "A"), ("Key__c", "u1")]] * 2  # fmt: skip
    found = [differences(a, b) for a, b in zip(theirs, ours, strict=False)]
    assert [{**one, "body": ""} for one in found] == [{**PRETTY, "body": ""}] * 3
    [asks] = server.play(salesforce_at(server).settle(Job("7501", (member,), Operation.ADD)), (200, {"state": "Open"}))
    assert differences(theirs[3], asks) == {**PRETTY, "header.content-type": ("application/json", ABSENT)}


def test_salesforce_is_asked_as_simple_salesforce_asks(salesforce: tuple[Capture, Any]) -> None:
    server, client = salesforce
    none, made = (200, {"records": [], "done": True}), (201, {"id": "1", "success": True, "errors": []})
    looks, makes = server.play(salesforce_at(server).prepare("v'ip"), none, made)
    [asked] = server.hear(lambda: client.query("SELECT Id FROM Campaign WHERE Name = 'v\\'ip' LIMIT 1"), none)
    [created] = server.hear(lambda: client.Campaign.create({"Name": "v'ip", "IsActive": True}), made)
    # A GET has no body whose type could be told, and Salesforce takes the path with and without a slash at its end.
    content = {"header.content-type": ("application/json", ABSENT)}
    assert differences(asked, looks) == {**PRETTY, **content, "path": (f"{looks.path}/", looks.path)}
    assert differences(created, makes) == {**PRETTY, "path": (f"{makes.path}/", makes.path)}


def test_salesforce_is_asked_for_results_as_simple_salesforce_asks(salesforce: tuple[Capture, Any]) -> None:
    server, client = salesforce
    table = (200, b"sf__Id,sf__Created,Key__c\n003,true,u1\n")
    job = Job("7501", (Member("op1", "u1", {}),), Operation.UPDATE)
    _, *ours = server.play(salesforce_at(server).settle(job), (200, {"state": "JobComplete"}), *[table] * 3)
    kind = client.bulk2.Contact
    asks = (kind.get_successful_records, kind.get_failed_records, kind.get_unprocessed_records)
    theirs = [server.hear(lambda ask=ask: ask("7501"), table)[0] for ask in asks]
    found = [differences(a, b) for a, b in zip(theirs, ours, strict=True)]
    plain = {**PRETTY, "header.content-type": ("application/json", ABSENT)}
    # Salesforce's guide to Bulk API 2.0 writes this one word in lower case.
    path = "/services/data/v62.0/jobs/ingest/7501/unprocessed"
    assert found == [plain, plain, {**plain, "path": (f"{path}Records", f"{path}records")}]


def test_salesforce_is_told_who_leaves_a_campaign_as_by_simple_salesforce(salesforce: tuple[Capture, Any]) -> None:
    server, client = salesforce
    found = (200, {"done": True, "records": [{"Id": "00v1", "ContactId": "0031", "Contact": {"Key__c": "u1"}}]})
    gone = (200, [{"id": "00v1", "success": True, "errors": []}])
    asks, removes = server.play(
        salesforce_at(server).deliver(Batch(Operation.REMOVE, (Member("op1", "u1", {}),), "vip", "7011")), found, gone)
    [asked] = server.hear(lambda: client.query(asks.query["q"]), found)
    params = {"ids": "00v1", "allOrNone": "false"}
    [removed] = server.hear(lambda: client.restful("composite/sobjects", params, "DELETE"), gone)
    plain = {**PRETTY, "header.content-type": ("application/json", ABSENT)}
    assert differences(asked, asks) == {**plain, "path": (f"{asks.path}/", asks.path)}
    assert differences(removed, removes) == plain


def test_salesforce_is_told_who_enters_a_campaign_as_by_simple_salesforce(salesforce: tuple[Capture, Any]) -> None:
    server, client = salesforce
    table, none = (200, b"sf__Id,sf__Created,Key__c\n0031,true,u1\n"), (200, b"")
    job = Job("7501", (Member("op1", "u1", {}),), Operation.ADD, "7011")
    made = (200, [{"id": "00v1", "success": True, "errors": []}])
    ended = (200, {"state": "JobComplete"})
    *_, enters = server.play(salesforce_at(server).settle(job), ended, table, none, none, made)
    body = {"allOrNone": False, "records": [
        {"attributes": {"type": "CampaignMember"}, "CampaignId": "7011", "ContactId": "0031"}]}
    [entered] = server.hear(lambda: client.restful("composite/sobjects", method="POST", json=body), made)
    assert differences(entered, enters) == PRETTY
