"""Draft one sync's plan inside the warehouse: render, compare, judge, count, and write the operations down.

The statements live in `pipelines.state`; this is their order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from destinations.protocol import Dedupe, Destination, Operation
from pipelines.audiences import Audience, SuppressionModel, Sync
from pipelines.messages import Trigger
from pipelines.planning import deciding, guards, render, versions
from pipelines.planning.deciding import Telling
from pipelines.planning.plan import Looked, Objection, Plan, estimate_requests
from pipelines.planning.render import columns_of, mapping_of, renderer
from pipelines.state import desired, holds, intents, lease, ledger, mapping, record, shards
from pipelines.state.snapshot import Snapshot, naive
from pipelines.warehouse.protocol import Warehouse, quote

MAPPING = "mapping changed"
TIMEOUT = 60.0
"""Seconds after which this side gives up on an answer."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One sync and what is planned for it with."""

    audience: Audience
    sync: Sync
    destination: Destination
    suppressions: Sequence[SuppressionModel]
    resync: bool = False
    """Assert the whole desired state again, removals included, whatever the ledger says."""
    own: Sequence[SuppressionModel] = ()
    """Suppressions that apply to this sync alone."""
    gate: str = ""
    """Why nothing may be planned: what the audience is built from is not good."""

    @property
    def sparing(self) -> tuple[SuppressionModel, ...]:
        """All suppressions that apply."""
        return (*self.suppressions, *self.own)

    @property
    def id(self) -> str:
        return self.audience.sync_id(self.sync)

    @property
    def list_name(self) -> str:
        return self.audience.list_name(self.sync)

    @property
    def takes_in(self) -> bool:
        """Whether who comes in is never held: it is a list of persons to spare, told bit by bit."""
        spares = self.audience.kind == "suppression" or self.sync.standing != "sent"
        return spares and self.sync.mode != "replace"

    @property
    def limits(self) -> guards.Limits:
        """Where guards object to its plan. How many leave an exclusion list is none: the audience's is judged."""
        limits = guards.limits_of(self.audience)
        return replace(limits, removal=1.0) if self.takes_in and self.sync.standing != "sent" else limits

    @property
    def mapped(self) -> mapping.Mapped:
        """The mapping in the words of the declaration."""
        return render.mapped(self.audience, self.sync, self.destination)


def lateness(destination: Destination) -> float:
    """Seconds after which a request whose answer was lost can no longer arrive."""
    return destination.capabilities.lateness + TIMEOUT + 2 * lease.SKEW


def compare(warehouse: Warehouse, subject: Subject, now: datetime) -> None:
    """Leave `wanted`, `changes` and `removals` of one sync, from the audience as it was looked at."""
    audience, sync, destination = subject.audience, subject.sync, subject.destination
    able = destination.capabilities
    versions.catch_up(warehouse, subject.id)
    desired.refresh(warehouse, subject.id, columns_of(audience, sync, destination),
                    mapping_of(audience, sync, destination), renderer(audience, sync, destination), subject.own,
                    sync.standing)
    period = sync.reassert_every.total_seconds() if sync.reassert_every else None
    ledger.compare(warehouse, subject.id, now, lateness(destination), members=sync.members, reassert_every=period)
    if subject.resync and sync.members:
        ledger.reassert_all(warehouse, subject.id)
    ledger.find_whole(warehouse, subject.id, now, lateness(destination), replaces=sync.mode == "replace")
    intents.find_removals(warehouse, matches_any=able.matches_any, replaces=Operation.UPDATE not in able.operations)


def is_approved(warehouse: Warehouse, subject: Subject, now: datetime) -> bool:
    """Whether what this sync would do now is exactly what a person approved."""
    hold = holds.current(warehouse, subject.id)
    if hold is None or hold.state != "approved":
        return False
    compare(warehouse, subject, now)
    return hold.plan_id == _digest(warehouse, subject)


def _digest(warehouse: Warehouse, subject: Subject) -> str:
    return holds.digest(warehouse, subject.id, subject.sparing, messages=subject.sync.trigger is not None,
                        shrinking=subject.takes_in)


def draft(
    warehouse: Warehouse, subject: Subject, looked: Looked, journal_id: str, now: datetime, *, cause: str = "",
    write: bool = True,
) -> Plan:
    """Plan one sync from the audience just looked at; with `write`, commit its operations. Call inside a transaction.

    `cause`: why members are told of anew, where the caller knows.
    """
    control, taken = lease.control(warehouse, subject.id), looked.taken
    compare(warehouse, subject, now)
    cause = cause or ("another remote list" if control.gone else _cause(warehouse, subject))
    reach, types = _measure(warehouse, subject, looked, rekeyed=cause.startswith(MAPPING))
    hold = holds.current(warehouse, subject.id)
    limits = subject.limits
    if hold:
        limits = limits.stricter(guards.Limits.of(hold.limits))
    gone = (guards.list_gone(control.gone, _count_wanted(warehouse)),) if control.gone else ()
    objections = (*gone, *looked.objections, *guards.judge_reach(reach, limits)) or _of_released(warehouse, hold)
    plan_id = _digest(warehouse, subject) if objections else ""
    held = bool(objections) and not (hold and hold.state == "approved" and hold.plan_id == plan_id)
    telling = None if held else _telling(warehouse, subject, control, taken, now)
    due = deciding.decide(warehouse, telling, write=write) if telling else (0, 0)
    plan = _count(warehouse, subject, taken, due, objections, plan_id, held=held)
    plan = replace(plan, cause=cause, shrunk=looked.shrunk, notes=(
        *looked.notes, *(each.note for each in looked.shrunk), *_too_few(subject, plan)))
    if write:
        if held:
            holds.open_hold(warehouse, subject.id, plan_id, [asdict(each) for each in objections],
                            limits.finite(), now)
            intents.keep_only_suppressed(warehouse, subject.sparing, adds=subject.takes_in and not gone)
        else:
            holds.close(warehouse, subject.id, "used" if objections else "dropped", now)
            record.refill(warehouse, subject.id)
            record.remember_types(warehouse, subject.id, types)
            mapping.remember(warehouse, subject.id, subject.mapped, render.VERSION)
        _write(warehouse, subject, control, taken, journal_id, telling, now)
    return plan


def ask_to_refill(warehouse: Warehouse, subject: Subject, said: str, plan: Plan, now: datetime) -> Plan:
    """Hold what the channel's answer has made of the plan: the list is gone, and all who are wanted are to be added.

    Call inside the transaction in which the ledger was voided.
    """
    ledger.compare(warehouse, subject.id, now, lateness(subject.destination), members=subject.sync.members)
    wanted = _count_wanted(warehouse)
    objection = guards.list_gone(said, wanted)
    plan_id = holds.digest(warehouse, subject.id, subject.sparing, messages=False, shrinking=subject.takes_in)
    holds.open_hold(warehouse, subject.id, plan_id, [asdict(objection)], subject.limits.finite(), now)
    return replace(plan, wanted=wanted, add=wanted, update=0, remove=0, keep=0, trigger=0, silent=0, whole=0,
                   objections=(objection,), plan_id=plan_id, held=True)


def _count_wanted(warehouse: Warehouse) -> int:
    [(wanted,)] = warehouse.query("select count(*) from temp.wanted")
    return int(wanted)


def _too_few(subject: Subject, plan: Plan) -> Iterator[str]:
    """What is to be known of a list that changes and that the channel will not use."""
    least = subject.destination.capabilities.minimum
    if plan.changes and 0 < plan.wanted < least:
        yield f"{plan.connection} uses no list of fewer than {least:,} matched people: {plan.wanted:,} are wanted"


def _cause(warehouse: Warehouse, subject: Subject) -> str:
    """Why members are told of anew though nothing of them changed, or nothing."""
    if subject.resync:
        return "resync"
    before, _ = mapping.last(warehouse, subject.id)
    parts = list(mapping.changes(before, subject.mapped)) if before else []
    return f"{MAPPING}: {', '.join(parts)}" if parts else ""


def _of_released(warehouse: Warehouse, hold: holds.Hold | None) -> tuple[Objection, ...]:
    """What was said against a plan, where the approval of another sync's plan has released the snapshot under it.

    The snapshot is history by that and looks usual; the plan that it led to is nobody's approval yet.
    """
    [(changes,)] = warehouse.query("select count(*) from temp.changes")
    if hold is None or hold.state != "open" or not changes or not holds.released_beside(warehouse, hold):
        return ()
    return tuple(Objection(**said) for said in hold.objections)


def _write(
    warehouse: Warehouse, subject: Subject, control: lease.Control, taken: Snapshot, journal_id: str,
    telling: Telling | None, now: datetime,
) -> None:
    intents.take_whole(warehouse)
    silent = control.epoch == 1 and subject.destination.capabilities.silent
    sharded = subject.sync.shards > 1
    if sharded:
        shards.place(warehouse, subject.sync.shards, messages=telling is not None)
    written = intents.write(warehouse, subject.id, control.epoch, taken.id, journal_id, now, silent=silent,
                            sharded=sharded)
    if telling:
        record.start_trigger(warehouse, subject.id, telling.since)
        _render_payloads(warehouse, telling.trigger)
        intents.write_events(warehouse, subject.id, control.epoch, journal_id, now, written, sharded=sharded)
        deciding.record(warehouse, telling)
    if sharded:
        shards.keep_places(warehouse, subject.id, control.epoch)


def _measure(
    warehouse: Warehouse, subject: Subject, looked: Looked, *, rekeyed: bool
) -> tuple[guards.Reach, dict[str, str]]:
    """`rekeyed`: another mapping gives persons other keys, so an old key is no loss while its person has a new one."""
    changes: dict[str, int] = dict(warehouse.query("select action, count(*) from temp.changes group by action"))
    wanted = _count_wanted(warehouse)
    [(members, unusable)] = warehouse.query(
        "select count(*), count(*) filter (where dest_key is null) from activation.desired where sync_id = ?",
        [subject.id])
    remove = changes.get("remove", 0)
    if rekeyed:
        [(remove,)] = warehouse.query(
            """select count(*) from temp.changes where action = 'remove'
                and coalesce(json_extract_string(held_identifiers, '$.person'), '') not in (
                    select person_key from activation.desired where sync_id = ? and dest_key is not null)""",
            [subject.id])
    columns = columns_of(subject.audience, subject.sync, subject.destination)
    asked = [*columns, *(subject.sync.trigger.columns if subject.sync.trigger else ())]
    missing = [column for column in dict.fromkeys(asked) if column in looked.missing]
    present = warehouse.columns("temp.audience_rows") or {}
    types = {column: present[column] for column in columns if column in present and column not in missing}
    before = record.last_types(warehouse, subject.id)
    retyped = [f"{column}: {before[column]} → {kind}" for column, kind in types.items()
               if before.get(column, kind) != kind]
    share = record.last_share_unusable(warehouse, subject.id)
    delivered = wanted - changes.get("add", 0) + changes.get("remove", 0) if subject.sync.members else 0
    return guards.Reach(delivered, remove, members, unusable, share, retyped, missing), types


def _baseline(sync: Sync, control: lease.Control, taken: Snapshot) -> int:
    """The snapshot up to which entries were there before the trigger."""
    if control.trigger_since is not None:
        return control.trigger_since
    return taken.id if sync.first_sync == "silent" else 0


def _telling(
    warehouse: Warehouse, subject: Subject, control: lease.Control, taken: Snapshot, now: datetime
) -> Telling | None:
    """What the messages of the sync are decided by, where it sends any."""
    sync, able, trigger = subject.sync, subject.destination.capabilities, subject.sync.trigger
    if not trigger:
        return None
    resend_within = max(0.0, able.dedupe_window - lateness(subject.destination)) if able.dedupe is Dedupe.KEY else 0.0
    if trigger.delivery == "at_least_once":
        resend_within = max(resend_within, trigger.max_age.total_seconds())
    record.remember_window(warehouse, subject.id, resend_within)
    return Telling(subject.audience, sync, trigger, subject.destination, subject.sparing, naive(taken.taken_at), now,
                   _baseline(sync, control, taken), resend_within)


def _render_payloads(warehouse: Warehouse, trigger: Trigger) -> None:
    columns = "".join(f", r.{quote(column)}" for column in trigger.send)
    batches = list(desired.read_columns(
        warehouse, f"""select r._key{columns} from temp.audience_rows as r
        where r._key in (select person_key from temp.due)"""))
    warehouse.execute("drop table if exists temp.payloads")
    warehouse.execute("create temp table payloads (person_key varchar, attributes varchar)")
    for rows in batches:
        warehouse.insert("temp.payloads", {
            "person_key": rows["_key"], "attributes": render.attributes_of(rows, trigger.send)})


def _count(
    warehouse: Warehouse, subject: Subject, taken: Snapshot, due: tuple[int, int], objections: tuple[Objection, ...],
    plan_id: str, *, held: bool,
) -> Plan:
    sync = subject.sync
    changes: dict[str, int] = dict(warehouse.query("select action, count(*) from temp.changes group by action"))
    wanted = _count_wanted(warehouse)
    [(removals,)] = warehouse.query("select count(*) from temp.removals")
    [(unusable,)] = warehouse.query("select count(*) from activation.desired where sync_id = ? and dest_key is null",
                                    [subject.id])
    add, update, remove = (changes.get(action, 0) for action in ("add", "update", "remove"))
    [(replaced,)] = warehouse.query("select count(*) from temp.whole")
    able, whole = subject.destination.capabilities, wanted if replaced else 0
    requests = estimate_requests(able, removals=0 if whole else removals, upserts=whole or add + update,
                                 triggers=due[0])
    return Plan(subject.id, subject.audience.name, sync.to, taken.segment, taken.suppressed, taken.held_out, wanted,
                add, update, remove, wanted - add - update if sync.members else 0, *due, requests,
                unusable + taken.null_keys, objections, plan_id, held, whole)
