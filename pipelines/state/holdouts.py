"""Who is left out to measure the lift: drawn once by a salted hash, and remembered, so that nobody ever changes sides.

A larger share holds out more of those who come, a smaller one fewer; who was told stays told and who was left out stays
left out, or the comparison would be of people who had both. Audiences of one salt share what was drawn. A share of 0
ends the experiment for everybody: whoever is told then stays told when the share grows again. A new salt begins another
experiment.
"""

from __future__ import annotations

from collections.abc import Iterable

from pipelines.audiences import Audience, SuppressionModel
from pipelines.warehouse.protocol import Warehouse


def share(audience: Audience) -> int:
    """The share that is held out, in ten thousandths."""
    return round(audience.holdout * 10_000)


def recall(warehouse: Warehouse, audience: Audience) -> None:
    """Where nothing is remembered of a salt, remember how members stood first: who was told before stays told."""
    if not share(audience):
        return
    warehouse.execute(
        """insert into activation.drawn (salt, person_key, held_out)
        select $salt, person_key, standing = 'held_out' from (
            select person_key, standing, row_number() over (partition by person_key order by valid_from) as nth
            from activation.membership where audience = $audience and standing <> 'suppressed'
        ) as stood
        where nth = 1 and not exists (select 1 from activation.drawn where salt = $salt)""",
        {"salt": audience.holdout_salt, "audience": audience.name})


def remember(warehouse: Warehouse, audience: Audience) -> None:
    """Remember how those in `segment` were drawn who had not been before, and who is told after all."""
    if not share(audience):
        warehouse.execute(
            """update activation.drawn set held_out = false where salt = $salt and held_out and person_key in (
                select person_key from temp.segment where standing = 'sent')""", {"salt": audience.holdout_salt})
        return
    warehouse.execute(
        """insert into activation.drawn (salt, person_key, held_out)
        select $salt, s.person_key, s.standing = 'held_out' from temp.segment as s
        where s.standing <> 'suppressed' and not exists (
            select 1 from activation.drawn as d where d.salt = $salt and d.person_key = s.person_key)""",
        {"salt": audience.holdout_salt})


def redraw(warehouse: Warehouse, salt: str) -> None:
    """Correct `sparing`, whom a model holds out of all marketing now, by what is remembered of its salt.

    When it begins, everybody is drawn, told before or not: a control of newcomers alone could be compared with nobody.
    Another salt draws everybody anew.
    """
    warehouse.execute("""delete from temp.sparing where person_key in (
        select person_key from activation.drawn where salt = ? and not held_out)""", [salt])
    warehouse.execute("""insert into temp.sparing select person_key from activation.drawn
        where salt = ? and held_out and person_key not in (select person_key from temp.sparing)""", [salt])


def remember_control(warehouse: Warehouse, spared: Iterable[SuppressionModel]) -> None:
    """Remember of those in `segment` who is held out of all marketing, and who is not."""
    for model in spared:
        if model.salt:
            warehouse.execute(
                """insert into activation.drawn (salt, person_key, held_out)
                select $salt, s.person_key, c.person_key is not null from temp.segment as s
                left join activation.spared as c on c.model = $model and c.person_key = s.person_key
                where (c.person_key is not null or s.standing <> 'suppressed') and not exists (
                    select 1 from activation.drawn as d where d.salt = $salt and d.person_key = s.person_key)""",
                {"salt": model.salt, "model": model.name})


def is_held_out(warehouse: Warehouse, audience: Audience, person: str) -> bool:
    """Whether this person is, or would be, held out of the audience."""
    if not share(audience):
        return False
    rows = warehouse.query("select held_out from activation.drawn where salt = ? and person_key = ?",
                           [audience.holdout_salt, person])
    [(bucket,)] = warehouse.query(f"select {warehouse.bucket('?')}", [f"{audience.holdout_salt}|{person}"])
    return bool(rows[0][0]) if rows else bucket < share(audience)
