"""An audience as assets: its snapshot and one asset a sync, made by one step that is a thin shell over the walk.

One step, so that one snapshot serves all syncs; any subset of them can be launched, and a sync that fails leaves the
others materialised. A sync that has shards is an asset of several steps, behind this one
(`sharded`). (No postponed annotations here: Dagster reads the types of config.)
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import dagster as dg
from pydantic import Field

from pipelines.audiences import Audience, Sync
from pipelines.defs import checks, metadata
from pipelines.defs.cadences import freshness_of
from pipelines.defs.counting import Counter
from pipelines.defs.keys import SNAPSHOTS, owner_of, snapshot_key, sync_key
from pipelines.defs.launchpad import approval_link, location_of
from pipelines.defs.opened import Opened
from pipelines.defs.resources import POOL, Tailrace
from pipelines.errors import StateError, TailraceError, unexpected
from pipelines.planning.plan import Plan
from pipelines.project import Project
from pipelines.report import figures, render
from pipelines.run import Result
from pipelines.state import holds, overview, schema
from pipelines.state.shards import Spread
from pipelines.state.snapshot import Snapshot
from pipelines.sync import Step, Task

Event = dg.MaterializeResult[None] | dg.AssetCheckResult


class Launch(dg.Config):
    """Settings of one launch of an audience."""

    dry_run: bool = Field(
        default=False,
        description="Only plan: nothing is sent and no state changes. Each sync gets an observation with the counts.",
    )
    approve_plan: str = Field(
        default="",
        description="Release exactly this held plan, or this smaller list of persons to spare, and sync. The check of "
        "a held plan names it; one that has changed since stays held.",
    )
    approved_by: str = Field(default="", description="Who approves it; recorded beside the plan.")
    reason: str = Field(default="", description="Why it is approved; recorded beside the plan.")


def define_audience(opened: Opened, audience: Audience, models: dict[str, dg.AssetKey]) -> dg.AssetsDefinition:
    """Its snapshot and those syncs that have no shards; `models` are the keys of dbt's nodes by their ids."""
    whole = [sync for sync in audience.syncs if sync.shards == 1]

    @dg.multi_asset(
        name=f"activate_{audience.name}",
        description=f"Snapshot {audience.name} and bring its channels in line.",
        specs=[_snapshot_spec(opened, audience, models), *_sync_specs(opened, audience, whole)],
        check_specs=checks.specs(audience, whole),
        can_subset=True,
        pool=POOL,
        op_tags={"audience": audience.name, "dagster/priority": _place(audience)},
    )
    def activate(context: dg.AssetExecutionContext, config: Launch, tailrace: Tailrace) -> Iterator[Event]:
        project = opened.at(tailrace.as_of)
        chosen = [sync for sync in whole if sync_key(audience, sync) in context.selected_asset_keys]
        tasks, faults = project.tasks(replace(audience, syncs=tuple(chosen)))
        problems = [str(fault) for fault in faults]
        try:
            if config.approve_plan:
                approve(context, project, config)
            if config.dry_run:
                observe(context, audience, tasks, project.preview(audience, tasks))
            else:
                walking = Walk(context, project, audience, tasks)
                yield from walking.follow(opened)
                problems += walking.problems
        except TailraceError as error:
            problems.append(str(error))
        except Exception as error:  # what it quotes may be a person's, and Dagster shows it to all its users
            if os.environ.get("TAILRACE_TRACE"):
                raise
            problems.append(unexpected(error))
        if problems:
            raise dg.Failure(explain(problems), allow_retries=False)

    return activate


def _place(audience: Audience) -> str:
    """Dagster's own order of steps that are ready, highest first: that of `audiences.in_turn`."""
    return str(1_000 if audience.kind == "suppression" else audience.messages.priority)


def _snapshot_spec(opened: Opened, audience: Audience, models: dict[str, dg.AssetKey]) -> dg.AssetSpec:
    sparing = opened.declarations.sparing(audience)
    upstream = opened.declarations.ids([audience])
    return dg.AssetSpec(
        snapshot_key(audience),
        deps=list(dict.fromkeys(models[unique_id] for unique_id in upstream)),
        description=metadata.describe_snapshot(audience, [model.name for model in sparing]),
        metadata=metadata.code_reference(opened.dir, audience.path, audience.line),
        group_name=SNAPSHOTS,
        kinds={str(opened.manifest["metadata"].get("adapter_type") or "table"), "snapshot"},
        owners=owner_of(audience),
        freshness_policy=freshness_of([sync.cron for sync in audience.syncs]),
        skippable=True,
    )


def _sync_specs(opened: Opened, audience: Audience, syncs: Sequence[Sync]) -> Iterator[dg.AssetSpec]:
    for sync in syncs:
        yield dg.AssetSpec(sync_key(audience, sync), deps=[snapshot_key(audience)], skippable=True,
                           **sync_details(opened, audience, sync))


def sync_details(opened: Opened, audience: Audience, sync: Sync) -> dict[str, Any]:
    """What the page of a sync says of it."""
    destination = opened.connections[sync.to]
    return {
        "description": metadata.describe_sync(audience, sync, destination),
        "metadata": {**metadata.code_reference(opened.dir, audience.path, audience.line),
                     **metadata.declared(audience, sync)},
        "group_name": sync.to,
        "kinds": {_ICONS.get(destination, destination)},
        "owners": owner_of(audience),
    }


_ICONS = {"meta_ads": "meta", "google_ads": "google", "tiktok_ads": "tiktok"}
"""Kinds for which Dagster has an icon of another name."""


@dataclass(slots=True)
class Walk:
    """Turns the steps of one walk into what Dagster records."""

    context: dg.AssetExecutionContext
    project: Project
    audience: Audience
    tasks: Sequence[Task]
    taken: Snapshot | None = None
    plans: list[Plan] = field(default_factory=list)
    results: int = 0
    problems: list[str] = field(default_factory=list)
    spread: Spread | None = None
    """A plan that is left to its shards."""

    def follow(self, opened: Opened, spread: Literal["", "here", "anywhere"] = "") -> Iterator[Event]:
        requests, upstream = Counter(opened.transport), self.project.gated(self.audience)
        yield from self.selected(checks.judge_upstream(self.audience, upstream))
        if upstream.reason:
            self.problems.append(upstream.reason)
        for step in self.project.walk(self.audience, self.tasks, self.context.run_id, requests, spread=spread):
            yield from self.record(step, requests)
        if self.taken:
            self.write_page()

    @property
    def page(self) -> Path:
        """Where the page about the audience lies, which each walk writes anew."""
        return self.project.place("reports", f"{self.audience.name}.html")

    def write_page(self) -> None:
        """The same page as `tailrace report` writes."""
        self.page.parent.mkdir(exist_ok=True, mode=0o700)
        with self.project.warehouse() as warehouse:
            self.page.write_text(render(figures.read(warehouse, self.audience)), encoding="utf-8")

    def record(self, step: Step, requests: Counter) -> Iterator[Event]:
        if isinstance(step, Snapshot):
            self.taken = step
            yield from self.snapshot(step)
        elif isinstance(step, Plan):
            self.plans.append(step)
            if self.taken and len(self.plans) == len(self.tasks):
                yield from self.selected(checks.judge_identifiers(self.audience, self.taken, self.plans))
                yield from self.selected(checks.judge_spared(self.audience, self.plans[0].shrunk, self.link))
        elif isinstance(step, Spread):
            self.spread = step
        elif isinstance(step, Result):
            self.results += 1
            yield from self.result(self.tasks[self.results - 1].sync, step, requests.counts[self.results - 1])

    def snapshot(self, taken: Snapshot) -> Iterator[Event]:
        key = snapshot_key(self.audience)
        counts = {**metadata.of_snapshot(taken), "report": dg.MetadataValue.path(self.page)}
        yield from self.made(key, counts)  # a sync that was launched alone has frozen the audience all the same
        yield from self.selected(checks.judge_keys(self.audience, taken))

    def result(self, sync: Sync, result: Result, requests: int) -> Iterator[Event]:
        self.context.log.info(f"{result.plan.sync}: {result.status} {result.reason}".strip())
        if result.status in ("ok", "nothing"):
            yield from self.made(sync_key(self.audience, sync), self.counts(sync, result, requests))
        elif result.status == "failed" and self.taken:
            self.problems.append(f"{result.plan.sync} failed: {result.reason}")
        for judged in self.judge(sync, result):
            yield from self.selected(judged)

    def judge(self, sync: Sync, result: Result) -> Iterator[dg.AssetCheckResult]:
        """The checks of a sync, as `checks.specs_of` has them."""
        yield checks.judge_delivery(self.audience, sync, result)
        yield checks.judge_objections(self.audience, sync, result.plan, self.link)

    def counts(self, sync: Sync, result: Result, requests: int | None) -> metadata.Metadata:
        """What the page of a sync shows of a run."""
        return metadata.of_result(result, self.members(result.plan.sync) if sync.members else None, requests)

    def link(self, plan_id: str) -> str:
        """Where a held plan is approved."""
        return approval_link(location_of(self.context.run), self.audience, plan_id)

    def members(self, sync_id: str) -> int:
        """Keys that the channel has acknowledged."""
        with self.project.warehouse() as warehouse:
            return next(state.members for state in overview.states(warehouse) if state.sync == sync_id)

    def made(self, key: dg.AssetKey, counts: metadata.Metadata) -> Iterator[Event]:
        """An asset; where the launch has not selected it, it is told all the same."""
        if key in self.context.selected_asset_keys:
            yield dg.MaterializeResult(asset_key=key, metadata=counts)
        else:
            self.context.log_event(dg.AssetMaterialization(key, metadata=counts))

    def selected(self, judged: dg.AssetCheckResult) -> Iterator[dg.AssetCheckResult]:
        """The check; where the launch has not selected it (the launchpad selects none), it is told all the same."""
        if any((key.asset_key, key.name) == (judged.asset_key, judged.check_name)
               for key in self.context.selected_asset_check_keys):
            yield judged
        else:
            self.context.log_event(checks.evaluation(judged))


def approve(context: dg.AssetExecutionContext, project: Project, config: Launch) -> None:
    """Release a plan. Raises StateError when it is not held, or nobody says who does it and why."""
    if not (config.approved_by.strip() and config.reason.strip()):
        raise StateError("fill in approved_by and reason: who decides and why is recorded")
    with project.warehouse() as warehouse, warehouse.transaction():
        schema.create(warehouse)
        now = datetime.now(UTC).replace(tzinfo=None)
        sync = holds.approve(warehouse, config.approve_plan, config.approved_by, config.reason, now)
    context.log.info(f"{config.approve_plan} of {sync} is approved by {config.approved_by}")


def observe(
    context: dg.AssetExecutionContext, audience: Audience, tasks: Sequence[Task], plans: Sequence[Plan]
) -> None:
    """A dry run materialises nothing: what it shows is not in any channel."""
    for task, plan in zip(tasks, plans, strict=True):
        context.log_event(dg.AssetObservation(sync_key(audience, task.sync), description="What a sync would do now.",
                                              metadata=metadata.of_plan(plan)))


def explain(problems: Sequence[str]) -> str:
    """All that went wrong, and what to do: each message says what would be right."""
    advice = "What was delivered is recorded. Mend this and re-execute from failure: only the rest is sent."
    return "\n".join([*problems, advice])
