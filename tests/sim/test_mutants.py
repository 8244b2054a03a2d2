"""The mutation gate: a simulator that does not notice these mistakes is too weak to prove anything."""

from __future__ import annotations

import pytest

from tests.sim.directed import STORIES
from tests.sim.levels import NOTICED
from tests.sim.mutants import MUTANTS, Mutant, Swap
from tests.sim.scenario import scenario
from tests.sim.simulate import simulate


def _noticed(mutant: Mutant, swap: Swap) -> str:
    """The violation that gives the mutant away; empty when none does."""
    if mutant.directed:
        NOTICED[_named(mutant)] = "directed"
        return STORIES[mutant.name](swap)
    for seed in range(mutant.budget):
        if violation := simulate(scenario(seed, mutant.kind, mutant.swarm, kin=mutant.kin), rewrite=swap).violation:
            NOTICED[_named(mutant)] = seed
            return violation
    return ""


def _gate(mutant: Mutant) -> None:
    swap = Swap(mutant.swaps)
    with pytest.MonkeyPatch.context() as patch:
        if mutant.patch:
            mutant.patch(patch)
        noticed = _noticed(mutant, swap)
    assert (swap.misses, bool(noticed)) == ([], True), f"{mutant.name} in {mutant.budget} schedules of {mutant.kind}"


def _named(mutant: Mutant) -> str:
    return f"{mutant.name}-{mutant.kind}"


QUICK = [mutant for mutant in MUTANTS if mutant.directed or mutant.budget <= 60]


@pytest.mark.parametrize("mutant", QUICK, ids=_named)
def test_a_mistake_that_shows_at_once_is_noticed(mutant: Mutant) -> None:
    _gate(mutant)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutant", [mutant for mutant in MUTANTS if mutant not in QUICK], ids=_named)
def test_a_mistake_that_shows_rarely_is_noticed(mutant: Mutant) -> None:
    _gate(mutant)


@pytest.mark.parametrize("name", STORIES)
def test_a_directed_schedule_finds_nothing_wrong_with_production(name: str) -> None:
    assert STORIES[name](str) == ""
