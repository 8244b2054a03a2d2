"""Whatever goes wrong, and whenever: channel, ledger and audience agree in the end, and nobody is told twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.sim.levels import fresh, pinned, play, until
from tests.sim.scenario import CALM, JOBS, KINDS, NETWORK, scenario
from tests.sim.shrink import shrink, table
from tests.sim.simulate import Schedule, simulate
from tests.sim.world import DuckMemory, World

QUICK_SECONDS, FRESH_SECONDS = 14, 60
CRASHES = ("begin", "before commit", "after commit", "open", "closed", "claim", "claimed", "send", "sent", "answered",
           "result", "resulted", "flushing", "forgetting", "yield Snapshot", "yield Plan", "yield Progress",
           "yield Result")
"""Points at which every level of some size has died."""
MET = {f"{fault} × {action}" for fault in NETWORK for action in ("add", "remove", "update", "trigger")
       if fault not in ("unauthorised",)}
MET |= {f"{fault} × replace" for fault in ("lost_before", "lost_after", "delayed", "throttled", "failed", "repeated")}
MET |= {f"{fault} × poll" for fault in ("lost_before", "failed", "garbage")}
MET |= {f"{fault} × {action}" for fault in JOBS for action in ("add", "remove")}
MET |= {"locked × open", "lost_before_commit × commit", "lost_at_commit × commit", "journal_full × claim",
        "journal_full × result", "journal_lost × with claims", "journal_lost × with results", "journal_lost × empty",
        "outage × between", "mapping × between", "other_host × between", "broken × everybody", "broken × some",
        "approve × hold", "suppress × sent", "suppress × yield Plan", "second_run × sent", "second_run × yield Plan",
        "second_run × goes on", "second_run × dies", "lease × held", "lease × lost", "drift × taken out",
        "drift × put back in", "reconcile × differs", "reconcile × same", "reconcile × crashed", "reconcile × failed"}
MET |= {f"merge × {old} and {new}" for old in ("here", "away") for new in ("here", "away")}
MET |= {"holdout × accepted", "holdout × held"}
MET |= {f"crash × {point}" for point in CRASHES}


def test_seeds_that_once_failed_and_as_many_more_as_fit_into_some_seconds() -> None:
    play("quick", pinned())
    play("quick", (scenario(seed) for seed in range(60)))
    play("quick", (scenario(seed, kin=True) for seed in range(16)))
    play("quick", until(QUICK_SECONDS, range(60, 10_000)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_process_may_die_at_any_call_of_a_port(kind: str) -> None:
    calm = replace(scenario(7, kind), rates=CALM, runs=2, persons=4, emails=3, poison=False,
                   guarded=False, live=True)
    points = 0
    for die_at in range(1_000):
        schedule = Schedule(calm, World(calm))
        schedule.world.change(3)
        schedule.run(0.0)
        schedule.world.advance(4_000)
        schedule.world.change(6)
        schedule.crash_at = die_at or None
        schedule.run(0.0)
        schedule.settle()
        schedule.world.engine.close()
        if die_at and not schedule.crashes:
            points = die_at
            break
    assert points > 20


def test_the_same_schedules_hold_on_duckdb() -> None:
    play("duckdb", until(5), DuckMemory)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_three_thousand_seeds_meet_every_fault_in_every_state() -> None:
    figures = play("fixed", (scenario(seed) for seed in range(3_000)))
    assert sorted(MET - figures.coverage.keys()) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_minute_of_fresh_seeds_holds_too() -> None:
    """Seeds that came with the last change, as many as fit: one that fails is shrunk, shown, and added to seeds.txt."""
    play("fresh", until(FRESH_SECONDS, fresh()), pin=True)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_two_hundred_schedules_hold_on_duckdb() -> None:
    play("duckdb, longer", (scenario(seed) for seed in range(100, 300)), DuckMemory)


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_fifty_thousand_seeds() -> None:
    assert play("soak", (scenario(seed) for seed in range(3_000, 53_000)), pin=True).violations == 0


def test_a_seed_is_one_schedule() -> None:
    traces = [simulate(scenario(5)).schedule.world.trace for _ in range(2)]
    assert traces[0] == traces[1]


def test_a_failing_schedule_is_made_small_and_shown() -> None:
    def forgetful(sql: str) -> str:
        return sql.replace("r.outcome in ('ok', 'unknown', 'rejected')", "r.outcome = 'unknown'")

    outcomes = (simulate(scenario(seed, "set"), rewrite=forgetful) for seed in range(20))
    failed = next(outcome for outcome in outcomes if outcome.violation)
    small = shrink(failed, lambda smaller: simulate(smaller, rewrite=forgetful), trials=60)
    before, after = failed.schedule.scenario, small.schedule.scenario
    assert (after.runs < before.runs, sum(after.rates.values()) < sum(before.rates.values())) == (True, True)
    assert "│ send" in table(small)
