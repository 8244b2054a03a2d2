"""All definitions of one project."""

from __future__ import annotations

import importlib

import dagster as dg

from pipelines.defs.audiences import define_audience
from pipelines.defs.dbt import Translator, define_dbt, define_sources
from pipelines.defs.opened import Opened
from pipelines.defs.published import define_published
from pipelines.defs.resources import Tailrace
from pipelines.defs.schedules import define_schedules, read_calendar
from pipelines.defs.sharded import define_sharded
from pipelines.errors import TailraceError

EXECUTOR = dg.in_process_executor.configured(
    {"step_dependency_config": {"require_upstream_step_success": False}}, name="one_after_the_other")
"""Each step of another executor imports Dagster and dbt again: six seconds a step against next to none. An audience
whose models were built goes on though dbt's step fails for others."""


def executor_of(name: str | None) -> dg.ExecutorDefinition:
    """`in_process` (when None), `multiprocess`, or the import path of another, such as `dagster_k8s.k8s_job_executor`.

    What runs on other machines needs an executor of them, or steps are not spread: shards of a sync, for one.
    """
    if not name or name == "in_process":
        return EXECUTOR
    if name == "multiprocess":
        return dg.multiprocess_executor
    module, _, attribute = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError):
        found = None
    if not isinstance(found, dg.ExecutorDefinition):
        raise TailraceError(f"TAILRACE_EXECUTOR: {name} is no executor of Dagster's; write in_process, multiprocess or "
                            "the import path of one, such as dagster_k8s.k8s_job_executor")
    return found


def define(opened: Opened, executor: dg.ExecutorDefinition = EXECUTOR) -> dg.Definitions:
    """dbt's assets, each audience's snapshot and syncs, and a schedule for each cadence."""
    translator = Translator(opened)
    build = define_dbt(opened, translator)
    models = {unique_id: translator.get_asset_spec(opened.manifest, unique_id, None).key
              for unique_id in opened.manifest["nodes"] if unique_id.split(".")[0] in ("model", "seed", "snapshot")}
    models = {unique_id: key for unique_id, key in models.items() if key in build.keys}
    audiences = [define_audience(opened, audience, models) for audience in opened.declarations.audiences]
    sharded = [define_sharded(opened, audience, sync) for audience in opened.declarations.audiences
               for sync in audience.syncs if sync.shards > 1]
    published = list(define_published(opened))
    schedules, jobs = define_schedules(read_calendar(opened, models, [asset.key for asset in published]))
    return dg.Definitions(
        assets=[build, *define_sources(opened, translator), *audiences, *sharded, *published],
        schedules=schedules,
        jobs=jobs,
        resources={"tailrace": Tailrace()},
        executor=executor,
    )
