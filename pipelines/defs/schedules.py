"""A schedule for each cadence: a run of the audiences that are due, with exactly the models they are built from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import dagster as dg

from pipelines.audiences import Audience
from pipelines.defs.cadences import Switch, decide, name_of, ordered, running
from pipelines.defs.keys import snapshot_key, sync_key
from pipelines.defs.launchpad import JOB
from pipelines.defs.opened import Opened
from pipelines.nodes import upstream_of

LONGEST_RUN = timedelta(hours=6)
"""A run that began earlier is taken for dead: whoever ran it may have ended without a word."""
_UNFINISHED = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING,
               dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


@dataclass(frozen=True, slots=True)
class Calendar:
    """All that the schedules decide by."""

    audiences: Sequence[Audience]
    upstream: Mapping[str, frozenset[dg.AssetKey]]
    """Audience → keys of all dbt builds for it and for its suppressions."""
    timezone: str
    keeps_time: bool
    """Whether the project fixes `as_of`; where it does not, a run speaks of the moment it was due."""
    last: frozenset[dg.AssetKey] = frozenset()
    """What every run ends with: the copy for BI."""

    @property
    def crons(self) -> list[str]:
        """Every cadence, most frequent first; `0 06 * * *` and `0 6 * * *` are one."""
        crons = ordered(sync.cron for audience in self.audiences for sync in audience.syncs)
        return list({name_of(cron): cron for cron in reversed(crons)}.values())[::-1]

    def own(self, name: str) -> frozenset[dg.AssetKey]:
        """Keys of an audience's snapshot and of all its syncs."""
        audience = next(audience for audience in self.audiences if audience.name == name)
        return frozenset({snapshot_key(audience), *(sync_key(audience, sync) for sync in audience.syncs)})

    def due(self, crons: Iterable[str]) -> dict[str, frozenset[dg.AssetKey]]:
        """Audience → what is launched for it: its due syncs, its snapshot, and all that is upstream."""
        wanted = {name_of(cron) for cron in crons}
        found = {}
        for audience in self.audiences:
            if syncs := [sync_key(audience, sync) for sync in audience.syncs if name_of(sync.cron) in wanted]:
                found[audience.name] = frozenset({*syncs, snapshot_key(audience), *self.upstream[audience.name]})
        return found

    def everything(self) -> frozenset[dg.AssetKey]:
        """All that some schedule may launch."""
        return self.last.union(*self.due(self.crons).values())


def read_calendar(
    opened: Opened, models: Mapping[str, dg.AssetKey], last: Sequence[dg.AssetKey] = ()
) -> Calendar:
    """The calendar of a project. Its zone is the var `business_timezone`, in which a day begins; else UTC."""
    nodes = opened.manifest["nodes"]
    upstream = {}
    for audience in opened.declarations.audiences:
        built = opened.declarations.ids([audience])
        ids = {*built, *(above for unique_id in built for above in upstream_of(nodes[unique_id], nodes))}
        # Sources are nobody's to build, and ephemeral models leave nothing.
        upstream[audience.name] = frozenset(models[unique_id] for unique_id in ids if unique_id in models)
    zone = str(opened.variables.get("business_timezone") or "UTC")
    return Calendar(opened.declarations.audiences, upstream, zone if _is_zone(zone) else "UTC", opened.keeps_time,
                    frozenset(last))


def define_schedules(calendar: Calendar) -> tuple[list[dg.ScheduleDefinition], list[dg.UnresolvedAssetJobDefinition]]:
    """A schedule for each cadence, off until somebody switches it on, and the one job that all of them launch."""
    if not calendar.crons:
        return [], []
    job = dg.define_asset_job(JOB, selection=dg.AssetSelection.assets(*calendar.everything()),
                              description="Builds and syncs the audiences that are due. By hand: all of them.")
    return [_define(calendar, cron, job) for cron in calendar.crons], [job]


def _define(calendar: Calendar, cron: str, job: dg.UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    names = list(calendar.due([cron]))
    noun = "audience" if len(names) == 1 else "audiences"

    @dg.schedule(name=name_of(cron), cron_schedule=cron, target=job, execution_timezone=calendar.timezone,
                 description=f"{len(names)} {noun}: {', '.join(names[:8])}{' …' if len(names) > 8 else ''}")
    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        at = context.scheduled_execution_time
        on = running(_switches(context.instance), {name_of(each): each for each in calendar.crons}, name_of(cron), at)
        unfinished = context.instance.get_run_records(
            dg.RunsFilter(statuses=_UNFINISHED, created_after=datetime.now(UTC) - LONGEST_RUN))
        return launch(calendar, cron, on, at, [record.dagster_run for record in unfinished])

    return tick


def launch(
    calendar: Calendar, own: str, on: set[str], at: datetime, unfinished: Sequence[dg.DagsterRun] = ()
) -> dg.RunRequest | dg.SkipReason:
    """What the schedule of cron `own` answers at its tick `at`: `on` are the crons of the schedules that are on,
    `unfinished` the runs that have not ended.
    """
    local = at.astimezone(ZoneInfo(calendar.timezone))
    verdict = decide(own, on, local)
    if verdict.taken_by:
        return dg.SkipReason(f"merged into {name_of(verdict.taken_by)} at {local:%H:%M}")
    due = calendar.due(verdict.cadences)
    free = {name: keys for name, keys in due.items() if not _is_busy(calendar.own(name), unfinished)}
    busy = ", ".join(name for name in due if name not in free)
    if not free:
        return dg.SkipReason(f"still in a run that has not ended: {busy}")
    names = "+".join(name_of(cron) for cron in verdict.cadences)
    # Without a zone, as every cast of SQL takes it: UTC.
    config = {} if calendar.keeps_time else {"as_of": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"}
    return dg.RunRequest(
        asset_selection=sorted(calendar.last.union(*free.values())),
        run_config={"resources": {"tailrace": {"config": config}}} if config else {},
        tags={"tailrace/cadence": names, **({"tailrace/left_out": busy} if busy else {})},
    )


def _is_busy(own: frozenset[dg.AssetKey], unfinished: Sequence[dg.DagsterRun]) -> bool:
    """Whether a run of one of these assets has not ended; the job without a selection is all of them."""
    return any(own & run.asset_selection if run.asset_selection else run.job_name == JOB for run in unfinished)


def _switches(instance: dg.DagsterInstance) -> Iterator[Switch]:
    for state in instance.all_instigator_state():
        if state.is_running and state.instigator_type.value == "SCHEDULE":
            location = state.origin.repository_origin.code_location_origin.location_name
            yield Switch(state.name, location, getattr(state.instigator_data, "start_timestamp", None) or 0.0)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return False
    return True
