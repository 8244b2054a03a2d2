"""Asynchronous jobs: ask each once how its members ended.

What is still running stays with the channel and is asked again at the end of this run and at the start of the next; no
run waits for a job longer than its patience.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from destinations.protocol import Job, Operation, Verdict
from pipelines.delivery.batches import named
from pipelines.delivery.exchange import OUTCOMES, Courier
from pipelines.delivery.lanes import Lane
from pipelines.errors import ChannelRefused
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
    found: list[Any] = []
    try:
        yield from courier.converse(courier.destination.settle(job), found)
    except ChannelRefused:
        if courier.stopped:
            raise
        return  # no answer: the job is asked again
    said = {outcome.id: outcome for outcome in found[0]}
    now = courier.clock.now()
    courier.journal.result([
        Receipt(op.epoch, op.op_id, op.attempt + 1, op.seq, OUTCOMES[outcome.verdict], None, outcome.reason[:200],
                outcome.remote_id, None, op.first_sent_at, now)
        for op in ops if (outcome := said.get(op.op_id)) and outcome.verdict is not Verdict.PENDING])
