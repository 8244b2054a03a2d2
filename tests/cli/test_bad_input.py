"""What people get wrong: each gives a clear message or a counted, listed row; nothing is lost, no trace is shown."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pipelines.warehouse.duckdb import DuckDBFile

from .conftest import Club
from .terminal import Ran

HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


def statuses(ran: Ran) -> dict[str, tuple[str, int]]:
    return {entry["sync"]: (entry["status"], entry["accepted"]) for entry in ran.document("sync")["syncs"]}


def test_a_misspelt_connection_is_named_by_line_and_the_other_audience_goes_on(club: Club) -> None:
    club.edit("models/fans.yml", "to: hook", "to: hok")
    line = ("models/fans.yml:8: models.fans.config.meta.audience.syncs[0].to: there is no connection hok (did you mean "
            "hook?)\n")
    checked, synced = club.tailrace("check"), club.tailrace("sync", "--json")
    assert (checked.code, checked.out, checked.err) == (1, line, "")
    assert (synced.said, statuses(synced)) == ((1, line), {"others__hook": ("ok", 1)})
    assert club.tailrace("check", "--json").document("check") == {"complaints": [
        {"file": "models/fans.yml", "line": 8, "path": "models.fans.config.meta.audience.syncs[0].to",
         "message": "there is no connection hok (did you mean hook?)"}]}


def test_a_connections_file_that_is_missing_is_said(club: Club) -> None:
    (club.folder / "connections.yml").rename(club.folder / "accounts.yml")
    first = club.tailrace("check").out.splitlines()[0]
    assert first == "connections.yml: cannot be read: No such file or directory"
    assert club.tailrace("check", "--connections", "accounts.yml").code == 0


def test_an_unset_variable_concerns_only_the_syncs_that_need_it(club: Club) -> None:
    del club.tailrace.environ["KLAVIYO_API_KEY"]
    line = ("connections.yml:7: letters.api_key: connection letters needs the environment variable KLAVIYO_API_KEY, "
            "which is not set; export KLAVIYO_API_KEY=…\n")
    checked, synced = club.tailrace("check"), club.tailrace("sync", "--json")
    assert (checked.code, checked.out) == (1, line)
    assert (synced.said, statuses(synced)) == ((1, line), {"fans__hook": ("ok", 2), "others__hook": ("ok", 1)})
    club.tailrace.environ["KLAVIYO_API_KEY"] = club.box.credentials.klaviyo_api_key
    assert statuses(club.tailrace("sync", "--json", "--no-build"))["fans__letters"] == ("ok", 2)


def test_a_model_without_a_key_column_is_left_out_and_named(club: Club) -> None:
    club.edit("models/fans.yml", "{name: person_id, config: {meta: {identifier: person}}}", "{name: person_id}")
    line = ("models/fans.yml:2: models.fans: has no key column; mark the one that holds the person's id: "
            "config: {meta: {identifier: person}}\n")
    assert club.tailrace("check").out == line
    synced = club.tailrace("sync", "--json")
    assert (synced.said, statuses(synced)) == ((1, line), {"others__hook": ("ok", 1)})


def test_rows_without_key_or_with_a_key_twice_are_counted_and_the_rest_arrives(club: Club) -> None:
    club.people("p1,ada@example.com,true", ",nobody@example.com,true", "p2,bob@example.com,true",
                "p2,bob@example.org,true", "p9,,true", "p3,cleo@example.com,false")
    planned = club.tailrace("plan", "--json", "fans")
    assert planned.said == (2, "")
    assert {entry["sync"]: (entry["segment"], entry["add"], entry["unusable"])
            for entry in planned.document("plan")["syncs"]} == {"fans__hook": (3, 3, 1), "fans__letters": (3, 2, 2)}
    assert statuses(club.tailrace("sync", "--json", "fans")) == {"fans__hook": ("ok", 3), "fans__letters": ("ok", 2)}
    assert (club.held("webhook", "fans"), club.held("klaviyo", "fans")) == (["p1", "p2", "p9"], ["p1", "p2"])
    entries = club.tailrace("status", "--json", "fans").document("status")["syncs"]
    assert {entry["sync"]: entry["undelivered"] for entry in entries} == {
        "fans__hook": {"no_key": 1, "repeated_key": 1},
        "fans__letters": {"unusable": 1, "no_key": 1, "repeated_key": 1}}
    assert "  not delivered: 1 unusable, 1 no key, 1 repeated key\n" in club.tailrace("status", "fans").out


def test_an_identifier_that_does_not_normalise_is_listed_by_key_with_the_reason(club: Club) -> None:
    club.people("p1,ada@example.com,true", "p2,bob at example.com,true", "p4,{{ email }},true")
    assert club.tailrace("sync", "fans").code == 0
    listed = club.tailrace("status", "--undelivered", "fans", "--to", "letters")
    assert [line for line in listed.out.splitlines() if "  p" in line] == [
        "fans__letters  p2  unusable: email: not an e-mail address",
        "fans__letters  p4  unusable: email: an un-rendered template"]
    assert club.tailrace("status", "--undelivered", "--limit", "1").out.count("unusable: ") == 1
    assert club.held("klaviyo", "fans") == ["p1"]


@contextmanager
def held(club: Club) -> Iterator[subprocess.Popen[str]]:
    """Another process has the warehouse open."""
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(club.file)], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        yield other
    finally:
        other.communicate()


def test_a_warehouse_that_another_process_holds_is_named_with_that_process(
    club: Club, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DuckDBFile.__init__.__kwdefaults__, "patience", 0.2)
    club.tailrace("build")
    with held(club) as other:
        built, synced, status = (club.tailrace(*words) for words in (["build"], ["sync", "--no-build"], ["status"]))
    waits = (f"{club.file}: process {other.pid} still has it open after 0.2 s; close that program or let it finish, "
             "then run this again\n")
    ends = f"{club.file} is held by another process (PID {other.pid}); wait until it ends, or end it\n"
    assert built.said == (1, ends)
    assert (synced.said, status.said) == ((1, waits), (1, waits))
    assert len(club.box.requests) == 0
    assert club.tailrace("sync").code == 0
    assert club.held("webhook", "fans") == ["p1", "p2"]


def test_a_channel_that_refuses_the_credentials_fails_alone_and_gets_everything_later(club: Club) -> None:
    club.tailrace.environ["KLAVIYO_API_KEY"] = "pk_wrong"
    refused = club.tailrace("sync", "--json")
    found = {entry["sync"]: (entry["status"], entry["reason"]) for entry in refused.document("sync")["syncs"]}
    assert refused.code == 1
    assert found == {
        "fans__hook": ("ok", ""), "others__hook": ("ok", ""),
        "fans__letters": ("failed", "connection letters: Klaviyo refused the credentials (HTTP 401): check this "
                                    "connection's keys")}
    assert "pk_wrong" not in refused.out + refused.err
    assert "refused the credentials" in club.tailrace("status").out
    club.tailrace.environ["KLAVIYO_API_KEY"] = club.box.credentials.klaviyo_api_key
    assert statuses(club.tailrace("sync", "--json")) == {
        "fans__hook": ("nothing", 0), "fans__letters": ("ok", 2), "others__hook": ("nothing", 0)}


def test_a_channel_that_cannot_be_reached_loses_nobody(club: Club) -> None:
    club.tailrace.environ["WEBHOOK_BASE_URL"] = "http://127.0.0.1:9"
    assert club.tailrace("sync", "--to", "hook", "fans").code == 1
    club.tailrace.environ["WEBHOOK_BASE_URL"] = club.box.base_url("webhook")
    assert club.tailrace("sync", "--to", "hook", "fans").code == 0
    assert club.held("webhook", "fans") == ["p1", "p2"]


def test_a_day_without_data_is_an_empty_audience_and_no_failure(club: Club) -> None:
    club.people()
    synced = club.tailrace("sync", "--json")
    assert (synced.said, set(statuses(synced).values())) == ((0, ""), {("nothing", 0)})
    assert [entry["segment"] for entry in synced.document("sync")["syncs"]] == [0, 0, 0]
    club.people("p1,ada@example.com,true")
    assert club.tailrace("sync", "fans").code == 0
    assert club.held("klaviyo", "fans") == ["p1"]


@pytest.mark.parametrize(("words", "message"), [
    (("plan", "fanz"), "fanz: there is no audience fanz (did you mean fans?); declared are: fans, others"),
    (("build", "fanz"), "fanz: selects nothing to build (did you mean fans?)"),
    (("plan", "--select", "tag:none"), "tag:none: selects no audience; declared are: fans, others"),
    (("sync", "others", "--to", "letters"), "others --to letters: selects no audience; declared are: fans, others"),
    (("sync", "--to", "hok"), "connections.yml: there is no connection hok (did you mean hook?); declared are: hook, "
                              "letters"),
    (("build", "--as-of", "yesterday"), "--as-of: 'yesterday' is no time; write ISO 8601, such as 2026-10-21 or "
                                        "2026-10-21T06:00:00Z"),
    (("plan", "--vars", "[1"), "--vars: not YAML: expected ',' or ']', but got '<stream end>'; write a mapping, such "
                               "as '{threshold: 3}'"),
    (("plan", "--vars", "3"), "--vars: write a mapping, such as '{threshold: 3}'"),
    (("check", "--target", "prod"), "dbt parse failed:\n  Runtime Error\n    The profile 'club' does not have a target "
                                    "named 'prod'. The valid target names for this profile are:\n    - here"),
    (("check", "--profiles-dir", "models"), "dbt parse failed:\n  Runtime Error"),
    (("plan", "--bogus"), "No such option: --bogus"),
    (("pln",), "No such command 'pln'."),
    (("sandbox", "--port", "99999"), "Invalid value for '--port': "),
    (("demo", "--days", "0"), "Invalid value for '--days': "),
], ids=lambda value: " ".join(value) if isinstance(value, tuple) else "")
def test_a_wrong_word_is_answered_with_what_would_be_right(club: Club, words: tuple[str, ...], message: str) -> None:
    ran = club.tailrace(*words)
    assert (ran.code, ran.err[:len(message)], "Traceback" in ran.err) == (1, message, False)


def test_before_the_first_build_there_is_no_warehouse(club: Club) -> None:
    message = f"{club.file}: there is no warehouse file yet; build the models first (tailrace build)\n"
    for words in (["plan", "--no-build"], ["sync", "--no-build"], ["status"]):
        ran = club.tailrace(*words)
        assert ran.said == (1, message)
    assert not club.file.exists()


def test_a_model_that_was_never_built_is_named(club: Club) -> None:
    club.tailrace("build", "others")
    ran = club.tailrace("plan", "--no-build", "fans")
    assert ran.said == (1, 'audience fans: "club"."main"."fans" does not exist in the warehouse; build it first '
                           "(tailrace build --select fans)\n")


def test_a_value_that_does_not_fit_is_told_by_column_and_never_shown(club: Club) -> None:
    club.tailrace("build")
    club.people("p1,ada@example.com,true", "p2,bob@example.com,Bob's \"yes\"")
    ran = club.tailrace("build")
    assert ran.code == 1 and "Column fan is being converted as type BOOLEAN" in ran.err
    assert [word for word in ("p2", "bob@example.com", "Bob", "yes") if word in ran.err] == []


def test_a_model_that_does_not_run_is_named_and_nothing_is_sent_for_its_audience(club: Club) -> None:
    club.edit("models/fans.sql", "person_id, email", "person_id, e_mail as email")
    ran = club.tailrace("sync")
    assert ran.code == 1
    assert ran.err.startswith("dbt build failed:\n  fans: Runtime Error in model fans (models/fans.sql)\n")
    assert "Traceback" not in ran.err
    assert {name: club.held("webhook", name) for name in ("fans", "others")} == {"fans": [], "others": ["p3"]}


@pytest.mark.parametrize(("file", "text", "message"), [
    ("connections.yml", "hook: [", "connections.yml:1: not YAML: "),
    ("dbt_project.yml", "name: [", "dbt_project.yml:1: not YAML: "),
    ("models/fans.yml", "models: {", "dbt parse failed:"),
])
def test_yaml_that_cannot_be_read_is_named_with_its_file(club: Club, file: str, text: str, message: str) -> None:
    (club.folder / file).write_text(text)
    ran = club.tailrace("check")
    assert ran.code == 1 and "Traceback" not in ran.err
    assert (ran.out or ran.err).startswith(message), ran


def test_a_folder_without_a_project_is_said(club: Club) -> None:
    nowhere = club.folder.parent / "nowhere"
    ran = club.tailrace("check", "--project-dir", str(nowhere))
    message = f"{nowhere}/dbt_project.yml: there is no dbt project here; give --project-dir\n"
    assert (ran.code, ran.out + ran.err) == (1, message)
    assert club.tailrace("plan", "--project-dir", str(nowhere)).said == (1, message)
