"""Asynchronous jobs: ask each once how its members ended.

What is still running stays with the channel (a receipt `accepted` with the job's id) and is asked again at the end of
this run and at the start of the next; no run waits for a job longer than its patience (`deliver.JOB_PATIENCE`, some 16
seconds). Keys that a job has are left out of plans until it has ended for them: so there is never more than one a key,
while what changes for others goes out at once. A job that has not ended when nothing of it may arrive any more
(`Capabilities.lateness` after it was submitted) is given up: its members are in doubt, and asserted again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from destinations.protocol import Job, Operation, Outcome, Verdict
from pipelines.delivery.batches import named
from pipelines.delivery.exchange import OUTCOMES, Courier
from pipelines.delivery.lanes import Lane
from pipelines.errors import ChannelRefused
from pipelines.planning.draft import lateness
from pipelines.state.record import Receipt


@dataclass(frozen=True, slots=True, repr=False)
class Waiting:
    """One operation that a job has taken over."""

    dest_key: str
    epoch: int
    op_id: str
    action: str
    person_key: str | None
    identifiers: str
    attempt: int
    seq: int
    job_id: str
    first_sent_at: datetime | None
    """When the job was submitted: what it did is dated by that, not by the poll."""


def poll(courier: Courier, waiting: Sequence[Waiting], target: str | None) -> list[Lane]:
    """Lanes that ask each job once and write receipts for the members it has ended for."""
    jobs: dict[tuple[str, str], list[Waiting]] = defaultdict(list)
    for op in waiting:
        jobs[op.job_id, "event" if op.action == "event" else "set"].append(op)
    return [_ask(courier, job_id, ops, target) for (job_id, _), ops in jobs.items()]


def _ask(courier: Courier, job_id: str, ops: Sequence[Waiting], target: str | None) -> Lane:
    operation = Operation.TRIGGER if ops[0].action == "event" else Operation(ops[0].action)
    job = Job(job_id, tuple(named(op.op_id, op.identifiers, op.person_key) for op in ops), operation, target)
    found: list[Sequence[Outcome]] = []
    try:
        yield from courier.converse(courier.destination.settle(job), found)
    except ChannelRefused:
        if courier.stopped:
            raise
        return  # no answer: the job is asked again
    now = courier.clock.now()
    given_up = now - timedelta(seconds=lateness(courier.destination))
    said = {op.op_id: Outcome(op.op_id, Verdict.UNKNOWN, "its job has not ended in time") for op in ops
            if op.first_sent_at and op.first_sent_at < given_up}
    said |= {outcome.id: outcome for outcome in found[0] if outcome.verdict is not Verdict.PENDING}
    courier.journal.result([
        Receipt(op.epoch, op.seq, op.seq, op.attempt + 1, OUTCOMES[outcome.verdict], None, outcome.reason[:200],
                outcome.remote_id, None, op.first_sent_at, now)
        for op in ops if (outcome := said.get(op.op_id))])
