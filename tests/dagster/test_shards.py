"""A sync with shards, launched from Dagster: one plan, a step a shard, each in a process of its own."""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg
import pytest

from pipelines import work
from pipelines.defs.launchpad import JOB
from pipelines.defs.location import EXECUTOR, define, executor_of
from pipelines.errors import StateError, TailraceError
from tests.dagster.corner import Corner, failure, judged, made

PEOPLE = 40
SHARDS = ("shard_1", "shard_2", "shard_3")
ASSETS = ("audience/cart", "hook/cart")


def split(corner: Corner) -> None:
    """Forty have a full cart, and the hook is told of them in three shards."""
    declared = corner.folder / "models/audiences/cart.yml"
    written = declared.read_text("utf-8").replace("{to: hook, every: 1h}", "{to: hook, every: 1h, shards: 3}")
    declared.write_text(written, encoding="utf-8")
    corner.sql("create or replace table audiences.cart as select 'p' || i as person_id, 'p' || i || '@x.io' as email,"
               f" 40.0 as cart_value from range({PEOPLE}) as r (i)")


def every_job() -> dg.JobDefinition:
    """The job as a run worker finds it, with an executor of many processes."""
    opened = Corner(Path(os.environ["CORNER"])).opened
    return define(opened, executor_of("multiprocess")).resolve_job_def(JOB)


@pytest.mark.slow
def test_each_shard_is_a_step_and_the_last_step_says_what_all_came_to(corner: Corner) -> None:
    split(corner)
    result = corner.launch(*ASSETS)
    assert result.success, failure(result)
    assert len(corner.members("webhook", "cart")) == PEOPLE
    shown = made(result)["hook/cart"]
    assert (shown["members"], shown["accepted"], shown["add"]) == (PEOPLE, PEOPLE, PEOPLE)
    assert {name for name in judged(result) if name.startswith("hook/")} == {
        "hook/cart:all_delivered", "hook/cart:no_objections"}
    again = corner.launch("hook/cart")
    assert again.success
    assert (made(again)["hook/cart"]["add"], corner.requests("webhook")) == (0, PEOPLE)


@pytest.mark.slow
def test_with_an_executor_of_many_processes_each_shard_has_one_of_its_own(
    corner: Corner, monkeypatch: pytest.MonkeyPatch
) -> None:
    split(corner)
    monkeypatch.setenv("CORNER", str(corner.folder))
    with dg.DagsterInstance.local_temp(str(corner.folder.parent)) as instance:
        result = dg.execute_job(dg.reconstructable(every_job), instance, raise_on_error=False,
                                asset_selection=[dg.AssetKey(key.split("/")) for key in ASSETS])
        said = [entry.dagster_event for entry in instance.all_logs(result.run_id)
                if entry.dagster_event and entry.dagster_event.event_type is dg.DagsterEventType.STEP_START]
    processes = {step: event.pid for event in said for step in SHARDS if f".{step}_" in str(event.step_key)}
    assert result.success
    assert len(corner.members("webhook", "cart")) == PEOPLE
    assert (sorted(processes), len(set(processes.values()))) == (list(SHARDS), len(SHARDS))


@pytest.mark.slow
def test_the_command_starts_a_process_a_shard_and_closes_the_plan(corner: Corner) -> None:
    split(corner)
    done = work.sync(corner.project, ["cart"], "hook")
    assert ([(result.status, result.accepted) for result in done.results], done.problems) == ([("ok", PEOPLE)], [])
    assert len(corner.members("webhook", "cart")) == PEOPLE
    journals = sorted(path.stem for path in (corner.folder / ".tailrace/journals").glob("cart__hook*.db"))
    assert journals == ["cart__hook", "cart__hook@1", "cart__hook@2", "cart__hook@3"]


@pytest.mark.slow
def test_processes_that_deliver_one_shard_each_need_nobody_who_plans_or_closes(corner: Corner) -> None:
    split(corner)
    said = [work.sync_shard(corner.project, ["cart"], "hook", number, 3) for number in (2, 3, 2)]
    assert said == ["cart__hook: shard 2 of 3 is delivered; others are not yet",
                    "cart__hook: shard 3 of 3 is delivered; others are not yet",
                    "cart__hook, shard 2 of 3 has been delivered"]
    last = work.sync_shard(corner.project, ["cart"], "hook", 1, 3)
    assert (last.status, last.accepted, len(corner.members("webhook", "cart"))) == ("ok", PEOPLE, PEOPLE)
    with pytest.raises(StateError, match="cart__hook has 3 shards, not 8"):
        work.sync_shard(corner.project, ["cart"], "hook", 1, 8)
    with pytest.raises(StateError, match="--shard is about one sync with `shards: …`, and none of these has shards"):
        work.sync_shard(corner.project, ["cart"], "crm", 1, 3)


def test_an_executor_is_named_or_found_by_its_path() -> None:
    assert (executor_of(None), executor_of("in_process")) == (EXECUTOR, EXECUTOR)
    assert executor_of("dagster.multi_or_in_process_executor") is dg.multi_or_in_process_executor
    for wrong in ("k8s", "dagster_k9s.k9s_job_executor", "dagster.Failure"):
        with pytest.raises(TailraceError, match=f"TAILRACE_EXECUTOR: {wrong} is no executor of Dagster's"):
            executor_of(wrong)
