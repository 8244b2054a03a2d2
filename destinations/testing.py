"""Run the case file of a destination: what is asked, the conversation that must follow, and how each member ends.

A case file is YAML: `settings` (made-up keys), then `cases`, each with a name and

    deliver: add | update | remove | trigger    with members; target, event, audience, silent, at where they matter
    replace: {session, number, last, total}     with members and target
    settle: <job id>                            with members, operation and target
    prepare: <name> · read: <target> · cut_off: <target>, at · check: true · identify: {kind, value, region}

`exchange` is a list of `expect` (method, url, headers that must be there, the body as a whole: json, form or text) and
`answer` (status, headers, json or text). A case ends in `outcomes`, in `returns`, or in `refused`: words that the
operator reads (`gone` where they say that the remote list is). An answer that the driver deals with ends it too: in
`refused` where the credentials are, in `throttled` (seconds to wait, 0: as the driver likes) or in `failed: true`.

In the folder of both files this runs them, and the laws that hold for every destination:

    python -m destinations.testing my_pigeons:Pigeons my_pigeons.yaml
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import yaml

import destinations
from destinations.identifiers import Unusable
from destinations.laws import broken_laws
from destinations.protocol import (
    Batch,
    Destination,
    Gone,
    Job,
    Member,
    Operation,
    Outcome,
    Part,
    Refused,
    Request,
    Response,
)

NOW = 1_614_265_330
"""Unix time at which every request of a case is sent, unless the case says `now`."""


@dataclass(frozen=True, slots=True)
class Case:
    """One conversation with a channel."""

    name: str
    settings: Mapping[str, Any]
    said: Mapping[str, Any]


def read_cases(path: Path) -> list[Case]:
    """The cases of a file; `settings` of a case are laid over those of the file."""
    document = yaml.safe_load(path.read_text("utf-8"))
    common = document.get("settings", {})
    return [Case(case["name"], {**common, **case.get("settings", {})}, case) for case in document["cases"]]


Wire = Callable[[Request, Response], Response]
"""Sends a request to a server that gives the answer, and answers what came back."""


def run_case(kind: type[Destination], case: Case, wire: Wire | None = None) -> list[Request]:
    """The requests made, for further checks (a vendor's specification). Raises AssertionError at a difference.

    A rehearsal unless there is a `wire`, over which requests and answers then go.
    """
    destination = kind(kind.settings_type.model_validate(dict(case.settings)))
    said, requests = case.said, list[Request]()
    if "identify" in said:
        _equal(case.name, _identify(destination, said["identify"]), said["returns"])
        return requests
    try:
        ended = _talk(destination, case, requests, wire)
    except Refused as refused:
        word = "gone" if isinstance(refused, Gone) else "refused"
        _require(bool(said.get(word)) and said[word] in str(refused), f"{case.name}: {word}: {refused}")
        return requests
    except _Driven as driven:
        _equal(case.name, {driven.word: driven.value}, {word: said[word] for word in _DRIVEN if word in said})
        return requests
    for word in ("refused", "gone", *_DRIVEN):
        _require(word not in said, f"{case.name}: was not {word}")
    if "outcomes" in said:
        _equal(f"{case.name}: outcomes", [_shorten(outcome) for outcome in ended], said["outcomes"])
    else:
        _equal(f"{case.name}: returns", ended, said.get("returns"))
    return requests


def members_of(rows: Sequence[Mapping[str, Any]]) -> tuple[Member, ...]:
    """Members as a case writes them: an id, and what differs from nothing."""
    return tuple(Member(**{"person": row["id"], "identifiers": {}, **row, "occurred_at": _time(row, "occurred_at")})
                 for row in rows)


def exchange_of(destination: Destination, said: Mapping[str, Any]) -> Generator[Request, Response, Any]:
    """The exchange that a case is about, not begun."""
    members = members_of(said.get("members", []))
    if "deliver" in said:
        options = {key: said[key] for key in ("target", "event", "silent") if key in said}
        audience = said.get("audience", "abandoned_cart")
        batch = Batch(Operation(said["deliver"]), members, audience, **options, at=_time(said, "at"))
        return destination.deliver(batch)
    if "replace" in said:
        batch = Batch(Operation.ADD, members, "abandoned_cart", said.get("target"))
        return destination.replace(batch, Part(**said["replace"]))
    if "settle" in said:
        return destination.settle(Job(said["settle"], members, Operation(said["operation"]), said.get("target")))
    if "prepare" in said:
        return destination.prepare(said["prepare"])
    if "cut_off" in said:
        return destination.cut_off(said["cut_off"], datetime.fromisoformat(said["at"]))
    return destination.members(said["read"]) if "read" in said else destination.check()


_DRIVEN = ("throttled", "failed")


class _Driven(Exception):
    """An answer that the driver deals with: the destination never sees it."""

    def __init__(self, word: str, value: object) -> None:
        super().__init__(word)
        self.word, self.value = word, value


def _talk(destination: Destination, case: Case, requests: list[Request], wire: Wire | None) -> Any:
    """Play the channel's part as the case says it, and the driver's."""
    exchange, script = exchange_of(destination, case.said), list(case.said.get("exchange", []))
    try:
        request = next(exchange)
        while True:
            _require(bool(script), f"{case.name}: asks once more: {request}")
            step = script.pop(0)
            sent = request.finish(request, case.said.get("now", NOW)) if request.finish else request
            requests.append(sent)
            _compare(f"{case.name}: request {len(requests)}", sent, step["expect"])
            answer = wire(sent, answer_of(step["answer"])) if wire else answer_of(step["answer"])
            _judge(destination, answer)
            request = exchange.send(answer)
    except StopIteration as done:
        _require(not script, f"{case.name}: ended before {len(script)} more requests")
        return done.value


def _judge(destination: Destination, answer: Response) -> None:
    """What the driver asks of an answer before it hands it on."""
    if reason := destination.refused(answer):
        raise Refused(reason)
    if (wait := destination.throttled(answer)) is not None:
        raise _Driven("throttled", wait)
    if destination.failed(answer):
        raise _Driven("failed", True)


def _compare(step: str, sent: Request, expected: Mapping[str, Any]) -> None:
    _equal(f"{step}: method and url", [sent.method, sent.url], [expected["method"], expected["url"]])
    wanted = expected.get("headers", {})
    _equal(f"{step}: headers", {name: sent.headers.get(name) for name in wanted}, wanted)
    _equal(f"{step}: body", *_bodies(sent.body or b"", expected))


def _bodies(sent: bytes, expected: Mapping[str, Any]) -> tuple[Any, Any]:
    """The body that was sent and the one expected, both as the case writes it."""
    if "text" in expected:
        return sent.decode(), expected["text"]
    if "form" in expected:
        return dict(parse_qsl(sent.decode(), keep_blank_values=True)), expected["form"]
    return json.loads(sent) if sent else None, expected.get("json")


def answer_of(said: Mapping[str, Any]) -> Response:
    """An answer as a case writes it."""
    body = json.dumps(said["json"]) if "json" in said else said.get("text", "")
    headers = {name.lower(): value for name, value in said.get("headers", {}).items()}
    return Response(said["status"], headers, body.encode())


def _identify(destination: Destination, said: Mapping[str, Any]) -> str:
    try:
        return destination.identify(said["kind"], said["value"], said.get("region"))
    except Unusable as reason:
        return f"unusable: {reason}"


def _shorten(outcome: Outcome) -> dict[str, Any]:
    return {key: str(value) for key, value in asdict(outcome).items() if value}


def _time(said: Mapping[str, Any], key: str) -> datetime | None:
    return datetime.fromisoformat(said[key]) if key in said else None


def _equal(what: str, got: Any, wanted: Any) -> None:
    _require(got == wanted, f"{what}:\n  got    {got}\n  wanted {wanted}")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


def prove(kind: type[Destination], cases: Sequence[Case]) -> list[str]:
    """What the destination does otherwise than its cases say, and the laws that it breaks."""
    wrong = [problem for case in cases if (problem := _difference(kind, case))]
    return [*wrong, *broken_laws(kind(kind.settings_type.model_validate(dict(cases[0].settings))))]


def _difference(kind: type[Destination], case: Case) -> str:
    try:
        run_case(kind, case)
    except AssertionError as difference:
        return str(difference)
    return ""


def main(arguments: Sequence[str]) -> int:
    """Prove one destination from the command line; 1 when something is wrong."""
    if len(arguments) != 2:
        sys.stderr.write("write: python -m destinations.testing my_module:MyDestination my_cases.yaml\n")
        return 1
    try:
        cases = read_cases(Path(arguments[1]))
        wrong = prove(destinations.load(arguments[0]), cases)
    except (LookupError, OSError, TypeError, ValueError, yaml.YAMLError) as error:
        wrong = [f"{' '.join(arguments)}: {error}"]
    sys.stdout.write("".join(f"{line}\n" for line in wrong or [f"{len(cases)} cases and all laws hold"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
