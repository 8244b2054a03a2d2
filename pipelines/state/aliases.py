"""Merged persons: two keys that turn out to be one human's, as the project's model of aliases says.

What the model says is written down as intervals, so that a merge that is undone is known as well. In a snapshot,
whoever takes the place of somebody they are the same as goes on with that one's stay: it began with the old key, and
whoever was welcomed under it is not welcomed again, in whichever direction the keys change. `kin` holds the keys that
are one person now or were until the last snapshot, each with the key they have in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pipelines.audiences import AliasModel
from pipelines.state import tombstones
from pipelines.warehouse.protocol import Warehouse, quote

LONGEST_CHAIN = 10
"""Old keys of old keys are followed so far."""


def refresh(
    warehouse: Warehouse, model: AliasModel | None, audience: str, at: datetime, key: tombstones.Key
) -> None:
    """Write down what the model says as of `at` (UTC without zone); leave `kin`. Call inside a transaction."""
    warehouse.execute("drop table if exists temp.kin")
    warehouse.execute("create temp table kin (person_key varchar, root varchar)")
    if model is None or warehouse.columns(model.relation) is None:
        return
    _note(warehouse, model, at, key)
    last = warehouse.query("select max(taken_at) from activation.snapshot where audience = ? and status = 'accepted'",
                           [audience])[0][0]
    warehouse.execute(
        """insert into temp.kin (person_key, root)
        select old_person_key, new_person_key from (
            select old_person_key, new_person_key, row_number() over (
                partition by old_person_key order by until is not null, since desc, new_person_key) as nth
            from activation.identity_alias where until is null or until > $last) as found where nth = 1""",
        {"last": last or at})
    for _ in range(LONGEST_CHAIN):
        [(chained,)] = warehouse.query("select count(*) from temp.kin as k inner join temp.kin as above"
                                       " on above.person_key = k.root and above.root <> k.root")
        if not chained:
            break
        warehouse.execute("""create temp table climbed as
            select k.person_key, coalesce(above.root, k.root) as root
            from temp.kin as k left join temp.kin as above on above.person_key = k.root""")
        warehouse.execute("drop table temp.kin")
        warehouse.execute("create temp table kin as select person_key, root from temp.climbed")
        warehouse.execute("drop table temp.climbed")
    warehouse.execute("insert into temp.kin select distinct root, root from temp.kin"
                      " where root not in (select person_key from temp.kin)")


def _note(warehouse: Warehouse, model: AliasModel, at: datetime, key: tombstones.Key) -> None:
    old, new = (f"cast({quote(column)} as varchar)" for column in (model.old, model.new))
    warehouse.execute("drop table if exists temp.said")
    warehouse.execute(f"create temp table said as select distinct {old} as old_key, {new} as new_key"
                      f" from {model.relation} where {old} <> {new}")
    tombstones.leave_out_aliases(warehouse, key)
    warehouse.execute(
        """update activation.identity_alias set until = ? where until is null
            and (old_person_key, new_person_key) not in (select old_key, new_key from temp.said)""", [at])
    warehouse.execute(
        """insert into activation.identity_alias (old_person_key, new_person_key, since)
        select old_key, new_key, ? from temp.said where not exists (
            select 1 from activation.identity_alias as a
            where a.until is null and a.old_person_key = old_key and a.new_person_key = new_key)""", [at])


def names(warehouse: Warehouse, person: str) -> list[str]:
    """Other keys that were ever the same person's, by whatever chain."""
    found, new = {person}, [person]
    while new:
        marks = ", ".join("?" * len(new))
        rows = warehouse.query(
            f"""select old_person_key, new_person_key from activation.identity_alias
            where old_person_key in ({marks}) or new_person_key in ({marks})""", [*new, *new])
        new = sorted({name for row in rows for name in row} - found)
        found |= set(new)
    return sorted(found - {person})


def erase(warehouse: Warehouse, persons: Sequence[str]) -> None:
    """Forget that these keys were ever one person's."""
    for person in persons:
        warehouse.execute("delete from activation.identity_alias where old_person_key = ? or new_person_key = ?",
                          [person, person])
