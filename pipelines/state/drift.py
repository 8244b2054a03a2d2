"""Drift: what a channel holds against what it acknowledged, found by reading it back.

A member that somebody took out there, or put back in, is marked *unknown* in the ledger: the next plan asserts what is
wanted of it, by the rule that holds for every doubt, and of nobody else. Keys of which anything is in doubt anyway, or
with a job, are left out: their answer is awaited. Strangers, whom no run of this sync ever sent, are counted and left
alone: the list may be somebody else's too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipelines.state import ledger
from pipelines.warehouse.protocol import Warehouse

VALUES_A_ROUND = 200_000
"""Values written to the warehouse at once."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One comparison of a channel with the ledger."""

    in_channel: int
    """Members that the channel names."""
    delivered: int
    """Members of the ledger that were compared."""
    missing: int
    """Of these, those whom the channel does not name."""
    extra: int
    """Members that the channel names, that were sent once and are acknowledged as gone."""
    strangers: int
    """Members that the channel names and that were never sent."""


SETTLED = f"""
    create temp table settled as
    select dest_key, identifiers, first_sent_at as asserted_at from activation.ledger_base
    where sync_id = $sync_id and outcome = 'ok' and action <> 'remove' and dest_key <> '*'
        and dest_key not in ({ledger.RESTLESS})"""
"""Members whom the channel has acknowledged, with nothing in doubt."""

SENT = f"""
    create temp table sent_once as
    select dest_key, arg_max(identifiers, (epoch, seq)) as identifiers, cast(null as timestamp) as asserted_at
    from activation.op
    where sync_id = $sync_id and action in ('add', 'update')
        and dest_key not in (select dest_key from temp.settled) and dest_key not in ({ledger.RESTLESS})
    group by dest_key"""


def find(warehouse: Warehouse, sync_id: str, values: Sequence[str], kinds: Sequence[str]) -> Drift:
    """Compare; leaves `missing` and `extra`. `values`: identifiers of any of these kinds, as the channel names them.

    Call when everything that is known is folded.
    """
    for table in ("read_back", "settled", "sent_once", "missing", "extra"):
        warehouse.execute(f"drop table if exists temp.{table}")
    warehouse.execute("create temp table read_back (value varchar)")
    for start in range(0, len(values), VALUES_A_ROUND):
        warehouse.insert("temp.read_back", {"value": values[start:start + VALUES_A_ROUND]})
    [(folded,)] = warehouse.query("select folded_epoch from activation.sync_control where sync_id = ?", [sync_id])
    scope = {"sync_id": sync_id, "folded_epoch": folded}
    warehouse.execute(SETTLED, scope)
    warehouse.execute(SENT, scope)
    warehouse.execute(f"create temp table missing as select * from temp.settled where dest_key not in "
                      f"(select dest_key from ({_named('temp.settled', kinds)}) as seen)")
    warehouse.execute(f"create temp table extra as select * from temp.sent_once where dest_key in "
                      f"(select dest_key from ({_named('temp.sent_once', kinds)}) as seen)")
    [counts] = warehouse.query(
        f"""select (select count(distinct value) from temp.read_back), (select count(*) from temp.settled),
            (select count(*) from temp.missing), (select count(*) from temp.extra),
            (select count(distinct value) from temp.read_back where value not in ({_ours(kinds)}))""",
        {"sync_id": sync_id})
    return Drift(*counts)


def mark(warehouse: Warehouse, sync_id: str, epoch: int, now: datetime) -> None:
    """Make the keys of `missing` and `extra` unknown, as of now and no longer. Call inside a transaction.

    Where the clock of who asserted a member was ahead, the doubt lasts for an instant beyond that.
    """
    for table, action, digest in (("missing", "remove", "-"), ("extra", "add", "read back")):
        warehouse.execute(
            f"""insert into activation.ledger_base (sync_id, dest_key, action, outcome, payload_hash, identifiers,
                epoch, seq, first_sent_at, until, recorded_at)
            select $sync_id, dest_key, $action, 'unknown', $digest, identifiers, $epoch, 0, $now,
                case when asserted_at >= $now then asserted_at + to_seconds(1) else $now end, $now
            from temp.{table}""",
            {"sync_id": sync_id, "action": action, "digest": digest, "epoch": epoch, "now": now})


def record(warehouse: Warehouse, sync_id: str, epoch: int, drift: Drift, now: datetime) -> None:
    """Write the comparison down. Call inside a transaction."""
    warehouse.execute("insert into activation.comparison values (?, ?, ?, ?, ?, ?, ?, ?)",
                      [sync_id, epoch, now, drift.in_channel, drift.delivered, drift.missing, drift.extra,
                       drift.strangers])


def count_overdue(warehouse: Warehouse, sync_id: str, before: datetime) -> int:
    """Members who were last asserted before that time."""
    [(count,)] = warehouse.query("select count(*) from activation.delivered where sync_id = ? and asserted_at < ?",
                                 [sync_id, before])
    return int(count)


def _named(table: str, kinds: Sequence[str]) -> str:
    """SQL of the keys of a table that the channel names by one of their identifiers."""
    return " union ".join(
        f"select m.dest_key from {table} as m inner join temp.read_back as r"
        f" on json_extract_string(m.identifiers, '$.{kind}') = r.value" for kind in kinds)


def _ours(kinds: Sequence[str]) -> str:
    """SQL of every identifier that this sync ever sent."""
    return " union ".join(
        f"select json_extract_string(identifiers, '$.{kind}') as value from {table} where sync_id = $sync_id{more}"
        f" and json_extract_string(identifiers, '$.{kind}') is not null"
        for kind in kinds for table, more in (("activation.op", " and action in ('add', 'update')"),
                                              ("activation.ledger_base", "")))
