"""A conversation that goes wrong at any of its steps: one reasoned outcome a member all the same, and none too good."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

import destinations
from destinations.laws import ENDLESS, NONSENSE
from destinations.protocol import Destination, Outcome, Refused, Response, Verdict
from destinations.testing import Case, answer_of, exchange_of, members_of
from tests.destinations.test_cases import CASES

STATUSES = (200, 400, 404, 409, 413, 422)
VERBS = ("deliver", "settle", "replace")
TALKS = [(name, case) for name, case in CASES if case.said.get("exchange") and not {*VERBS}.isdisjoint(case.said)]


def faults() -> Iterator[Response]:
    for status in STATUSES:
        for body in NONSENSE[:-1]:
            yield Response(status, {}, body)


def is_driven(destination: Destination, answer: Response) -> bool:
    """Whether the driver deals with it, and the destination never sees it."""
    return (bool(destination.refused(answer)) or destination.throttled(answer) is not None
            or destination.failed(answer))  # fmt: skip


def talk(destination: Destination, case: Case, at: int, fault: Response) -> tuple[list[Outcome], bool] | None:
    """Outcomes when the answers are those of the case up to a step and then the fault, and whether a request that
    changes something got it; None where the conversation never comes to that, or the operator is told."""
    exchange, changed = exchange_of(destination, case.said), False
    try:
        request = next(exchange)
        for step in range(ENDLESS):
            answer = answer_of(case.said["exchange"][step]["answer"]) if step < at else fault
            if is_driven(destination, answer):
                return None
            changed = changed or (step >= at and not request.reads)
            request = exchange.send(answer)
    except StopIteration as done:
        return list(done.value), changed
    except Refused as refused:
        assert str(refused)
        return None
    raise AssertionError(f"{case.name}: no end after {ENDLESS} requests")


def complaints(said: Mapping[str, Any], outcomes: list[Outcome], fault: Response, changed: bool) -> Iterator[str]:
    members = members_of(said["members"])
    if sorted(outcome.id for outcome in outcomes) != sorted(member.id for member in members):
        yield "exactly one outcome a member"
    told = {value for member in members for value in (*member.identifiers.values(), member.person) if len(value) > 5}
    for outcome in outcomes:
        if outcome.verdict is not Verdict.ACCEPTED and not outcome.reason:
            yield "a reason for all that is not accepted"
        if any(value in outcome.reason for value in told):
            yield "no person's data in a reason"
        if outcome.verdict is Verdict.PENDING and not outcome.job:
            yield "a pending member names its job"
    # 404 says of some removals that nobody is there to be removed.
    if changed and fault.status not in (200, 404) and all(outcome.verdict is Verdict.ACCEPTED for outcome in outcomes):
        yield "what was refused is not accepted"


@pytest.mark.parametrize("name", sorted({name for name, _ in TALKS}))
def test_an_answer_that_goes_wrong_midway_leaves_one_reasoned_outcome_a_member(name: str) -> None:
    kind, wrong, tried = destinations.load(name), list[str](), 0
    for case in [case for other, case in TALKS if other == name]:
        destination = kind(kind.settings_type.model_validate(dict(case.settings)))
        for at in range(len(case.said["exchange"])):
            for fault in faults():
                if found := talk(destination, case, at, fault):
                    tried += 1
                    wrong += [f"{case.name}, step {at + 1}, {fault.status} {fault.body[:20]!r}: {law}"
                              for law in complaints(case.said, found[0], fault, found[1])]
    assert wrong == []
    assert tried
