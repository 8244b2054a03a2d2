"""A small world for the engine: a real DuckDB file, real journals, and a channel in memory behind the transport.

`Channel` keeps the truth of one audience by e-mail, and can lose, refuse, throttle or delay answers on demand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

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
    Preparation,
    Request,
    Response,
    Settings,
    Verdict,
    every,
)
from pipelines.audiences import (
    AliasModel,
    Audience,
    GoalModel,
    Guards,
    RecipientsModel,
    SuppressionModel,
    Sync,
)
from pipelines.delivery.journal import Journal
from pipelines.delivery.pace import LocalPace
from pipelines.delivery.ports import Answer, Lost, Transport
from pipelines.messages import Messages
from pipelines.run import Ports, Result
from pipelines.state import tombstones
from pipelines.sync import Task, preview, run_to_end, walk
from pipelines.warehouse.protocol import Opener
from tests.engine.engines import DuckFile, Engine

START = datetime(2026, 10, 21, 6, tzinfo=UTC)


class Mail(Destination):
    """A channel keyed by e-mail with batches of three; triggers carry an id that the channel may dedupe."""

    capabilities = Capabilities(
        operations={Operation.ADD: Limits(rows=3), Operation.UPDATE: Limits(rows=3), Operation.REMOVE: Limits(rows=3),
                    Operation.TRIGGER: Limits()},
        identifiers=("email",), dedupe=Dedupe.KEY, dedupe_window=86_400, silent=False)

    def deliver(self, batch: Batch) -> Exchange:
        rows = [{"id": m.id, "email": m.identifiers.get("email"), **m.attributes} for m in batch.members]
        body = {"do": batch.operation, "event": batch.event, "target": batch.target, "rows": rows}
        answer = yield Request("POST", "https://mail.example/batch", body=json.dumps(body).encode())
        if answer.status == 202:
            return [Outcome(m.id, Verdict.PENDING, job=answer.get("job")) for m in batch.members]
        refused = answer.get("refused", default={})
        return [Outcome(m.id, Verdict.REJECTED, refused[m.id]) if m.id in refused else Outcome(m.id, Verdict.ACCEPTED)
                for m in batch.members]

    def settle(self, job: Job) -> Exchange:
        answer = yield Request("GET", f"https://mail.example/jobs/{job.id}", reads=True)
        verdict = Verdict(answer.get("verdict", default="pending"))
        return [Outcome(m.id, verdict) for m in job.members]


class RawMail(Mail):
    """The same without any dedupe of messages."""

    capabilities = Capabilities(operations=Mail.capabilities.operations, identifiers=("email",))


class ForgettingMail(Mail):
    """The same with a call that deletes a profile."""

    capabilities = Capabilities(
        operations={**Mail.capabilities.operations, Operation.DELETE: Limits(rows=1)}, identifiers=("email",),
        dedupe=Dedupe.KEY, dedupe_window=86_400)


class SilentMail(Mail):
    """The same with a flag for messages that are recorded and start nothing."""

    capabilities = replace(Mail.capabilities, silent=True)

    def deliver(self, batch: Batch) -> Exchange:
        rows = [{"id": m.id, "email": m.identifiers.get("email"), "silent": batch.silent} for m in batch.members]
        body = {"do": batch.operation, "event": batch.event, "target": batch.target, "rows": rows}
        yield Request("POST", "https://mail.example/batch", body=json.dumps(body).encode())
        return every(batch, Verdict.ACCEPTED)


class ListMail(Mail):
    """The same with a remote list that must be found first."""

    capabilities = Capabilities(operations=Mail.capabilities.operations, identifiers=("email",), needs_target=True)

    def prepare(self, name: str) -> Preparation:
        answer = yield Request("POST", "https://mail.example/lists", body=name.encode())
        return str(answer.get("id"))


@dataclass
class Channel:
    """The far side: what it holds, what it was sent, and what goes wrong next."""

    members: dict[str, dict[str, object]] = field(default_factory=dict)
    messages: list[dict[str, object]] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    """E-mails whose profile was deleted."""
    requests: int = 0
    faults: list[str] = field(default_factory=list)
    """For the next requests, in order: `` (none), lost, lost_before, never_sent, 429, 500, 401, garbage, job"""
    refuse: set[str] = field(default_factory=set)
    """E-mails that are refused."""
    jobs: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    job_verdict: str = "accepted"

    def answer(self, request: Request) -> Answer:
        self.requests += 1
        fault = self.faults.pop(0) if self.faults else ""
        if request.url.endswith("/lists"):
            return Response(200, {}, b'{"id": "L1"}')
        if "/jobs/" in request.url:
            return self._settle(request.url.rpartition("/")[2])
        if fault in ("lost_before", "never_sent"):
            return Lost("reset", sent=fault == "lost_before")
        if fault in ("429", "500", "401"):
            return Response(int(fault))
        body = json.loads(request.body or b"{}")
        if fault == "job":
            self.jobs[f"job{len(self.jobs)}"] = [body]
            return Response(202, {}, json.dumps({"job": f"job{len(self.jobs) - 1}"}).encode())
        refused = self._apply(body)
        if fault == "lost":
            return Lost("reset", sent=True)
        return Response(200, {}, json.dumps({"refused": refused}).encode())

    def _settle(self, job: str) -> Answer:
        if self.job_verdict == "accepted":
            for body in self.jobs[job]:
                self._apply(body)
        return Response(200, {}, json.dumps({"verdict": self.job_verdict}).encode())

    def _apply(self, body: dict[str, object]) -> dict[str, str]:
        refused = {row["id"]: "refused" for row in body["rows"] if row["email"] in self.refuse}
        for row in body["rows"]:
            if row["id"] in refused:
                continue
            if body["do"] == "trigger":
                self.messages.append({"event": body["event"], **row})
            elif body["do"] in ("remove", "delete"):
                self.forgotten += [row["email"]] if body["do"] == "delete" else []
                self.members.pop(row["email"], None)
            else:
                self.members[row["email"]] = {k: v for k, v in row.items() if k not in ("id", "email")}
        return refused


@dataclass
class Wire:
    """A transport that asks the channel at once."""

    channel: Channel
    ready: list[tuple[int, Answer]] = field(default_factory=list)

    def start(self, ticket: int, request: Request) -> None:
        self.ready.append((ticket, self.channel.answer(request)))

    def wait(self, seconds: float | None) -> tuple[int, Answer] | None:
        return self.ready.pop(0) if self.ready else None

    def close(self) -> None:
        self.ready.clear()


@dataclass
class HandClock:
    """A clock that moves when it is told to, or when somebody sleeps."""

    at: datetime = field(default_factory=lambda: START.replace(tzinfo=None))
    seconds: float = 0.0

    def now(self) -> datetime:
        return self.at + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class World:
    """One project with the audience `cart` and one sync to `mail`."""

    def __init__(self, folder: Path, destination: type[Destination] = Mail, *, engine: Engine | None = None,
                 name: str = "cart", **sync: object) -> None:
        self.folder, self.file, self.name = folder, folder / "shop.duckdb", name
        self.engine = engine or DuckFile(self.file)
        self.channel, self.clock = Channel(), HandClock()
        self.messages = Messages()
        self.goal: GoalModel | None = None
        self.recipients: RecipientsModel | None = None
        self.destination = destination(Settings())
        self.transport: Callable[[], Transport] = lambda: Wire(self.channel)
        self.kind, self.holdout = "marketing", 0.0
        self.others: tuple[Sync, ...] = ()
        """Further syncs of the audience, to the same channel."""
        self.suppressions = (SuppressionModel("do_not_contact", f"{self.engine.schema}.spared", "person_id"),)
        self.own: tuple[SuppressionModel, ...] = ()
        """Suppressions of the sync alone."""
        self.guards = Guards(removal="100%", entries=None, unusable="100%")
        self.aliases: AliasModel | None = None
        self.declare(**sync)
        self.sql("create table if not exists spared (person_id varchar)")
        self.people()

    def beside(self, name: str, **sync: object) -> World:
        """Another audience of the same project and channel, with another connection's name."""
        other = World(self.folder, type(self.destination), engine=self.engine, name=name, **sync)
        other.channel, other.clock = self.channel, self.clock
        return other

    def declare(self, **sync: object) -> None:
        """Change the sync's declaration."""
        self.sync = Sync.model_validate({"to": "mail", "every": "1h", **sync})

    @property
    def audience(self) -> Audience:
        return Audience(name=self.name, relation=f"{self.engine.schema}.{self.name}", key="person_id",
                        holdout=self.holdout, kind=self.kind, messages=self.messages, goal_model=self.goal,
                        recipients=self.recipients,
                        identifiers={"person": "person_id", "email": "email"}, syncs=(self.sync, *self.others),
                        guards=self.guards)

    def shared_with(self, connection: str, **sync: object) -> None:
        """One more sync of the audience, to a channel of the same kind."""
        self.others = (*self.others, Sync.model_validate({"to": connection, "every": "1h", **sync}))

    def people(self, *rows: tuple[str | None, str | None, int | None]) -> None:
        """The audience table now: (person_id, email, value)."""
        self.sql(f"create or replace table {self.name} (person_id varchar, email varchar, value integer)")
        if rows:
            marks = ", ".join(["(?, ?, ?)"] * len(rows))
            self.sql(f"insert into {self.name} values {marks}", [value for row in rows for value in row])

    def same(self, *pairs: tuple[str, str]) -> None:
        """The model of aliases now: (old key, key)."""
        self.sql("drop table if exists merged")
        self.sql("create table merged (old_person_id varchar, person_id varchar)")
        for pair in pairs:
            self.sql("insert into merged values (?, ?)", pair)
        self.aliases = AliasModel("person_aliases", f"{self.engine.schema}.merged", "old_person_id", "person_id")

    def spare(self, *persons: str) -> None:
        """Suppress these persons too."""
        self.sql(f"insert into spared values {', '.join(['(?)'] * len(persons))}", persons)

    def release(self, *persons: str) -> None:
        """Take these persons off the list."""
        self.sql(f"delete from spared where person_id in ({', '.join('?' * len(persons))})", persons)

    def sql(self, statement: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        return self.engine.sql(statement, values)

    @property
    def warehouse(self) -> Opener:
        return self.engine.opener

    @property
    def ports(self) -> Ports:
        return Ports(self.warehouse, self.clock, LocalPace(), self.transport,
                     lambda sync: Journal(self.folder / f"{sync}.journal"), self._known, "run", alone=True,
                     aliases=self.aliases,
                     key=lambda: tombstones.read_key(self.key_file))

    @property
    def key_file(self) -> Path:
        """Where the secret lies that tells who was forgotten."""
        return self.folder / "forget.key"

    def _known(self, sync: str) -> Journal | None:
        path = self.folder / f"{sync}.journal"
        return Journal(path) if path.exists() else None

    @property
    def tasks(self) -> list[Task]:
        return [Task(self.audience.sync_id(sync), sync, self.destination, self.own)
                for sync in (self.sync, *self.others)]

    def plan(self, days: float = 0) -> dict[str, int]:
        self.clock.at = (START + timedelta(days=days)).replace(tzinfo=None)
        plan = preview(self.audience, self.tasks, self.suppressions, self.ports, START + timedelta(days=days))[0]
        return {name: getattr(plan, name) for name in ("add", "update", "remove", "keep", "trigger")}

    def run(self, days: float = 0, until: Callable[[object], bool] | None = None) -> Result | None:
        """One walk `days` after the start; with `until`, the process dies at the first step for which it is true."""
        self.clock.at = (START + timedelta(days=days)).replace(tzinfo=None)
        steps = walk(self.audience, self.tasks, self.suppressions, self.ports, START + timedelta(days=days))
        if until is None:
            return run_to_end(steps)[0]
        for step in steps:
            if until(step):
                break
        steps.close()
        return None

    def ledger(self) -> set[str]:
        """Keys that the ledger says the channel holds."""
        return {key.removeprefix("email:") for (key,) in self.sql("select dest_key from activation.delivered")}
