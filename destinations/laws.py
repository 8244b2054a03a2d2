"""Laws that hold for every destination, whatever its channel answers: one reasoned outcome a member, no secret shown.

`broken_laws` takes a destination with made-up settings through every operation, every refusal and every nonsense, and
answers what it broke: an empty list for a destination that keeps them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from pydantic import SecretStr

from destinations.identifiers import Unusable
from destinations.protocol import (
    Alike,
    Batch,
    Destination,
    Job,
    Json,
    Limits,
    Member,
    Operation,
    Outcome,
    Refused,
    Request,
    Response,
    Verdict,
)

REFUSALS = (301, 400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 429, 500, 503)
ENDLESS = 200
"""Requests after which an exchange is taken to be endless."""
_EVENT = "cart_abandoned"
_MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)
_ECHO = "ada.0@example.com +16505550100 person-0 sentinel plan"
NONSENSE = (
    b"", b"<html>busy</html>", b"null", b"[]", b"[{}]", b'"text"', b"-1e999", b"9" * 5000, b'{"data": ', b"[" * 50_000,
    b"\xff\xfe", b'{"data": 5, "errors": "x", "error": [], "segments": {}, "num_received": "3"}',
    b'{"data": [null, 7, {}], "errors": [null, 7, {}], "error": {"code": "x"}, "links": {"next": 5}}',
    b'{"data": {"id": 5}, "errors": [{"batch_index": -1}], "num_received": 1e400, "num_invalid_entries": true}',
    json.dumps({"errors": [{"batch_index": 10**9, "reason": _ECHO, "field": _ECHO, "code": _ECHO, "detail": _ECHO,
                            "source": {"pointer": f"/data/attributes/profiles/data/0/{_ECHO}"}}],
                "error": {"code": _ECHO, "message": _ECHO}, "message": _ECHO}).encode(),
)  # fmt: skip
_SAFE = ("https://", "smtp://", "smtps://", "postgresql://", "duckdb://", "file://")
"""What an address may begin with: encrypted, by the carriers' own demand, or on this machine."""
_WRITTEN, _HEADER = re.compile(r"[!#-;=?-_a-~]+"), re.compile(r"[ -~\xa0-\xff]*")
_SAMPLES = {"email": "ada.{}@example.com", "phone": "+1650555010{}", "madid": "AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEE{}"}


@dataclass(slots=True)
class _Witness:
    """Runs exchanges with one destination and writes down what was broken."""

    destination: Destination
    broken: list[str]
    secrets: tuple[str, ...]

    def complain(self, about: str, law: str) -> None:
        if (line := f"{about}: {law}") not in self.broken:
            self.broken.append(line)

    def run(self, about: str, exchange: Generator[Request, Response, Any], answer: Response, most: int) -> Any:
        """The end of an exchange whose every request gets the same answer; None when it was refused."""
        try:
            request = next(exchange)
            for _ in range(most):
                self.look_at(about, request)
                request = exchange.send(answer)
            self.complain(about, f"an exchange ends within {most} requests")
        except StopIteration as done:
            return done.value
        except Refused as refused:
            if not str(refused) or self.shows(str(refused)):
                self.complain(about, "a refusal says what is wrong, without persons' data and secrets")
        except Exception as error:
            self.complain(about, f"nothing but Refused is raised, not {type(error).__name__}")
        return None

    def look_at(self, about: str, request: Request) -> None:
        root = self.destination.settings.base_url or _SAFE
        sent = request.finish(request, 1_614_265_330) if request.finish else request
        if not sent.url.startswith(root):
            self.complain(about, "requests go to base_url where it is set, and by https where it is not")
        if self.shows(repr(request)):
            self.complain(about, "the repr of a request shows neither persons' data nor secrets")
        # An address or a form that is itself a secret is put in by `finish`, which is as late as a header is read.
        if any(secret in request.url or secret.encode() in (request.body or b"") for secret in self.secrets):
            self.complain(about, "secrets stand in headers only")
        if any(word in sent.url.partition("?")[0] for word in _ECHO.split()):
            self.complain(about, "no person's data stands in a path")
        if not _WRITTEN.fullmatch(sent.url) or not all(_HEADER.fullmatch(value) for value in sent.headers.values()):
            self.complain(about, "an address is percent-encoded and a header is one line")
        if sent.method in ("GET", "HEAD") and not sent.reads:
            self.complain(about, "a request that only reads is marked as one, so that it may be repeated")

    def shows(self, text: str) -> bool:
        return any(word in text for word in (*self.secrets, *_ECHO.split(), "sentinel plan"))

    def judge(self, about: str, batch: Batch | Job, outcomes: Any, answer: Response) -> None:
        some = isinstance(outcomes, list | tuple | Alike)
        if not some or not all(isinstance(outcome, Outcome) for outcome in outcomes):
            return self.complain(about, "an exchange returns outcomes")
        if sorted(outcome.id for outcome in outcomes) != sorted(member.id for member in batch.members):
            self.complain(about, "exactly one outcome a member")
        for outcome in outcomes:
            if outcome.verdict is not Verdict.ACCEPTED and not outcome.reason:
                self.complain(about, "a reason for all that is not accepted")
            if self.shows(outcome.reason):
                self.complain(about, "a reason carries neither persons' data nor secrets")
            if outcome.verdict is Verdict.PENDING and not outcome.job:
                self.complain(about, "a pending member names its job")
            if outcome.verdict in (Verdict.ACCEPTED, Verdict.PENDING) and not answer.ok and isinstance(batch, Batch):
                self.complain(about, "nothing refused is accepted")
        return None


def broken_laws(destination: Destination) -> list[str]:
    """What this destination breaks, as `where: law`."""
    secrets = [getattr(destination.settings, name) for name in type(destination.settings).model_fields]
    hidden = tuple(value.get_secret_value() for value in secrets if isinstance(value, SecretStr))
    destination = destination.for_event(_EVENT)
    settings = destination.settings.model_copy(update={"base_url": "http://127.0.0.1:9/channel"})
    local = type(destination)(settings).for_event(_EVENT)
    witness = _Witness(destination, [], hidden)
    for operation, limits in destination.capabilities.operations.items():
        _full_batch(witness, operation, limits)
        for each in (destination, local):
            witness.destination = each
            for batch, answer in _trials(each, operation, limits):
                about = f"{operation} answered {answer.status} {answer.body[:24]!r}"
                outcomes = witness.run(about, each.deliver(batch), answer, ENDLESS)
                if outcomes is not None:
                    witness.judge(about, batch, outcomes, answer)
    _side_exchanges(witness, local)
    _hints(witness, local)
    return witness.broken


def _trials(destination: Destination, operation: Operation, limits: Limits) -> Iterator[tuple[Batch, Response]]:
    batch = _batch(destination, operation, min(limits.rows, 3))
    for status in (200, 202, 207, *REFUSALS):
        for body in NONSENSE:
            yield batch, Response(status, {}, body)


def _full_batch(witness: _Witness, operation: Operation, limits: Limits) -> None:
    """As many rows as the limits allow go out in few requests and stay within the bytes."""
    destination = witness.destination
    room = (limits.bytes or 10**9) // 600
    batch = _batch(destination, operation, max(1, min(limits.rows, room)))
    try:
        first, again = next(destination.deliver(batch)), next(destination.deliver(batch))
    except (Refused, StopIteration):
        return
    if (first.method, first.url, first.body) != (again.method, again.url, again.body):
        witness.complain(f"{operation}", "the same batch yields the same first request")
    if limits.bytes is not None and len(first.body or b"") > limits.bytes:
        witness.complain(f"{operation}", f"a batch within {limits.rows} rows stays within {limits.bytes} bytes")
    most = len(batch.members) // 10 + 5
    outcomes = witness.run(f"full {operation}", destination.deliver(batch), Response(500), most)
    witness.judge(f"full {operation}", batch, outcomes or [], Response(500))


def _side_exchanges(witness: _Witness, destination: Destination) -> None:
    for operation in islice(destination.capabilities.operations, 1):
        batch = _batch(destination, operation, 3)
        for answer in (Response(status, {}, body) for status in (200, *REFUSALS) for body in NONSENSE):
            job = Job("job-1", batch.members, operation, "7")
            outcomes = witness.run("settle", destination.settle(job), answer, ENDLESS)
            if outcomes is not None:
                witness.judge("settle", job, outcomes, answer)
            for name, exchange in (("prepare", destination.prepare("v'i p/ü?\"")), ("check", destination.check()),
                                   ("cut_off", destination.cut_off("7", _MOMENT)),
                                   ("members", destination.members("7"))):
                witness.run(name, exchange, answer, ENDLESS)


def _hints(witness: _Witness, destination: Destination) -> None:
    """What the driver asks about an answer is answered for any answer."""
    for answer in (Response(status, {}, body) for status in (200, *REFUSALS) for body in NONSENSE):
        wait, failed, refused = destination.throttled(answer), destination.failed(answer), destination.refused(answer)
        if destination.rests(answer) != 0:
            witness.complain("hints", "a channel is left alone only where its headers ask for it")
        if (answer.status == 429) != (wait is not None) or (answer.status >= 500) != failed:
            witness.complain("hints", "429 is throttling and 5xx a failure, and nothing else is by its status alone")
        if (answer.status == 401 and not refused) or (refused and (answer.ok or witness.shows(refused))):
            witness.complain("hints", "401 is a refusal of credentials, told without persons' data and secrets")


def _batch(destination: Destination, operation: Operation, rows: int) -> Batch:
    members = tuple(_member(destination, index) for index in range(rows))
    event = _EVENT if operation is Operation.TRIGGER else None
    return Batch(operation, members, "abandoned_cart", "7", event, at=_MOMENT)


def _member(destination: Destination, index: int) -> Member:
    identifiers = {"person": f"person-{index}"}
    for kind in [kind for kind in destination.capabilities.identifiers if index < 10 or kind == "email"]:
        with suppress(Unusable):  # this connection knows nobody by it
            identifiers[kind] = destination.identify(kind, _SAMPLES.get(kind, "person-{}").format(index))
    can = destination.capabilities
    names = sorted(can.fields) or ["plan"] if can.attributes and index < 100 else []
    attributes: dict[str, Json] = dict.fromkeys(names, "sentinel plan")
    remote = f"remote-{index}" if index % 2 else None
    return Member(f"op-{index}", f"person-{index}", identifiers, attributes, remote, _MOMENT)
