"""Mistakes that real products made, each as a switch: the simulator must notice every one of them.

A mutant replaces a piece of the production SQL on its way to the warehouse, or a function of production. A piece that
is no longer there is a failure of its own: the mutant would prove nothing. `budget` is how many schedules may pass
before it is noticed, some ten times what it took: any change to production shifts what a seed meets. `swarm`
exaggerates the fault that brings it out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from destinations.protocol import Destination, Outcome, Verdict
from pipelines import run
from pipelines.delivery import deliver, exchange, jobs, sessions
from pipelines.delivery.journal import Journal
from pipelines.planning import draft, guards
from pipelines.state import desired, lease, ledger
from pipelines.warehouse.protocol import Warehouse
from tests.sim.channels import Lists, Sets

Patch = Callable[[pytest.MonkeyPatch], None]


@dataclass
class Swap:
    """Replaces pieces of SQL, and knows whether it ever did."""

    pieces: Sequence[tuple[str, str]]
    hits: set[str] = field(default_factory=set)

    def __call__(self, sql: str) -> str:
        for old, new in self.pieces:
            if old in sql:
                self.hits.add(old)
                sql = sql.replace(old, new)
        return sql

    @property
    def misses(self) -> list[str]:
        return [old for old, _ in self.pieces if old not in self.hits]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mistake in one kind of channel."""

    name: str
    kind: str
    budget: int
    swaps: tuple[tuple[str, str], ...] = ()
    patch: Patch | None = None
    swarm: str | None = None
    kin: bool = False
    """Keys merge and persons are held out."""
    directed: bool = False
    """Too rare for random schedules: a schedule of its own brings it out."""


KNOWN = "r.outcome in ('ok', 'unknown', 'rejected')"
SPARED = "s._key is not null and o.action <> 'remove'"
SAID = "else r.outcome end"
DOUBTED_REMOVAL = "case when r.outcome = 'rejected' and o.action = 'remove' then 'unknown' else r.outcome end"


def _batch_status(patch: pytest.MonkeyPatch) -> None:
    write = exchange._Talk._write_outcomes

    def all_alike(talk: Any, outcomes: Sequence[Outcome]) -> None:
        accepted = any(outcome.verdict is Verdict.ACCEPTED for outcome in outcomes)
        write(talk, [replace(each, verdict=Verdict.ACCEPTED) for each in outcomes] if accepted else outcomes)

    patch.setattr(exchange._Talk, "_write_outcomes", all_alike)


def _garbage_ok(patch: pytest.MonkeyPatch) -> None:
    deliver_of = Sets.deliver

    def believing(destination: Destination, batch: Any) -> Any:
        outcomes = yield from deliver_of(destination, batch)
        return [replace(each, verdict=Verdict.ACCEPTED) if each.verdict is Verdict.UNKNOWN else each
                for each in outcomes]

    patch.setattr(Sets, "deliver", believing)


def _by_person(patch: pytest.MonkeyPatch) -> None:
    renderer = draft.renderer

    def by_person(*known: Any) -> Any:
        render = renderer(*known)

        def rendered(rows: desired.Columns) -> desired.Rendered:
            members = render(rows)
            return replace(members, dest_key=[
                key and f"{key}|{person}" for key, person in zip(members.dest_key, rows["_key"], strict=True)])
        return rendered

    patch.setattr(draft, "renderer", by_person)


def _diff_snapshot(patch: pytest.MonkeyPatch) -> None:
    compare = ledger.compare

    def with_last(warehouse: Warehouse, sync_id: str, *known: Any, **more: Any) -> None:
        compare(warehouse, sync_id, *known, **more)
        warehouse.execute("create table if not exists main.last_wanted as select * from temp.wanted limit 0")
        warehouse.execute("delete from temp.changes")
        warehouse.execute(
            """insert into temp.changes (dest_key, person_key, payload_hash, identifiers, attributes, held_identifiers,
                action)
            select coalesce(w.dest_key, b.dest_key), w.person_key, w.payload_hash, w.identifiers, w.attributes,
                b.identifiers, case when w.dest_key is null then 'remove' else 'add' end
            from temp.wanted as w full join main.last_wanted as b on w.dest_key = b.dest_key
            where w.payload_hash is distinct from b.payload_hash""")
        warehouse.execute("delete from main.last_wanted")
        warehouse.execute("insert into main.last_wanted select * from temp.wanted")

    patch.setattr(ledger, "compare", with_last)


def _flush_first(patch: pytest.MonkeyPatch) -> None:
    flush = run.Run._flush

    def forgetting(of: Any, warehouse: Warehouse) -> None:
        of._journal.flushed(of._journal.results())
        flush(of, warehouse)

    def forgetful(warehouse: Warehouse, sync_id: str, connection: str, epoch: int, journal: Journal, now: Any) -> Any:
        known = catch_up(warehouse, sync_id, connection, epoch, journal, now)
        journal.flushed(known)
        return known

    catch_up = run.catch_up
    patch.setattr(run.Run, "_flush", forgetting)
    patch.setattr(run, "catch_up", forgetful)


def _resume_session(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sessions, "_session", lambda plan: plan.epoch // 2)


def _skip_failed_part(patch: pytest.MonkeyPatch) -> None:
    replace_of = Lists.replace

    def going_on(destination: Lists, batch: Any, part: Any) -> Any:
        outcomes = yield from replace_of(destination, batch, part)
        return outcomes if part.last else [replace(each, verdict=Verdict.ACCEPTED) for each in outcomes]

    patch.setattr(Lists, "replace", going_on)


def _no_claim(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Journal, "claim", lambda journal, claims: None)


def _settle_per_op(patch: pytest.MonkeyPatch) -> None:
    open_claims = Journal.open_claims

    def of_untouched(journal: Journal) -> Any:
        answered = {(known.epoch, place) for known in journal.results()
                    for place in range(known.first, known.last + 1)}
        return [claim for claim in open_claims(journal) if (claim.epoch, claim.first) not in answered]

    patch.setattr(Journal, "open_claims", of_untouched)


def _retry_raw(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(exchange.Courier, "_repeatable", lambda courier, operation: True)


def _not_split(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(exchange, "SPLITS", 0)


def _verdict(verdict: Verdict, outcome: str, where: Any = exchange) -> Patch:
    return lambda patch: patch.setitem(where.OUTCOMES, verdict, outcome)


def _failed_is_absent(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(jobs, "OUTCOMES", {**jobs.OUTCOMES, Verdict.UNKNOWN: "void"})


def _ok_at_poll(patch: pytest.MonkeyPatch) -> None:
    poll = jobs.poll

    def dated_by_poll(courier: Any, waiting: Any, target: Any) -> Any:
        return poll(courier, [replace(op, first_sent_at=courier.clock.now()) for op in waiting], target)

    patch.setattr(jobs, "poll", dated_by_poll)


def _ok_at_last_try(patch: pytest.MonkeyPatch) -> None:
    claim = exchange._Talk._claim

    def dated_by_this_try(talk: Any) -> None:
        talk._parcel.first_sent = None
        claim(talk)

    patch.setattr(exchange._Talk, "_claim", dated_by_this_try)


def _no_lease(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lease, "SKEW", -10_000_000.0)
    patch.setattr(lease, "fence", lambda *_: None)


def _no_fence(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lease, "fence", lambda *_: None)
    patch.setattr(exchange.Courier, "lease_is_short", lambda courier: False)


def _no_guard(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(guards, "judge_movement", lambda *_: ())
    patch.setattr(guards, "judge_reach", lambda *_: ())


def _no_late(patch: pytest.MonkeyPatch) -> None:
    """The fold forgets attempts in doubt whose repeat succeeded."""
    patch.setattr(ledger, "LATE", ledger.LATE + " and false")


def _folded_over_jobs(patch: pytest.MonkeyPatch) -> None:
    fold = deliver.fold

    def to_the_end(warehouse: Warehouse, sync_id: str, *known: Any) -> None:
        with pytest.MonkeyPatch.context() as blind:
            blind.setattr(deliver, "waiting", lambda *_: [])
            fold(warehouse, sync_id, *known)

    patch.setattr(deliver, "fold", to_the_end)


def _lease_of_another(patch: pytest.MonkeyPatch) -> None:
    """A lease is taken from whoever has it, as if the lock of this machine were known everywhere."""
    patch.setattr(lease, "SKEW", -10_000_000.0)


MUTANTS = (
    Mutant("ledger_at_plan", "set", 20, ((SAID, "else 'ok' end"),
                                        ("and r.outcome in ('ok', 'unknown', 'rejected')", ""))),
    Mutant("diff_snapshot", "set", 20, patch=_diff_snapshot),
    Mutant("unknown_is_failed", "set", 150, ((KNOWN, "r.outcome in ('ok', 'rejected')"),)),
    Mutant("unknown_is_ok", "set", 100, ((SAID, "when r.outcome = 'unknown' then 'ok' else r.outcome end"),)),
    Mutant("refused_removal_is_presence", "mixed", 1, (("when r.outcome = 'rejected' and o.action = 'remove'",
                                                        "when false"),), directed=True),
    Mutant("batch_status", "set", 60, patch=_batch_status),
    Mutant("garbage_ok", "set", 150, patch=_garbage_ok),
    Mutant("no_reassert", "set", 1_000, (("(l.after_ok or $now >= l.until)", "l.after_ok"),), swarm="delayed"),
    Mutant("content_id", "dset", 1_000, ((", payload_hash, cast($epoch as varchar)))", ", payload_hash))"),),
           swarm="delayed"),
    Mutant("clock_order", "set", 0, (
        ("partition by dest_key, outcome order by epoch desc, seq desc",
         "partition by dest_key, outcome order by recorded_at desc"),
        ("(e.epoch, e.seq) > (o.epoch, o.seq)", "e.recorded_at > o.recorded_at")), directed=True),
    Mutant("whole_batch_blamed", "set", 1_200, patch=_not_split),
    Mutant("by_person", "set", 30, patch=_by_person),
    Mutant("suppress_at_plan", "set", 400, ((SPARED, "false"),), swarm="suppress"),
    Mutant("suppress_at_plan", "dedupe", 400, ((SPARED, "false"),), swarm="suppress"),
    Mutant("quarantine_removals", "set", 600, (
        (DOUBTED_REMOVAL, "r.outcome"),
        ("(e.outcome = 'rejected' and e.action <> 'remove')", "e.outcome = 'rejected'"),
        ("coalesce(l.refused_hash = w.payload_hash, false) and l.only_refused",
         "(coalesce(l.refused_hash = w.payload_hash, false) or w.dest_key is null) and l.refusals > 0")),
        swarm="partial"),
    Mutant("flush_first", "set", 400, patch=_flush_first, swarm="lost_before_commit"),
    Mutant("flush_first", "raw", 1_600, patch=_flush_first, swarm="lost_before_commit"),
    Mutant("no_claim", "raw", 150, patch=_no_claim, swarm="crash"),
    Mutant("settle_per_op", "raw", 4_000, patch=_settle_per_op, swarm="throttled"),
    Mutant("retry_raw", "raw", 60, patch=_retry_raw),
    Mutant("random_id", "dedupe", 60, (("stay, cast(entry_id as varchar)))",
                                        "stay, cast(entry_id as varchar), cast($epoch as varchar)))"),)),
    Mutant("ignore_window", "dedupe", 400, (("and h.first_planned_at > $now - to_seconds($resend_within)", ""),),
           swarm="outage"),
    Mutant("window_from_receipt", "dedupe", 600, (
        ("min(o.planned_at) over (partition by o.op_id) as first_planned_at",
         "max(r.recorded_at) over (partition by o.op_id) as first_planned_at"),), swarm="outage"),
    Mutant("entries_in_memory", "dedupe", 60, (
        ("where (\n            h.op_id is null",
         "where (h.op_id is not null or e.entry_id = (select max(snapshot_id) from activation.snapshot))"
         " and (\n            h.op_id is null"),)),
    Mutant("ledger_at_plan", "dedupe", 60, (("or h.outcome in ('void', 'suppressed')", ""),)),
    Mutant("accept_is_ok", "async", 100, patch=_verdict(Verdict.PENDING, "ok")),
    Mutant("failed_is_absent", "async", 500, patch=_failed_is_absent, swarm="job_partial"),
    Mutant("ok_at_poll", "async", 4_000, patch=_ok_at_poll, swarm="delayed"),
    Mutant("no_guard", "set", 60, patch=_no_guard, swarm="broken"),
    Mutant("no_guard", "replace", 60, patch=_no_guard, swarm="broken"),
    Mutant("unknown_is_failed", "replace", 600, ((KNOWN, "r.outcome in ('ok', 'rejected')"),)),
    Mutant("resume_session", "replace", 60, patch=_resume_session),
    Mutant("skip_failed_part", "replace", 60, patch=_skip_failed_part, swarm="partial"),
    Mutant("suppressed_in_session", "replace", 60, (("count(s._key) from activation.op", "0 from activation.op"),),
           swarm="suppress"),
    Mutant("late_session", "replace", 0, (("coalesce(doubted and (after_ok or $now >= until), false)", "false"),),
           directed=True),
    Mutant("no_lease", "set", 600, patch=_no_lease, swarm="second_run"),
    Mutant("no_lease", "raw", 600, patch=_no_lease, swarm="second_run"),
    Mutant("no_fence", "set", 1_000, patch=_no_fence, swarm="second_run"),
    Mutant("no_fence", "raw", 1_000, patch=_no_fence, swarm="second_run"),
    Mutant("no_late", "set", 1_200, patch=_no_late, swarm="delayed"),
    Mutant("twice_by_email", "dedupe", 60, (("and other.stay <> e.stay", "and false"),)),
    Mutant("journal_lost_is_void", "raw", 100, (("then 'void' else 'unknown' end", "then 'void' else 'void' end"),),
           swarm="journal_lost"),
    Mutant("void_ends_doubt", "dedupe", 4_000, (
        ("order by coalesce(r.outcome in ('void', 'suppressed') and r.reason <> 'operator: resend', false),\n"
         "                o.epoch desc, r.attempt desc) as newest,\n        min(",
         "order by o.epoch desc, r.attempt desc) as newest,\n        min("),), swarm="outage"),
    Mutant("entry_forgotten", "dedupe", 200, (("select ?, person_key, standing, coalesce(entry_id, ?)",
                                               "select ?, person_key, standing, coalesce(?, entry_id)"),),
           swarm="release"),
    Mutant("merge_is_entry", "dedupe", 240, (("and h.nth = 1", "and h.nth = 0"),), kin=True),
    Mutant("held_out_is_sent", "set", 60, (("< $share) then 'held_out'", "< $share) then 'sent'"),), kin=True),
    Mutant("jobs_sent_again", "async", 1_000, (("select distinct dest_key from (", "select '-' as dest_key from ("),)),
    Mutant("folded_over_jobs", "async", 400, patch=_folded_over_jobs),
    Mutant("lease_of_another", "set", 0, patch=_lease_of_another, directed=True),
    Mutant("ok_at_last_try", "dset", 0, patch=_ok_at_last_try, directed=True),
    Mutant("reject_is_absent", "set", 0, (("(e.outcome = 'rejected' and e.action <> 'remove')", "false"),),
           directed=True),
)
"""Not here: `no_parent` (operations have no parents: an operation of one plan keeps one id and one first claim, and a
new plan makes a new one)."""
