"""The gate on dbt's own records: the newest word on each node counts, whoever ran dbt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines import graph
from pipelines.audiences import Audience, SuppressionModel
from pipelines.gate import Builds, Gate, judge

CART = Audience("cart", "cart", "person_id", {"person": "person_id"}, "model.shop.cart")
SPARED = SuppressionModel("do_not_contact", "dnc", "person_id", "model.shop.do_not_contact")
MANIFEST: dict[str, Any] = {
    "nodes": {
        "model.shop.persons": {"resource_type": "model", "depends_on": {"nodes": ["source.shop.crm.people"]}},
        "model.shop.cart": {"resource_type": "model", "depends_on": {"nodes": ["model.shop.persons"]}},
        "model.shop.other": {"resource_type": "model", "depends_on": {"nodes": ["model.shop.persons"]}},
        "model.shop.tickets": {"resource_type": "model", "depends_on": {"nodes": []}},
        "model.shop.do_not_contact": {"resource_type": "model", "depends_on": {"nodes": ["model.shop.tickets"]}},
        "test.shop.related": {"resource_type": "test", "attached_node": "model.shop.other",
                              "depends_on": {"nodes": ["model.shop.other", "model.shop.persons"]}},
        "test.shop.by_hand": {"resource_type": "test", "depends_on": {"nodes": ["model.shop.persons"]}},
    },
    "sources": {"source.shop.crm.people": {
        "source_name": "crm", "name": "people", "loaded_at_field": "at",
        "freshness": {"warn_after": {"count": 1, "period": "hour"}, "error_after": {"count": None}}}},
}
GRAPH = graph.read(MANIFEST)


def write(folder: Path, at: str, target: str | None = None, which: str = "build", **results: str) -> None:
    """What dbt leaves; `model_persons="error"` stands for `model.shop.persons`."""
    entries = [{"unique_id": name.replace("_", ".shop.", 1), "status": status, "message": f"{status} of 'ada@x.io'",
                "timing": []} for name, status in results.items()]
    (folder / "run_results.json").write_text(json.dumps({
        "metadata": {"generated_at": at}, "args": {"which": which, "target": target}, "results": entries}))


@pytest.fixture
def builds(tmp_path: Path) -> Builds:
    return Builds(tmp_path / "state" / "builds.json", "")


def look(builds: Builds, folder: Path) -> Gate:
    builds.take_in(folder)
    return judge(GRAPH, CART, [SPARED], builds.known())


@pytest.mark.parametrize(("node", "status", "said"), [
    ("model_cart", "error", "model cart failed"),
    ("model_persons", "partial success", "model persons failed"),
    ("model_cart", "skipped", "model cart was skipped"),
    ("test_by_hand", "fail", "test by_hand failed"),
    ("model_tickets", "error", "model tickets failed"),
])
def test_what_the_audience_or_its_suppressions_read_stops_it(
    builds: Builds, tmp_path: Path, node: str, status: str, said: str
) -> None:
    write(tmp_path, "2026-10-21T06:00:00Z", **{node: status})
    assert look(builds, tmp_path).reason.startswith(f"upstream, {said} (at 2026-10-21 06:00 UTC)")


@pytest.mark.parametrize(("node", "status"), [
    ("model_other", "error"), ("test_related", "fail"), ("test_by_hand", "warn"), ("model_cart", "success"),
    ("test_gone", "fail")])
def test_what_it_does_not_read_what_warns_and_what_is_no_more_stops_nothing(
    builds: Builds, tmp_path: Path, node: str, status: str
) -> None:
    write(tmp_path, "2026-10-21T06:00:00Z", **{node: status})
    assert look(builds, tmp_path).reason == ""


def test_a_failure_outlives_builds_of_other_nodes_and_ends_with_its_own(builds: Builds, tmp_path: Path) -> None:
    write(tmp_path, "2026-10-21T06:00:00Z", model_cart="error")
    assert look(builds, tmp_path).reason
    write(tmp_path, "2026-10-21T07:00:00Z", model_other="success")
    assert look(builds, tmp_path).reason
    write(tmp_path, "2026-10-21T08:00:00Z", which="compile", model_cart="success")
    assert look(builds, tmp_path).reason
    write(tmp_path, "2026-10-21T09:00:00Z", model_cart="success")
    assert look(builds, tmp_path) == Gate("", (), "2026-10-21T09:00:00Z")


def test_an_older_word_does_not_replace_a_newer_one(builds: Builds, tmp_path: Path) -> None:
    write(tmp_path, "2026-10-21T09:00:00Z", model_cart="error")
    assert look(builds, tmp_path).reason
    write(tmp_path, "2026-10-21T08:00:00Z", model_cart="success")
    assert look(builds, tmp_path).reason


def test_each_target_has_tables_of_its_own(builds: Builds, tmp_path: Path) -> None:
    write(tmp_path, "2026-10-21T06:00:00Z", target="prod", model_cart="error")
    assert look(builds, tmp_path).reason == ""
    assert look(Builds(tmp_path / "state" / "builds.json", "prod"), tmp_path).reason


def test_a_value_that_a_database_quotes_is_not_repeated(builds: Builds, tmp_path: Path) -> None:
    write(tmp_path, "2026-10-21T06:00:00Z", model_cart="error")
    (tmp_path / "run_results.json").write_text((tmp_path / "run_results.json").read_text().replace(
        "error of", "Conversion Error: could not convert"))
    assert "ada@x.io" not in look(builds, tmp_path).reason


@pytest.mark.parametrize(("status", "reason", "notes"), [
    ("pass", False, ()),
    ("warn", False, ("source crm.people is late (at 2026-10-21 06:00 UTC): its newest row is 30.0 hours old; 1 hours "
                     "are allowed",)),
    ("error", True, ()),
    ("runtime error", True, ()),
])
def test_sources_that_are_stale_stop_it_and_those_that_are_late_are_told(
    builds: Builds, tmp_path: Path, status: str, reason: bool, notes: tuple[str, ...]
) -> None:
    (tmp_path / "sources.json").write_text(json.dumps({
        "metadata": {"generated_at": "2026-10-21T06:00:00Z"},
        "results": [{"unique_id": "source.shop.crm.people", "status": status, "max_loaded_at_time_ago_in_s": 108_000,
                     "snapshotted_at": "2026-10-21T06:00:00+00:00",
                     "criteria": {"warn_after": {"count": 1, "period": "hour"}, "error_after": {}}}]}))
    found = look(builds, tmp_path)
    assert (bool(found.reason), found.notes) == (reason, notes)
