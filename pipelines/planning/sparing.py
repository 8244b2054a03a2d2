"""Lists of persons to spare, brought up to date before an audience is looked at.

A list that shrank beyond its limit holds no sync: nobody on it is told anything, and all others may be. It is the
shrinking that waits for a person. A list that is not there at all holds the plans: who is new on it nobody knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipelines.audiences import SuppressionModel
from pipelines.errors import WarehouseError
from pipelines.planning import guards
from pipelines.planning.plan import Objection, Shrunk
from pipelines.state import holds, suppressions, tombstones
from pipelines.warehouse.protocol import Warehouse


@dataclass(frozen=True, slots=True)
class Spared:
    """What is to be said of the lists."""

    objections: tuple[Objection, ...]
    shrunk: tuple[Shrunk, ...]


def refresh(
    warehouse: Warehouse, models: Sequence[SuppressionModel], key: tombstones.Key, now: datetime
) -> Spared:
    """Keep the last good list of each model. Call inside a transaction.

    Raises WarehouseError where a list is missing and none was ever taken.
    """
    objections, shrunk = [], []
    for model in models:
        if model.is_there:
            shrunk.append(_renew(warehouse, model, key, now))
        else:
            objections.append(Objection("suppression", _missing(warehouse, model)))
    return Spared(tuple(objections), tuple(filter(None, shrunk)))


def _missing(warehouse: Warehouse, model: SuppressionModel) -> str:
    known = suppressions.last_good(warehouse, model)
    if known is None:
        raise WarehouseError(f"suppression {model.name}: {model.relation} with the column {model.key} is not in the "
                             f"warehouse, so nobody knows whom to spare; build it first (tailrace build --select "
                             f"{model.name})")
    return (f"{model.relation} with the column {model.key} is not in the warehouse: the {known:,} persons of its last "
            "good list stay spared, and who is new on it is not known")


def _renew(warehouse: Warehouse, model: SuppressionModel, key: tombstones.Key, now: datetime) -> Shrunk | None:
    name = suppressions.hold_of(model)
    found = suppressions.compare(warehouse, model, key)
    hold = holds.current(warehouse, name)
    limit = min(model.removal, hold.limits["removal"]) if hold else model.removal
    said = guards.shrunk(found.before, found.gone, limit) if found.before is not None else ""
    approved = hold is not None and (hold.state, hold.plan_id) == ("approved", found.digest)
    suppressions.keep(warehouse, model, now, let_go=approved or not said)
    if approved or not said:
        holds.close(warehouse, name, "used" if approved else "dropped", now)
        return None
    holds.open_hold(warehouse, name, found.digest, [{"guard": "suppression", "message": said}], {"removal": limit}, now)
    return Shrunk(model.name, found.digest, f"{model.name} shrank: {said}")
