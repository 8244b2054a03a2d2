"""Decide about messages: each that was found gets exactly one outcome, by set-based SQL.

A candidate is one message that might go to one person: of an entry, or a follow-up. What is said of it is a code:

    held_out        the person is left out to measure the lift, of this audience or of all
    suppressed      the person is spared now, was in before by the rule of re-entry, or shares an address that is told
    goal_met        the goal was reached since the cause
    no_consent      there is an address, and it may not be used
    no_identifier   there is no address that the channel accepts
    deferred        its time has not come, or it is night where the person is
    stale           it would come too late, or the person has left the audience
    capped          the cool-down or the cap stands against it; it goes when there is room, the highest priority first
    sent            it is planned; what came of it is in its receipts

Codes are rows of `candidate`, appended when something changes; the newest of a candidate is what holds. All moments are
those that snapshots speak of, so that a day replayed later decides as it did. `deferred` and `capped` are open: within
their time they keep a place in the line of their person, in which the highest priority, then the eldest, stands first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipelines.audiences import GoalModel, SuppressionModel
from pipelines.state import migrations
from pipelines.state.asked import AGAIN, COOLED, ELSEWHERE, JUDGED, JUDGED_NAMES, LATEST, NOBODY, OFFERS, SENT, WAITING
from pipelines.state.suppressions import persons
from pipelines.warehouse.protocol import Warehouse, literal, quote

REASONS = {
    "silent": ("sent", "recorded, starts nothing"), "asked": ("sent", "asked for by a person"), "ready": ("sent", ""),
    "held_out": ("held_out", ""),
    "control": ("held_out", "of all marketing"), "suppressed": ("suppressed", ""),
    "again": ("suppressed", "was in before, by the rule of re-entry"),
    "shared": ("suppressed", "the address is told once"),
    "goal_met": ("goal_met", ""), "unbuilt": ("deferred", "who has reached the goal is not built"),
    "no_consent": ("no_consent", ""), "no_identifier": ("no_identifier", ""), "left": ("stale", "left the audience"),
    "early": ("deferred", "its time has not come"), "late": ("stale", "older than max_age"),
    "night": ("deferred", "quiet hours"), "cool_down": ("capped", "cool-down"), "cap": ("capped", "cap"),
    "priority": ("capped", "others go first"),
}
"""Why → code and detail."""

# Two who are told under one address are told once. Whoever is above the cap waits; so does who is not first in line.
DECIDED = f"""
    create temp table decided as
    with fit as (
        select j.*, row_number() over (
            partition by dest_key, entry_id, step, why = 'ready' order by person_key) as nth_of_address
        from temp.judged as j
    ),
    line as (
        select candidate_id, root, $priority as priority, due_at, true as is_own from fit
        where (why = 'ready' and nth_of_address = 1) or (why = 'night' and opens_at <= last_at)
            or (why = 'cool_down' and cool_until <= last_at)
        union all
        select candidate_id, root, priority, due_at, false from ({WAITING}) as w
        where counts and due_at <= $at and expires_at >= $at and (until is null or until <= expires_at)
            and candidate_id not in (select candidate_id from temp.found)
    ),
    placed as (
        select candidate_id, is_own, row_number() over (
            partition by root order by priority desc, due_at, candidate_id) as nth
        from line
    ),
    used as (
        select root, count(*) as messages, max(case when nth = $cap then decided_at end) as frees_at from (
            select root, decided_at, row_number() over (partition by root order by decided_at desc) as nth
            from ({SENT}) as s
            where s.counts and s.decided_at > $full_since and coalesce(s.outcome, '') not in ('rejected', 'stale')
        ) as counted group by root
    )
    select {", ".join(f"f.{name}" for name in JUDGED_NAMES)}, u.frees_at,
        case
            when f.why <> 'ready' then f.why
            when f.nth_of_address > 1 then 'shared'
            when u.messages >= $cap then 'cap'
            when coalesce(u.messages, 0) + p.nth > $cap then 'priority'
            else 'ready'
        end as reason
    from fit as f
    left join placed as p on p.candidate_id = f.candidate_id and p.is_own
    left join used as u on u.root = f.root"""

UNCAPPED = """
    create temp table decided as
    select j.*, cast(null as timestamp) as frees_at,
        case when why = 'ready' and row_number() over (
            partition by dest_key, entry_id, step, why = 'ready' order by person_key) > 1 then 'shared' else why
        end as reason
    from temp.judged as j"""

RECORD = f"""
    insert into activation.candidate (candidate_id, nth, audience, sync_id, op_id, step, person_key, entry_id,
        happened_at, due_at, expires_at, priority, counts, code, detail, until, decided_at, recorded_at)
    select d.candidate_id, coalesce(l.nth, 0) + 1, $audience, $sync_id, d.op_id, d.step, d.person_key, d.entry_id,
        d.happened_at, d.due_at, d.last_at, $priority, $counts, d.code, d.detail, d.until, $at, $now
    from ({{said}}) as d
    left join ({LATEST}) as l on l.candidate_id = d.candidate_id
    where l.candidate_id is null or l.code <> d.code or l.detail <> d.detail or l.until is distinct from d.until
        or d.code = 'sent'"""

# Who waited for a message, or did not get it, and has left meanwhile.
CLOSED = f"""
    select l.candidate_id, l.op_id, l.step, l.person_key, l.entry_id, l.happened_at, l.due_at, l.expires_at as last_at,
        case when goal.reached_at >= l.happened_at then 'goal_met' else 'left' end as reason,
        cast(null as timestamp) as opens_at, cast(null as timestamp) as cool_until, cast(null as timestamp) as frees_at
    from ({WAITING}) as l
    left join ({{goal}}) as goal on goal.person_key = l.person_key
    where l.audience = $audience and l.sync_id = $sync_id and l.step = ''
        and l.candidate_id not in (select candidate_id from temp.found) and not exists (
            select 1 from activation.membership as m where m.audience = l.audience and m.entry_id = l.entry_id
                and m.valid_to is null and l.person_key in (m.person_key, m.began_as))"""


@dataclass(frozen=True, slots=True)
class Rules:
    """By what is decided."""

    audience: str
    sync_id: str
    at: datetime
    """The moment that the snapshot speaks of, UTC without zone."""
    now: datetime
    priority: int
    counts: bool
    """Whether caps count the message."""
    shares: bool
    """Whether other channels may send it instead."""
    speaks: bool
    """Whether no channel is asked after this one."""
    out_for: float
    """Seconds that somebody must have been out to enter again."""
    cool_down: float | None
    cap: int | None
    full_since: datetime
    """Messages since then count against the cap."""
    frees_after: float
    """Seconds after which a message counts no more."""
    goal: GoalModel | None
    refusing: str
    """SQL of persons (`_key`) who have an address and do not consent to its use; empty: not known."""
    control: Sequence[SuppressionModel]
    """Who is held out of all marketing."""
    sparing: Sequence[SuppressionModel]


def take_turn(warehouse: Warehouse) -> None:
    """Wait until no other run decides; none does until the end of this transaction, so two never take the same room.

    The row of the store's version stands for the turn: whoever writes it first is waited for, or the later one fails,
    as the engine has it.
    """
    warehouse.execute("update activation.version set version = version where version = ?", [migrations.VERSION])


def decide(warehouse: Warehouse, rules: Rules) -> None:
    """Leave `decided`: of each message in `found` why it is sent or not. `channels`, `zones` and `quiet` are there."""
    for name in ("offers", "judged", "decided"):
        warehouse.execute(f"drop table if exists temp.{name}")
    unbuilt = rules.goal is not None and warehouse.columns(rules.goal.relation) is None
    scope = {**_values(rules), "is_unbuilt": unbuilt}
    _run(warehouse, OFFERS, scope)
    _run(warehouse, JUDGED.format(**_parts(rules, unbuilt=unbuilt)), scope)
    _run(warehouse, UNCAPPED if rules.cap is None else DECIDED, scope)


def record(warehouse: Warehouse, rules: Rules) -> None:
    """Write down what has changed of what was decided, and of those who waited and have left."""
    unbuilt = rules.goal is not None and warehouse.columns(rules.goal.relation) is None
    decided = "select * from temp.decided where reason not in ('elsewhere', 'silent', 'repeat')"
    for rows in (decided, CLOSED.format(goal=_parts(rules, unbuilt=unbuilt)["goal"])):
        said = f"""select r.*, {_case("code")} as code, {_case("detail")} as detail,
            case when reason in ('early', 'night') then opens_at when reason = 'cool_down' then cool_until
                when reason = 'cap' then frees_at + to_seconds($frees_after) end as until
            from ({rows}) as r"""
        _run(warehouse, RECORD.format(said=said), _values(rules))


def _parts(rules: Rules, *, unbuilt: bool) -> dict[str, str]:
    asked = {"control": persons(rules.control), "spared": persons(rules.sparing)}
    if rules.shares:
        asked["elsewhere"] = ELSEWHERE
    if rules.out_for:
        asked["again"] = AGAIN
    if rules.goal and not unbuilt:
        asked["goal"] = _reached(rules.goal)
    if rules.refusing:
        asked["refusing"] = rules.refusing
    if rules.cool_down:
        asked["cooled"] = COOLED
    return {**NOBODY, **asked}


def _reached(goal: GoalModel) -> str:
    named = f"and {quote('name')} = {literal(goal.event)}" if goal.event else ""
    at = f"cast({quote(goal.at)} as timestamp)"
    return (f"select cast({quote(goal.key)} as varchar) as person_key, max({at}) as reached_at from {goal.relation} "
            f"where {at} <= $at {named} group by 1")


def _case(part: str) -> str:
    place = ("code", "detail").index(part)
    said = (f"when {literal(why)} then {literal(both[place])}" for why, both in REASONS.items())
    return f"case reason {' '.join(said)} end"


def _values(rules: Rules) -> dict[str, Any]:
    return {name: getattr(rules, name) for name in Rules.__dataclass_fields__}


def _run(warehouse: Warehouse, sql: str, scope: dict[str, Any]) -> None:
    named = set(re.findall(r"\$(\w+)", sql))
    warehouse.execute(sql, {name: scope[name] for name in named})
