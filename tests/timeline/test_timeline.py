"""Every persona stands where its story says, on each of thirty days."""

from pathlib import Path

import pytest

STORIES = sorted(file.stem for file in (Path(__file__).parent / "personas").glob("*.yml"))


@pytest.mark.parametrize("story", STORIES)
def test_a_persona_stands_where_its_story_says(story, cast, seen) -> None:
    persona = next(persona for persona in cast if persona.name == story)
    days = [moment.date() for moment in seen]
    for audience in persona.told["expect"]:
        stood = {moment.date(): states.get((audience, persona.person_id), "out") for moment, states in seen.items()}
        assert stood == persona.states(audience, days), (audience, persona.told["story"])
