"""The far side: destinations of every kind, and a channel that keeps the truth and gives faulty answers.

A request that is lost may have been applied, or be applied later, at a virtual time of its own. A repeat by a proxy
comes before the answer. What was really applied is logged, so that the checker needs nobody's word for it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from destinations.answers import unaccepted
from destinations.protocol import (
    Batch,
    Capabilities,
    Dedupe,
    Destination,
    Exchange,
    Job,
    Limits,
    Operation,
    Outcome,
    Part,
    Reading,
    Refused,
    Request,
    Response,
    Verdict,
    every,
)
from pipelines.delivery.http import DEADLINE
from pipelines.delivery.ports import Answer, Lost
from tests.sim.scenario import JOBS, NETWORK, Scenario

LATENESS = 900.0
LONGEST_JOB = 1_800.0
WINDOW = 86_400.0
REFUSING = {"partial": 0.4, "repeated": 0.4, "repeated_then_refused": 1.0}
"""Fault → how likely a row is refused by it."""
Answering = Callable[[], Answer]
_LIMITS = {operation: Limits(rows=3) for operation in Operation}


class Sets(Destination):
    """Members by e-mail, three a request."""

    capabilities = Capabilities(_LIMITS, ("email",), lateness=LATENESS, readback=True)

    def deliver(self, batch: Batch) -> Exchange:
        rows = [{"id": m.id, "person": m.person, "email": m.identifiers["email"], "identifiers": dict(m.identifiers),
                 "attributes": dict(m.attributes)} for m in batch.members]
        body = {"do": batch.operation.value, "event": batch.event, "rows": rows}
        answer = yield Request("POST", "https://sim.example/batch", body=json.dumps(body, sort_keys=True).encode())
        if not answer.ok or answer.json is None:
            return unaccepted(batch, answer)
        if answer.status == 202:
            return [Outcome(m.id, Verdict.PENDING, job=answer.get("job")) for m in batch.members]
        return _rows(batch, answer)

    def members(self, target: str) -> Reading:
        answer = yield Request("GET", "https://sim.example/members", reads=True)
        if not answer.ok or answer.json is None:
            raise Refused("the list could not be read")
        return list(answer.get("members"))

    def settle(self, job: Job) -> Exchange:
        answer = yield Request("GET", f"https://sim.example/jobs/{job.id}", reads=True)
        state = answer.get("state")
        if state == "done":
            return _rows(job, answer)
        return every(job, Verdict.UNKNOWN, "the job failed") if state == "failed" else every(job, Verdict.PENDING)


class Messages(Sets):
    """Messages whose id the channel ignores when it comes again within a day."""

    capabilities = Capabilities(_LIMITS, ("email",), lateness=LATENESS, readback=True, dedupe=Dedupe.KEY,
                                dedupe_window=WINDOW)


class Jobs(Sets):
    """Takes every request over as a job."""

    capabilities = Capabilities(_LIMITS, ("email",), lateness=LATENESS + LONGEST_JOB)


class Lists(Sets):
    """Takes a whole list in parts of two."""

    capabilities = Capabilities(_LIMITS, ("email",), lateness=LATENESS, replace=Limits(rows=2))

    def replace(self, batch: Batch, part: Part) -> Exchange:
        rows = [{"id": m.id, "person": m.person, "email": m.identifiers["email"], "identifiers": dict(m.identifiers),
                 "attributes": dict(m.attributes)} for m in batch.members]
        body = {"do": "replace", "session": part.session, "number": part.number, "last": part.last, "rows": rows}
        answer = yield Request("POST", "https://sim.example/list", body=json.dumps(body, sort_keys=True).encode())
        if not answer.ok or answer.json is None:
            return unaccepted(batch, answer)
        return _rows(batch, answer)


DESTINATIONS: dict[str, type[Destination]] = {
    "set": Sets, "dset": Sets, "dedupe": Messages, "raw": Sets, "repeated": Sets, "async": Jobs, "mixed": Messages,
    "replace": Lists}


def _rows(batch: Batch | Job, answer: Response) -> list[Outcome]:
    refused = answer.get("refused", default={})
    return [Outcome(m.id, Verdict.REJECTED, refused[m.id]) if m.id in refused else Outcome(m.id, Verdict.ACCEPTED)
            for m in batch.members]


def _lost() -> Answer:
    return Lost("reset", sent=True)


def _said(status: int, after: str | None = None) -> Answering:
    return lambda: Response(status, {} if after is None else {"retry-after": after})


@dataclass(frozen=True, slots=True)
class Applied:
    """One row that the channel has really applied."""

    at: float
    do: str
    op_id: str
    email: str
    transmission: int
    """Copies by a proxy share the one of the request they copy."""


@dataclass
class Channel:
    """What the channel holds and what it was told."""

    scenario: Scenario
    schedule: Callable[[float, Callable[[], object]], None]
    """Do something so many seconds from now."""
    now: Callable[[], float]
    note: Callable[[str, str, str], None]
    """Count a fault and write it into the trace."""
    poison: frozenset[str] = frozenset()
    faulty: bool = True
    members: dict[str, dict[str, Any]] = field(default_factory=dict)
    told: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What it last heard of everybody who was ever a member."""
    applied: list[Applied] = field(default_factory=list)
    requests: int = 0
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    sessions: dict[int, dict[str, dict[str, Any]]] = field(default_factory=dict)
    """Session → e-mail → row, of lists that are gathering."""
    ended: set[int] = field(default_factory=set)
    """Sessions whose list took its place."""
    refused: set[str] = field(default_factory=set)
    """E-mails that were ever refused by name."""
    script: list[tuple[str, float]] = field(default_factory=list)
    """For the next changes, in order, instead of chance: a fault, and when it arrives or is given up."""

    def __post_init__(self) -> None:
        self._random: Random = self.scenario.stream("network")
        self._seen: dict[str, float] = {}

    def receive(self, request: Request) -> tuple[float, Answering]:
        """Seconds until the answer, and how to read it then; what is to be applied is on its way."""
        self.requests += 1
        draws = {fault: self._random.random() for fault in (*NETWORK, *JOBS)}
        dice = Random(self._random.random())
        struck = [name for name in NETWORK if self.faulty and draws[name] < self.scenario.rates[name]]
        fault = dice.choice(struck) if struck else ""
        if request.reads:
            return self._read(request, fault, dice)
        body = json.loads(request.body or b"")
        after = None
        if self.script:
            fault, after = self.script.pop(0)
        if fault:
            self.note(fault, body["do"], f"{len(body['rows'])} rows")
        return self._change(body, fault, dice, draws, after)

    def _change(
        self, body: dict[str, Any], fault: str, dice: Random, draws: dict[str, float], after: float | None
    ) -> tuple[float, Answering]:
        latency = dice.uniform(0.05, 0.6)
        number = self.requests
        if fault == "never_sent":
            return 1.0, lambda: Lost("connection refused", sent=False)
        if fault == "throttled":
            return latency, _said(429, after=f"{after:.0f}" if after else dice.choice(("0", "1", "30", "500")))
        if fault == "unauthorised":
            return latency, _said(401)
        if fault == "failed":
            return latency, _said(500)
        if fault == "lost_before":
            return after or dice.uniform(0.1, DEADLINE), _lost
        if fault == "delayed":
            latest = dice.choice((90.0, 600.0, LATENESS))
            self.schedule(after or dice.uniform(latency, latest), lambda: self._apply(body, number, fault, dice, draws))
            return (DEADLINE, _lost) if after or dice.random() < 0.7 else (latency, _said(502))
        if fault == "slow":
            latency = dice.uniform(5.0, 1.5 * DEADLINE)
        if self.scenario.whole and body["do"] != "remove" and self.poison & {row["email"] for row in body["rows"]}:
            self.note("poison", body["do"], f"{len(body['rows'])} rows")
            self.refused |= self.poison if len(body["rows"]) == 1 else set()
            return latency, _said(400)
        answer: dict[str, Any] = {}
        copies = 0 if fault == "garbage" and dice.random() < 0.5 else dice.choice((2, 3)) if fault == "repeated" else 1
        if fault == "repeated_then_refused":
            self.schedule(latency / 8, lambda: self._apply(body, number, "", dice, draws))
        for copy in range(copies):
            share = (copy + 1) / 4
            self.schedule(latency * share, lambda: answer.update(self._apply(body, number, fault, dice, draws)))
        if fault == "lost_after":
            return after or latency + dice.uniform(0, 20), _lost
        if fault == "failed_applied":
            return latency, _said(500)
        if fault == "garbage":
            return latency, lambda: Response(200, {}, b"<html>")
        return latency, lambda: Response(202 if "job" in answer else 200, {}, json.dumps(answer).encode())

    def _apply(
        self, body: dict[str, Any], number: int, fault: str, dice: Random, draws: dict[str, float]
    ) -> dict[str, Any]:
        if self.scenario.kind != "async":
            return {"refused": self._apply_rows(body, body["rows"], number, fault, dice)}
        job = f"job{len(self.jobs) + 1}"
        struck = [name for name in JOBS if self.faulty and draws[name] < self.scenario.rates[name]]
        # Copies of a repeated submission end each in its own way.
        ends = dice.choice(struck) if struck and (fault != "repeated" or dice.random() < 0.6) else ""
        self.jobs[job] = {"state": "pending"}
        self.schedule(dice.choice((0.2, 3.0, 60.0, LONGEST_JOB)) * dice.random(),
                      lambda: self._end_job(job, body, number, fault, ends, dice))
        return {"job": job}

    def _end_job(
        self, job: str, body: dict[str, Any], number: int, fault: str, ends: str, dice: Random
    ) -> None:
        rows = body["rows"]
        if ends:
            self.note(ends, body["do"], job)
            taken = [row for row in rows if dice.random() < 0.5] if ends == "job_partial" else []
            self._apply_rows(body, taken, number, "", dice)
            self.jobs[job] = {"state": "failed"}
        else:
            self.jobs[job] = {"state": "done", "refused": self._apply_rows(body, rows, number, fault, dice)}

    def _apply_rows(
        self, body: dict[str, Any], rows: list[dict[str, Any]], number: int, fault: str, dice: Random
    ) -> dict[str, str]:
        refused: dict[str, str] = {}
        if body["do"] == "replace":
            return self._gather(body, number, fault, dice)
        for row in rows:
            if self._ignores(body["do"], row["id"]):
                continue
            fails = fault in REFUSING and dice.random() < REFUSING[fault]
            poisoned = row["email"] in self.poison and body["do"] != "remove"
            if fails or poisoned:
                refused[row["id"]] = "poison" if poisoned else "busy"
                self.refused.add(row["email"])
                continue
            self._apply_row(body["do"], row, number)
        return refused

    def _gather(self, body: dict[str, Any], number: int, fault: str, dice: Random) -> dict[str, str]:
        """Parts of one session gather, and the last one takes the place of the list; what has ended takes no more."""
        session, rows = body["session"], body["rows"]
        known = body["number"] == 1 or session in self.sessions
        if session in self.ended or not known or (fault in REFUSING and dice.random() < REFUSING[fault]):
            self.refused |= {row["email"] for row in rows}
            return {row["id"]: "busy" for row in rows}
        gathered = self.sessions.setdefault(session, {})
        gathered |= {row["email"]: row for row in rows}
        if body["last"]:
            self.ended.add(session)
            for email in self.members.keys() - gathered.keys():
                self._apply_row("remove", {**rows[0], "email": email}, number)
            for row in gathered.values():
                self._apply_row("add", row, number)
        return {}

    def _ignores(self, do: str, op_id: str) -> bool:
        """Whether the channel has seen this id and answers ok without doing anything."""
        if self.scenario.kind == "dset":
            return op_id in self._seen
        dedupes = do == "trigger" and self.scenario.kind in ("dedupe", "mixed")
        return dedupes and self.now() < self._seen.get(op_id, -math.inf) + WINDOW

    def _apply_row(self, do: str, row: dict[str, Any], number: int) -> None:
        self._seen[row["id"]] = self.now()
        self.applied.append(Applied(self.now(), do, row["id"], row["email"], number))
        if do == "remove":
            self.members.pop(row["email"], None)
        elif do != "trigger":
            self.told[row["email"]] = {"identifiers": row["identifiers"], "attributes": row["attributes"]}
            self.members[row["email"]] = self.told[row["email"]]

    def edit_by_hand(self, dice: Random) -> str:
        """Somebody takes a member out in the channel's own screens, or puts one back in; says which."""
        if not self.told:
            return ""
        email = dice.choice(sorted(self.told))
        if self.members.pop(email, None):
            return "taken out"
        self.members[email] = self.told[email]
        return "put back in"

    def _read(self, request: Request, fault: str, dice: Random) -> tuple[float, Answering]:
        if fault in ("lost_before", "lost_after", "delayed", "slow"):
            self.note(fault, "poll", "")
            return dice.uniform(1.0, DEADLINE), _lost
        if fault in ("failed", "throttled"):
            self.note(fault, "poll", "")
            return 0.1, _said(500 if fault == "failed" else 429)
        if fault == "garbage":
            self.note(fault, "poll", "")
            return 0.1, lambda: Response(200, {}, b"<html>")
        if request.url.endswith("/members"):
            return 0.1, lambda: Response(200, {}, json.dumps({"members": sorted(self.members)}).encode())
        state = self.jobs.get(request.url.rpartition("/")[2], {"state": "unknown"})
        return 0.1, lambda: Response(200, {}, json.dumps(state).encode())
