"""The shop's models, compiled once, over the raw rows of all personas."""

import json
from collections import defaultdict
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from pipelines import manifest
from tests.dbt_project.shop import PROJECT, copy_project
from tests.timeline import personas, replay, world

START, DAYS = datetime(2026, 9, 1, 6), 30
HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory):
    """The project's folder after one `dbt compile` as of the first day."""
    made = copy_project(tmp_path_factory.mktemp("timeline"))
    assert made.dbt("compile", "--vars", f"as_of: '{START.isoformat()}Z'").success
    return made


@pytest.fixture(scope="session")
def declared(compiled):
    return manifest.read(compiled.folder / "target" / "manifest.json")


@pytest.fixture(scope="session")
def cast(declared) -> list[personas.Persona]:
    holdouts = {audience.name: (audience.holdout_salt, audience.holdout) for audience in declared.audiences}
    said = yaml.safe_load((PROJECT / "dbt_project.yml").read_text("utf-8"))["vars"]
    holdouts["global_holdout"] = (said["global_holdout_salt"], said["global_holdout_buckets"] / 10_000)
    return list(personas.read(HERE / "personas", holdouts))


@pytest.fixture(scope="session")
def earth(compiled, declared) -> world.World:
    document = json.loads((compiled.folder / "target" / "manifest.json").read_bytes())
    return world.read(document, declared.models(declared.audiences))


@pytest.fixture(scope="session")
def stages(earth, declared) -> list[replay.Stage]:
    return replay.stages(earth, [(audience, declared.sparing(audience)) for audience in declared.audiences])


@pytest.fixture(scope="session")
def seen(earth, stages, cast) -> dict[datetime, replay.States]:
    """Where everybody stood on each day."""
    rows = defaultdict(list)
    for persona in cast:
        for table, row in persona.rows():
            rows[table].append(row)
    with earth.fill(rows) as database:
        return dict(replay.replay(earth, database, stages, START, DAYS))
