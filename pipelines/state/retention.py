"""What is recorded of persons goes when it is no longer needed, by itself at the end of a run and by `tailrace purge`.

Two terms: the payload of what a channel refused (identifiers and attributes, which nobody will send again) is emptied
after 30 days, and operations with their receipts go after 13 months, as do rows of runs and comparisons; the vars
`keep_refused_days` and `keep_receipts_days` of dbt_project.yml say otherwise. Of operations only what is folded into
the ledger goes, so the ledger, which keeps the identifiers that a removal needs, stays as it is. A message whose stay
still lasts, or that is still in doubt, keeps its row without its payload: it is what says that the person was told.

The history of audiences (stays, snapshots), holds and decisions go after three years (`keep_history_days`), once a day.
What lasts is kept however old: a present stay with all its rows and their snapshots, the last stay of each person who
left, for it says that they were there, open and approved holds, and whatever a row that is kept speaks of.

These are the only rows of plans and receipts that are ever changed or deleted, besides those of who is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from pipelines.errors import StateError
from pipelines.warehouse.protocol import Warehouse


@dataclass(frozen=True, slots=True)
class Terms:
    """How long things are kept."""

    refused: timedelta = timedelta(days=30)
    """Payloads of what was refused."""
    receipts: timedelta = timedelta(days=396)
    """Operations and receipts: 13 months."""
    history: timedelta = timedelta(days=1_096)
    """Stays that are over, snapshots, holds and decisions: three years."""


def terms_of(variable: Callable[[str], Any]) -> Terms:
    """The terms of a project, by its vars. Raises StateError where one is no number of days or does not fit."""
    found = {}
    for term in fields(Terms):
        written = variable(name := f"keep_{term.name}_days")
        if written is not None and (type(written) is not int or written < 1):
            raise StateError(f"dbt_project.yml: the var {name} is {written!r}; write a number of days, such as 30")
        found.update({} if written is None else {term.name: timedelta(days=written)})
    terms = Terms(**found)
    if terms.history < terms.receipts:
        raise StateError(f"dbt_project.yml: the var keep_history_days is {terms.history.days}, and receipts, which are "
                         f"explained by history, are kept for {terms.receipts.days} days; write at least as many")
    return terms


@dataclass(frozen=True, slots=True)
class Purged:
    """What went."""

    payloads: int
    """Operations whose payload was emptied."""
    operations: int
    """Operations that were deleted with their receipts."""


FOLDED = """
    o.sync_id = $sync and o.epoch <= (select folded_epoch from activation.sync_control where sync_id = $sync)"""
REFUSED = f"""
    {FOLDED} and o.identifiers <> '{{}}' and o.planned_at < $before and exists (
        select 1 from activation.receipt as r where r.sync_id = o.sync_id and r.epoch = o.epoch and r.op_id = o.op_id
            and r.outcome = 'rejected' and r.recorded_at < $before)"""
# A message is kept for as long as its stay lasts, under whichever key, as somebody who entered with that person has the
# identifier it went to, or as it is in doubt: `triggers.OPEN` asks it in each of these cases.
TOLD = """
    o.action = 'event' and (
        exists (select 1 from activation.membership as m
            inner join activation.sync_control as c on c.audience = m.audience
            inner join activation.membership as own on own.audience = m.audience and own.entry_id = m.entry_id
                and coalesce(own.began_as, own.person_key) = coalesce(m.began_as, m.person_key)
            where c.sync_id = o.sync_id and own.person_key = o.person_key and m.entry_id = o.snapshot_id
                and m.valid_to is null)
        or exists (select 1 from activation.membership as m
            inner join activation.sync_control as c on c.audience = m.audience
            inner join activation.desired as d on d.sync_id = c.sync_id and d.person_key = m.person_key
            where c.sync_id = o.sync_id and d.dest_key = o.dest_key and m.entry_id = o.snapshot_id
                and m.valid_to is null)
        or exists (select 1 from activation.unresolved as u where u.sync_id = o.sync_id and u.op_id = o.op_id))"""
OLD = f"""
    {FOLDED} and o.planned_at < $before and not exists (
        select 1 from activation.receipt as r where r.sync_id = o.sync_id and r.epoch = o.epoch and r.op_id = o.op_id
            and r.recorded_at >= $before)"""

PAST = """
    sync_id = $sync and ended < $before and epoch < (
        select max(last.epoch) from activation.run_log as last
        where last.sync_id = $sync and last.status in ('ok', 'nothing'))"""
"""Runs of which nothing is asked any more: the last good one tells since when all is well, and with how many."""

DECIDED = """
    sync_id = $sync and recorded_at < $before and candidate_id not in (
        select c.candidate_id from activation.candidate as c
        inner join (
            select audience, entry_id, person_key from activation.membership where valid_to is null
            union all
            select audience, entry_id, began_as from activation.membership
            where valid_to is null and began_as is not null
        ) as m on m.audience = c.audience and m.entry_id = c.entry_id and m.person_key = c.person_key
        where c.sync_id = $sync and c.recorded_at < $before)"""
"""What was decided of messages of stays that are over."""


BYGONE = """
    audience = $audience and valid_to <= $horizon and exists (
        select 1 from activation.membership as later where later.audience = membership.audience
            and later.person_key = membership.person_key and later.valid_to > membership.valid_to)
    and not exists (
        select 1 from activation.membership as own where own.audience = membership.audience
            and own.entry_id = membership.entry_id and (own.valid_to is null or own.valid_to > $horizon)
            and coalesce(own.began_as, own.person_key) = coalesce(membership.began_as, membership.person_key))"""
"""Rows of stays that are over, but for each person's last."""
UNSPOKEN = """
    audience = $audience and snapshot_id <= $horizon and snapshot_id not in (
        select entry_id from activation.membership where audience = $audience
        union select valid_from from activation.membership where audience = $audience
        union select valid_to from activation.membership where audience = $audience and valid_to is not null
        union select max(snapshot_id) from activation.snapshot where audience = $audience
        union select snapshot_id from (
            select snapshot_id, row_number() over (partition by status, entered > 0 order by snapshot_id desc) as nth
            from activation.snapshot where audience = $audience) as newest where nth <= 7)"""
"""Snapshots that no stay speaks of, but for the newest, of which guards take the measure."""
DECIDED_HOLDS = """
    sync_id = $sync and state not in ('open', 'approved') and decided_at < $before and decided_at < coalesce(
        (select min(opened_at) from activation.hold where state in ('open', 'approved')), $before)"""
DECISIONS = """
    sync_id = $sync and decided_at < $before and op_id not in (
        select op_id from activation.op where sync_id = $sync)"""


def _let_go_of_history(warehouse: Warehouse, sync_id: str, before: datetime) -> None:
    """Of the audience of this sync, and of what was decided of its plans."""
    [(audience, horizon)] = warehouse.query(
        """select c.audience, (select max(s.snapshot_id) from activation.snapshot as s
            where s.audience = c.audience and coalesce(s.recorded_at, s.taken_at) < $before)
        from activation.sync_control as c where c.sync_id = $sync""", {"sync": sync_id, "before": before})
    if horizon is not None:
        past = {"audience": audience, "horizon": horizon}
        warehouse.execute(f"delete from activation.membership where {BYGONE}", past)
        warehouse.execute(f"delete from activation.snapshot where {UNSPOKEN}", past)
    scope = {"sync": sync_id, "before": before}
    warehouse.execute(f"delete from activation.hold where {DECIDED_HOLDS}", scope)
    warehouse.execute(f"delete from activation.decision where {DECISIONS}", scope)


def _is_first_today(warehouse: Warehouse, sync_id: str, now: datetime) -> bool:
    """Whether no other run of this sync was closed today."""
    [(runs,)] = warehouse.query("select count(*) from activation.run_log where sync_id = ? and ended >= ?",
                                [sync_id, now.replace(hour=0, minute=0, second=0, microsecond=0)])
    return int(runs) <= 1


def purge(
    warehouse: Warehouse, sync_id: str, now: datetime, terms: Terms | None = None, *, asked: bool = False
) -> Purged:
    """Let go of what is past its term. Call inside a transaction, with the run that is at its end in the log.

    `asked`: history goes too, though it went today already.
    """
    terms = terms or Terms()
    if asked or _is_first_today(warehouse, sync_id, now):
        _let_go_of_history(warehouse, sync_id, now - terms.history)
    payloads = _empty(warehouse, REFUSED, {"sync": sync_id, "before": now - terms.refused})
    scope = {"sync": sync_id, "before": now - terms.receipts}
    payloads += _empty(warehouse, f"{OLD} and {TOLD} and o.identifiers <> '{{}}'", scope)
    warehouse.execute("drop table if exists temp.gone")
    warehouse.execute(
        f"create temp table gone as select o.epoch, o.op_id from activation.op as o where {OLD} and not ({TOLD})",
        scope)
    warehouse.execute(f"delete from activation.run_log where {PAST}", scope)
    warehouse.execute(f"delete from activation.candidate where {DECIDED}", scope)
    warehouse.execute("delete from activation.comparison where sync_id = $sync and compared_at < $before", scope)
    [(operations,)] = warehouse.query("select count(*) from temp.gone")
    for table in ("receipt", "op") if operations else ():
        warehouse.execute(
            f"""delete from activation.{table} where sync_id = $sync and exists (
                select 1 from temp.gone as g where g.epoch = {table}.epoch and g.op_id = {table}.op_id)""",
            {"sync": sync_id})
    return Purged(payloads, operations)


def _empty(warehouse: Warehouse, condition: str, scope: dict[str, object]) -> int:
    [(found,)] = warehouse.query(f"select count(*) from activation.op as o where {condition}", scope)
    if found:
        warehouse.execute(
            f"update activation.op as o set identifiers = '{{}}', attributes = '{{}}' where {condition}", scope)
    return int(found)
