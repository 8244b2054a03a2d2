"""What a tick launches."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

import pipelines.defs
from pipelines.defs.schedules import JOB, Calendar, launch, read_calendar
from tests.dagster.corner import Corner, names

NOON = datetime(2026, 10, 20, 12, tzinfo=UTC)
SIX = datetime(2026, 10, 20, 6, tzinfo=UTC)
QUARTER, HOUR, DAY = "*/15 * * * *", "0 * * * *", "0 6 * * *"
FOR_CART = ["audience/cart", "audiences/cart", "people/persons", "raw/people", "suppressions/do_not_contact"]
FOR_EVERYBODY = ["audience/everybody", "audiences/everybody", "crm/everybody", "people/persons", "people/visits",
                 "raw/people", "suppressions/do_not_contact", "suppressions/staff"]


@pytest.fixture
def calendar(corner: Corner) -> Calendar:
    manifest = corner.opened.manifest
    keys = {"model": lambda node: [node["config"]["schema"], node["name"]], "seed": lambda node: ["raw", node["name"]]}
    models = {unique_id: dg.AssetKey(keys[node["resource_type"]](node)) for unique_id, node in manifest["nodes"].items()
              if node["resource_type"] in keys}
    return read_calendar(corner.opened, models)


def run_of(*keys: str, job: str = "__ASSET_JOB") -> dg.DagsterRun:
    return dg.DagsterRun(job_name=job, asset_selection=frozenset(dg.AssetKey(key.split("/")) for key in keys) or None)


def test_a_tick_takes_the_due_syncs_their_snapshot_and_exactly_what_is_upstream(calendar: Calendar) -> None:
    quarter = launch(calendar, QUARTER, {QUARTER}, NOON)
    assert names(quarter.asset_selection) == sorted([*FOR_CART, "crm/cart"])
    hour = launch(calendar, HOUR, {HOUR}, NOON)
    assert names(hour.asset_selection) == sorted([*FOR_CART, "hook/cart"])
    day = launch(calendar, DAY, {DAY}, SIX)
    assert names(day.asset_selection) == FOR_EVERYBODY


def test_coinciding_cadences_are_one_run(calendar: Calendar) -> None:
    on = {QUARTER, HOUR, DAY}
    taken = launch(calendar, QUARTER, on, SIX)
    assert names(taken.asset_selection) == sorted({*FOR_CART, "crm/cart", "hook/cart", *FOR_EVERYBODY})
    assert taken.tags == {"tailrace/cadence": "every_15_minutes+hourly+daily_06_00"}
    assert launch(calendar, DAY, on, SIX) == dg.SkipReason("merged into every_15_minutes at 06:00")


def test_a_run_speaks_of_the_moment_it_was_due_unless_the_project_says_which(calendar: Calendar) -> None:
    berlin = Calendar(calendar.audiences, calendar.upstream, "Europe/Berlin", keeps_time=False)
    six_there = datetime.fromisoformat("2026-10-20T06:00:00+02:00")
    assert launch(berlin, DAY, {DAY}, six_there).run_config == {
        "resources": {"tailrace": {"config": {"as_of": "2026-10-20T04:00:00"}}}}
    fixed = Calendar(calendar.audiences, calendar.upstream, "UTC", keeps_time=True)
    assert launch(fixed, DAY, {DAY}, SIX).run_config == {}


@pytest.mark.parametrize(("run", "reason"), [
    (run_of("crm/cart"), "still in a run that has not ended: cart"),
    (run_of("audience/cart", "audiences/cart"), "still in a run that has not ended: cart"),
    (run_of(job=JOB), "still in a run that has not ended: cart"),
])
def test_an_audience_that_is_still_in_a_run_is_left_out(calendar: Calendar, run: dg.DagsterRun, reason: str) -> None:
    assert launch(calendar, HOUR, {HOUR}, NOON, [run]) == dg.SkipReason(reason)


@pytest.mark.parametrize("run", [run_of("audiences/cart"), run_of("crm/everybody"), run_of(job="something_else")])
def test_a_run_of_something_else_holds_nobody_back(calendar: Calendar, run: dg.DagsterRun) -> None:
    assert "hook/cart" in names(launch(calendar, HOUR, {HOUR}, NOON, [run]).asset_selection)


def test_others_go_on_when_one_audience_is_busy(calendar: Calendar) -> None:
    taken = launch(calendar, QUARTER, {QUARTER, DAY}, SIX, [run_of("crm/cart")])
    assert names(taken.asset_selection) == FOR_EVERYBODY
    assert taken.tags == {"tailrace/cadence": "every_15_minutes+daily_06_00", "tailrace/left_out": "cart"}


def test_dagster_evaluates_the_schedules_and_starts_none_by_itself(corner: Corner, tmp_path: Path) -> None:
    repository = corner.defs.get_repository_def()
    assert {schedule.name: schedule.cron_schedule for schedule in repository.schedule_defs} == {
        "every_15_minutes": QUARTER, "hourly": HOUR, "daily_06_00": DAY}
    assert {schedule.default_status for schedule in repository.schedule_defs} == {dg.DefaultScheduleStatus.STOPPED}
    shutil.copy(Path(pipelines.defs.__file__).with_name("dagster.yaml"), tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert (instance.telemetry_enabled, instance.nux_enabled) == (False, False)
        [request] = repository.get_schedule_def("hourly").evaluate_tick(dg.build_schedule_context(
            instance=instance, scheduled_execution_time=NOON, repository_def=repository)).run_requests
    assert names(request.asset_selection) == sorted([*FOR_CART, "hook/cart", "bi/published"])
    assert request.run_config == {"resources": {"tailrace": {"config": {"as_of": "2026-10-20T12:00:00"}}}}
    job = repository.get_job(JOB)
    assert dg.validate_run_config(job, request.run_config)
