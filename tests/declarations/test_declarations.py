"""Declarations as a user writes them, parsed by dbt: `valid/` and `invalid/` are the test and the documentation.

In `invalid/` each complaint stands behind `#!` on the line it names, as path and message; `config.meta.audience` and
the model itself are left out of the path.
"""

import json
import re
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml

from pipelines import connections, manifest
from pipelines.connections import Connections
from pipelines.dbt import Dbt
from pipelines.errors import Complaint, DeclarationError
from pipelines.manifest import Declarations

HERE = Path(__file__).parent
ENVIRON = {"ADS_TOKEN": "ads-token", "MAIL_KEY": "mail-key"}


def declared_connections() -> Connections:
    return connections.load(HERE / "connections.yml", ENVIRON, "connections.yml")


def parse(name: str, folder: Path) -> Declarations:
    """The declarations of a project whose models without SQL get the plainest there is."""
    project = folder / name
    shutil.copytree(HERE / name, project)
    for file in project.glob("models/*.yml"):
        for model in yaml.safe_load(file.read_text())["models"]:
            sql = file.with_name(f"{model['name']}.sql")
            if not sql.exists():
                sql.write_text("select 1 as person_id\n")
    return manifest.read(Dbt(project).parse(), declared_connections())


@pytest.fixture(scope="module")
def valid(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    return parse("valid", tmp_path_factory.mktemp("declarations"))


@pytest.fixture(scope="module")
def invalid(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    return parse("invalid", tmp_path_factory.mktemp("declarations"))


def expected_complaints() -> list[tuple[str, int, str]]:
    return sorted(
        (f"models/{file.name}", number, text.strip())
        for file in HERE.glob("invalid/models/*.yml")
        for number, line in enumerate(file.read_text().splitlines(), 1)
        for text in line.split("#!")[1:]
    )


def in_short(complaint: Complaint) -> tuple[str, int, str]:
    path = re.sub(r"^models\.[\w-]+\.?(config\.meta\.audience\.?)?", "", complaint.path)
    return complaint.file, complaint.line, f"{path}: {complaint.message}" if path else complaint.message


def test_every_flaw_of_a_project_is_reported_at_once_with_file_line_path_and_what_would_be_right(invalid):
    assert sorted(map(in_short, invalid.complaints)) == expected_complaints()


def test_a_complaint_reads_as_one_line_that_an_editor_can_jump_to(invalid):
    assert (
        "models/syncs.yml:16: models.misspelt.config.meta.audience.syncs[3].to: "
        "there is no connection mial (did you mean mail?)"
    ) in [str(complaint) for complaint in invalid.complaints]


def test_only_audiences_without_a_complaint_are_offered(invalid):
    assert [audience.name for audience in invalid.audiences] == ["carts", "first_writer"]


def test_a_valid_project_has_no_complaints(valid):
    assert valid.complaints == ()


def test_all_that_is_declared_is_read(valid):
    read = json.loads(json.dumps({a.name: asdict(a) for a in valid.audiences}, default=plain))
    assert read == json.loads((HERE / "valid" / "expected.json").read_text())


def plain(value):
    if not hasattr(value, "model_dump"):
        return str(value)
    return value.model_dump(mode="json") | ({"cron": value.cron} if hasattr(value, "cron") else {})


def test_suppressions_are_all_that_audiences_name_and_do_not_contact(valid):
    assert sorted((s.name, s.relation, s.key, s.kind) for s in valid.suppressions) == [
        ("blocked_accounts", '"warehouse"."main"."blocked_accounts"', "account", "account"),
        ("buyers", '"warehouse"."main"."buyers"', "buyer", "person"),
        ("do_not_contact", '"warehouse"."main"."do_not_contact"', "person_id", "person"),
        ("do_not_retarget", '"warehouse"."main"."do_not_retarget"', "person_id", "person"),
        ("quiet_now", '"warehouse"."main"."quiet_now"', "person_id", "person"),
    ]


def test_how_many_may_leave_a_list_to_spare_at_once_is_its_own_guards_or_one_in_ten(valid):
    assert {s.name: s.removal for s in valid.suppressions} == {
        "blocked_accounts": 0.1, "buyers": 0.4, "do_not_contact": 0.1, "do_not_retarget": 0.1, "quiet_now": 0.1}


def test_do_not_contact_spares_every_audience_that_has_persons(valid):
    assert {a.name: sorted(s.name for s in valid.sparing(a)) for a in valid.audiences} == {
        "counted": ["do_not_contact"],
        "followed": ["do_not_contact"],
        "full": ["blocked_accounts", "buyers", "do_not_contact"],
        "older": [],
        "partly_documented": ["do_not_contact"],
        "short": ["do_not_contact"],
    }


def test_do_not_retarget_spares_every_paid_channel_unless_a_sync_says_otherwise_or_tells_it_whom_to_spare(valid):
    own = {a.sync_id(sync): [s.name for s in valid.sparing_in(a, sync)] for a in valid.audiences for sync in a.syncs}
    assert own == {
        "followed__ads": [],
        "full__ads": [],  # a suppression itself
        "full__ads__held_out": [],
        "full__chat": ["quiet_now"],
        "full__mail": [],
        "older__mail": [],
        "partly_documented__mail": [],
        "short__ads": ["do_not_retarget"],
    }


def test_to_build_an_audience_its_suppressions_and_what_its_messages_are_decided_by_are_built_too(valid):
    assert sorted(valid.models([valid.find("full"), valid.find("short")])) == [
        "blocked_accounts", "buyers", "deeds", "do_not_contact", "do_not_retarget", "full", "quiet_now", "recipients",
        "short"]


def test_a_misspelt_audience_is_answered_with_the_nearest_name(valid):
    with pytest.raises(DeclarationError, match=r"there is no audience ful \(did you mean full\?\)"):
        valid.find("ful")


def test_a_sync_has_the_name_of_its_audience_and_connection(valid):
    full = valid.find("full")
    assert [full.sync_id(sync) for sync in full.syncs] == [
        "full__ads", "full__mail", "full__chat", "full__ads__held_out"]


def test_whom_an_audience_holds_out_is_excluded_where_reach_is_paid_for_or_a_sync_says_so(valid):
    lists = {a.name: [(a.list_name(sync), sync.to) for sync in a.syncs if sync.standing == "held_out"]
             for a in valid.audiences}
    assert {name: found for name, found in lists.items() if found} == {"full": [("full__held_out", "ads")]}
    [excluded] = [sync for sync in valid.find("full").syncs if sync.standing == "held_out"]
    assert (excluded.target, excluded.trigger, excluded.send, excluded.every) == (None, None, {}, "1d")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "there is no manifest; run dbt parse"),
        ("{", "is not a manifest; run dbt parse again"),
        ('{"sources": {}}', "is not a dbt manifest; run dbt parse"),
    ],
)
def test_what_is_no_manifest_is_said_so(tmp_path, content, problem):
    file = tmp_path / "manifest.json"
    if content:
        file.write_text(content)
    with pytest.raises(DeclarationError) as raised:
        manifest.read(file)
    assert raised.value.complaints == [Complaint(str(file), 0, "", problem)]
