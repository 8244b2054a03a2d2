"""A sync with shards as an asset of several steps: one plans, each shard is one, and the last closes the plan.

Steps of a run that has an executor of many processes or machines are spread by it; nothing passes between them but what
is in the warehouse. What is small is delivered by the step that plans, and the others are skipped. (No postponed
annotations here: Dagster reads the types of config.)
"""

from collections.abc import Iterator

import dagster as dg

from pipelines import shards
from pipelines.audiences import Audience, Sync
from pipelines.defs import checks
from pipelines.defs.audiences import Event, Launch, Walk, approve, explain, observe, sync_details
from pipelines.defs.keys import snapshot_key, sync_key
from pipelines.defs.launchpad import planner_of
from pipelines.defs.metadata import Metadata
from pipelines.defs.opened import Opened
from pipelines.defs.resources import POOL, Tailrace
from pipelines.errors import LeaseHeld, TailraceError


def define_sharded(opened: Opened, audience: Audience, sync: Sync) -> dg.AssetsDefinition:
    """The asset of one sync that has shards."""
    plan, close = _plan_op(opened, audience, sync), _close_op(opened, audience, sync)
    parts = [_shard_op(opened, audience, sync, number) for number in range(1, sync.shards + 1)]
    said = sync_details(opened, audience, sync)

    @dg.graph_asset(
        key=sync_key(audience, sync), ins={"snapshot": dg.AssetIn(snapshot_key(audience), dagster_type=dg.Nothing)},
        check_specs=list(checks.specs_of(audience, sync)), **said)
    def deliver(snapshot: dg.Nothing) -> dict[str, object]:  # type: ignore[valid-type]
        given = plan(snapshot)
        ended = close([part(given) for part in parts])
        return {name: getattr(ended, name) for name in ("result", *_checks(audience, sync))}

    return deliver


def _plan_op(opened: Opened, audience: Audience, sync: Sync) -> dg.OpDefinition:
    @dg.op(name=planner_of(audience, sync), ins={"snapshot": dg.In(dg.Nothing)}, pool=POOL,
           out={"given": dg.Out(dg.Nothing, is_required=False)}, description="Plan, and leave what is large to shards.")
    def plan(context: dg.AssetExecutionContext, config: Launch, tailrace: Tailrace) -> Iterator[dg.Output[None]]:
        try:
            walking = _open(context, opened, audience, sync, tailrace)
            if config.approve_plan:
                approve(context, walking.project, config)
            if config.dry_run:
                observe(context, audience, walking.tasks, walking.project.preview(audience, walking.tasks))
                return
            for _ in walking.follow(opened, spread=walking.project.reach):
                pass
        except TailraceError as error:
            raise dg.Failure(explain([str(error)]), allow_retries=False) from None
        if walking.problems:
            raise dg.Failure(explain(walking.problems), allow_retries=False)
        if walking.spread:
            context.log.info(f"{walking.spread.sync_id}: {walking.spread.shards} shards are to be delivered")
            yield dg.Output(None, "given")

    return plan


def _shard_op(opened: Opened, audience: Audience, sync: Sync, number: int) -> dg.OpDefinition:
    @dg.op(name=f"shard_{number}_{audience.sync_id(sync)}", ins={"given": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing),
           description=f"Deliver shard {number} of {sync.shards}.")
    def shard(context: dg.AssetExecutionContext, tailrace: Tailrace) -> None:
        try:
            walking = _open(context, opened, audience, sync, tailrace)
            shards.deliver_one(walking.project, audience, walking.tasks[0], number, context.run_id)
        except LeaseHeld as held:
            context.log.info(str(held))  # who has it says how it ends
        except TailraceError as error:
            raise dg.Failure(explain([str(error)]), allow_retries=False) from None

    return shard


def _close_op(opened: Opened, audience: Audience, sync: Sync) -> dg.OpDefinition:
    outs = {name: dg.Out(dg.Nothing, is_required=False) for name in ("result", *_checks(audience, sync))}

    @dg.op(name=f"close_{audience.sync_id(sync)}", ins={"ended": dg.In(dg.Nothing)}, out=outs, pool=POOL,
           description="Record what the shards came to.")
    def close(context: dg.AssetExecutionContext, tailrace: Tailrace) -> Iterator[object]:
        try:
            walking = _open(context, opened, audience, sync, tailrace)
            result = shards.close_in(walking.project, audience, walking.tasks[0], context.run_id)
        except TailraceError as error:
            raise dg.Failure(explain([str(error)]), allow_retries=False) from None
        if result is None:
            context.log.info("another process has closed the plan")
            return
        if result.status in ("ok", "nothing"):
            yield dg.Output(None, "result", metadata=walking.counts(sync, result, None))
        yield from walking.judge(sync, result)
        if result.status == "failed":
            raise dg.Failure(explain([f"{result.plan.sync} failed: {result.reason}"]), allow_retries=False)

    return close


class _Telling(Walk):
    """A walk whose step makes no asset by itself: what it finds of them is told."""

    def made(self, key: dg.AssetKey, counts: Metadata) -> Iterator[Event]:
        self.context.log_event(dg.AssetMaterialization(key, metadata=counts))
        yield from ()

    def selected(self, judged: dg.AssetCheckResult) -> Iterator[dg.AssetCheckResult]:
        self.context.log_event(checks.evaluation(judged))
        yield from ()


def _open(
    context: dg.AssetExecutionContext, opened: Opened, audience: Audience, sync: Sync, tailrace: Tailrace
) -> _Telling:
    """The walk of this one sync. Raises ConnectionFault."""
    project = opened.at(tailrace.as_of)
    tasks, faults = project.tasks(audience, sync.to)
    for fault in faults:
        raise fault
    return _Telling(context, project, audience, tasks)


def _checks(audience: Audience, sync: Sync) -> list[str]:
    """Names of the outputs that are checks."""
    return [spec.get_python_identifier() for spec in checks.specs_of(audience, sync)]
