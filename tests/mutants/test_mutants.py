"""Each small change of an audience's SQL must fail a unit test: nothing about whom we write to is there by accident."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import duckdb
import pytest
import yaml

from tests.dbt_project.shop import Shop, copy_project
from tests.mutants.changes import changes, mutate
from tests.mutants.specimens import Specimen, specimens

pytestmark = pytest.mark.slow
WANTED = {
    "audience", "candidates",
    # What many audiences are made of: a bound that slips there slips everywhere.
    "account_activity", "account_attributes", "account_costs", "account_grants", "account_members", "account_notes",
    "account_payers", "account_payments", "account_quotas", "account_trends", "person_attributes", "person_consents",
    "person_engagement", "person_order_lines", "person_orders", "person_points", "person_purchases", "person_rhythm",
    "person_tastes", "person_value", "person_words", "service_contacts",
}
"""Tags and names of the models that are changed"""
BUILT = ("+tag:audience", "+tag:candidates", "+person_attributes", "+account_attributes")
EQUIVALENT = yaml.safe_load((Path(__file__).parent / "equivalent.yml").read_text("utf-8"))


@pytest.fixture(scope="module")
def database():
    with duckdb.connect(config={"threads": 1}) as connection:
        yield connection


@pytest.fixture(scope="module")
def by_model(tmp_path_factory: pytest.TempPathFactory, database) -> dict[str, list[Specimen]]:
    """Model → its unit tests, after dbt itself has run and passed them all."""
    shop: Shop = copy_project(tmp_path_factory.mktemp("mutants"))
    assert shop.dbt("build", "--select", *BUILT, "--exclude", "resource_type:test").success
    found = defaultdict(list)
    for model, specimen in specimens(shop.manifest, shop.folder / "target", database, WANTED):
        found[model].append(specimen)
    return dict(found)


@pytest.fixture(scope="module")
def survivors(by_model, database) -> dict[str, list[str]]:
    """Model → what no unit test notices; prints how many changes were tried."""
    unnoticed, tried = {}, 0
    print(f"\n{'model':<34}{'changes':>8}{'noticed':>8}")
    for model, tests in sorted(by_model.items()):
        found = changes(tests[0].query)
        left = [change.says for change in found
                if not any(test.notices(mutate(test.query, change), database) for test in tests)]
        print(f"{model:<34}{len(found):>8}{len(found) - len(left):>8}")
        unnoticed[model], tried = left, tried + len(found)
    print(f"{'together':<34}{tried:>8}{tried - sum(map(len, unnoticed.values())):>8}")
    return unnoticed


def known(model: str, says: str) -> bool:
    return any(says.startswith(start) for start in EQUIVALENT.get(model, {}))


def test_unit_tests_pass_here_as_they_do_in_dbt(by_model, database) -> None:
    assert [(model, test.name) for model, tests in by_model.items() for test in tests
            if test.notices(test.query, database)] == []


def test_every_change_of_an_audience_is_noticed(survivors) -> None:
    assert {model: left for model, says in survivors.items()
            if (left := [each for each in says if not known(model, each)])} == {}


def test_no_change_is_excused_that_is_noticed_anyway(survivors) -> None:
    assert [(model, start) for model, starts in EQUIVALENT.items() for start in starts
            if not any(each.startswith(start) for each in survivors[model])] == []
