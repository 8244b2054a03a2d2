"""dbt inside this process: what is built, what is said when it fails, and that the warehouse's file is let go."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from pipelines.dbt import Built, Dbt
from pipelines.errors import BuildFailed, WarehouseLocked

WRITE = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute('create or replace table t as select 1')"
HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return Path(shutil.copytree(Path(__file__).parent / "dbt_runs", tmp_path / "project"))


def rows(project: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(project / "warehouse.duckdb")) as warehouse:
        return warehouse.execute(sql).fetchall()


def statuses(built: Built) -> dict[str, str]:
    return {node.name: node.status for node in built.nodes}


def write_from_another_process(file: Path) -> None:
    subprocess.run([sys.executable, "-c", WRITE, str(file)], check=True, timeout=60)


def test_a_selection_is_built_with_all_that_is_upstream_of_it(project):
    heard = []
    built = Dbt(project, variables={"as_of": "2026-10-21"}).build(["big"], on_event=lambda *event: heard.append(event))
    assert statuses(built) == {
        "raw_orders": "success",
        "raw_staff": "success",
        "orders": "success",
        "big": "success",
        "not_null_big_person_id": "pass",
        "twenty_is_big": "pass",
    }
    assert rows(project, "from big") == [(2, "2026-10-21")]
    assert [name for name, status, _ in heard if status == "started"] == [node.name for node in built.nodes]
    assert {(name, status) for name, status, _ in heard if status != "started"} == set(statuses(built).items())


def test_selectors_mean_what_they_mean_to_dbt(project, capfd):
    asked = [
        Dbt(project).ls(["+big"], ["raw_staff"]),
        Dbt(project).ls(["path:models/big.sql"]),
        Dbt(project).ls(["none*"]),
    ]
    assert list(map(sorted, asked)) == [["big", "orders", "raw_orders"], ["big"], []]
    assert capfd.readouterr() == ("", "")


def test_unit_tests_can_be_left_out(project):
    assert list(statuses(Dbt(project).build(["+orders", "big"], unit_tests=False))) == [
        "raw_orders",
        "raw_staff",
        "orders",
        "big",
        "not_null_big_person_id",
    ]


def test_another_process_can_write_the_file_while_this_one_lives(project):
    Dbt(project).build(["orders"])
    write_from_another_process(project / "warehouse.duckdb")


def test_another_process_can_write_the_file_after_a_failure(project):
    with pytest.raises(BuildFailed):
        Dbt(project).build(["broken"])
    write_from_another_process(project / "warehouse.duckdb")


def test_a_failure_names_the_nodes_and_shows_neither_a_trace_nor_a_value(project):
    with pytest.raises(BuildFailed) as raised:
        Dbt(project).build(["below_broken"])
    said = str(raised.value)
    assert said.startswith(
        "dbt build failed (1 skipped):\n  broken: Runtime Error in model broken (models/broken.sql)\n"
    )
    assert "Conversion Error: Could not convert string …" in said
    assert not [word for word in ("ada@", "Traceback", "> in macro", 'File "') if word in said]


def test_a_project_that_cannot_be_parsed_is_a_failed_build(project):
    (project / "models/big.sql").write_text("select * from {{ ref('oders') }}")
    with pytest.raises(
        BuildFailed, match=r"dbt parse failed:\n  Compilation Error(.|\n)*depends on a node named 'oders'"
    ):
        Dbt(project).parse()


def test_a_locked_warehouse_names_the_process_that_holds_it(project):
    file = project / "warehouse.duckdb"
    command = [sys.executable, "-c", HOLD, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(WarehouseLocked) as raised:
            Dbt(project).build(["orders"])
        holder.stdin.close()
    assert str(raised.value) == (f"{file} is held by another process (PID {holder.pid}); wait until it ends, or end it")


def test_seeds_are_loaded_again_only_when_their_file_has_changed_or_their_table_is_gone(project, tmp_path):
    def loaded(**flags) -> list[str]:
        built = Dbt(project).build(["orders"], seed="if_changed", state_dir=tmp_path / "state", **flags)
        return [node.name for node in built.nodes if node.name.startswith("raw_")]

    assert loaded() == ["raw_orders", "raw_staff"]
    assert loaded() == []
    (project / "seeds/raw_staff.csv").write_text("person_id\n1\n")
    assert loaded() == ["raw_staff"]
    assert rows(project, "select person_id from orders") == [(2,)]
    rows(project, "drop table raw_orders cascade")
    assert "raw_orders" in loaded()
    assert loaded(full=True) == ["raw_orders", "raw_staff"]
    (project / "warehouse.duckdb").unlink()
    assert loaded() == ["raw_orders", "raw_staff"]


def test_seeds_can_be_left_out(project):
    Dbt(project).build(["orders"])
    assert list(statuses(Dbt(project).build(["orders"], seed=False))) == ["orders"]


def test_the_manifest_is_where_the_project_puts_it(project, monkeypatch):
    assert Dbt(project).manifest_path() == project / "target/manifest.json"
    with (project / "dbt_project.yml").open("a") as file:
        file.write("target-path: \"{{ env_var('OUT', 'out') }}\"\n")
    assert Dbt(project).parse() == project / "out/manifest.json"
    assert (project / "out/manifest.json").is_file()
    monkeypatch.setenv("DBT_TARGET_PATH", "elsewhere")
    assert Dbt(project).manifest_path() == project / "elsewhere/manifest.json"


def test_a_manifest_is_stale_when_a_file_is_newer_or_gone_or_the_target_is_another(project):
    dbt = Dbt(project)
    assert dbt.is_stale()
    dbt.parse()
    assert not dbt.is_stale()
    assert Dbt(project, target="other").is_stale()
    Dbt(project, target="other").parse()
    assert dbt.is_stale()
    dbt.parse()
    later = time.time() + 5
    os.utime(project / "models/big.sql", (later, later))
    assert dbt.is_stale()
    later += 5
    os.utime(dbt.manifest_path(), (later, later))
    os.utime(project / "target/tailrace.json", (later, later))
    assert not dbt.is_stale()
    (project / "models/below_broken.sql").unlink()
    os.utime(project / "models", (later + 5, later + 5))
    assert dbt.is_stale()


def test_the_folder_of_this_process_stays_what_it_was_and_a_relative_project_is_found(project, monkeypatch, capfd):
    monkeypatch.chdir(project.parent)
    Dbt(Path("project"), Path("project")).build(["orders"])
    assert Path.cwd() == project.parent
    assert (project / "warehouse.duckdb").is_file()
    assert capfd.readouterr() == ("", "")
