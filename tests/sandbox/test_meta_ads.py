"""The Meta Ads of the sandbox accepts what Meta accepts and refuses what it refuses."""

from __future__ import annotations

import hashlib
import hmac
import json
from urllib.parse import quote, urlencode

import pytest

from destinations.sandbox.channel import Credentials

ACCOUNT = "/v26.0/act_1000000001/customaudiences"


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def create(bench, name="vip", **more):
    body = {"name": name, "subtype": "CUSTOM", "customer_file_source": "USER_PROVIDED_ONLY", **more}
    return bench.meta.send("POST", ACCOUNT, body)


def audience(bench, name="vip"):
    return create(bench, name).json["id"]


def payload(*rows, schema=("EMAIL", "EXTERN_ID")):
    return {"payload": {"schema": list(schema), "is_raw": True, "data": [list(row) for row in rows]}}


def row(number):
    return sha(f"p{number}@example.com"), f"u{number}"


def add(bench, key, *rows):
    return bench.meta.send("POST", f"/v26.0/{key}/users", payload(*rows))


def keys(bench, key):
    return bench.truth("meta_ads")["audiences"][key]["keys"]


def code(answer):
    error = answer.json["error"]
    return answer.status, error["code"], error.get("error_subcode")


def test_the_token_may_stand_in_the_query_the_form_the_body_or_the_header(bench):
    token = {"access_token": "sandbox-meta"}
    form = urlencode({**token, "name": "a", "subtype": "CUSTOM", "customer_file_source": "USER_PROVIDED_ONLY"})
    kind = {"Authorization": None, "Content-Type": "application/x-www-form-urlencoded"}
    answers = [
        bench.meta.send("GET", f"{ACCOUNT}?{urlencode(token)}", Authorization=None),
        bench.meta.send("POST", ACCOUNT, form.encode(), **kind),
        create(bench, "b", **token),
        bench.meta.send("GET", ACCOUNT),
    ]
    assert [one.status for one in answers] == [200, 200, 200, 200]


@pytest.mark.parametrize(("header", "expected"), [(None, 104), ("Bearer other", 190)])
def test_a_missing_or_wrong_token_is_refused(bench, header, expected):
    assert code(bench.meta.send("GET", ACCOUNT, Authorization=header)) == (400, expected, None)


def test_the_proof_of_the_app_secret_is_checked_where_one_is_set(make):
    bench = make(credentials=Credentials(meta_app_secret="shh"))
    proof = hmac.new(b"shh", b"sandbox-meta", hashlib.sha256).hexdigest()
    assert code(bench.meta.send("GET", ACCOUNT)) == (400, 100, None)
    assert bench.meta.send("GET", f"{ACCOUNT}?appsecret_proof={proof}").status == 200


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v26.0/act_7/customaudiences", (403, 200, None)),
        ("/v26.0/1234/users", (400, 100, 33)),
        ("/latest/act_1000000001/customaudiences", (400, 2500, None)),
        ("/v26.0/act_1000000001/campaigns", (400, 2500, None)),
    ],
)
def test_what_does_not_exist_is_refused(bench, path, expected):
    assert code(bench.meta.send("POST", path, payload(row(1)))) == expected


@pytest.mark.parametrize("name", ["failed payment still active", "Low-credit", "diabetes_newsletter", "PAST_DUE"])
def test_a_name_that_hints_at_money_trouble_or_health_is_flagged(bench, name):
    assert code(create(bench, name)) == (400, 100, 1713230)


@pytest.mark.parametrize("name", ["Churn risk", "payment_recovery", "accredited", "winback 45 120"])
def test_a_harmless_name_is_not_flagged(bench, name):
    assert create(bench, name).status == 200


@pytest.mark.parametrize(
    "more", [{"name": ""}, {"subtype": "LOOKALIKE"}, {"customer_file_source": "BOUGHT"}, {"colour": "red"}]
)
def test_a_malformed_audience_is_refused(bench, more):
    assert code(create(bench, **more)) == (400, 100, None)


def test_audiences_are_listed_in_pages(bench):
    made = [audience(bench, f"list {n}") for n in range(5)]
    path, seen, pages = f"{ACCOUNT}?fields=id,name&limit=2", [], 0
    while path:
        page = bench.meta.send("GET", path.removeprefix(bench.sandbox.base_url("meta_ads"))).json
        seen += [(one["id"], one["name"]) for one in page["data"]]
        path, pages = page["paging"].get("next"), pages + 1
    assert (seen, pages) == ([(key, f"list {n}") for n, key in enumerate(made)], 3)


def test_rows_are_received_and_counted(bench):
    key = audience(bench)
    answer = add(bench, key, row(1), row(2), row(1))
    assert answer.json == {
        "audience_id": key,
        "session_id": "0",
        "num_received": 3,
        "num_invalid_entries": 0,
        "invalid_entry_samples": {},
    }
    assert bench.truth("meta_ads")["audiences"][key] == {
        "name": "vip",
        "members": sorted([*row(1), *row(2)]),
        "keys": ["u1", "u2"],
        "rows": 2,
    }


@pytest.mark.parametrize(
    "bad",
    ["a@example.com", sha("a").upper(), sha("a")[:63], sha(""), "g" * 64],
    ids=["plain", "upper", "short", "empty", "hex"],
)
def test_what_is_not_a_hash_is_an_invalid_entry_told_by_count_only(bench, bad):
    key = audience(bench)
    answer = add(bench, key, row(1), (bad, "u2"))
    assert (answer.json["num_received"], answer.json["num_invalid_entries"]) == (2, 1)
    assert (len(answer.json["invalid_entry_samples"]), keys(bench, key)) == (1, ["u1"])


def test_a_row_that_names_nobody_is_an_invalid_entry(bench):
    assert add(bench, audience(bench), ("", "")).json["num_invalid_entries"] == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"payload": "not json"},
        {"payload": {"schema": ["EMAIL"], "data": []}},
        {"payload": {"schema": ["EMAIL"], "data": [[sha("a"), "u1"]]}},
        {"payload": {"schema": ["SHOE_SIZE"], "data": [["43"]]}},
        {"payload": {"schema": [], "data": [[]]}},
        {"payload": {"schema": ["EMAIL"], "data": [[sha("a")]], "colour": "red"}},
        {**payload(row(1)), "colour": "red"},
        {**payload(row(1)), "session": {"session_id": 1}},
        {**payload(row(1)), "session": {"session_id": 1, "batch_seq": 0}},
        payload(*[row(1)] * 10_001),
    ],
)
def test_a_malformed_upload_is_refused(bench, body):
    assert code(bench.meta.send("POST", f"/v26.0/{audience(bench)}/users", body)) == (400, 100, None)


def test_ten_thousand_rows_are_accepted(bench):
    key = audience(bench)
    assert add(bench, key, *[row(n) for n in range(10_000)]).json["num_received"] == 10_000
    counts = bench.meta.send("GET", f"/v26.0/{key}?fields=approximate_count_lower_bound,operation_status").json
    assert counts == {
        "id": key,
        "approximate_count_lower_bound": 10_000,
        "operation_status": {"code": 200, "description": "Normal"},
    }


def test_a_removal_takes_every_row_that_shares_any_identifier(bench):
    key, shared = audience(bench), sha("family@example.com")
    add(bench, key, (shared, "u1"), (shared, "u2"), row(3), (sha("new@example.com"), "u3"), row(4))
    remove = bench.meta.send("DELETE", f"/v26.0/{key}/users", payload((shared, "u1")))
    by_key = bench.meta.send("DELETE", f"/v26.0/{key}/users", payload(("u3",), schema=["EXTERN_ID"]))
    assert (remove.json["num_received"], by_key.status, keys(bench, key)) == (1, 200, ["u4"])


def test_a_removal_may_carry_its_payload_in_the_query(bench):
    key = audience(bench)
    add(bench, key, row(1), row(2))
    flat = {"schema": "EMAIL_SHA256", "data": [row(1)[0]]}
    assert bench.meta.send("DELETE", f"/v26.0/{key}/users?payload={quote(json.dumps(flat))}").status == 200
    assert keys(bench, key) == ["u2"]


def test_a_shared_name_alone_removes_nobody(bench):
    key, schema = audience(bench), ["EMAIL", "FN"]
    rows = [(sha("a@example.com"), sha("ada")), (sha("b@example.com"), sha("ada"))]
    bench.meta.send("POST", f"/v26.0/{key}/users", payload(*rows, schema=schema))
    bench.meta.send("DELETE", f"/v26.0/{key}/users", payload(rows[0], schema=schema))
    assert bench.truth("meta_ads")["audiences"][key]["members"] == [sha("b@example.com")]


def replace(bench, key, session, sequence, *rows, last=False):
    body = {"session_id": session, "batch_seq": sequence, "last_batch_flag": last, "estimated_num_total": 3}
    return bench.meta.send("POST", f"/v26.0/{key}/usersreplace", {**payload(*rows), "session": body})


def test_a_replacement_takes_effect_with_its_last_batch(bench):
    key = audience(bench)
    add(bench, key, row(1), row(2))
    replace(bench, key, 7, 1, row(2))
    assert keys(bench, key) == ["u1", "u2"]
    replace(bench, key, 7, 2, row(3), last=True)
    assert keys(bench, key) == ["u2", "u3"]
    [session] = bench.meta.send("GET", f"/v26.0/{key}/sessions").json["data"]
    assert (session["session_id"], session["num_received"], session["stage"]) == ("7", 2, "completed")


def test_only_one_replacement_runs_and_for_ninety_minutes(bench):
    key = audience(bench)
    replace(bench, key, 7, 1, row(1))
    other = replace(bench, key, 8, 1, row(2))
    bench.clock.now += 90 * 60 + 1
    late = replace(bench, key, 7, 2, row(2), last=True)
    assert (code(other), code(late)) == ((400, 2650, None), (400, 2650, None))
    assert replace(bench, key, 8, 1, row(2), last=True).status == 200
    assert keys(bench, key) == ["u2"]


def test_a_removal_that_would_leave_too_few_is_refused_as_a_whole(make):
    bench = make(meta_minimum=2)
    key = audience(bench)
    add(bench, key, row(1), row(2), row(3), row(4))
    removed = [bench.meta.send("DELETE", f"/v26.0/{key}/users", payload(*rows)) for rows in (
        (row(1), row(2), row(3)), (row(1), row(2)), (row(3),), (row(9),))]
    refused = (400, 200, 1870047)
    assert [one.status if one.status == 200 else code(one) for one in removed] == [refused, 200, refused, 200]
    assert removed[0].json["error"]["error_user_title"] == "Audience Size too Low"
    assert keys(bench, key) == ["u3", "u4"]


def test_members_cannot_be_listed(bench):
    key = audience(bench)
    assert bench.meta.send("GET", f"/v26.0/{key}/users").status == 400


def test_too_many_calls_are_told_in_a_400_with_the_minutes_to_wait(make):
    bench = make(pace=True, meta_quota=3)
    bench.clock.now = 3600 * 500_000 + 60
    answers = [bench.meta.send("GET", ACCOUNT) for _ in range(4)]
    assert [one.status for one in answers] == [200, 200, 200, 400]
    assert code(answers[3])[1] == 80003
    [usage] = json.loads(answers[3].headers["x-business-use-case-usage"])["1000000001"]
    assert (usage["call_count"], usage["estimated_time_to_regain_access"]) == (100, 59)
    assert "retry-after" not in answers[3].headers
