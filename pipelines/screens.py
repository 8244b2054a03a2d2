"""What the command shows a person: plain lines that read aloud, the same in a terminal and in a log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from pipelines.planning.plan import Plan
from pipelines.run import Result
from pipelines.state.holds import Hold
from pipelines.state.overview import State, Undelivered


def plan_lines(plan: Plan) -> list[str]:
    """One sync of a plan, in two lines and what is to be said of it."""
    head = (f"{plan.audience} → {plan.connection}    {plan.segment:,} in segment · {plan.suppressed:,} suppressed · "
            f"{plan.held_out:,} held out · {plan.wanted:,} wanted")
    parts = [f"{mark} {count:,} {word}" for mark, count, word in (
        ("+", plan.add, "add"), ("~", plan.update, "update"), ("−", plan.remove, "remove"), ("=", plan.keep, "keep"),
        ("!", plan.trigger, "trigger")) if count]
    requests = f"about {plan.requests:,} request{'s' * (plan.requests != 1)}" if plan.requests else "nothing to send"
    lines = [head, "  " + "   ".join([*parts, requests])]
    if plan.whole:
        lines.append(f"  the whole list of {plan.whole:,} takes the place of the old one")
    if plan.unusable:
        lines.append(f"  {plan.unusable:,} without a key or a usable identifier (tailrace status --undelivered)")
    word = "held" if plan.held else "approved, though objected to"
    lines += [f"  {word} by {objection.guard}: {objection.message}" for objection in plan.objections]
    lines += [f"  plan {plan.plan_id}: a sync holds it until it is approved"] if plan.plan_id and plan.held else []
    return [*lines, *(f"  {said}" for said in (plan.cause, *plan.notes) if said)]


def gate_line(newest: str) -> str:
    """What stands in for a build where none was asked for; `newest`: when the newest was, ISO 8601."""
    if not newest:
        return "Not built. No build from here is on record, so nothing is known of models, tests and freshness."
    at = newest[:16].replace("T", " ")
    return f"Not built. The gate looks at the last builds on record (the newest of {at} UTC)."


def plan_total(plans: Sequence[Plan]) -> str:
    """The last line of a plan."""
    changing = sum(bool(plan.changes) for plan in plans)
    if not changing:
        return f"Nothing to do: {len(plans)} syncs are as the audiences say."
    add, update, remove, trigger = (sum(getattr(plan, name) for plan in plans)
                                    for name in ("add", "update", "remove", "trigger"))
    return (f"Plan: + {add:,}  ~ {update:,}  − {remove:,}  ! {trigger:,} in {changing} of {len(plans)} syncs. "
            "Nothing was sent; `tailrace sync` sends it.")


def result_line(result: Result) -> str:
    """One sync of a run."""
    plan = result.plan
    counts = ((result.accepted, "accepted"), (result.rejected, "rejected"), (result.deferred, "deferred"),
              (result.unknown, "unknown"), (result.pending, "pending"))
    said = ", ".join(f"{count:,} {word}" for count, word in counts if count) or "nothing to send"
    lines = f"{result.status:<8}{plan.audience} → {plan.connection}: {said} ({result.seconds:.1f} s)"
    approval = how_to_approve(plan.plan_id) if plan.plan_id and plan.held else ""
    return "\n        ".join(filter(None, [lines, result.reason, approval, plan.cause, *plan.notes]))


def shard_line(done: Result | str) -> str:
    """What a process that delivers one shard says."""
    return done if isinstance(done, str) else result_line(done)


def how_to_approve(plan_id: str) -> str:
    """The command that releases a held plan."""
    return f"tailrace approve {plan_id} --by NAME --reason TEXT   sends exactly this plan with the next sync"


def approved_line(by: str, sync_id: str) -> str:
    """What follows from an approval."""
    kind, _, name = sync_id.partition(":")
    if kind == "suppression":
        return f"Approved by {by}: the next sync takes exactly this list of {name}; a smaller one stays held."
    return f"Approved by {by}: the next sync of {sync_id} sends exactly this plan; one that differs stays held."


def hold_lines(hold: Hold, planned: Mapping[str, int]) -> list[str]:
    """One plan that waits for a person."""
    parts = [f"{mark} {planned[name]:,} {name}" for mark, name in (
        ("+", "add"), ("~", "update"), ("−", "remove"), ("!", "trigger")) if planned[name]]
    return [f"{hold.plan_id}: held since {hold.opened_at:%Y-%m-%d %H:%M} UTC    {'   '.join(parts)}".rstrip(),
            *(f"  {said['guard']}: {said['message']}" for said in hold.objections)]


def state_lines(state: State, now: datetime) -> list[str]:
    """One sync's state."""
    ended = {"nothing": "nothing to do", None: "begun"}.get(state.status, state.status)
    when = f"{state.last_run:%Y-%m-%d %H:%M} UTC" if state.last_run else "never finished a run"
    age = state.age(now)
    well = "" if age is None or state.last_run == state.last_success else f" · last went well {_span(age)} ago"
    lines = [f"{state.sync}: {state.members:,} member{'s' * (state.members != 1)} · {ended} · {when}{well}"]
    if state.reason:
        lines.append(f"  {state.reason}")
    if state.held:
        lines.append(f"  {how_to_approve(state.held)}")
    if state.undelivered:
        said = (f"{count:,} {outcome.replace('_', ' ')}" for outcome, count in state.undelivered.items())
        lines.append("  not delivered: " + ", ".join(said))
    lines += [f"  rejected: {count:,} × {reason}" for reason, count in state.rejected.items()]
    if state.unresolved:
        lines.append(f"  {state.unresolved:,} in doubt wait for a decision (tailrace unresolved)")
    return lines


def _span(seconds: float) -> str:
    """A length of time in the unit that fits it."""
    size, unit = next((size, unit) for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute"), (0, "second"))
                      if seconds >= size)
    count = int(seconds // size) if size else int(seconds)
    return f"{count:,} {unit}{'s' * (count != 1)}"


def undelivered_line(row: Undelivered) -> str:
    """One member or message that did not get there: its key, never its values."""
    return f"{row.sync}  {row.person}  {row.outcome}: {row.reason}"
