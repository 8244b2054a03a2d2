"""Bad input of every kind, and the case of each destination in which the user reads what is wrong."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import destinations
from destinations.testing import read_cases

HERE = Path(__file__).parent
BAD: Mapping[str, Mapping[str, str]] = yaml.safe_load((HERE / "bad_input.yaml").read_text("utf-8"))
ROWS = [(bad, name, case) for bad, cases in BAD.items() for name, case in cases.items()]
WHOLE = ("refused", "gone")
"""How a case ends in words for the operator."""


def said(name: str, case: str) -> Mapping[str, Any]:
    [found] = [one.said for one in read_cases(HERE / "cases" / f"{name}.yaml") if one.name == case]
    return found


@pytest.mark.parametrize(("bad", "name", "case"), ROWS, ids=[f"{bad}: {name}" for bad, name, _ in ROWS])
def test_bad_input_has_a_case_with_the_words_that_the_user_reads(bad: str, name: str, case: str) -> None:
    found = said(name, case)
    words = [found[end] for end in WHOLE if end in found] + [
        outcome["reason"] for outcome in found.get("outcomes", ()) if outcome.get("reason")]
    if bad in ("credentials", "gone", "region"):
        assert any(end in found for end in WHOLE)
    elif bad == "twice in a batch":
        assert len(found["outcomes"]) == len(found["members"]) > 1
    elif (bad, name) != ("unknown field", "table"):  # a table gets the column that it lacks
        assert all(words) and words


def test_what_can_happen_at_a_destination_is_told_there() -> None:
    kinds = {name: destinations.load(name) for name in destinations.names()}
    listed = {name for name, kind in kinds.items() if kind.capabilities.needs_target}
    regions = {name for name, kind in kinds.items() if kind.settings_type.model_fields["region"].default}
    several = {name for name, kind in kinds.items()
               if any(limits.rows > 1 for limits in kind.capabilities.operations.values())}
    assert set(BAD["credentials"]) == set(kinds)
    assert listed <= set(BAD["gone"])
    assert regions == set(BAD["region"])
    # A digest counts, and the rows of a file or a table are told apart by their keys.
    assert several - {"slack", "files", "table"} == set(BAD["twice in a batch"])
