"""Whom to spare, failing closed: a person is spared who is on the list now or on the last good one.

The last good list of each suppression model is kept here (`spared`). It takes in whoever is new at once. It lets go of
those who left only when so many may leave at once, or when a person approved exactly that: a build that lost half of
its consents frees nobody. Those who were forgotten are not written down; their tombstone keeps them out.

Persons held out of all marketing are drawn, not listed: whoever has been told stays told, and whoever was left out
stays left out, whatever the model says by now (`holdouts`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pipelines.audiences import SuppressionModel
from pipelines.state import holdouts, tombstones
from pipelines.warehouse.protocol import Warehouse, literal, quote


@dataclass(frozen=True, slots=True)
class Compared:
    """The list of a model beside the last good one; `sparing` and `freed` hold the persons."""

    before: int | None
    """Persons on the last good list; None: there is none yet."""
    gone: int
    """Of these, not on the list now."""
    digest: str
    """Of those who are gone: what an approval names."""


def find(warehouse: Warehouse, models: Sequence[SuppressionModel]) -> tuple[SuppressionModel, ...]:
    """The models with what is known of their tables. Not inside a transaction: a table that is missing may end it."""
    return tuple(replace(model, is_there=model.key in (warehouse.columns(model.relation) or ())) for model in models)


def persons(models: Sequence[SuppressionModel]) -> str:
    """SQL of the person keys (`_key`) that must be spared now."""
    each = [f"select cast({quote(model.key)} as varchar) as _key from {model.relation}"
            for model in models if model.is_there and not model.salt]
    if models:
        names = ", ".join(literal(model.name) for model in models)
        each.append(f"select person_key as _key from activation.spared where model in ({names})")
    return " union ".join(each) or "select cast(null as varchar) as _key where false"


def last_good(warehouse: Warehouse, model: SuppressionModel) -> int | None:
    """Persons on the last good list; None: no list was ever taken."""
    found = warehouse.query("select persons from activation.spared_list where model = ?", [model.name])
    return int(found[0][0]) if found else None


def compare(warehouse: Warehouse, model: SuppressionModel, key: tombstones.Key) -> Compared:
    """Read the list as it is now, which must be there, and compare."""
    for table in ("sparing", "freed"):
        warehouse.execute(f"drop table if exists temp.{table}")
    column = f"cast({quote(model.key)} as varchar)"
    warehouse.execute(f"""create temp table sparing as select distinct {column} as person_key from {model.relation}
        where {column} is not null""")
    if model.salt:
        holdouts.redraw(warehouse, model.salt)
    if model.kind == "person":
        tombstones.leave_out(warehouse, key, "temp.sparing")
    warehouse.execute("""create temp table freed as select person_key from activation.spared
        where model = ? and person_key not in (select person_key from temp.sparing)""", [model.name])
    [(gone, keys)] = warehouse.query("""select count(*), string_agg(part, '' order by part)
        from (select md5(person_key) as part from temp.freed) as parts""")
    [(found,)] = warehouse.query("select md5(?)", [f"{model.name}|{keys or ''}"])
    return Compared(last_good(warehouse, model), gone, f"{hold_of(model)}-{found[:10]}")


def hold_of(model: SuppressionModel) -> str:
    """What stands in `hold.sync_id` for a list; no sync is called so."""
    return f"suppression:{model.name}"


def keep(warehouse: Warehouse, model: SuppressionModel, now: datetime, *, let_go: bool) -> None:
    """Take in who is new; with `let_go` also forget who left. Call inside a transaction."""
    if let_go:
        warehouse.execute("""delete from activation.spared
            where model = ? and person_key in (select person_key from temp.freed)""", [model.name])
    warehouse.execute("""insert into activation.spared select ?, ?, person_key from temp.sparing
        where person_key not in (select person_key from activation.spared where model = ?)""",
        [model.name, model.kind, model.name])
    warehouse.execute("delete from activation.spared_list where model = ?", [model.name])
    warehouse.execute("""insert into activation.spared_list
        select ?, ?, count(*) from activation.spared where model = ?""", [model.name, now, model.name])
