"""Vendors' SDKs make the same calls as our destinations against one server: what differs stands here.

Meta's, HubSpot's and Google's own, and simple-salesforce, which is other people's; others have files of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import destinations
from destinations.protocol import Batch, Destination, Job, Member, Operation, Part
from tests.destinations.wire import ABSENT, Capture, Sent, differences

EMAIL, PHONE = "0" * 64, "1" * 64
ADA = Member("op1", "u1", {"email": "a@example.com"}, {"plan": "pro"})
HASHED = Member("op1", "u1", {"email": EMAIL, "phone": PHONE})
TOKEN = {"header.authorization": (ABSENT, "Bearer token"), "query.access_token": ("token", ABSENT)}
"""A token in the address stands in every log: Meta documents the header too (graph-api/overview/access-levels)."""
AS_JSON = {**TOKEN, "header.content-type": ("application/x-www-form-urlencoded", "application/json")}
"""The SDK posts forms; Meta takes the same fields as JSON (custom-audience/users shows both)."""


@pytest.fixture
def server() -> Iterator[Capture]:
    with Capture() as started:
        yield started


def open_(name: str, server: Capture, **settings: Any) -> Destination:
    kind = destinations.load(name)
    return kind(kind.settings_type.model_validate({**settings, "base_url": server.url}))


@pytest.fixture
def facebook(server: Capture, monkeypatch: pytest.MonkeyPatch) -> Any:
    api = pytest.importorskip("facebook_business.api", reason="the vendors' SDKs are not installed")
    session = pytest.importorskip("facebook_business.session")
    monkeypatch.setattr(session.FacebookSession, "GRAPH", server.url)
    monkeypatch.setattr(api.FacebookAdsApi, "_default_api", None)
    api.FacebookAdsApi.init("app", "secret", "token", api_version="v26.0", crash_log=False)
    return pytest.importorskip("facebook_business.adobjects")


def meta(server: Capture) -> Destination:
    return open_("meta_ads", server, access_token="token", app_secret="secret", ad_account_id="1", audience_id="238")


def audience() -> Any:
    from facebook_business.adobjects.customaudience import CustomAudience

    return CustomAudience("238")


def account() -> Any:
    from facebook_business.adobjects.adaccount import AdAccount

    return AdAccount("act_1")


def test_meta_adds_as_its_sdk_does(server: Capture, facebook: Any) -> None:
    rows = ["EMAIL", "PHONE", "EXTERN_ID"], [[EMAIL, PHONE, "u1"]]
    [theirs] = server.hear(lambda: audience().add_users(*rows, is_raw=True, pre_hashed=True))
    [ours] = server.play(meta(server).deliver(Batch(Operation.ADD, (HASHED,), "vip", "238")))
    assert differences(theirs, ours) == AS_JSON


def test_meta_removes_in_a_body_what_its_sdk_puts_into_the_address(server: Capture, facebook: Any) -> None:
    """An address ends at some thousand bytes, a body of 10,000 rows does not (custom-audience/users, Deleting)."""
    rows = ["EMAIL", "PHONE", "EXTERN_ID"], [[EMAIL, PHONE, "u1"]]
    [theirs] = server.hear(lambda: audience().remove_users(*rows, is_raw=True, pre_hashed=True))
    [ours] = server.play(meta(server).deliver(Batch(Operation.REMOVE, (HASHED,), "vip", "238")))
    assert (theirs.query["payload"], theirs.method, theirs.path) == (ours.body["payload"], ours.method, ours.path)
    rest = {name: pair for name, pair in differences(theirs, ours).items() if ".payload." not in name}
    assert rest == {**TOKEN, "header.content-type": (ABSENT, "application/json")}


def test_meta_replaces_a_list_as_its_sdk_does(server: Capture, facebook: Any) -> None:
    session = {"session_id": 7, "batch_seq": 1, "last_batch_flag": True, "estimated_num_total": 1}
    payload = {"schema": ["EMAIL", "PHONE", "EXTERN_ID"], "is_raw": True, "data": [[EMAIL, PHONE, "u1"]]}
    [theirs] = server.hear(lambda: audience().create_users_replace(params={"session": session, "payload": payload}))
    batch = Batch(Operation.ADD, (HASHED,), "vip", "238")
    [ours] = server.play(meta(server).replace(batch, Part(session=7, number=1, last=True, total=1)))
    assert differences(theirs, ours) == AS_JSON


def test_meta_looks_for_an_audience_and_makes_it_as_its_sdk_does(server: Capture, facebook: Any) -> None:
    fields = {"name": "vip", "subtype": "CUSTOM", "description": "Kept by Tailrace",
              "customer_file_source": "USER_PROVIDED_ONLY"}  # fmt: skip
    list_, made = (200, {"data": []}), (200, {"id": "238"})
    [looks] = server.hear(lambda: account().get_custom_audiences(["name"], {"limit": 100}), list_)
    [makes] = server.hear(lambda: account().create_custom_audience(params=fields), made)
    ours = server.play(meta(server).prepare("vip"), list_, made)
    # The SDK asks for a total that nobody here reads.
    assert differences(looks, ours[0]) == {**TOKEN, "query.summary": ("true", ABSENT)}
    assert differences(makes, ours[1]) == AS_JSON


def test_meta_checks_a_token_as_its_sdk_reads_an_audience(server: Capture, facebook: Any) -> None:
    [theirs] = server.hear(lambda: audience().api_get(["id"]), (200, {"id": "238"}))
    [ours] = server.play(meta(server).check(), (200, {"id": "238"}))
    assert differences(theirs, ours) == {**TOKEN, "path": ("/v26.0/238/", "/v26.0/238")}


@pytest.fixture
def hubspot(server: Capture) -> Callable[[str, str], Any]:
    """An API of HubSpot's SDK: `hubspot("contacts", "BatchApi")`."""
    pytest.importorskip("hubspot", reason="the vendors' SDKs are not installed")

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


GOOGLE = {"account_id": "1", "login_account_id": "9", "access_token": "t", "terms_accepted": True, "consent": "granted"}
AS_INTEGERS = {"query.$alt": ("json;enum-encoding=int", ABSENT)}
"""The client asks for enums as numbers, and sends them so; REST documents their names (rest/v1/Encoding)."""
LISTS_OF = "/v1/accountTypes/GOOGLE_ADS/accounts/1/userLists"


@pytest.fixture
def google(server: Capture) -> Callable[[str, str], Any]:
    """A client of Google's SDK over REST: `google("IngestionService", "ingestion_service")`."""
    pytest.importorskip("google.ads.datamanager_v1", reason="the vendors' SDKs are not installed")

    def start(name: str, module: str) -> Any:
        from google.ads import datamanager_v1
        from google.auth.credentials import AnonymousCredentials

        found = pytest.importorskip(f"google.ads.datamanager_v1.services.{module}.transports")
        transport = getattr(found, f"{name}RestTransport")(
            host=server.url.removeprefix("http://"), credentials=AnonymousCredentials(), url_scheme="http")
        return getattr(datamanager_v1, f"{name}Client")(transport=transport)

    return start


def message(name: str, body: Any) -> Any:
    """A body as the message of Google's protos that it says."""
    from google.ads import datamanager_v1
    from google.protobuf import json_format

    return json_format.ParseDict(body, getattr(datamanager_v1, name).pb()())


def rest(theirs: Sent, ours: Sent) -> dict[str, Any]:
    """What differs beside the body and the client's own name."""
    found = differences(theirs, ours)
    return {name: pair for name, pair in found.items()
            if not name.startswith("body.") and name not in ("header.x-goog-api-client", "header.authorization")}


@pytest.mark.parametrize(
    ("operation", "verb", "name"),
    [(Operation.ADD, "ingest", "IngestAudienceMembersRequest"),
     (Operation.REMOVE, "remove", "RemoveAudienceMembersRequest")],
)  # fmt: skip
def test_google_takes_members_as_its_client_sends_them(
    operation: Operation, verb: str, name: str, server: Capture, google: Callable[[str, str], Any]
) -> None:
    member = Member("op1", "u1", {"email": EMAIL, "phone": PHONE}, {"ad_user_data": False, "given_name": "2" * 64,
                    "family_name": "3" * 64, "region_code": "us", "postal_code": "94035"})  # fmt: skip
    to = open_("google_ads", server, **GOOGLE)
    [ours] = server.play(to.deliver(Batch(operation, (member,), "vip", "7")), (200, {"requestId": "r"}))
    client = google("IngestionService", "ingestion_service")
    asked = message(name, ours.body)
    send = getattr(client, f"{verb}_audience_members")
    [theirs] = server.hear(lambda: send(request=asked), (200, {"requestId": "r"}))
    assert message(name, theirs.body) == asked
    assert rest(theirs, ours) == AS_INTEGERS


def test_google_removes_all_of_before_as_its_client_does(server: Capture, google: Callable[[str, str], Any]) -> None:
    to, before = open_("google_ads", server, **GOOGLE), datetime(2026, 3, 1, 12, tzinfo=UTC)
    [ours] = server.play(to.cut_off("7", before), (200, {"requestId": "r"}))
    asked = message("RemoveAllAudienceMembersRequest", ours.body)
    client = google("IngestionService", "ingestion_service")
    [theirs] = server.hear(lambda: client.remove_all_audience_members(request=asked), (200, {"requestId": "r"}))
    assert message("RemoveAllAudienceMembersRequest", theirs.body) == asked
    assert rest(theirs, ours) == AS_INTEGERS


def test_google_is_asked_for_a_request_as_its_client_asks(server: Capture, google: Callable[[str, str], Any]) -> None:
    answer = (200, {"requestStatusPerDestination": [{"requestStatus": "PROCESSING"}]})
    client = google("IngestionService", "ingestion_service")
    [theirs] = server.hear(lambda: client.retrieve_request_status(request={"request_id": "r"}), answer)
    [ours] = server.play(open_("google_ads", server, **GOOGLE).settle(Job("r", (HASHED,), Operation.ADD)), answer)
    # A GET has no body whose type could be told.
    assert rest(theirs, ours) == {**AS_INTEGERS, "header.content-type": ("application/json", ABSENT)}


def test_google_makes_a_user_list_as_its_client_does(server: Capture, google: Callable[[str, str], Any]) -> None:
    looks, makes = server.play(open_("google_ads", server, **GOOGLE).prepare("vip"), (200, {}), (200, {"id": "5"}))
    client = google("UserListService", "user_list_service")
    asked, login = message("UserList", makes.body), [("login-account", "accountTypes/GOOGLE_ADS/accounts/9")]
    request = {"parent": LISTS_OF.removeprefix("/v1/").removesuffix("/userLists")}
    [made] = server.hear(lambda: client.create_user_list(request={**request, "user_list": asked}, metadata=login),
                         (200, {"id": "5"}))  # fmt: skip
    assert message("UserList", made.body) == asked
    # The client repeats what the path says for Google's own routing.
    assert rest(made, makes) == {**AS_INTEGERS, "header.x-goog-request-params": (
        "parent=accountTypes/GOOGLE_ADS/accounts/1", ABSENT)}
    wanted = {**request, "filter": 'display_name = "vip"'}
    [found] = server.hear(lambda: list(client.list_user_lists(request=wanted, metadata=login)), (200, {}))
    assert (found.path, found.query["filter"]) == (looks.path, looks.query["filter"]) == (LISTS_OF, wanted["filter"])


@pytest.fixture
def salesforce(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Capture, Any]]:
    """A server that speaks TLS, for simple-salesforce speaks nothing else, and that client."""
    client = pytest.importorskip("simple_salesforce", reason="the vendors' SDKs are not installed")
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


def test_a_webhook_is_verified_by_the_library_of_its_standard(server: Capture) -> None:
    library = pytest.importorskip("standardwebhooks", reason="the vendors' SDKs are not installed")
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    to = open_("webhook", server, url="https://example.com/hook", secret=secret)
    request = next(to.deliver(Batch(Operation.ADD, (ADA,), "vip")))
    assert request.finish is not None
    signed = request.finish(request, int(datetime.now(UTC).timestamp()))
    told = library.Webhook(secret).verify((signed.body or b"").decode(), dict(signed.headers))
    assert told["data"]["person_id"] == "u1"
    with pytest.raises(library.WebhookVerificationError):
        library.Webhook(secret).verify((signed.body or b"").decode() + " ", dict(signed.headers))
    late = request.finish(request, int(datetime.now(UTC).timestamp()) - 3600)
    with pytest.raises(library.WebhookVerificationError, match="too old"):
        library.Webhook(secret).verify((late.body or b"").decode(), dict(late.headers))
