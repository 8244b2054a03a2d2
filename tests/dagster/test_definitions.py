"""What Dagster loads, from what, and at which price."""

import copy as copies
import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

from pipelines.defs.environment import read_options
from pipelines.defs.opened import PARSED, open_project
from pipelines.errors import DeclarationError
from pipelines.project import Options
from tests.dagster.corner import Corner, copy

ROOT = Path(__file__).parents[2]
BUDGET = 24_000
"""Calls of Python for one audience more with five syncs. Counted: 15,900; 33,100 when each connection looked through
the folder of destinations anew."""
LOAD = """
import sys
import dagster, dagster_dbt
from pipelines.definitions import defs
calls = 0
def count(frame, event, argument):
    global calls
    calls += event == "call"
sys.setprofile(count)
loaded = defs()
dagster.Definitions.validate_loadable(loaded)
sys.setprofile(None)
print(calls, len(loaded.resolve_all_asset_keys()))
"""


@pytest.fixture
def bare(built: Corner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The parsed project without a warehouse, and no variable for any connection."""
    for name in list(os.environ):
        if name.startswith(("CUSTOMERIO_", "WEBHOOK_", "TAILRACE_")):
            monkeypatch.delenv(name)
    folder = copy(tmp_path, built.folder)
    (folder / "shop.duckdb").unlink()
    return folder


def nodes(corner: Corner) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in corner.defs.resolve_all_asset_specs()}


def test_it_loads_without_any_variable_and_without_touching_the_warehouse(bare: Path) -> None:
    dg.Definitions.validate_loadable(Corner(bare).defs)
    assert not (bare / "shop.duckdb").exists()


def test_groups_read_as_the_pipeline(bare: Path) -> None:
    groups: dict[str, list[str]] = {}
    for key, spec in nodes(Corner(bare)).items():
        groups.setdefault(spec.group_name, []).append(key)
    assert {group: sorted(keys) for group, keys in groups.items()} == {
        "seeds": ["raw/people"],
        "people": ["people/persons", "people/visits"],
        "suppressions": ["suppressions/do_not_contact", "suppressions/staff"],
        "audiences": ["audiences/cart", "audiences/counted", "audiences/everybody"],
        "snapshots": ["audience/cart", "audience/counted", "audience/everybody"],
        "crm": ["crm/cart", "crm/everybody"],
        "hook": ["hook/cart"],
        "bi": ["bi/published"],
    }


def test_a_snapshot_stands_on_its_model_and_suppressions_and_a_sync_on_its_snapshot(bare: Path) -> None:
    specs = nodes(Corner(bare))
    above = {key: sorted(dep.asset_key.to_user_string() for dep in specs[key].deps)
             for key in ("audience/cart", "audience/everybody", "crm/everybody")}
    assert above == {
        "audience/cart": ["audiences/cart", "suppressions/do_not_contact"],
        "audience/everybody": ["audiences/everybody", "suppressions/do_not_contact", "suppressions/staff"],
        "crm/everybody": ["audience/everybody"],
    }


def test_pages_say_who_owns_what_it_means_and_where_it_is_written(bare: Path) -> None:
    specs = nodes(Corner(bare))
    snapshot, sync = specs["audience/cart"], specs["crm/cart"]
    assert snapshot.description == (
        "People with a full cart.\n\nWho is in `cart`, frozen at one moment, with each one's standing: sent, held out "
        "(0 %) or suppressed (by `do_not_contact`). Goes to `crm` (cadence 15m), `hook` (cadence 1h).")
    assert sync.description == "The members of `cart` as `crm` (customerio) has acknowledged them. Cadence 15m."
    assert (snapshot.owners, sync.owners, sync.kinds) == (["team:Growth"], ["team:Growth"], {"customerio"})
    [place] = snapshot.metadata["dagster/code_references"].code_references
    assert (Path(place.file_path), place.line_number) == (bare / "models/audiences/cart.yml", 2)
    [model] = specs["audiences/cart"].metadata["dagster/code_references"].code_references
    assert Path(model.file_path) == bare / "models/audiences/cart.sql"


def test_the_project_is_parsed_once_by_the_process_that_starts_and_never_by_its_workers(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    written = Corner(folder).opened.options.project_dir / "target/manifest.json"
    first = written.stat().st_mtime_ns
    (folder / "models/audiences/cart.sql").touch()
    assert os.environ[PARSED] == str(written)
    assert len(Corner(folder).opened.declarations.audiences) == 3
    assert written.stat().st_mtime_ns == first
    del os.environ[PARSED]
    assert len(Corner(folder).opened.declarations.audiences) == 3
    assert written.stat().st_mtime_ns > first


def test_an_audience_with_complaints_is_left_out_and_named(
    bare: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = bare / "models/audiences/everybody.yml"
    file.write_text(file.read_text().replace("to: crm", "to: crn"))
    monkeypatch.delenv(PARSED, raising=False)
    opened = open_project(Options(project_dir=bare))
    assert [audience.name for audience in opened.declarations.audiences] == ["cart", "counted"]
    assert "everybody.yml:8:" in caplog.text
    assert "did you mean crm?" in caplog.text


def test_a_project_in_which_every_audience_has_complaints_says_all_of_them(bare: Path) -> None:
    for file in (bare / "models/audiences").glob("*.yml"):
        file.write_text(file.read_text().replace("identifier: person", "identifier: persn"))
    with pytest.raises(DeclarationError) as raised:
        open_project(Options(project_dir=bare))
    assert {complaint.file for complaint in raised.value.complaints} == {
        f"models/audiences/{name}.yml" for name in ("cart", "counted", "everybody")}


def test_sources_are_shown_and_a_fixed_moment_is_respected(tmp_path: Path) -> None:
    folder = copy(tmp_path)
    (folder / "models/sources.yml").write_text(yaml.safe_dump(
        {"sources": [{"name": "erp", "schema": "erp", "tables": [{"name": "orders"}]}]}))
    project = folder / "dbt_project.yml"
    assert not Corner(folder).opened.keeps_time
    assert Corner(folder, options={"as_of": "2026-01-02"}).opened.keeps_time
    variables = {"as_of": "2026-01-01", "business_timezone": "Asia/Tokyo"}
    project.write_text(project.read_text() + yaml.safe_dump({"vars": {"corner_shop": variables}}))
    del os.environ[PARSED]
    corner = Corner(folder)
    assert corner.opened.keeps_time
    assert nodes(corner)["erp/orders"].group_name == "sources"
    assert {schedule.execution_timezone for schedule in corner.defs.schedules} == {"Asia/Tokyo"}


@pytest.mark.parametrize(("environ", "expected"), [
    ({}, Options(project_dir=Path("HERE/shop"))),
    ({"TAILRACE_PROJECT_DIR": "other", "TAILRACE_TARGET": "prod", "TAILRACE_AS_OF": "2026-01-01"},
     Options(project_dir=Path("HERE/shop/other"), target="prod", as_of="2026-01-01")),
    ({"TAILRACE_PROFILES_DIR": "p", "TAILRACE_CONNECTIONS": "c.yml", "TAILRACE_STATE_DIR": "/s", "TAILRACE_TARGET": ""},
     Options(project_dir=Path("HERE/shop"), profiles_dir=Path("HERE/shop/p"), connections=Path("HERE/shop/c.yml"),
             state_dir=Path("/s"))),
])
def test_the_environment_says_what_flags_say(
    environ: dict[str, str], expected: Options, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bare)
    assert str(read_options(environ)).replace(str(bare.parent), "HERE") == str(expected)


def test_elsewhere_the_projects_own_shop_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_options({}).project_dir == ROOT / "dbt_project"


def test_an_audience_more_costs_the_same_work_whether_it_is_the_fiftieth_or_the_two_hundredth(bare: Path) -> None:
    """Calls are counted, not seconds: they are the same on any machine. How long they take is for the benchmarks."""
    manifest = (bare / "target/manifest.json").read_bytes()
    calls = {}
    for audiences in (50, 100, 200):
        (bare / "target/manifest.json").write_bytes(manifest)
        many(bare, audiences, syncs=5)
        answer = subprocess.run(
            [sys.executable, "-c", LOAD], capture_output=True, text=True, check=True, cwd=bare,
            env={**os.environ, PARSED: str(bare / "target/manifest.json"), "PYTHONPATH": str(ROOT)})
        calls[audiences], assets = map(int, answer.stdout.split())
        assert assets == audiences * 7 + 6
    early, late = (calls[100] - calls[50]) / 50, (calls[200] - calls[100]) / 100
    assert late < 1.1 * early
    assert late < BUDGET


def many(folder: Path, audiences: int, syncs: int) -> None:
    """Make the parsed project one of many audiences."""
    hook = {"destination": "webhook", "url": "https://hook.example/"}
    connections = {f"hook_{n}": {**hook, "secret": "${WEBHOOK_SECRET}"} for n in range(syncs)}
    (folder / "connections.yml").write_text(yaml.safe_dump(connections))
    path = folder / "target/manifest.json"
    manifest = json.loads(path.read_bytes())
    model = manifest["nodes"].pop("model.corner_shop.cart")
    for name in ("everybody", "counted"):
        del manifest["nodes"][f"model.corner_shop.{name}"]
    for number in range(audiences):
        made = copies.deepcopy(model)
        made["name"] = made["alias"] = f"cart_{number}"
        made["unique_id"] = f"model.corner_shop.{made['name']}"
        made["fqn"][-1] = made["name"]
        every = ("15m", "1h", "1d")[number % 3]
        made["config"]["meta"]["audience"]["syncs"] = [{"to": name, "every": every} for name in connections]
        manifest["nodes"][made["unique_id"]] = made
        manifest["parent_map"][made["unique_id"]] = made["depends_on"]["nodes"]
        manifest["child_map"][made["unique_id"]] = []
        manifest["child_map"]["model.corner_shop.persons"].append(made["unique_id"])
    manifest["nodes"] = {key: node for key, node in manifest["nodes"].items() if not key.startswith("test.")}
    manifest["unit_tests"] = {}
    for direction in ("parent_map", "child_map"):
        manifest[direction] = {key: [other for other in others if other in manifest["nodes"]]
                               for key, others in manifest[direction].items() if key in manifest["nodes"]}
    path.write_text(json.dumps(manifest))
