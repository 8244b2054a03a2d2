"""Rebuild the plan of a past run from what was recorded, and compare it with the plan that was written then.

Each operation is made again: its payload and the hash of it, its id, and the reason for it in history as it stood at
that run. A run that was planned right is rebuilt to the letter, however much has arrived late since.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipelines.audiences import Audience
from pipelines.errors import StateError
from pipelines.planning.render import canonical, hash_of
from pipelines.state import replay
from pipelines.state.replay import Planned, Ran
from pipelines.warehouse.protocol import Warehouse


@dataclass(frozen=True, slots=True)
class Differs:
    """An operation that cannot be made again as it was written."""

    op_id: str
    why: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """One sync's part of the run."""

    sync: str
    epoch: int
    operations: int
    same: int
    emptied: int
    """Whose payload is gone: it was past its term."""
    differing: tuple[Differs, ...] = ()


def replay_run(warehouse: Warehouse, audiences: Sequence[Audience], run: str) -> list[Replayed]:
    """Rebuild every sync's plan of a run. Raises StateError when there was no such run."""
    found = replay.find_runs(warehouse, run)
    if not found:
        known = ", ".join(replay.recent(warehouse)) or "none"
        raise StateError(f"{run}: no such run is recorded; the newest that did anything are: {known}. One sync's run "
                         "is named by its sync and number, cart__mail@3")
    events = {(audience.name, sync.to): sync.trigger.event for audience in audiences for sync in audience.syncs
              if sync.trigger}
    return [_compare(ran, replay.planned(warehouse, ran), events.get((ran.audience, ran.connection))) for ran in found]


def _compare(ran: Ran, operations: Sequence[Planned], event: str | None) -> Replayed:
    emptied = [op for op in operations if op.identifiers == "{}" and op.action != "remove"]
    judged = [(op, _why_differs(ran, op, event)) for op in operations if op not in emptied]
    differing = tuple(Differs(op.op_id, why) for op, why in judged if why)
    return Replayed(ran.sync_id, ran.epoch, len(operations), len(judged) - len(differing), len(emptied), differing)


def _why_differs(ran: Ran, op: Planned, event: str | None) -> str:
    """What of the operation is not as it is made from history; nothing where all is."""
    if op.action == "event":
        return _why_message_differs(ran, op, event)
    said = "-" if op.action == "remove" else _hash(op)
    if op.payload_hash != said:
        return f"its payload has the hash {said[:12]}, and {op.payload_hash[:12]} was planned"
    if op.op_id != _digest("set", ran.sync_id, op.dest_key, op.action, op.payload_hash, str(ran.epoch)):
        return "its id is not that of its key, action, payload and run"
    if op.action == "remove":
        return "" if op.was_told else "no earlier run had told the channel of it"
    return "" if op.was_sent else "the person was not to be sent in the snapshot that it was planned from"


def _why_message_differs(ran: Ran, op: Planned, event: str | None) -> str:
    named = op.step or event
    if named and op.op_id != _digest("trigger", ran.sync_id, named, op.stay, str(op.entry_id)):
        return "its id is not that of its event, person and entry"
    if not op.had_entered:
        return "no stay of the person began at the snapshot that it names"
    return "" if op.is_frozen else "its payload is not the one with which it was first planned"


def _hash(op: Planned) -> str:
    return hash_of(*(canonical(json.loads(text)) for text in (op.identifiers, op.attributes)))


def _digest(*parts: str) -> str:
    return hashlib.md5("|".join(parts).encode(), usedforsecurity=False).hexdigest()


def lines(replayed: Sequence[Replayed]) -> Iterator[str]:
    """What was compared, as a person reads it."""
    for part in replayed:
        emptied = f", {part.emptied:,} without their payload (past its term)" if part.emptied else ""
        said = "the same" if not part.differing else f"{len(part.differing):,} DIFFER"
        yield f"{part.sync} @ {part.epoch}: {part.operations:,} operations, {part.same:,} rebuilt{emptied}: {said}"
        yield from (f"  {each.op_id}: {each.why}" for each in part.differing)
