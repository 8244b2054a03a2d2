"""Every audience on real data equals a second computation made from the words of its definition."""

from collections.abc import Callable
from datetime import date
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from .projects import HERE, NAMES, Project, models

CASES = yaml.safe_load((HERE / "cases.yaml").read_text())
DATA_SETS = {
    "uci_online_retail": "online_retail",
    "completejourney": "complete_journey",
    "cdnow": "cdnow",
    "collegemsg": "messages",
    "ibm_accounts_receivable": "billing",
    "ravenstack": "billing",
}

pytestmark = pytest.mark.realdata


def expected(name: str, folder: Path, day: date) -> dict[str, list[str]]:
    """The sorted members of each of the project's audiences on the day, computed without dbt."""
    answers = import_module(f"{__package__}.answers.{name}")
    facts = read(name, folder)
    return {model: sorted(getattr(answers, model)(facts, day)) for model in models(name)}


@cache
def read(name: str, folder: Path) -> Any:
    return import_module(f"{__package__}.answers.{name}").read(folder)


@pytest.mark.parametrize(("name", "day"), [(name, day) for name, days in CASES.items() for day in days], ids=str)
def test_audiences_hold_exactly_the_people_that_their_definitions_name(
    name: str, day: date, project: Callable[[str], Project], shared: Path
) -> None:
    copy = project(name)
    assert copy.build(str(day)).complaints == ""
    assert copy.members() == expected(name, shared, day)


@pytest.mark.parametrize(
    "as_of",
    ["2004-05-31", "2004-05-31T00:00:00", "2004-05-31T23:59:59Z", "2004-05-31T00:30:00+02:00", "'2004-05-31 12:00'"],
)
def test_as_of_means_the_end_of_the_day_as_it_is_written(
    as_of: str, project: Callable[[str], Project], shared: Path
) -> None:
    copy = project("messages")
    assert copy.build(as_of).complaints == ""
    assert copy.members() == expected("messages", shared, date(2004, 5, 31))


def test_every_defined_audience_is_built_and_compared_on_the_days_that_its_definition_names(shared: Path) -> None:
    definitions = shared.parent / "definitions.md"
    if not definitions.is_file():
        pytest.skip(f"no definitions in {definitions}")
    rows = [line.split(" | ") for line in definitions.read_text().splitlines() if line.startswith("| ")]
    rows = [row for row in rows if row[1] in DATA_SETS]
    defined = [(DATA_SETS[row[1]], row[2].strip("`"), row[-1].strip(" |").split(", ")) for row in rows]
    assert sorted(model for _, model, _ in defined) == sorted(model for name in NAMES for model in models(name))
    for name, model, days in defined:
        assert model in models(name)
        assert {date.fromisoformat(day) for day in days} <= set(CASES[name])
