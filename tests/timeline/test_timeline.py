"""Every persona stands where its story says, on each of thirty days."""

import json
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.timeline.conftest import DAYS, START
from tests.timeline.world import moved

STORIES = sorted(file.stem for file in (Path(__file__).parent / "personas").glob("*.yml"))


@pytest.mark.parametrize("story", STORIES)
def test_a_persona_stands_where_its_story_says(story, cast, seen) -> None:
    persona = next(persona for persona in cast if persona.name == story)
    days = [moment.date() for moment in seen]
    for audience in persona.told["expect"]:
        account = {moment: states.get((audience, persona.account_id), "out") for moment, states in seen.items()}
        stood = {moment.date(): states.get((audience, persona.person_id), account[moment])
                 for moment, states in seen.items()}
        assert turns(stood) == turns(persona.states(audience, days)), (audience, persona.told["story"])


@pytest.mark.slow
def test_moved_literals_are_what_dbt_compiles_for_that_day(compiled, earth) -> None:
    day = START + timedelta(days=DAYS - 1)
    assert compiled.dbt("compile", "--vars", f"as_of: '{day.isoformat()}Z'").success
    document = json.loads((compiled.folder / "target" / "manifest.json").read_bytes())
    models = (node for node in document["nodes"].values() if node["resource_type"] == "model")
    then = {node["name"]: node["compiled_code"] for node in models}
    assert [model.name for model in earth.models if moved(model.sql, DAYS - 1) != then[model.name]] == []


def turns(states: dict[date, str]) -> dict[date, str]:
    """The days on which the state is another than the day before, which begins as `out`."""
    before = ["out", *states.values()]
    return {day: state for (day, state), last in zip(states.items(), before, strict=False) if state != last}
