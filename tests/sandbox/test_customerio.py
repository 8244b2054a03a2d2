"""The Customer.io of the sandbox accepts what Customer.io accepts and refuses what it refuses."""

from __future__ import annotations

import pytest

ULID = "01E4C4CT6YDC7Y5M7FE1GWWPQJ"


def identify(key, **attributes):
    return {"type": "person", "action": "identify", "identifiers": {"id": key}, "attributes": attributes}


def event(key, unique=ULID, **more):
    base = {"type": "person", "action": "event", "identifiers": {"id": key}, "name": "cart_left", "id": unique}
    return {**base, **more}


def create_segment(bench, name="vip"):
    answer = bench.app.send("POST", "/v1/segments", {"segment": {"name": name, "description": "d"}})
    return answer.json["segment"]["id"]


def batch(bench, *items):
    return bench.customerio.send("POST", "/api/v2/batch", {"batch": list(items)})


def people(bench, *keys):
    assert batch(bench, *[identify(key, email=f"{key}@example.com") for key in keys]).status == 200


@pytest.mark.parametrize("path", ["/api/v1/accounts/region", "/v1/segments"])
def test_each_surface_takes_its_own_credentials_only(bench, path):
    track, app = bench.customerio.send("GET", path), bench.app.send("GET", path)
    nobody = bench.app.send("GET", path, Authorization=None)
    assert sorted([track.status, app.status]) == [200, 401]
    assert (nobody.status, nobody.json) == (401, {"meta": {"error": "Unauthorized request"}})


def test_people_must_be_known_before_a_segment_takes_them(bench):
    segment = create_segment(bench)
    people(bench, "u1", "u2")
    path = f"/api/v1/segments/{segment}/add_customers?id_type=id"
    assert bench.customerio.send("POST", path, {"ids": ["u1", "u2", "stranger"]}).status == 200
    assert bench.truth("customerio")["audiences"] == {
        str(segment): {"name": "vip", "members": ["u1@example.com", "u2@example.com"], "keys": ["u1", "u2"]}
    }


def test_ids_of_another_type_are_ignored(bench):
    segment = create_segment(bench)
    people(bench, "u1", "u2")
    path = f"/api/v1/segments/{segment}/add_customers?id_type=email"
    assert bench.customerio.send("POST", path, {"ids": ["u1", "U2@example.com"]}).status == 200
    assert bench.truth("customerio")["audiences"][str(segment)]["keys"] == ["u2"]


def test_only_people_with_an_id_can_be_removed(bench):
    segment = create_segment(bench)
    people(bench, "u1")
    batch(bench, {"type": "person", "action": "identify", "identifiers": {"email": "b@example.com"}})
    ids = {"ids": ["u1@example.com", "b@example.com"]}
    bench.customerio.send("POST", f"/api/v1/segments/{segment}/add_customers?id_type=email", ids)
    bench.customerio.send("POST", f"/api/v1/segments/{segment}/remove_customers?id_type=email", ids)
    assert bench.truth("customerio")["audiences"][str(segment)]["members"] == ["b@example.com"]


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("", {"ids": []}),
        ("", {"ids": [f"u{n}" for n in range(1001)]}),
        ("", {"ids": [1]}),
        ("", {"ids": ["u1"], "id_type": "id"}),
        ("", {}),
        ("?id_type=phone", {"ids": ["u1"]}),
    ],
)
def test_a_malformed_segment_call_is_refused(bench, query, body):
    answer = bench.customerio.send("POST", f"/api/v1/segments/{create_segment(bench)}/add_customers{query}", body)
    assert (answer.status, list(answer.json)) == (400, ["meta"])


def test_a_segment_that_does_not_exist_is_refused(bench):
    answer = bench.customerio.send("POST", "/api/v1/segments/99/add_customers", {"ids": ["u1"]})
    assert (answer.status, "segment not found" in answer.json["meta"]["error"]) == (400, True)


def test_a_segment_is_listed_counted_and_read_back_in_pages(bench):
    segment = create_segment(bench)
    keys = [f"u{n}" for n in range(5)]
    people(bench, *keys)
    bench.customerio.send("POST", f"/api/v1/segments/{segment}/add_customers", {"ids": keys})
    seen, start = [], ""
    for _ in range(3):
        page = bench.app.send("GET", f"/v1/segments/{segment}/membership?limit=2&start={start}").json
        seen += page["ids"]
        start = page["next"]
    whole = bench.app.send("GET", f"/v1/segments/{segment}/membership?limit=5").json
    assert (sorted(whole["ids"]), whole["next"]) == (keys, "")
    listed = bench.app.send("GET", "/v1/segments").json["segments"]
    assert [(one["id"], one["name"], one["type"]) for one in listed] == [(segment, "vip", "manual")]
    assert bench.app.send("GET", f"/v1/segments/{segment}/customer_count").json == {"count": 5}
    assert (sorted(seen), start) == (keys, "")
    assert bench.app.send("DELETE", f"/v1/segments/{segment}").status == 204
    assert bench.app.send("GET", f"/v1/segments/{segment}").status == 404


@pytest.mark.parametrize(
    ("item", "field"),
    [
        (identify("u1", plan="x" * 1001), "attributes.plan"),
        (identify("u1", **{"n" * 151: 1}), f"attributes.{'n' * 40}"),
        (identify("u1", **{f"a{n}": 1 for n in range(301)}), "attributes"),
        (identify("i" * 151), "identifiers.id"),
        (identify(""), "identifiers.id"),
        ({**identify("u1"), "identifiers": {"id": "u1", "email": "a@example.com"}}, "identifiers"),
        ({**identify("u1"), "colour": "red"}, "colour"),
        ({**identify("u1"), "action": "greet"}, "action"),
        ({**identify("u1"), "type": "robot"}, "type"),
        (event("u1", unique="not-a-ulid"), "id"),
        (event("u1", name="n" * 101), "name"),
        (event("u1", timestamp="today"), "timestamp"),
        (event("u1", data={}), "data"),
        (event("u1", attributes={"t": "x" * 32_000}), ""),
    ],
)
def test_one_bad_item_is_named_and_the_others_are_accepted(bench, item, field):
    answer = batch(bench, identify("before"), item, identify("after"))
    assert (answer.status, [(one["batch_index"], one["field"]) for one in answer.json["errors"]]) == (207, [(1, field)])
    assert bench.truth("customerio")["people"] == 2
    alone = bench.customerio.send("POST", "/api/v2/entity", item)
    assert (alone.status, alone.json["errors"][0]["field"]) == (400, field)


@pytest.mark.parametrize("body", [{"batch": []}, {"items": []}, {"batch": {}}, [], b"{"])
def test_a_malformed_batch_is_refused_whole(bench, body):
    answer = bench.customerio.send("POST", "/api/v2/batch", body)
    assert (answer.status, answer.json["errors"][0]["reason"]) == (400, "invalid")


def test_a_batch_of_half_a_megabyte_is_refused(bench):
    items = [identify(f"u{n}", **{f"a{m}": "x" * 900 for m in range(20)}) for n in range(28)]
    answer = batch(bench, *items)
    assert (answer.status, answer.json["errors"][0]["field"]) == (400, "batch")


def test_an_event_is_kept_once_for_its_ulid(bench):
    now = int(bench.clock.now)
    batch(bench, event("u1", attributes={"pct": 4}, timestamp=now), event("u1"), event("u1", ULID.lower()))
    bench.customerio.send("POST", "/api/v1/customers/u1/events", {"name": "cart_left", "data": {}, "id": ULID})
    truth = bench.truth("customerio")
    [message] = truth["messages"]
    assert (truth["repeats"], message["id"], message["to"], message["properties"]) == (3, ULID, "u1", {"pct": 4})


def test_an_event_older_than_72_hours_is_recorded_and_starts_nothing(bench):
    old, young = int(bench.clock.now) - 72 * 3600 - 1, int(bench.clock.now) - 72 * 3600 + 1
    batch(bench, event("u1", timestamp=old), event("u1", "01E4C4CT6YDC7Y5M7FE1GWWPQK", timestamp=young))
    assert [one["silent"] for one in bench.truth("customerio")["messages"]] == [True, False]


def test_update_never_creates_a_person(bench):
    batch(bench, identify("u1", _update=True, plan="pro"))
    assert bench.truth("customerio")["people"] == 0


def test_an_address_among_the_attributes_finds_the_person(bench):
    bench.customerio.send("PUT", "/api/v1/customers/a@example.com", {"plan": "pro"})
    bench.customerio.send("PUT", "/api/v1/customers/u%2F1", {"email": "A@example.com"})
    segment = create_segment(bench)
    bench.customerio.send("POST", f"/api/v1/segments/{segment}/add_customers", {"ids": ["u/1"]})
    truth = bench.truth("customerio")
    assert (truth["people"], truth["audiences"][str(segment)]["keys"]) == (1, ["u/1"])


def test_a_suppressed_person_leaves_and_cannot_come_back(bench):
    segment = create_segment(bench)
    people(bench, "u1", "u2")
    bench.customerio.send("POST", f"/api/v1/segments/{segment}/add_customers", {"ids": ["u1", "u2"]})
    bench.customerio.send("POST", "/api/v1/customers/u1/suppress", {})
    batch(bench, identify("u1"))
    truth = bench.truth("customerio")
    assert (truth["people"], truth["audiences"][str(segment)]["keys"]) == (1, ["u2"])
    bench.customerio.send("POST", "/api/v1/customers/u1/unsuppress", {})
    batch(bench, identify("u1"))
    assert bench.truth("customerio")["people"] == 2


def test_a_merge_keeps_the_primary_with_both_memberships(bench):
    segment = create_segment(bench)
    people(bench, "u1", "u2")
    bench.customerio.send("POST", f"/api/v1/segments/{segment}/add_customers", {"ids": ["u2"]})
    body = {"primary": {"id": "u1"}, "secondary": {"id": "u2"}}
    assert bench.customerio.send("POST", "/api/v1/merge_customers", body).status == 200
    truth = bench.truth("customerio")
    assert (truth["people"], truth["audiences"][str(segment)]["keys"]) == (1, ["u1"])


def test_a_transactional_message_has_no_key_and_repeats(bench):
    body = {"transactional_message_id": "3", "identifiers": {"id": "u1"}, "to": "a@example.com"}
    answers = [bench.app.send("POST", "/v1/send/email", body) for _ in range(2)]
    assert [one.status for one in answers] == [200, 200]
    assert len({one.json["delivery_id"] for one in answers}) == len(bench.truth("customerio")["messages"]) == 2
    assert bench.app.send("POST", "/v1/send/email", {"to": "a@example.com", "identifiers": {"id": "u1"}}).status == 400


def test_the_app_api_takes_ten_calls_a_second_and_says_nothing_of_waiting(make):
    bench = make(pace=True)
    answers = [bench.app.send("GET", "/v1/segments") for _ in range(11)]
    assert [one.status for one in answers] == [200] * 10 + [429]
    assert not [name for name in answers[10].headers if "retry" in name or "rate" in name]


def test_the_track_api_takes_a_thousand_calls_a_second(make):
    bench = make(pace=True)
    statuses = [bench.customerio.send("GET", "/api/v1/accounts/region").status for _ in range(1001)]
    assert statuses == [200] * 1000 + [429]


def test_a_broadcast_is_processed_later_and_leaves_out_whom_it_may(bench):
    people(bench, "u1")
    body = {"per_user_data": [{"id": "u1", "data": {"pct": 42}}, {"id": "u2"}]}
    assert bench.app.send("POST", "/v1/campaigns/12/triggers", body).status == 422
    bench.clock.now += 10
    trigger = bench.app.send("POST", "/v1/campaigns/12/triggers", {**body, "id_ignore_missing": True}).json["id"]
    path = f"/v1/campaigns/12/triggers/{trigger}"
    times = [bench.app.send("GET", path).json["processed_at"]]
    bench.clock.now += 1
    times.append(bench.app.send("GET", path).json["processed_at"])
    errors = bench.app.send("GET", f"{path}/errors").json
    known = bench.app.send("POST", "/v1/customers/attributes", {"ids": ["u1", "u2"]}).json["customers"]
    assert (times[0], type(times[1]), errors) == (None, int, {"errors": [], "next": ""})
    assert [one["customer"]["id"] for one in known] == ["u1"]
    assert bench.app.send("GET", "/v1/campaigns/12/triggers/99").status == 404
