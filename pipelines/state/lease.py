"""The lease: one run at a time may plan and send a sync, whatever machine it runs on.

It is taken by compare-and-swap on the one row of `sync_control`; its epoch is the fencing token. Whoever lost it (a
pause longer than the lease) finds another epoch in the row and writes nothing more: every write that plans, folds or
closes checks the epoch inside its transaction. Receipts need no fence: they are facts, kept under their own epoch.

A lease that ran out may be taken when twice the possible skew of clocks has passed as well. A run that holds the lock
of this machine may take at once what an earlier run *of this machine* left behind: that one is dead, or the lock were
not free.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelines.errors import LeaseHeld, LeaseLost
from pipelines.warehouse.protocol import Warehouse

SECONDS = 900.0
"""How long a lease lasts without being renewed."""
SKEW = 60.0
"""Seconds by which the clocks of two machines may differ."""


@dataclass(frozen=True, slots=True)
class Control:
    """The one mutable row of a sync."""

    epoch: int
    """Number of the run; orders everything that is written."""
    target: str | None
    """Remote list, segment or audience in use."""
    trigger_since: int | None
    """Entries up to this snapshot were there before the trigger; None: no trigger has been planned yet."""
    gone: str | None
    """What the channel says of the remote list that is not there any more, until a person has it made anew."""


def take(
    warehouse: Warehouse, sync_id: str, audience: str, connection: str, owner: str, now: datetime, *, alone: bool
) -> Control:
    """Take the next epoch. Call inside a transaction. Raises LeaseHeld while another run has it.

    `owner`: `machine/run`; `alone`: no other run of this machine can be at it, so a lease of this machine is stale.
    """
    _insert(warehouse, sync_id, audience, connection)
    [(holder, until)] = warehouse.query("select owner, lease_until from activation.sync_control where sync_id = ?",
                                        [sync_id])
    stale = alone and holder.partition("/")[0] == owner.partition("/")[0]
    if until is not None and not stale and now <= until + timedelta(seconds=2 * SKEW):
        raise LeaseHeld(f"{sync_id}: run {holder.partition('/')[2]} holds it until {until:%H:%M:%S} UTC; this run "
                        "leaves it alone and the next one will look again")
    warehouse.execute(
        """update activation.sync_control set epoch = epoch + 1, owner = ?, lease_until = ?
        where sync_id = ? and owner = ?""", [owner, now + timedelta(seconds=SECONDS), sync_id, holder])
    [(got,)] = warehouse.query("select owner from activation.sync_control where sync_id = ?", [sync_id])
    if got != owner:
        raise LeaseHeld(f"{sync_id}: another run took it in the same instant")
    return control(warehouse, sync_id)


def peek(warehouse: Warehouse, sync_id: str, audience: str, connection: str) -> Control:
    """What the next run would find, for a plan that is rolled back: takes nothing from a run that is at it."""
    _insert(warehouse, sync_id, audience, connection)
    warehouse.execute("update activation.sync_control set epoch = epoch + 1 where sync_id = ?", [sync_id])
    return control(warehouse, sync_id)


def _insert(warehouse: Warehouse, sync_id: str, audience: str, connection: str) -> None:
    warehouse.execute(
        """insert into activation.sync_control (sync_id, audience, connection, epoch, owner, folded_epoch)
        select $sync_id, $audience, $connection, 0, '', 0
        where not exists (select 1 from activation.sync_control where sync_id = $sync_id)""",
        {"sync_id": sync_id, "audience": audience, "connection": connection})


def control(warehouse: Warehouse, sync_id: str) -> Control:
    """The control row of a sync that has begun."""
    [row] = warehouse.query("select epoch, target, trigger_since, gone from activation.sync_control"
                            " where sync_id = ?", [sync_id])
    return Control(*row)


def fence(warehouse: Warehouse, sync_id: str, epoch: int) -> None:
    """Raise LeaseLost unless this run still has the sync. Call inside the transaction that writes."""
    if (now := control(warehouse, sync_id).epoch) != epoch:
        raise LeaseLost(f"{sync_id}: run {now} took over from run {epoch}, which was silent for longer than its lease; "
                        "what it had sent is recorded or settled by the new one")


def renew(warehouse: Warehouse, sync_id: str, epoch: int, now: datetime) -> None:
    """Make the lease last from now on. Raises LeaseLost. Call inside a transaction."""
    fence(warehouse, sync_id, epoch)
    warehouse.execute("update activation.sync_control set lease_until = ? where sync_id = ?",
                      [now + timedelta(seconds=SECONDS), sync_id])


def release(warehouse: Warehouse, sync_id: str) -> None:
    """Let the next run begin at once. Call inside the transaction that closes the run."""
    warehouse.execute("update activation.sync_control set lease_until = null where sync_id = ?", [sync_id])
