"""The SDKs of Meta and HubSpot make the same calls as our destinations against one server: what differs stands here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import destinations
from destinations.protocol import Batch, Destination, Member, Operation
from tests.destinations.wire import ABSENT, Capture, differences

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
