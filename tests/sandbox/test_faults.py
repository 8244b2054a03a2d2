"""Faults: what goes wrong, on which call, and whether the call is applied all the same."""

from __future__ import annotations

import http.client
import threading
import time

import pytest

BATCH = {"batch": [{"type": "person", "action": "identify", "identifiers": {"id": f"u{n}"}} for n in range(4)]}


def batch(bench):
    return bench.customerio.send("POST", "/api/v2/batch", BATCH)


def people(bench):
    return bench.truth("customerio")["people"]


@pytest.mark.parametrize(("applied", "kept"), [(False, 0), (True, 4)])
def test_an_error_comes_before_or_after_the_call_is_applied(bench, applied, kept):
    bench.sandbox.fault("customerio", "error", status=503, applied=applied)
    assert (batch(bench).status, people(bench)) == (503, kept)
    assert (batch(bench).status, people(bench)) == (200, 4)


@pytest.mark.parametrize(("applied", "kept"), [(False, 0), (True, 4)])
def test_a_connection_is_reset_before_or_after_the_call_is_applied(bench, applied, kept):
    bench.sandbox.fault("customerio", "reset", applied=applied)
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        batch(bench)
    assert people(bench) == kept
    assert (batch(bench).status, people(bench)) == (200, 4)


def test_a_late_answer_may_belong_to_a_call_applied_early_or_late(bench):
    for applied, kept in ((True, 4), (False, 0)):
        bench.sandbox.reset()
        bench.sandbox.fault("customerio", "slow", seconds=0.4, applied=applied)
        thread = threading.Thread(target=batch, args=(bench,))
        began = time.monotonic()
        thread.start()
        time.sleep(0.2)
        assert people(bench) == kept
        thread.join()
        assert (time.monotonic() - began >= 0.4, people(bench)) == (True, 4)


def test_a_garbled_answer_is_200_and_no_json(bench):
    bench.sandbox.fault("customerio", "garbage", applied=True)
    answer = batch(bench)
    assert (answer.status, answer.raw[:6], people(bench)) == (200, b"<html>", 4)


@pytest.mark.parametrize(
    ("channel", "status", "wait", "header"),
    [
        ("klaviyo", 429, 7, ("retry-after", "7")),
        ("klaviyo", 429, None, ("retry-after", None)),
        ("customerio", 429, None, ("retry-after", None)),
        ("webhook", 429, 0.2, ("retry-after", "1")),
        ("meta_ads", 400, None, ("x-business-use-case-usage", None)),
    ],
)
def test_each_channel_is_throttled_in_its_own_way(bench, channel, status, wait, header):
    bench.sandbox.fault(channel, "throttle", retry_after=wait)
    answer = bench.pages.send("GET", f"/{channel}/anything")
    assert (answer.status, answer.headers.get(header[0])) == (status, header[1])


@pytest.mark.parametrize(("channel", "status"), [("klaviyo", 401), ("customerio", 401), ("meta_ads", 400)])
def test_a_token_expires_in_the_channels_own_way(bench, channel, status):
    bench.sandbox.fault(channel, "token_expired", times=2)
    answers = [bench.pages.send("GET", f"/{channel}/x") for _ in range(2)]
    assert [one.status for one in answers] == [status, status]
    if channel == "meta_ads":
        assert (answers[0].json["error"]["code"], answers[0].json["error"]["error_subcode"]) == (190, 463)


def test_every_second_row_is_refused_in_the_channels_own_way(bench):
    bench.sandbox.fault("customerio", "partial", every=2)
    answer = batch(bench)
    assert (answer.status, [one["batch_index"] for one in answer.json["errors"]]) == (207, [1, 3])
    assert people(bench) == 2


def test_every_third_row_of_an_import_is_an_import_error(bench):
    bench.sandbox.fault("klaviyo", "partial", every=3)
    rows = [{"type": "profile", "attributes": {"email": f"p{n}@example.com"}} for n in range(7)]
    body = {"data": {"type": "profile-bulk-import-job", "attributes": {"profiles": {"data": rows}}}}
    job = bench.klaviyo.send("POST", "/api/profile-bulk-import-jobs", body).json["data"]["id"]
    bench.clock.now += 1
    errors = bench.klaviyo.send("GET", f"/api/profile-bulk-import-jobs/{job}/import-errors").json["data"]
    assert [one["attributes"]["original_payload"] for one in errors] == [rows[2], rows[5]]
    assert bench.truth("klaviyo")["profiles"] == 5


@pytest.mark.parametrize(("applied", "profiles"), [(False, 0), (True, 1)])
def test_a_job_is_slow_and_another_is_cancelled(bench, applied, profiles):
    bench.sandbox.fault("klaviyo", "job_slow", seconds=60)
    bench.sandbox.fault("klaviyo", "job_failed", applied=applied)
    body = {
        "data": {
            "type": "profile-bulk-import-job",
            "attributes": {"profiles": {"data": [{"type": "profile", "attributes": {"email": "a@example.com"}}]}},
        }
    }
    jobs = [bench.klaviyo.send("POST", "/api/profile-bulk-import-jobs", body).json["data"]["id"] for _ in range(2)]
    bench.clock.now += 20

    def statuses():
        paths = [f"/api/profile-bulk-import-jobs/{job}" for job in jobs]
        return [bench.klaviyo.send("GET", path).json["data"]["attributes"]["status"] for path in paths]

    assert (statuses(), bench.truth("klaviyo")["profiles"]) == (["processing", "cancelled"], profiles)
    bench.clock.now += 60
    assert (statuses(), bench.truth("klaviyo")["profiles"]) == (["complete", "cancelled"], 1)


def test_a_fault_waits_for_its_call_and_then_is_spent(bench):
    fault = {"channel": "customerio", "kind": "error", "after": 2, "times": 2, "method": "POST", "path": "/batch"}
    made = bench.pages.send("POST", "/faults", fault)
    assert (made.status, bench.pages.send("GET", "/faults").json) == (201, [made.json])
    region = bench.customerio.send("GET", "/api/v1/accounts/region").status
    assert [region, *[batch(bench).status for _ in range(5)]] == [200, 200, 200, 500, 500, 200]
    assert bench.pages.send("GET", "/faults").json == []


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"channel": "klavyio", "kind": "error"}, "channel 'klavyio' is not one of klaviyo, customerio"),
        ({"channel": "klaviyo", "kind": "boom"}, "kind 'boom' is not one of throttle, error"),
        ({"channel": "klaviyo", "kind": "error", "time": 2}, "a fault has no field 'time' (did you mean times?)"),
        ({"channel": "klaviyo", "kind": "error", "times": 0}, "times and every are at least 1"),
        ([], "a fault is an object such as"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_with_what_would_be_right(bench, fault, message):
    answer = bench.pages.send("POST", "/faults", fault)
    assert (answer.status, message in answer.json["error"]) == (400, True)
