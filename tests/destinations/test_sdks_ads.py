"""The SDKs of Meta and Google make our calls against one server: what differs stands here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from destinations.protocol import Batch, Destination, Job, Member, Operation, Part
from tests.destinations.wire import ABSENT, MISSING, Capture, Sent, differences, open_

EMAIL, PHONE = "0" * 64, "1" * 64
HASHED = Member("op1", "u1", {"email": EMAIL, "phone": PHONE})
TOKEN = {"header.authorization": (ABSENT, "Bearer token"), "query.access_token": ("token", ABSENT)}
"""A token in the address stands in every log: Meta documents the header too (graph-api/overview/access-levels)."""
AS_JSON = {**TOKEN, "header.content-type": ("application/x-www-form-urlencoded", "application/json")}
"""The SDK posts forms; Meta takes the same fields as JSON (custom-audience/users shows both)."""



@pytest.fixture
def facebook(server: Capture, monkeypatch: pytest.MonkeyPatch) -> Any:
    api = pytest.importorskip("facebook_business.api", reason=MISSING)
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


GOOGLE = {"account_id": "1", "login_account_id": "9", "access_token": "t", "terms_accepted": True, "consent": "granted"}
AS_INTEGERS = {"query.$alt": ("json;enum-encoding=int", ABSENT)}
"""The client asks for enums as numbers, and sends them so; REST documents their names (rest/v1/Encoding)."""
LISTS_OF = "/v1/accountTypes/GOOGLE_ADS/accounts/1/userLists"


@pytest.fixture
def google(server: Capture) -> Callable[[str, str], Any]:
    """A client of Google's SDK over REST: `google("IngestionService", "ingestion_service")`."""
    pytest.importorskip("google.ads.datamanager_v1", reason=MISSING)

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


@pytest.mark.parametrize(
    ("key", "identifiers", "said"),
    [("USER_ID", {"person": "u1"}, {"userIdData": {"userId": "u1"}}),
     ("MOBILE_ID", {"madid": "d1"}, {"mobileData": {"mobileIds": ["d1"]}})],
)  # fmt: skip
def test_google_takes_members_of_every_kind_of_list(
    key: str, identifiers: dict[str, str], said: Any, server: Capture, google: Callable[[str, str], Any]
) -> None:
    to = open_("google_ads", server, **GOOGLE, upload_key=key, list_id="7")
    batch = Batch(Operation.ADD, (Member("op1", "u1", identifiers),), "vip", "7")
    [ours] = server.play(to.deliver(batch), (200, {"requestId": "r"}))
    asked = message("IngestAudienceMembersRequest", ours.body)
    client = google("IngestionService", "ingestion_service")
    [theirs] = server.hear(lambda: client.ingest_audience_members(request=asked), (200, {"requestId": "r"}))
    assert (theirs.body["audienceMembers"], rest(theirs, ours)) == ([said], AS_INTEGERS)


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
