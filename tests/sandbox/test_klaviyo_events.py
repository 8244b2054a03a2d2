"""Events at the Klaviyo of the sandbox: kept once for a profile and metric, refused whole and by row."""

from __future__ import annotations

import pytest


def refusal(answer):
    return answer.status, [(error["code"], error["source"]) for error in answer.json["errors"]]


def event(unique, metric="Cart left", email="a@example.com", **more):
    profile = {"data": {"type": "profile", "attributes": {"email": email}}}
    name = {"data": {"type": "metric", "attributes": {"name": metric}}}
    return {"properties": {"x": 1}, "unique_id": unique, "metric": name, "profile": profile, **more}


def events_body(*events):
    groups = [
        {
            "type": "event-bulk-create",
            "attributes": {
                "backfill": one.get("backfill", False),
                "profile": one["profile"],
                "events": {"data": [{"type": "event", "attributes": {k: v for k, v in one.items() if k != "profile"}}]},
            },
        }
        for one in events
    ]
    return {"data": {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": groups}}}}


def test_an_event_is_kept_once_for_a_profile_and_metric(bench):
    for unique in ("e1", "e1", "e2"):
        body = {"data": {"type": "event", "attributes": event(unique, time="2026-11-08T00:00:00+00:00", backfill=True)}}
        assert bench.klaviyo.send("POST", "/api/events", body).status == 202
    truth = bench.truth("klaviyo")
    assert truth["repeats"] == 1
    assert [{k: one[k] for k in ("id", "name", "to", "at", "silent", "properties")} for one in truth["messages"]] == [
        {
            "id": unique,
            "name": "Cart left",
            "to": "a@example.com",
            "at": "2026-11-08T00:00:00+00:00",
            "silent": True,
            "properties": {"x": 1},
        }
        for unique in ("e1", "e2")
    ]


def test_bulk_events_are_accepted_without_a_body(bench):
    answer = bench.klaviyo.send("POST", "/api/event-bulk-create-jobs", events_body(event("e1"), event("e2")))
    assert (answer.status, answer.raw) == (202, b"")
    assert [one["id"] for one in bench.truth("klaviyo")["messages"]] == ["e1", "e2"]


def test_a_unique_id_repeated_in_one_request_refuses_all_of_it(bench):
    answer = bench.klaviyo.send(
        "POST", "/api/event-bulk-create-jobs", events_body(event("e1"), event("e2"), event("e1"))
    )
    at = "/data/attributes/events-bulk-create/data/2/attributes/events/data/0/attributes/unique_id"
    assert refusal(answer) == (400, [("invalid", {"pointer": at})])
    assert bench.truth("klaviyo")["messages"] == []


def test_bulk_events_are_limited_to_a_thousand(bench):
    body = events_body(*[event(f"e{n}") for n in range(1001)])
    assert bench.klaviyo.send("POST", "/api/event-bulk-create-jobs", body).status == 400


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"metric": {"data": {"type": "metric", "attributes": {"name": "m" * 128}}}}, "/metric/data/attributes/name"),
        ({"time": "1989-01-01T00:00:00Z"}, "/time"),
        ({"time": "2099-01-01T00:00:00Z"}, "/time"),
        ({"time": "yesterday"}, "/time"),
        ({"properties": {str(n): n for n in range(401)}}, "/properties"),
        ({"profile": {"data": {"type": "profile", "attributes": {"first_name": "Ada"}}}}, "/profile/data/attributes"),
        ({"colour": "red"}, "/colour"),
    ],
)
def test_a_malformed_event_is_refused_and_named(bench, change, pointer):
    body = {"data": {"type": "event", "attributes": {**event("e1"), **change}}}
    answer = bench.klaviyo.send("POST", "/api/events", body)
    assert refusal(answer) == (400, [("invalid", {"pointer": f"/data/attributes{pointer}"})])
