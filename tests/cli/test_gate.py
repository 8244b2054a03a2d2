"""The upstream gate at the terminal: what failed stops its own audiences, and no others."""

from __future__ import annotations

import pytest

from .conftest import Club

TEST = "identifier: email}}}"
TESTED = "identifier: email}}, data_tests: [not_null]}"


def statuses(club: Club, *words: str) -> dict[str, str]:
    document = club.tailrace("sync", "--json", *words).document("sync")
    return {entry["sync"]: entry["status"] for entry in document["syncs"]}


def test_a_test_that_fails_stops_its_audience_alone_until_a_build_passes(club: Club) -> None:
    club.edit("models/fans.yml", TEST, TESTED)
    club.people("p1,a@x.example,true", "p2,,true", "p3,c@x.example,false")
    ran = club.tailrace("sync")
    assert (ran.code, club.held("webhook", "others"), club.held("webhook", "fans")) == (1, ["p3"], [])
    assert "upstream, test not_null_fans_email failed (at " in ran.out
    assert "Nothing is planned until it is built well: tailrace build --select fans" in ran.out
    assert ran.err.startswith("dbt build failed:\n  not_null_fans_email: Got 1 result")

    again = club.tailrace("plan", "--no-build")
    assert (again.code, again.out[:59]) == (1, "Not built. The gate looks at the last builds on record (the")
    assert again.err.startswith("fans: upstream, test not_null_fans_email failed")
    [gated, *_] = club.tailrace("plan", "--no-build", "--json", "fans").document("plan")["syncs"]
    assert (gated["held"], gated["plan_id"], gated["objections"][0]["guard"]) == (True, "", "gate")
    assert statuses(club, "others") == {"others__hook": "nothing"}
    assert statuses(club, "fans", "--no-build") == {"fans__hook": "failed", "fans__letters": "failed"}
    assert "upstream, test not_null_fans_email failed" in club.tailrace("status").out

    club.people("p1,a@x.example,true", "p2,b@x.example,true", "p3,c@x.example,false")
    assert statuses(club) == {"fans__hook": "ok", "fans__letters": "ok", "others__hook": "nothing"}
    assert club.held("webhook", "fans") == ["p1", "p2"]


def test_without_any_build_on_record_it_says_that_it_knows_nothing(club: Club) -> None:
    club.sql("create table fans as select 'p1' as person_id, 'a@x.example' as email")
    ran = club.tailrace("plan", "fans", "--no-build")
    assert (ran.code, ran.out.splitlines()[0]) == (
        2, "Not built. No build from here is on record, so nothing is known of models, tests and freshness.")


@pytest.mark.slow
def test_a_source_that_is_stale_stops_what_is_built_from_it_and_one_that_is_late_is_told(club: Club) -> None:
    club.sql("create table loads as select true as fan, timestamp '2026-01-01' as loaded_at")
    (club.folder / "models" / "sources.yml").write_text("""
sources:
  - name: crm
    schema: main
    tables:
      - name: loads
        config:
          loaded_at_field: loaded_at
          freshness: {warn_after: {count: 1, period: hour}, error_after: {count: 24, period: hour}}
""")
    club.edit("models/fans.sql", "where fan", "where fan in (select fan from {{ source('crm', 'loads') }})")
    assert statuses(club) == {"fans__hook": "failed", "fans__letters": "failed", "others__hook": "ok"}
    assert "source crm.loads is stale" in club.tailrace("status").out
    club.sql("update loads set loaded_at = (now() at time zone 'utc') - interval 2 hours")
    entries = club.tailrace("sync", "fans", "--json").document("sync")["syncs"]
    assert {entry["status"] for entry in entries} == {"ok"}
    assert all("source crm.loads is late" in note for entry in entries for note in entry["notes"])
