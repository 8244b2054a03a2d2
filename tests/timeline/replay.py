"""Everybody of a world on every day: in, out, held out, or excluded and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb

from pipelines.audiences import Audience, SuppressionModel
from tests.timeline.personas import is_held_out
from tests.timeline.world import World, moved, reasons

States = Mapping[tuple[str, str], str]
"""(audience, person or account) → state; who is not named is out."""


@dataclass(frozen=True, slots=True)
class Stage:
    """An audience, those it spares, and its SQL."""

    audience: Audience
    spared: Sequence[SuppressionModel]
    why_not: str | None
    """The query for candidates that the SQL itself excludes, with the reason."""


def stages(world: World, declared: Sequence[tuple[Audience, Sequence[SuppressionModel]]]) -> list[Stage]:
    compiled = {model.name: model.sql for model in world.models}
    return [Stage(audience, spared, reasons(compiled[audience.name])) for audience, spared in declared]


def replay(
    world: World, database: duckdb.DuckDBPyConnection, stages: Sequence[Stage], start: datetime, days: int
) -> Iterator[tuple[datetime, States]]:
    """Each day's states."""
    for day in range(days):
        world.build(database, day)
        yield start + timedelta(days=day), dict(_states(database, stages, day))


def _states(
    database: duckdb.DuckDBPyConnection, stages: Sequence[Stage], day: int
) -> Iterator[tuple[tuple[str, str], str]]:
    for stage in stages:
        audience, key = stage.audience, stage.audience.key
        if stage.why_not:
            for person, reason in database.execute(moved(stage.why_not, day)).fetchall():
                yield (audience.name, person), f"excluded: {reason}"
        spared = dict(pair for model in stage.spared for pair in _reasons(database, model))
        for (person,) in database.execute(f'select "{key}" from {audience.relation}').fetchall():
            if person in spared:
                yield (audience.name, person), f"excluded: {spared[person]}"
            else:
                out = is_held_out(person, audience.holdout_salt, audience.holdout)
                yield (audience.name, person), "held_out" if out else "in"


def _reasons(database: duckdb.DuckDBPyConnection, model: SuppressionModel) -> list[tuple[str, str]]:
    """Whom a suppression spares: for the reason it gives, or else by its name."""
    columns = [row[0] for row in database.execute(f"describe {model.relation}").fetchall()]
    reason = "reason" if "reason" in columns else f"'{model.name}'"
    return database.execute(f'select "{model.key}", {reason} from {model.relation}').fetchall()
