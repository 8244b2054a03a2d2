"""Make a failing schedule small, and show it as a table.

Streams are apart, so fewer runs, fewer people or one fault less leave the rest as it was; what still breaks the same
invariant is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.sim.scenario import Scenario
from tests.sim.simulate import Outcome

TRIALS = 80


def invariant(violation: str) -> str:
    """The first word of a violation."""
    return violation.partition(":")[0]


def shrink(failed: Outcome, play: Callable[[Scenario], Outcome], trials: int = TRIALS) -> Outcome:
    """The smallest schedule found that breaks the same invariant."""
    best = failed
    while trials > 0:
        for smaller in _smaller(best.schedule.scenario):
            trials -= 1
            tried = play(smaller)
            if tried.violation and invariant(tried.violation) == invariant(failed.violation):
                best = tried
                break
            if not trials:
                break
        else:
            break
    return best


def _smaller(scenario: Scenario) -> Iterator[Scenario]:
    if scenario.runs > 1:
        yield replace(scenario, runs=scenario.runs // 2)
        yield replace(scenario, runs=scenario.runs - 1)
    if scenario.persons > 1:
        yield replace(scenario, persons=scenario.persons - 1, emails=min(scenario.emails, scenario.persons - 1))
    if scenario.poison:
        yield replace(scenario, poison=False)
    for fault, rate in scenario.rates.items():
        if rate:
            yield scenario.without(fault)


def table(outcome: Outcome) -> str:
    """What happened, line by line."""
    scenario = outcome.schedule.scenario
    faults = ", ".join(f"{name} {rate:g}" for name, rate in scenario.rates.items() if rate)
    head = (f"{outcome.violation}\nseed {scenario.seed}, {scenario.kind}, {scenario.runs} runs, "
            f"{scenario.persons} persons, {scenario.emails} e-mails; faults: {faults or 'none'}")
    rows = [f"{at:>12,.2f} │ {what:<20} │ {detail}" for at, what, detail in outcome.schedule.world.trace]
    return "\n".join((head, *rows))
