"""Lift on the campaigns of a real shop (The Complete Journey, 2017): our models against another computation.

Each campaign is measured twice. `campaign_N` takes the arms as they came about: households that the campaign was mailed
to, against those that were not, all of whom had bought in as long a time before. Nobody drew them, and the models must
say so (`arms_fit`). `trial_N` draws three in ten of the mailed by the salted hash that the engine draws by; all of them
were mailed, so there is no effect to find. Records are laid down as the engine's own views give them to BI.
"""

from __future__ import annotations

import hashlib
import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import duckdb
import numpy as np
import pandas as pd
import pytest

from tests.realdata.conftest import shared  # noqa: F401 - a fixture
from tests.realdata.projects import Project, environment

pytestmark = [pytest.mark.slow, pytest.mark.realdata]

HERE, SHOP = Path(__file__).parent, Path(__file__).parents[2] / "dbt_project"
DECLARED, TRIAL_SHARE, TRIAL_DAYS, TOUCH = 0.1, 0.3, 7, pd.Timedelta(days=14)
NORMAL = NormalDist()
Z, POWER = NORMAL.inv_cdf(0.975), NORMAL.inv_cdf(0.8)


@dataclass(frozen=True, slots=True)
class Journey:
    """The parquet files, as pandas reads them."""

    campaigns: pd.DataFrame
    """One row a campaign whose time, and as long a time before, lie within the year: campaign_id, start, length."""
    mailed: pd.DataFrame
    """campaign_id and household_id."""
    baskets: pd.DataFrame
    """One row a basket: household_id, bought_at, value."""
    promoted: pd.DataFrame
    """campaign_id, household_id and bought_at of baskets with a product that a coupon of the campaign was for."""

    def buyers(self, start: pd.Timestamp, end: pd.Timestamp) -> set[int]:
        at = self.baskets.bought_at
        return set(self.baskets.household_id[(at >= start) & (at < end)])


@pytest.fixture(scope="module")
def journey(shared: Path) -> Journey:  # noqa: F811
    def read(name: str) -> pd.DataFrame:
        return pd.read_parquet(shared / f"cj_{name}.parquet")

    said, lines = read("campaign_descriptions"), read("transactions")
    said["length"] = said.end_date - said.start_date + pd.Timedelta(days=1)
    inside = ((said.start_date - said.length >= pd.Timestamp("2017-01-01"))
              & (said.start_date + said.length <= pd.Timestamp("2018-01-01")))
    baskets = lines.groupby("basket_id").agg(
        household_id=("household_id", "first"), bought_at=("transaction_timestamp", "min"),
        value=("sales_value", "sum")).reset_index()
    coupons = read("coupons")[["campaign_id", "product_id"]].drop_duplicates()
    promoted = lines.merge(coupons, on="product_id").groupby(["campaign_id", "household_id", "basket_id"]).agg(
        bought_at=("transaction_timestamp", "min")).reset_index()
    return Journey(said[inside].rename(columns={"start_date": "start"}), read("campaigns"), baskets, promoted)


@dataclass(frozen=True, slots=True)
class Trial:
    """One experiment: its arms, goal and time."""

    name: str
    campaign: int
    start: pd.Timestamp
    within: pd.Timedelta
    share: float
    arms: pd.Series
    """Household → sent or held_out."""
    is_by_order: bool
    """Whether any order is the goal; else one of a promoted product."""


def bucket(text: str) -> int:
    return int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:8], 16) % 10_000


def trials(journey: Journey) -> Iterator[Trial]:
    for number, start, length in journey.campaigns[["campaign_id", "start", "length"]].itertuples(index=False):
        mailed = set(journey.mailed.household_id[journey.mailed.campaign_id == number])
        active = sorted(journey.buyers(start - length, start))
        arms = pd.Series(["sent" if each in mailed else "held_out" for each in active], index=active)
        yield Trial(f"campaign_{number}", number, start, length, DECLARED, arms, is_by_order=False)
        name = f"trial_{number}"
        drawn = ["held_out" if bucket(f"{name}|{each}") < TRIAL_SHARE * 10_000 else "sent" for each in sorted(mailed)]
        yield Trial(name, number, start, pd.Timedelta(days=TRIAL_DAYS), TRIAL_SHARE,
                    pd.Series(drawn, index=sorted(mailed)), is_by_order=True)


@pytest.fixture(scope="module")
def experiments(journey: Journey) -> list[Trial]:
    return list(trials(journey))


@pytest.fixture(scope="module")
def built(
    experiments: list[Trial], shared: Path, tmp_path_factory: pytest.TempPathFactory  # noqa: F811
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A team's project with goals of its own and our measurement models, built over what was recorded."""
    folder = tmp_path_factory.mktemp("campaigns") / "project"
    shutil.copytree(HERE / "campaigns", folder, ignore=shutil.ignore_patterns("target", "logs", "*.duckdb*"))
    shutil.copytree(SHOP / "macros", folder / "macros")
    shutil.copytree(SHOP / "models" / "measurement", folder / "models" / "measurement",
                    ignore=shutil.ignore_patterns("goal_events.*"))
    declare(folder / "models" / "audiences", experiments)
    record(folder / "warehouse.duckdb", experiments)
    with environment(TAILRACE_REALDATA=str(shared)):
        done = Project(folder, shared).build("2018-01-01", "--exclude", "resource_type:unit_test", "audiences")
    assert done.ok, done.complaints
    with duckdb.connect(folder / "warehouse.duckdb", read_only=True) as connection:
        yield connection


def declare(folder: Path, experiments: list[Trial]) -> None:
    folder.mkdir()
    for trial in experiments:
        goal = "order_paid" if trial.is_by_order else f"bought_of_{trial.campaign}"
        (folder / f"{trial.name}.sql").write_text("select '' as person_id")
        (folder / f"{trial.name}.yml").write_text(
            f"models: [{{name: {trial.name}, config: {{meta: {{audience: {{holdout: {trial.share:.0%},"
            f" goal: {{event: {goal}, within: {trial.within.days}d}}}}}}}}}}]")


def record(warehouse: Path, experiments: list[Trial]) -> None:
    """Who was in which arm from when on, and that each household that was sent to got one message that morning."""
    drawn = pd.concat([pd.DataFrame({
        "audience": trial.name, "person_key": trial.arms.index.astype(str), "standing": trial.arms.to_numpy(),
        "since": trial.start, "is_mailing": not trial.is_by_order}) for trial in experiments])
    with duckdb.connect(warehouse) as connection:
        connection.register("drawn", drawn)
        connection.execute("create schema activation")
        connection.execute(
            """create table activation.stays as select audience, person_key, standing, 1 as entry_id,
                since as entered_at, since, since as decided_at, null::timestamp as until,
                null::timestamp as until_decided_at, null::timestamp as left_at from drawn""")
        connection.execute(
            """create table activation.receipts as select audience || '__mail' as sync_id, audience,
                'mail' as connection, 1 as epoch, md5(audience || person_key) as op_id, 1 as attempt,
                'event' as action, person_key, 'ok' as outcome, since as planned_at,
                since + interval 8 hours as first_sent_at, since + interval 9 hours as recorded_at
            from drawn where standing = 'sent' and is_mailing""")


def outcomes(journey: Journey, trial: Trial) -> pd.DataFrame:
    """Household → arm, and what it did in the time after the start and in as long a time before."""
    people = pd.DataFrame({"arm": trial.arms})
    deeds = journey.baskets if trial.is_by_order else journey.promoted[journey.promoted.campaign_id == trial.campaign]
    for suffix, begin in (("", trial.start), ("_before", trial.start - trial.within)):
        then = deeds[(deeds.bought_at >= begin) & (deeds.bought_at < begin + trial.within)]
        paid = journey.baskets[(journey.baskets.bought_at >= begin)
                               & (journey.baskets.bought_at < begin + trial.within)]
        people[f"conversion{suffix}"] = people.index.isin(then.household_id).astype(float)
        people[f"revenue{suffix}"] = paid.groupby("household_id").value.sum().reindex(people.index).fillna(0.0)
    return people


def figures(people: pd.DataFrame, metric: str, share: float) -> dict[str, float]:
    """Lift by another way: residuals of a regression on arm and past, tails of distributions."""
    is_sent = (people.arm == "sent").to_numpy(dtype=bool)
    outcome, before = (people[name].to_numpy(dtype=float) for name in (metric, f"{metric}_before"))
    sizes = is_sent.sum(), (~is_sent).sum()

    def error(values: np.ndarray) -> float:
        return math.sqrt(sum(values[arm].var(ddof=1) / arm.sum() for arm in (is_sent, ~is_sent)))

    past = before if before.std() else np.zeros_like(before)
    slopes, *_ = np.linalg.lstsq(np.column_stack([np.ones_like(before), is_sent, past]), outcome, rcond=None)
    adjusted = error(outcome - slopes[2] * past)
    effect, plain, expected = outcome[is_sent].mean() - outcome[~is_sent].mean(), error(outcome), len(people) * share
    chi = (sizes[1] - expected) ** 2 / expected + (sizes[1] - expected) ** 2 / (len(people) - expected)
    return {
        "n_sent": sizes[0], "n_held": sizes[1], "mean_sent": outcome[is_sent].mean(),
        "mean_held": outcome[~is_sent].mean(), "effect": effect, "effect_low": effect - Z * plain,
        "effect_high": effect + Z * plain, "incremental": effect * sizes[0],
        "relative_effect": effect / outcome[~is_sent].mean() if outcome[~is_sent].any() else math.nan,
        "adjusted_effect": slopes[1], "adjusted_low": slopes[1] - Z * adjusted,
        "adjusted_high": slopes[1] + Z * adjusted, "detectable": (Z + POWER) * plain,
        "arms_fit": float(math.erfc(math.sqrt(chi / 2)) > 0.001),
    }


@pytest.fixture(scope="module")
def expected(journey: Journey, experiments: list[Trial]) -> pd.DataFrame:
    rows = []
    for trial in experiments:
        people = outcomes(journey, trial)
        rows += [{"audience": trial.name, "metric": metric, **figures(people, metric, trial.share)}
                 for metric in ("conversion", "revenue") if people.arm.value_counts().min() > 1]
    return pd.DataFrame(rows).set_index(["audience", "metric"]).sort_index()


@pytest.fixture(scope="module")
def lifts(built: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    return built.execute("from measurement.lifts").df().set_index(["audience", "metric"]).sort_index()


def test_every_campaign_of_the_year_is_measured_to_the_last_figure(
    lifts: pd.DataFrame, expected: pd.DataFrame
) -> None:
    assert len(expected) >= 60
    found = lifts[expected.columns].astype(float)
    pd.testing.assert_frame_equal(found, expected.astype(float), rtol=1e-9, atol=1e-12, check_names=False)


def test_arms_that_nobody_drew_are_told_and_arms_that_were_drawn_are_believed(lifts: pd.DataFrame) -> None:
    mailed = lifts[lifts.index.get_level_values("audience").str.startswith("campaign_")]
    drawn = lifts[lifts.index.get_level_values("audience").str.startswith("trial_")]
    assert (mailed.arms_fit.sum(), drawn.arms_fit.all()) == (0, True)


def test_the_interval_for_every_look_is_where_the_mixture_reaches_twenty(lifts: pd.DataFrame) -> None:
    """There the martingale of a normal mixture is worth 1/α: no other bound has that."""
    errors = (lifts.effect_high - lifts.effect) / Z
    size, bound = lifts.n_sent + lifts.n_held, (lifts.always_high - lifts.effect) / errors
    assert np.allclose(lifts.effect - lifts.always_low, lifts.always_high - lifts.effect)
    root = -2 * math.log(0.05)
    spread = size * (root + math.log(root) + 1) / 10_000
    worth = np.exp(spread * bound**2 / (2 * (spread + 1))) / np.sqrt(spread + 1)
    assert np.allclose(worth[errors > 0], 20)


def test_a_draw_among_the_mailed_finds_an_effect_no_more_often_than_chance_does(lifts: pd.DataFrame) -> None:
    drawn = lifts[lifts.index.get_level_values("audience").str.startswith("trial_")]
    assert ((drawn.adjusted_low > 0) | (drawn.adjusted_high < 0)).mean() <= 0.06
    assert not ((drawn.always_low > 0) | (drawn.always_high < 0)).any()


def test_an_order_that_would_not_have_been_placed_has_its_cost(
    built: duckdb.DuckDBPyConnection, expected: pd.DataFrame
) -> None:
    found = built.execute("select * from measurement.ad_costs order by audience, platform").df()
    spend = {"mail": 312.50 + 41.20, "display": 77.77}
    wanted = [{"audience": audience, "platform": platform, "spend": spend[platform], "share_compared": 1.0,
               "incremental_orders": row.incremental,
               "cost_per_order": sum(spend.values()) / row.incremental if row.incremental > 0 else math.nan}
              for (audience, metric), row in expected.iterrows()
              if metric == "conversion" and audience.startswith("trial_") for platform in ("display", "mail")]
    pd.testing.assert_frame_equal(found, pd.DataFrame(wanted), check_dtype=False, rtol=1e-9)


def test_a_basket_is_credited_once_to_the_last_mailing_before_it(
    built: duckdb.DuckDBPyConnection, journey: Journey, experiments: list[Trial]
) -> None:
    sent = pd.concat([pd.DataFrame({"household_id": trial.arms.index[trial.arms == "sent"], "audience": trial.name,
                                    "touched_at": trial.start + pd.Timedelta(hours=8)})
                      for trial in experiments if not trial.is_by_order])
    pairs = journey.baskets.merge(sent, on="household_id")
    gap = pairs.bought_at - pairs.touched_at
    pairs = pairs[(gap > pd.Timedelta(0)) & (gap <= TOUCH)]
    pairs["latest"] = pairs.groupby("basket_id").touched_at.transform("max")
    last = pairs[pairs.touched_at == pairs.latest]
    found = built.execute("select order_id, audience, touched_at, value from measurement.last_touches").df()
    assert found.order_id.is_unique
    assert set(found.order_id) == set(last.basket_id.astype(str))
    credited = found.merge(last.assign(order_id=last.basket_id.astype(str)), on=["order_id", "audience"])
    assert (len(credited), (credited.touched_at_x == credited.touched_at_y).all()) == (len(found), True)
    worth = journey.baskets.set_index("basket_id").value[found.order_id.astype(int)]
    assert float(found.value.sum()) == pytest.approx(float(worth.sum()))
