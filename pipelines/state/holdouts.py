"""Who is left out to measure the lift: drawn once by a salted hash, and remembered, so that nobody ever changes sides.

A larger share holds out more of those who come, a smaller one fewer; who was told stays told and who was left out stays
left out, or the comparison would be of people who had both. Audiences of one salt share what was drawn. A share of 0
ends the experiment for everybody; a new salt begins another.
"""

from __future__ import annotations

from pipelines.audiences import Audience
from pipelines.warehouse.protocol import Warehouse


def share(audience: Audience) -> int:
    """The share that is held out, in ten thousandths."""
    return round(audience.holdout * 10_000)


def recall(warehouse: Warehouse, audience: Audience) -> None:
    """Where nothing is remembered of a salt, remember how the present members stand: an earlier release drew them."""
    if not share(audience):
        return
    warehouse.execute(
        """insert into activation.drawn (salt, person_key, held_out)
        select $salt, person_key, standing = 'held_out' from activation.membership
        where audience = $audience and valid_to is null and standing <> 'suppressed'
            and not exists (select 1 from activation.drawn where salt = $salt)""",
        {"salt": audience.holdout_salt, "audience": audience.name})


def remember(warehouse: Warehouse, audience: Audience) -> None:
    """Remember how those in `segment` were drawn who had not been before."""
    if not share(audience):
        return
    warehouse.execute(
        """insert into activation.drawn (salt, person_key, held_out)
        select $salt, s.person_key, s.standing = 'held_out' from temp.segment as s
        where s.standing <> 'suppressed' and not exists (
            select 1 from activation.drawn as d where d.salt = $salt and d.person_key = s.person_key)""",
        {"salt": audience.holdout_salt})


def is_held_out(warehouse: Warehouse, audience: Audience, person: str) -> bool:
    """Whether this person is, or would be, held out of the audience."""
    if not share(audience):
        return False
    rows = warehouse.query("select held_out from activation.drawn where salt = ? and person_key = ?",
                           [audience.holdout_salt, person])
    [(bucket,)] = warehouse.query(f"select {warehouse.bucket('?')}", [f"{audience.holdout_salt}|{person}"])
    return bool(rows[0][0]) if rows else bucket < share(audience)
