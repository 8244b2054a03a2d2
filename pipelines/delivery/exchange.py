"""Drive one exchange: pace it, claim before sending, repeat what is safe, and write down how each member ended.

What an answer means for the members of the batch:

| answer                              | written for this attempt | then                                            |
|-------------------------------------|--------------------------|-------------------------------------------------|
| never sent, or throttled            | void                     | wait as asked, claim again; deferred when given up |
| lost, 5xx, unreadable               | unknown                  | claim again if repeating is safe; else unknown  |
| credentials refused                 | void                     | the run ends; nothing is blamed on a member     |
| any other                           | as the destination reads it |                                               |

Repeating is safe for sets (the same state asserted again), for messages of channels that ignore a repeated id, and for
requests that only read. An exchange of several requests is void only while its first one is. Waits have no jitter: all
runs of a credential on this machine start their requests through one `pace`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from destinations.protocol import (
    Alike,
    Batch,
    Dedupe,
    Destination,
    Exchange,
    Gone,
    Limits,
    Operation,
    Outcome,
    Refused,
    Request,
    Response,
    Verdict,
)
from pipelines.delivery.batches import is_refused_whole
from pipelines.delivery.journal import Journal
from pipelines.delivery.lanes import Lane, Pause, Send
from pipelines.delivery.pace import Pace
from pipelines.delivery.ports import Answer, Clock, Lost, unix_time
from pipelines.errors import ChannelRefused
from pipelines.state.record import Claim, Receipt, neighbours

TRIES = 4
"""How often one request is sent in a run before its members are left to the next one."""
LONGEST_WAIT = 120.0
"""Seconds: a channel that asks for more is left alone until the next run."""
LEASE_MARGIN = 180.0
"""Seconds that must be left of the lease when a request is claimed: its deadline, skew, and a pause of this process."""
BREAKER = 5
"""Lost or failed answers in a row after which a run stops sending."""
SPLITS = 64
"""Requests beyond the first that may be spent to find the poison rows of one batch: 2 k log2(n/k) for k of n rows."""
OUTCOMES = {Verdict.ACCEPTED: "ok", Verdict.REJECTED: "rejected", Verdict.DEFERRED: "void",
            Verdict.PENDING: "accepted", Verdict.UNKNOWN: "unknown"}
"""Verdict of a destination → outcome of a receipt."""
_Ending = tuple[str, int | None, str, str | None, str | None]
"""Outcome, status of the answer, reason, id in the channel, job."""


@dataclass(slots=True)
class Parcel:
    """The operations that one exchange is about, and what was tried with them in this run."""

    epoch: int
    places: Mapping[str, int]
    """Operation id → its place in the plan."""
    attempt: int = 0
    first_sent: datetime | None = None

    def part(self, ids: Sequence[str]) -> Parcel:
        """Some of them, of which the same was tried."""
        return replace(self, places={op: self.places[op] for op in ids})


@dataclass(slots=True)
class Courier:
    """What all exchanges of one sync's run share."""

    connection: str
    credential: str
    """What rate limits count by: two connections of one key share it."""
    destination: Destination
    journal: Journal
    pace: Pace
    clock: Clock
    failures: int = 0
    """Lost or failed answers in a row, over all exchanges."""
    lease_ends: float = math.inf
    """On the monotonic clock: nothing is claimed that could end after it."""
    waits_for_lease: bool = False
    """Operations were left where they are because the lease must be renewed first."""
    stopped: str = ""
    """Why nothing more is sent in this run."""
    gone: str = ""
    """What the channel says, where the remote list is not there any more."""
    at_least_once: bool = False
    """Messages are repeated until there is an answer, though the channel ignores no repeats."""
    has_jobs: bool = False
    """Whether a job of the channel took operations over in this run."""

    def deliver(self, batch: Batch, limits: Limits, parcel: Parcel) -> Lane:
        """Lane of one batch."""
        todo, spare = [(batch, parcel)], SPLITS
        while todo and not self.stopped and not self.lease_is_short():
            now, mine = todo.pop()
            talk = _Talk(self, limits, mine, self._repeatable(now.operation), may_split=spare > 0)
            yield from talk.hold(self.destination.deliver(now))
            if talk.split:
                half, spare = len(now.members) // 2, spare - 2
                todo += [(replace(now, members=members), mine.part([member.id for member in members]))
                         for members in (now.members[half:], now.members[:half])]

    def _repeatable(self, operation: Operation) -> bool:
        return (operation is not Operation.TRIGGER or self.at_least_once
                or self.destination.capabilities.dedupe is Dedupe.KEY)

    def assert_once(self, exchange: Exchange, limits: Limits, parcel: Parcel) -> Lane:
        """Lane of an exchange that is claimed, recorded, and not repeated when its answer was lost."""
        yield from _Talk(self, limits, parcel, repeatable=False).hold(exchange)

    def converse(
        self, exchange: Generator[Request, Response, Any], result: list[Any], limits: Limits | None = None
    ) -> Lane:
        """Lane of an exchange without receipts (prepare, check); appends its result. With `limits`: repeatable."""
        try:
            request = next(exchange)
            while True:
                talk = _Talk(self, limits or Limits(), Parcel(0, {}), repeatable=limits is not None)
                answer = yield from talk.ask(request)
                if isinstance(answer, Lost):
                    raise ChannelRefused(f"connection {self.connection}: no answer to {request!r}: {answer.reason}")
                request = exchange.send(answer)
        except StopIteration as done:
            result.append(done.value)
        except Refused as error:
            raise self.end(error) from None

    def end(self, error: Refused) -> ChannelRefused:
        """What ends the run when only the operator can help."""
        if isinstance(error, Gone):
            self.gone = self.stopped = str(error)
        return ChannelRefused(f"connection {self.connection}: {error}")

    def lease_is_short(self) -> bool:
        """Whether one more request could outlive the lease."""
        short = self.clock.monotonic() + LEASE_MARGIN > self.lease_ends
        self.waits_for_lease = self.waits_for_lease or short
        return short


class _Talk:
    """One exchange under way."""

    def __init__(
        self, courier: Courier, limits: Limits, parcel: Parcel, repeatable: bool, may_split: bool = False
    ) -> None:
        self._of, self._limits, self._parcel, self._repeatable = courier, limits, parcel, repeatable
        self._may_split = may_split
        self.split = False
        """The batch was refused as a whole and nothing of it was applied: its halves are to be sent."""
        self._claimed = False
        self._answered = False
        """Whether a request that changes something was answered: from then on nothing is provably void."""

    def hold(self, exchange: Exchange) -> Lane:
        try:
            request = next(exchange)
            while True:
                answer = yield from self.ask(request)
                if isinstance(answer, Lost):
                    exchange.close()
                    return
                request = exchange.send(answer)
        except StopIteration as done:
            self._write_outcomes(done.value)
        except Refused as error:
            self._write("unknown" if self._answered else "void", None, "stopped")
            self._of.stopped = str(error)
            raise self._of.end(error) from None

    def ask(self, request: Request) -> Generator[Send | Pause, Answer | None, Answer]:
        """The final answer to one request; Lost when it was given up, with the members' outcomes written."""
        courier = self._of
        for attempt in range(1, TRIES + 1):
            yield from self._keep_pace(request)
            if courier.stopped or courier.lease_is_short():
                self._write("unknown" if self._answered else "void", None, "stopped")
                return Lost(courier.stopped or "the lease must be renewed first", sent=False)
            if not request.reads:
                self._claim()
            ready = request.finish(request, int(unix_time(courier.clock))) if request.finish else request
            answer = yield Send(replace(ready, allow_hosts=courier.destination.settings.allowed))
            if answer is None:
                raise AssertionError("the lane was resumed without an answer")
            wait = self._judge(answer, request)
            if wait is None:
                self._answered = self._answered or not request.reads
                courier.failures = 0
                return answer
            final = attempt == TRIES or wait > LONGEST_WAIT or courier.stopped or not self._may_repeat(answer, request)
            self._write_attempt(answer, final=bool(final))
            if final:
                return answer if isinstance(answer, Lost) else Lost("given up", sent=True)
            yield Pause(max(wait, 0.25 * 4 ** (attempt - 1)))
        raise AssertionError("the last try returns")

    def _keep_pace(self, request: Request) -> Lane:
        name = f"{self._of.credential}/{request.rate_class or self._limits.rate_class}"
        rates = self._limits.rates if request.rates is None else request.rates
        while (wait := self._of.pace.delay(name, rates, unix_time(self._of.clock))) > 0:
            yield Pause(wait)

    def _judge(self, answer: Answer, request: Request) -> float | None:
        """None: the answer is final. Otherwise seconds to wait before the next try."""
        courier = self._of
        if isinstance(answer, Lost):
            self._count_failure(answer.reason)
            return 0.0
        if reason := courier.destination.refused(answer):
            self._write("unknown" if self._answered else "void", answer.status, "credentials refused")
            courier.stopped = reason
            raise ChannelRefused(f"connection {courier.connection}: {reason}")
        wait = courier.destination.throttled(answer)
        rest = courier.destination.rests(answer) if wait is None else wait
        if wait is not None or rest > 0:
            name = f"{courier.credential}/{request.rate_class or self._limits.rate_class}"
            courier.pace.hold(name, unix_time(courier.clock) + min(rest, LONGEST_WAIT))
        if wait is None and courier.destination.failed(answer):
            self._count_failure(f"HTTP {answer.status}")
            return 0.0
        return wait

    def _count_failure(self, reason: str) -> None:
        self._of.failures += 1
        if self._of.failures >= BREAKER:
            self._of.stopped = f"{BREAKER} requests in a row failed, the last with: {reason}"

    def _may_repeat(self, answer: Answer, request: Request) -> bool:
        return self._provably_void(answer) or request.reads or self._repeatable

    def _provably_void(self, answer: Answer) -> bool:
        return not answer.sent if isinstance(answer, Lost) else self._of.destination.throttled(answer) is not None

    def _claim(self) -> None:
        if self._claimed:
            return
        now, parcel = self._of.clock.now(), self._parcel
        parcel.attempt += 1
        parcel.first_sent = parcel.first_sent or now
        self._of.journal.claim([Claim(parcel.epoch, first, last, parcel.attempt, now)
                                for first, last in neighbours(parcel.places.values())])
        self._claimed = True

    def _write_attempt(self, answer: Answer, *, final: bool) -> None:
        """What one try that brought no final answer means; when more tries follow, each is claimed anew."""
        void = self._provably_void(answer) and not self._answered
        status = answer.status if isinstance(answer, Response) else None
        reason = answer.reason if isinstance(answer, Lost) else f"HTTP {answer.status}"
        if final or self._claimed:
            self._write("void" if void else "unknown", status, reason)

    def _write(self, outcome: str, status: int | None, reason: str) -> None:
        if self._claimed:
            self._record({(outcome, status, reason, None, None): list(self._parcel.places.values())})
        self._claimed = False

    def _write_outcomes(self, outcomes: Sequence[Outcome]) -> None:
        parcel = self._parcel
        if self._may_split and len(parcel.places) > 1 and is_refused_whole(outcomes):
            self._write("void", None, "refused as a whole")
            self.split = True
            return
        parcel.attempt = parcel.attempt or 1
        if isinstance(outcomes, Alike) and outcomes.verdict is not Verdict.PENDING and (
                parcel.places.keys() == {member.id for member in outcomes.members}):
            self._record({(OUTCOMES[outcomes.verdict], None, outcomes.reason, None, None): [*parcel.places.values()]})
            return
        said, endings = {outcome.id: outcome for outcome in outcomes}, defaultdict[_Ending, list[int]](list)
        for op, place in parcel.places.items():
            outcome = said.get(op) or Outcome(op, Verdict.UNKNOWN, "the destination said nothing of this member")
            if outcome.verdict is Verdict.PENDING and not outcome.job:  # nobody can be asked how it ends
                outcome = Outcome(op, Verdict.UNKNOWN, "taken over by a job that the channel did not name")
            endings[OUTCOMES[outcome.verdict], None, outcome.reason, outcome.remote_id, outcome.job].append(place)
        self._of.has_jobs = self._of.has_jobs or any(outcome == "accepted" for outcome, *_ in endings)
        self._record(endings)

    def _record(self, endings: Mapping[_Ending, list[int]]) -> None:
        """Write down how they ended: ending → places."""
        now, parcel = self._of.clock.now(), self._parcel
        self._of.journal.result([
            Receipt(parcel.epoch, first, last, parcel.attempt, outcome, status, reason[:200], remote_id, job,
                    parcel.first_sent or now, now)
            for (outcome, status, reason, remote_id, job), places in endings.items()
            for first, last in neighbours(places)])
