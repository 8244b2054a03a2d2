"""What `tailrace new` writes is used as it tells the user: a destination is proved, an audience is built and synced."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from .conftest import Club
from .terminal import Terminal

ROOT = Path(__file__).parents[2]


def prove(folder: Path, *words: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "-m", "destinations.testing", *words], cwd=folder, capture_output=True,
                          text=True, timeout=60, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)})
    return done.returncode, done.stdout + done.stderr


def test_a_new_destination_is_proved_by_the_command_that_is_told(tailrace: Terminal) -> None:
    ran = tailrace("new", "destination", "carrier_pigeon")
    assert ran.said == (0, "")
    wrote, told, *_ = ran.out.splitlines()
    assert wrote == f"Wrote carrier_pigeon.py and carrier_pigeon.yaml in {tailrace.folder}."
    assert told == "Prove it there:  python -m destinations.testing carrier_pigeon:CarrierPigeon carrier_pigeon.yaml"
    words = told.split()[-2:]
    assert prove(tailrace.folder, *words) == (0, "3 cases and all laws hold\n")
    cases = tailrace.folder / "carrier_pigeon.yaml"
    cases.write_text(cases.read_text().replace("/lists/add", "/list/add"))
    code, said = prove(tailrace.folder, *words)
    assert code == 1 and said.startswith("members are added in one request: request 1: method and url:\n")
    module = tailrace.folder / "carrier_pigeon.py"
    module.write_text(module.read_text().replace("return unaccepted(batch, response)", "return []"))
    code, said = prove(tailrace.folder, *words)
    assert code == 1 and "exactly one outcome a member" in said


@pytest.mark.parametrize(("words", "message"), [
    ((), "write: python -m destinations.testing my_module:MyDestination my_cases.yaml\n"),
    (("webhook", "none.yaml"), "webhook none.yaml: [Errno 2] No such file or directory: 'none.yaml'\n"),
    (("pigeons:Pigeons", "cases.yaml"),
     "pigeons:Pigeons cases.yaml: destination pigeons:Pigeons: cannot import pigeons: No module named 'pigeons'\n"),
])
def test_what_cannot_be_proved_is_said(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    (tmp_path / "cases.yaml").write_text("cases: []\n")
    assert prove(tmp_path, *words) == (1, message)


def test_a_new_destination_is_found_in_the_folder_of_the_project(
    club: Club, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    named = club.tailrace("new", "destination", "owl_post").out.splitlines()[2]
    line = named.removeprefix("Name it in connections.yml:  ")
    with (club.folder / "connections.yml").open("a") as file:
        file.write(f"{line}\n")
    club.edit("models/fans.yml", "{to: letters, every: 1d}", "{to: owl_post, every: 1d}")
    club.tailrace.environ["OWL_POST_API_KEY"] = "made-up"
    assert club.tailrace("check").out == "2 audiences and 3 syncs are well declared.\n"


def test_a_new_audience_is_built_planned_and_sent_once_its_columns_are_real(club: Club) -> None:
    ran = club.tailrace("new", "audience", "everyone", "--folder", "models", "--to", "hook")
    assert ran.said == (0, "")
    assert ran.out == ("Wrote everyone.sql and everyone.yml in models.\n"
                       "Next: edit both, then  tailrace plan everyone\n")
    assert club.tailrace("check").code == 0
    assert club.tailrace("plan", "everyone").code == 2
    assert club.tailrace("sync", "everyone").code == 0
    entries = club.tailrace("status", "--json", "everyone").document("status")["syncs"]
    assert [(entry["sync"], entry["status"]) for entry in entries] == [("everyone__hook", "ok")]


@pytest.mark.parametrize(("words", "message"), [
    (("audience", "fans", "--folder", "models"),
     "models/fans.sql exists already; choose another name, or remove it first"),
    (("audience", "big-fans"),
     "'big-fans' cannot be a name here: write lower-case letters, digits and _, a letter first"),
    (("audience", "x", "--project-dir", "nowhere"), "nowhere: there is no dbt_project.yml here; give --project-dir"),
    (("destination", "Owl"), "'Owl' cannot be a name here: write lower-case letters, digits and _, a letter first"),
])
def test_a_template_never_overwrites_and_refuses_names_that_cannot_be(
    club: Club, words: tuple[str, ...], message: str
) -> None:
    before = sorted(club.folder.rglob("*"))
    ran = club.tailrace("new", *words)
    assert ran.code == 1 and ran.err.endswith(f"{message}\n")
    assert sorted(club.folder.rglob("*")) == before


def test_the_template_builds_in_the_example_shop(tmp_path: Path, tailrace: Terminal) -> None:
    ignore = shutil.ignore_patterns("target", "logs", ".tailrace", "*.duckdb*")
    for room in ("dbt_project", "seeds"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=ignore)
    assert tailrace("new", "audience", "reachable_people").code == 0
    model = tmp_path / "dbt_project" / "models" / "audiences" / "reachable_people.sql"
    model.write_text(model.read_text().replace("ref('people')", "ref('marketing_contacts')"))
    assert tailrace("build", "reachable_people").said == (0, "")
    with duckdb.connect(str(tmp_path / "dbt_project" / "tailrace.duckdb"), read_only=True) as warehouse:
        [(rows, persons)] = warehouse.execute(
            "select count(*), count(distinct person_id) from audiences.reachable_people").fetchall()
    assert rows == persons > 100
