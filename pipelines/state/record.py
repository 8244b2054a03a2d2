"""Write down what is intended, before anything is sent, and what came of it, after.

An operation is identified by (sync, epoch, op_id), a receipt by (sync, epoch, op_id, attempt): writing either again is
harmless, so an answer that got lost at COMMIT is simply repeated.

Until they are rows of the warehouse, claims and receipts speak of places: an operation has one place in the plan of its
epoch, and neighbours that are sent in one request mostly end alike.
"""

from __future__ import annotations

import json
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from pipelines.state import ledger
from pipelines.warehouse.protocol import Warehouse


class Claim(NamedTuple):
    """Operations of neighbouring places that are about to be sent."""

    epoch: int
    first: int
    last: int
    attempt: int
    claimed_at: datetime


class Receipt(NamedTuple):
    """How one attempt of the operations of neighbouring places ended."""

    epoch: int
    first: int
    last: int
    attempt: int
    outcome: str
    """ok · rejected · unknown · void (provably not applied) · accepted (a job has it) · suppressed · stale"""
    http_status: int | None
    reason: str
    remote_id: str | None
    job_id: str | None
    first_sent_at: datetime | None
    """When they may first have reached the channel in this epoch; UTC without zone."""
    recorded_at: datetime


def neighbours(places: Iterable[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of places without a gap."""
    ordered = sorted(places)
    if ordered and ordered[-1] - ordered[0] == len(ordered) - 1:
        yield ordered[0], ordered[-1]
        return
    for _, run in groupby(enumerate(ordered), key=lambda each: each[1] - each[0]):
        together = [place for _, place in run]
        yield together[0], together[-1]


def without(first: int, last: int, known: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """What is left of the places from `first` to `last` beside known stretches, which are sorted and do not overlap."""
    for index in range(max(0, bisect_left(known, (first,)) - 1), len(known)):
        start, end = known[index]
        if start > last:
            break
        if start > first:
            yield first, start - 1
        first = max(first, end + 1)
    if first <= last:
        yield first, last


def remember_target(warehouse: Warehouse, sync_id: str, target: str) -> None:
    """Keep the remote list, segment or audience that was found or created."""
    warehouse.execute("update activation.sync_control set target = ? where sync_id = ?", [target, sync_id])


def remember_types(warehouse: Warehouse, sync_id: str, types: Mapping[str, str]) -> None:
    """Keep the types of the columns that an accepted plan was rendered from."""
    warehouse.execute("update activation.sync_control set column_types = ? where sync_id = ?",
                      [json.dumps(dict(types)), sync_id])


def remember_window(warehouse: Warehouse, sync_id: str, seconds: float) -> None:
    """Keep for how long after its first plan a message in doubt is repeated by itself."""
    warehouse.execute("update activation.sync_control set resend_within = ? where sync_id = ?", [seconds, sync_id])


def last_types(warehouse: Warehouse, sync_id: str) -> dict[str, str]:
    """Column → type at the last accepted plan; empty before the first."""
    [(types,)] = warehouse.query("select column_types from activation.sync_control where sync_id = ?", [sync_id])
    found: dict[str, str] = json.loads(types) if types else {}
    return found


def last_share_unusable(warehouse: Warehouse, sync_id: str) -> float:
    """Share of members without a usable identifier in the last run that was not held; -1 before the first."""
    rows = warehouse.query(
        """select counts from activation.run_log where sync_id = ? and status <> 'held'
            and cast(json_extract_string(counts, '$.members') as bigint) > 0 order by epoch desc limit 1""",
        [sync_id])
    counts = json.loads(rows[0][0]) if rows else {}
    return counts["unusable"] / counts["members"] if counts.get("members") else -1.0


def void_ledger(warehouse: Warehouse, sync_id: str, epoch: int, now: datetime) -> None:
    """Forget what was delivered up to `epoch`: it was delivered to another remote list than the one in use now.

    What a job still has of it says nothing of that list either.
    """
    warehouse.execute("delete from activation.ledger_base where sync_id = ?", [sync_id])
    warehouse.execute("update activation.sync_control set folded_epoch = ? where sync_id = ?", [epoch, sync_id])
    warehouse.execute(
        f"""insert into activation.receipt (sync_id, epoch, op_id, attempt, seq, outcome, reason, first_sent_at,
            recorded_at)
        select $sync_id, w.epoch, w.op_id, w.attempt + 1, w.seq, 'void', 'given to a list that is not used any more',
            w.first_sent_at, $now
        from ({ledger.WAITING}) as w where w.action <> 'event' and w.epoch <= $epoch""",
        {"sync_id": sync_id, "epoch": epoch, "now": now})


def lose_list(warehouse: Warehouse, sync_id: str, epoch: int, said: str, now: datetime) -> None:
    """The remote list is gone, and with it all that it held up to `epoch`."""
    void_ledger(warehouse, sync_id, epoch, now)
    warehouse.execute("update activation.sync_control set target = null, gone = ? where sync_id = ?", [said, sync_id])


def refill(warehouse: Warehouse, sync_id: str) -> None:
    """A person agreed that the list that was gone is made anew."""
    warehouse.execute("update activation.sync_control set gone = null where sync_id = ?", [sync_id])


def start_trigger(warehouse: Warehouse, sync_id: str, since: int) -> None:
    """From which snapshot on entries cause messages. Set once in the life of a sync."""
    warehouse.execute(
        "update activation.sync_control set trigger_since = ? where sync_id = ? and trigger_since is null",
        [since, sync_id])


def flush(warehouse: Warehouse, sync_id: str, connection: str, receipts: Sequence[Receipt]) -> None:
    """Append receipts, each once, and remember the ids the channel gave. Call inside a transaction."""
    if not receipts:
        return
    _tell(warehouse, receipts)
    scope = {"sync_id": sync_id, "first": min(each.first for each in receipts),
             "last": max(each.last for each in receipts)}
    warehouse.execute(
        f"""insert into activation.receipt (sync_id, epoch, op_id, seq, {_SAID})
        select o.sync_id, o.epoch, o.op_id, o.seq, {_SAID} from {_TOLD} and not exists (
            select 1 from activation.receipt as r where r.sync_id = o.sync_id and r.epoch = o.epoch
                and r.seq = o.seq and r.seq between $first and $last and r.attempt = s.attempt)""", scope)
    if any(receipt.remote_id for receipt in receipts):
        _keep_names(warehouse, connection, scope)


_COLUMNS = ("attempt", "outcome", "http_status", "reason", "remote_id", "job_id", "first_sent_at", "recorded_at")
_SAID = ", ".join(_COLUMNS)
# Rows lie in the order of their places: the bounds spare reading what lies elsewhere.
_TOLD = """temp.spoken_of as p inner join temp.said as s on p.nth = s.nth
    inner join activation.op as o on o.epoch = s.epoch and o.seq = p.seq
    where o.sync_id = $sync_id and o.seq between $first and $last"""


def _tell(warehouse: Warehouse, receipts: Sequence[Receipt]) -> None:
    """Leave `said`, a row a receipt, and `spoken_of`, a row a place. What was said first of an attempt stands."""
    for table in ("said", "spoken_of"):
        warehouse.execute(f"drop table if exists temp.{table}")
    warehouse.execute(
        """create temp table said (nth bigint, epoch bigint, attempt bigint, outcome varchar, http_status bigint,
            reason varchar, remote_id varchar, job_id varchar, first_sent_at timestamp, recorded_at timestamp)""")
    warehouse.execute("create temp table spoken_of (nth bigint, seq bigint)")
    columns = {name: [getattr(receipt, name) for receipt in receipts] for name in ("epoch", *_COLUMNS)}
    warehouse.insert("temp.said", {"nth": range(len(receipts)), **columns})
    nth, places = list[int](), list[int]()
    known: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for number, receipt in enumerate(receipts):
        earlier = known[receipt.epoch, receipt.attempt]
        for first, last in list(without(receipt.first, receipt.last, earlier)):
            nth += [number] * (last - first + 1)
            places += range(first, last + 1)
            insort(earlier, (first, last))
    warehouse.insert("temp.spoken_of", {"nth": nth, "seq": places})


def _keep_names(warehouse: Warehouse, connection: str, scope: Mapping[str, object]) -> None:
    """Remember the ids that the channel gave to the members that were told of."""
    warehouse.execute("drop table if exists temp.named")
    warehouse.execute(
        f"""create temp table named as select o.dest_key, max(s.remote_id) as remote_id from {_TOLD}
            and s.remote_id is not null group by o.dest_key""", scope)
    warehouse.execute(
        """delete from activation.remote_id where connection = ? and dest_key in (select dest_key from temp.named)""",
        [connection])
    warehouse.execute("insert into activation.remote_id select ?, dest_key, remote_id from temp.named", [connection])


def spread(warehouse: Warehouse, sync_id: str) -> None:
    """Give each member of a replaced list the receipt of the list itself, which stands at place 0 of its plan."""
    warehouse.execute(
        """insert into activation.receipt (sync_id, epoch, op_id, attempt, seq, outcome, http_status, reason,
            first_sent_at, recorded_at)
        select o.sync_id, o.epoch, o.op_id, w.attempt, o.seq, w.outcome, w.http_status, w.reason, w.first_sent_at,
            w.recorded_at
        from (
            select *, row_number() over (partition by epoch order by attempt desc) as newest
            from activation.receipt where sync_id = $sync_id and seq = 0
        ) as w
        inner join activation.op as o on o.sync_id = w.sync_id and o.epoch = w.epoch
        where w.newest = 1 and o.action in ('add', 'remove') and not exists (
            select 1 from activation.receipt as r
            where r.sync_id = o.sync_id and r.epoch = o.epoch and r.op_id = o.op_id)""", {"sync_id": sync_id})


def in_doubt(claims: Iterable[Claim], now: datetime) -> list[Receipt]:
    """Receipts of what was claimed by a process that is gone, and never answered."""
    return [Receipt(*claim[:4], "unknown", None, "the run ended before the answer", None, None, claim.claimed_at, now)
            for claim in claims]


def settle(
    warehouse: Warehouse, sync_id: str, epoch: int, journal_id: str,
    claims: Sequence[Claim], now: datetime,
) -> None:
    """Decide what earlier runs left open: a claim without a result is unknown, a plan row never claimed is void.

    `claims`: those that the journal of this host knows without a result. Plan rows of another host's journal may have
    been sent: they are unknown from the time they were planned.
    """
    flush(warehouse, sync_id, "", in_doubt([claim for claim in claims if claim.epoch < epoch], now))
    spread(warehouse, sync_id)
    warehouse.execute(
        """insert into activation.receipt (sync_id, epoch, op_id, attempt, seq, outcome, reason, first_sent_at,
            recorded_at)
        select o.sync_id, o.epoch, o.op_id, 0, o.seq,
            case when o.journal_id = $journal_id then 'void' else 'unknown' end,
            case when o.journal_id = $journal_id then 'never sent' else 'the journal of that run is lost' end,
            o.planned_at, $now
        from activation.op as o
        where o.sync_id = $sync_id and o.epoch < $epoch and not exists (
            select 1 from activation.receipt as r
            where r.sync_id = o.sync_id and r.epoch = o.epoch and r.op_id = o.op_id)""",
        {"sync_id": sync_id, "epoch": epoch, "journal_id": journal_id, "now": now})


def outcomes(warehouse: Warehouse, sync_id: str, epoch: int) -> dict[str, int]:
    """Outcome → operations of this epoch whose last attempt ended so; of a replaced list, its members."""
    return dict(warehouse.query(
        """select outcome, count(*) from (
            select outcome, row_number() over (partition by op_id order by attempt desc) as newest
            from activation.receipt where sync_id = ? and epoch = ? and seq > 0
        ) as last where newest = 1 group by outcome""", [sync_id, epoch]))


def close(
    warehouse: Warehouse, sync_id: str, epoch: int, run_id: str, started: datetime, ended: datetime, status: str,
    counts: Mapping[str, int], reason: str, full_resync_reason: str = "",
) -> None:
    """The last row of a run."""
    warehouse.execute(
        """insert into activation.run_log (sync_id, epoch, run_id, started, ended, status, counts, reason,
            full_resync_reason) values (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        [sync_id, epoch, run_id, started, ended, status, json.dumps(dict(counts), sort_keys=True), reason,
         full_resync_reason or None])
