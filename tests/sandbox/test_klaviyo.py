"""The Klaviyo of the sandbox accepts what Klaviyo accepts and refuses what it refuses."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest


def create_list(bench, name="vip"):
    body = {"data": {"type": "list", "attributes": {"name": name}}}
    return bench.klaviyo.send("POST", "/api/lists", body).json["data"]["id"]


def import_body(rows, *lists):
    data = {"type": "profile-bulk-import-job", "attributes": {"profiles": {"data": rows}}}
    if lists:
        data["relationships"] = {"lists": {"data": [{"type": "list", "id": one} for one in lists]}}
    return {"data": data}


def person(number, **more):
    return {
        "type": "profile",
        "attributes": {"email": f"p{number:05d}@example.com", "external_id": f"u{number}", **more},
    }


def run_import(bench, rows, *lists):
    job = bench.klaviyo.send("POST", "/api/profile-bulk-import-jobs", import_body(rows, *lists)).json["data"]["id"]
    bench.clock.now += 1
    return job


def profile_ids(bench, job):
    found, path = {}, f"/api/profile-bulk-import-jobs/{job}/profiles?page[size]=100&fields[profile]=external_id"
    while path:
        page = bench.klaviyo.send("GET", path.removeprefix(bench.sandbox.base_url("klaviyo"))).json
        assert len(page["data"]) <= 100
        found.update({item["attributes"]["external_id"]: item["id"] for item in page["data"]})
        path = page["links"]["next"]
    return found


def members(ids):
    return {"data": [{"type": "profile", "id": one} for one in ids]}


def refusal(answer):
    return answer.status, [(error["code"], error["source"]) for error in answer.json["errors"]]


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Authorization": None}, 401, "not_authenticated"),
        ({"Authorization": "Klaviyo-API-Key pk_other"}, 401, "authentication_failed"),
        ({"Authorization": "Bearer pk_sandbox"}, 401, "authentication_failed"),
        ({"revision": None}, 400, "invalid"),
        ({"revision": "latest"}, 400, "invalid"),
        ({"revision": "2026-07-15 or later"}, 400, "invalid"),
    ],
)
def test_a_call_without_good_credentials_or_revision_is_refused(bench, headers, status, code):
    answer = bench.klaviyo.send("GET", "/api/accounts", **headers)
    assert (answer.status, answer.json["errors"][0]["code"]) == (status, code)


def test_good_credentials_see_the_account(bench):
    assert bench.klaviyo.send("GET", "/api/accounts").json["data"][0]["type"] == "account"


def test_another_content_type_is_refused(bench):
    answer = bench.klaviyo.send("POST", "/api/lists", b"name=vip", **{"Content-Type": "text/plain"})
    assert answer.status == 415


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/api/lists/", 404), ("PUT", "/api/lists", 405)])
def test_unknown_paths_and_methods_are_refused(bench, method, path, status):
    assert bench.klaviyo.send(method, path).status == status


def test_an_import_joins_the_list_only_when_its_job_has_ended(bench):
    key = create_list(bench)
    answer = bench.klaviyo.send("POST", "/api/profile-bulk-import-jobs", import_body([person(2), person(1)], key))
    job = answer.json["data"]["id"]
    path = f"/api/profile-bulk-import-jobs/{job}"

    def status():
        return bench.klaviyo.send("GET", path).json["data"]["attributes"]["status"]

    assert (answer.status, answer.json["data"]["attributes"]["status"], status()) == (202, "queued", "queued")
    bench.clock.now += 0.1
    assert (status(), bench.truth("klaviyo")["audiences"][key]["members"]) == ("processing", [])
    bench.clock.now += 0.2
    done = bench.klaviyo.send("GET", path).json["data"]["attributes"]
    assert (done["status"], done["total_count"], done["completed_count"], done["failed_count"]) == ("complete", 2, 2, 0)
    assert bench.truth("klaviyo")["audiences"] == {
        key: {"name": "vip", "members": ["p00001@example.com", "p00002@example.com"], "keys": ["u1", "u2"]}
    }


def suppressing(bench, verb, *emails):
    rows = [{"type": "profile", "attributes": {"email": email}} for email in emails]
    kind = f"profile-suppression-bulk-{verb}-job"
    body = {"data": {"type": kind, "attributes": {"profiles": {"data": rows}}}}
    path = f"/api/{kind}s/{bench.klaviyo.send('POST', f'/api/{kind}s', body).json['data']['id']}"

    def read():
        told = bench.klaviyo.send("GET", path).json["data"]["attributes"]
        return [told[name] for name in ("status", "total_count", "completed_count", "skipped_count")]

    return read


def test_who_joins_a_list_starts_its_flows_once_for_each_time_of_joining(bench):
    key = create_list(bench)
    for _ in range(2):
        ids = profile_ids(bench, run_import(bench, [person(1), person(2)], key))
    bench.klaviyo.send("DELETE", f"/api/lists/{key}/relationships/profiles", members([ids["u1"]]))
    bench.klaviyo.send("POST", f"/api/lists/{key}/relationships/profiles", members(ids.values()))
    assert bench.truth("klaviyo")["flows"] == {key: 3}


def test_a_suppression_holds_when_its_job_has_ended_and_counts_whom_it_skipped(bench):
    read = suppressing(bench, "create", "a@example.com", "b@example.com")
    assert (read(), bench.truth("klaviyo")["suppressed"]) == (["processing", 2, 0, 0], [])
    bench.clock.now += 1
    assert (read(), bench.truth("klaviyo")["suppressed"]) == (
        ["complete", 2, 2, 0], ["a@example.com", "b@example.com"])
    lifted = suppressing(bench, "delete", "b@example.com", "c@example.com")
    bench.clock.now += 1
    assert (lifted(), bench.truth("klaviyo")["suppressed"]) == (["complete", 2, 1, 1], ["a@example.com"])
    assert bench.klaviyo.send("GET", "/api/profile-suppression-bulk-create-jobs/nojob").status == 404


def test_a_bad_phone_is_an_import_error_and_the_other_rows_are_applied(bench):
    key, bad = create_list(bench), person(2, phone_number="0123")
    job = run_import(bench, [person(1), bad], key)
    [error] = bench.klaviyo.send("GET", f"/api/profile-bulk-import-jobs/{job}/import-errors").json["data"]
    assert error["attributes"]["source"] == {"pointer": "/data/attributes/profiles/data/1/attributes/phone_number"}
    assert error["attributes"]["original_payload"] == bad
    assert bench.truth("klaviyo")["audiences"][key]["keys"] == ["u1"]


def test_identifiers_of_two_profiles_are_an_import_error(bench):
    run_import(bench, [person(1), person(2)])
    both = {"type": "profile", "attributes": {"external_id": "u1", "email": "p00002@example.com"}}
    job = run_import(bench, [both])
    [error] = bench.klaviyo.send("GET", f"/api/profile-bulk-import-jobs/{job}/import-errors").json["data"]
    assert error["attributes"]["code"] == "duplicate_profile"


@pytest.mark.parametrize(
    ("row", "pointer"),
    [
        ({"type": "profile", "attributes": {"email": "no address"}}, "/attributes/email"),
        ({"type": "profile", "attributes": {}}, "/attributes"),
        ({"type": "profile", "attributes": {"email": "a@example.com", "age": 3}}, "/attributes/age"),
        ({"type": "profile"}, "/attributes"),
        ({"type": "person", "attributes": {"email": "a@example.com"}}, "/type"),
        (
            {"type": "profile", "attributes": {"email": "a@example.com", "properties": {"t": "x" * 100_001}}},
            "/attributes",
        ),
    ],
)
def test_a_malformed_row_refuses_the_whole_import_and_is_named(bench, row, pointer):
    key = create_list(bench)
    answer = bench.klaviyo.send("POST", "/api/profile-bulk-import-jobs", import_body([person(1), row], key))
    assert refusal(answer) == (400, [("invalid", {"pointer": f"/data/attributes/profiles/data/1{pointer}"})])
    bench.clock.now += 1
    assert bench.truth("klaviyo")["audiences"][key]["members"] == []


def test_rows_and_bytes_of_an_import_are_limited(bench):
    many = bench.klaviyo.send("POST", "/api/profile-bulk-import-jobs", import_body([person(n) for n in range(10_001)]))
    fat = [person(n, properties={"t": "x" * 90_000}) for n in range(60)]
    heavy = bench.klaviyo.send("POST", "/api/profile-bulk-import-jobs", import_body(fat))
    full = bench.klaviyo.send("POST", "/api/profile-bulk-import-jobs", import_body([person(n) for n in range(10_000)]))
    assert (many.status, heavy.status, full.status) == (400, 413, 202)


def test_an_import_into_an_unknown_list_is_refused(bench):
    answer = bench.klaviyo.send("POST", "/api/profile-bulk-import-jobs", import_body([person(1)], "NoList"))
    assert answer.status == 404


def test_a_list_loses_members_by_profile_id_only(bench):
    key = create_list(bench)
    ids = profile_ids(bench, run_import(bench, [person(n) for n in range(250)], key))
    path = f"/api/lists/{key}/relationships/profiles"
    by_email = bench.klaviyo.send("DELETE", path, members(["p00001@example.com"]))
    assert refusal(by_email) == (400, [("invalid", {"pointer": "/data/0/id"})])
    gone = bench.klaviyo.send("DELETE", path, members([ids["u1"], ids["u2"]]))
    assert (gone.status, gone.raw, len(ids)) == (204, b"", 250)
    assert bench.truth("klaviyo")["audiences"][key]["keys"] == sorted(set(ids) - {"u1", "u2"})


def test_a_list_gains_known_profile_ids_a_thousand_at_a_time(bench):
    key = create_list(bench)
    ids = profile_ids(bench, run_import(bench, [person(1)]))
    path = f"/api/lists/{key}/relationships/profiles"
    unknown = bench.klaviyo.send("POST", path, members(["01" + "0" * 24]))
    many = bench.klaviyo.send("POST", path, members([ids["u1"]] * 1001))
    assert (unknown.status, many.status) == (404, 400)
    assert bench.klaviyo.send("POST", path, members([ids["u1"]])).status == 204
    assert bench.truth("klaviyo")["audiences"][key]["keys"] == ["u1"]


def test_a_list_is_read_back_in_pages_of_a_hundred(bench):
    key = create_list(bench)
    ids = profile_ids(bench, run_import(bench, [person(n) for n in range(230)], key))
    path, sizes, seen = f"/api/lists/{key}/relationships/profiles?page[size]=100", [], []
    while path:
        page = bench.klaviyo.send("GET", path.removeprefix(bench.sandbox.base_url("klaviyo"))).json
        sizes.append(len(page["data"]))
        seen += [item["id"] for item in page["data"]]
        path = page["links"]["next"]
    assert (sizes, seen) == ([100, 100, 30], sorted(ids.values()))
    assert bench.klaviyo.send("GET", f"/api/lists/{key}/relationships/profiles?page[size]=101").status == 400


def test_lists_are_found_by_name_and_come_ten_a_page(bench):
    keys = {name: create_list(bench, name) for name in [f"list {n}" for n in range(12)]}
    found = bench.klaviyo.send("GET", "/api/lists?filter=" + quote('equals(name,"list 7")')).json["data"]
    assert [(one["id"], one["attributes"]["name"]) for one in found] == [(keys["list 7"], "list 7")]
    assert len(bench.klaviyo.send("GET", "/api/lists").json["data"]) == 10
    assert bench.klaviyo.send("GET", "/api/lists?filter=" + quote('contains(name,"list")')).status == 400


def test_profiles_are_found_by_their_identifiers(bench):
    ids = profile_ids(bench, run_import(bench, [person(n) for n in range(3)]))
    some = quote('any(email,["P00001@example.com","p00002@example.com","nobody@example.com"])')
    found = bench.klaviyo.send("GET", f"/api/profiles?filter={some}&page[size]=100").json["data"]
    assert [one["id"] for one in found] == [ids["u1"], ids["u2"]]
    one = bench.klaviyo.send("GET", "/api/profiles?filter=" + quote('equals(external_id,"u0")')).json["data"]
    assert [item["id"] for item in one] == [ids["u0"]]


def test_one_profile_is_made_once_and_then_updated(bench):
    first = bench.klaviyo.send("POST", "/api/profile-import", {"data": person(1, first_name="Ada", title="Dr")})
    again = bench.klaviyo.send("POST", "/api/profile-import", {"data": person(1, title=None)})
    details = again.json["data"]["attributes"]
    assert (first.status, again.status, details["first_name"], details["title"]) == (201, 200, "Ada", None)


def test_a_hundred_and_fifty_imports_a_minute_are_allowed(make):
    bench = make(pace=True)
    statuses = []
    for number in range(151):
        bench.clock.now += 0.125
        body = json.dumps(import_body([person(number)])).encode()
        statuses.append(bench.klaviyo.send("POST", "/api/profile-bulk-import-jobs", body).status)
    assert statuses == [202] * 150 + [429]


def test_a_body_that_is_not_json_is_refused(bench):
    assert bench.klaviyo.send("POST", "/api/lists", b"{").status == 400


def test_withdrawing_consent_away_from_the_named_list_withdraws_all_of_it(bench):
    key = create_list(bench)
    run_import(bench, [person(1)], key)
    run_import(bench, [person(2)])
    rows = [{"type": "profile", "attributes": {"email": f"p0000{n}@example.com", "subscriptions": {}}} for n in (1, 2)]
    data = {"type": "profile-subscription-bulk-delete-job", "attributes": {"profiles": {"data": rows}}}
    data["relationships"] = {"list": {"data": {"type": "list", "id": key}}}
    assert bench.klaviyo.send("POST", "/api/profile-subscription-bulk-delete-jobs", {"data": data}).status == 202
    truth = bench.truth("klaviyo")
    assert (truth["audiences"][key]["members"], truth["unsubscribed"]) == ([], ["p00002@example.com"])


def test_ten_imports_a_second_are_allowed_and_the_eleventh_must_wait(make):
    bench = make(pace=True)
    answers = [bench.klaviyo.send("POST", "/api/profile-bulk-import-jobs", import_body([person(n)])) for n in range(11)]
    assert [one.status for one in answers] == [202] * 10 + [429]
    assert answers[0].headers["ratelimit-limit"] == "150"
    assert answers[9].headers["ratelimit-remaining"] == "140"
    assert answers[10].headers["retry-after"] == "1"
    assert "ratelimit-limit" not in answers[10].headers
    bench.clock.now += 1
    assert bench.klaviyo.send("POST", "/api/profile-bulk-import-jobs", import_body([person(1)])).status == 202


def test_a_list_that_is_deleted_is_gone_for_good_and_its_profiles_stay(bench):
    key = create_list(bench)
    run_import(bench, [person(1)], key)
    assert bench.klaviyo.send("DELETE", f"/api/lists/{key}").status == 204
    assert bench.klaviyo.send("DELETE", f"/api/lists/{key}").status == 404
    assert bench.klaviyo.send("GET", f"/api/lists/{key}/profiles").status == 404
    assert (create_list(bench) != key, len(bench.klaviyo.send("GET", "/api/profiles").json["data"])) == (True, 1)
