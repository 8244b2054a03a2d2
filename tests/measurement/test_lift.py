"""Lift, tried on experiments whose effect is known: intervals that cover as often as they say, and no false effect.

Each draw is fixed by a seed. The bands are those of a binomial of that many experiments.
"""

from __future__ import annotations

from pathlib import Path
from statistics import NormalDist

import duckdb
import numpy as np
import pandas as pd
import pytest
from jinja2 import Environment

MACRO = Path(__file__).parents[2] / "dbt_project" / "macros" / "lift.sql"
EXPERIMENTS, HOLDOUT = 2_000, 0.1


def lift(looks_at: int = 10_000) -> str:
    """The macro's SQL over the table `experiments`."""
    module = Environment().from_string(MACRO.read_text("utf-8"))
    return str(module.make_module().lift("experiments", looks_at))


def measure(people: pd.DataFrame) -> pd.DataFrame:
    with duckdb.connect() as connection:
        connection.register("experiments", people)
        return connection.execute(f"select * from ({lift()}) order by audience").df()


def draw(seed: int, size: int, effect: float, *, experiments: int = EXPERIMENTS, tie: float = 0.6) -> pd.DataFrame:
    """People of so many experiments: money after, tied to money before, and `effect` more for those who were sent."""
    rng = np.random.default_rng(seed)
    count = experiments * size
    habit = rng.gamma(2.0, 10.0, count)
    noise = rng.gamma(2.0, 10.0, count)
    held = rng.random(count) < HOLDOUT
    outcome = tie * habit + np.sqrt(1 - tie**2) * noise + np.where(held, 0.0, effect)
    return pd.DataFrame({"audience": np.repeat(np.arange(experiments), size), "before": habit, "holdout": HOLDOUT,
                         "arm": np.where(held, "held_out", "sent"), "outcome": outcome})


@pytest.fixture(scope="module")
def known() -> pd.DataFrame:
    return measure(draw(1, 1_000, 2.0))


def covers(found: pd.DataFrame, name: str, effect: float) -> float:
    return float(((found[f"{name}_low"] <= effect) & (effect <= found[f"{name}_high"])).mean())


def test_an_interval_of_95_percent_holds_the_true_effect_95_times_of_100(known: pd.DataFrame) -> None:
    assert 0.93 <= covers(known, "effect", 2.0) <= 0.97
    assert 0.93 <= covers(known, "adjusted", 2.0) <= 0.97


def test_where_there_is_no_effect_one_is_seen_in_at_most_six_of_100() -> None:
    found = measure(draw(2, 1_000, 0.0))
    assert 1 - covers(found, "effect", 0.0) <= 0.06
    assert 1 - covers(found, "adjusted", 0.0) <= 0.06


def test_what_the_time_before_explains_narrows_the_interval_as_theory_says(known: pd.DataFrame) -> None:
    width = (known.adjusted_high - known.adjusted_low) / (known.effect_high - known.effect_low)
    assert abs(width.median() - np.sqrt(1 - 0.6**2)) < 0.01


def test_the_interval_for_those_who_look_each_day_holds_at_every_look() -> None:
    """A hundred looks at each of 300 experiments without an effect: it excludes none at any look in 95 of 100."""
    people = draw(3, 4_000, 0.0, experiments=300)
    place = people.groupby("audience").cumcount()
    wrong: set[int] = set()
    for look in range(200, 4_001, 200):
        found = measure(people[place < look])
        wrong |= set(found.audience[(found.always_low > 0) | (found.always_high < 0)])
    assert len(wrong) / 300 <= 0.05


def test_those_who_look_each_day_with_the_plain_interval_are_misled_more_often() -> None:
    people = draw(3, 4_000, 0.0, experiments=300)
    place = people.groupby("audience").cumcount()
    wrong: set[int] = set()
    for look in range(200, 4_001, 200):
        found = measure(people[place < look])
        wrong |= set(found.audience[(found.effect_low > 0) | (found.effect_high < 0)])
    assert len(wrong) / 300 > 0.10


def test_the_smallest_effect_that_can_be_found_is_found_four_times_of_five(known: pd.DataFrame) -> None:
    effect = float(known.detectable.median())
    found = measure(draw(4, 1_000, effect))
    assert 0.76 <= float((found.effect_low > 0).mean()) <= 0.84


def test_arms_that_do_not_have_the_sizes_that_were_drawn_are_told() -> None:
    people = draw(5, 2_000, 0.0, experiments=200)
    lost = people[(people.arm == "sent") | (np.arange(len(people)) % 2 == 0)]
    assert measure(people).arms_fit.mean() >= 0.99
    assert measure(lost).arms_fit.mean() == 0.0


def test_the_figures_are_those_of_another_computation() -> None:
    people = draw(6, 500, 1.0, experiments=1)
    [row] = measure(people).to_dict("records")
    sent, held = people[people.arm == "sent"], people[people.arm == "held_out"]
    error = np.sqrt(sent.outcome.var() / len(sent) + held.outcome.var() / len(held))
    effect = sent.outcome.mean() - held.outcome.mean()
    assert {name: round(row[name], 9) for name in ("n_sent", "n_held", "effect", "effect_low", "incremental")} == {
        "n_sent": len(sent), "n_held": len(held), "effect": round(effect, 9),
        "effect_low": round(effect - NormalDist().inv_cdf(0.975) * error, 9),
        "incremental": round(effect * len(sent), 9)}


def test_an_audience_without_one_of_the_arms_proves_nothing() -> None:
    people = draw(7, 50, 0.0, experiments=2)
    assert measure(people[(people.arm == "sent") | (people.audience == 1)]).audience.tolist() == [1]
