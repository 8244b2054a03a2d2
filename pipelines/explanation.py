"""One person, explained in lines: where they stand and why, what each channel holds of them, and what happened."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from pipelines.errors import StateError
from pipelines.listings import next_try
from pipelines.project import Project
from pipelines.state import aliases, history, story, tombstones
from pipelines.state.history import Account, Moment, Standing
from pipelines.warehouse.protocol import Warehouse


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that is recorded of one person."""

    person: str
    same_as: list[str]
    """Other keys that are or were the same person's."""
    audiences: list[Standing]
    syncs: list[Account]
    story: list[Moment]
    """What happened, in order."""
    forgotten: bool
    """Whether they were forgotten: then no snapshot has them, whatever the audience's table says."""


def explain(project: Project, warehouse: Warehouse, person: str, now: datetime, *, values: bool) -> Explanation:
    """Read what is recorded, and where the person stands now. Raises StateError when nothing at all is known."""
    declared = project.declarations
    standings = [history.stand(warehouse, audience, declared.sparing(audience), person)
                 for audience in declared.audiences]
    same_as = aliases.names(warehouse, person)
    accounts = [account for name in (person, *same_as)
                for account in history.accounts(warehouse, name, now, values=values)]
    forgotten = tombstones.is_forgotten(warehouse, project.key_file, person)
    known = any(each.in_segment or each.recorded or each.suppressed_by for each in standings)
    if not (forgotten or accounts or known):
        raise StateError(f"nothing is known of {person}: no audience has or had this key, no suppression has it, and "
                         "nothing was sent for it. Write the key of the audience's model, not an e-mail address")
    told = story.tell(warehouse, [person, *same_as], accounts)
    return Explanation(person, same_as, standings, accounts, told, forgotten)


def lines(explanation: Explanation) -> Iterator[str]:
    """The explanation as a person reads it."""
    yield f"{explanation.person}{' · forgotten: left out of every snapshot' if explanation.forgotten else ''}"
    if explanation.same_as:
        yield f"the same person as {', '.join(explanation.same_as)}; explain them for where they stand"
    known = [each for each in explanation.audiences if each.in_segment or each.recorded or each.suppressed_by]
    for standing in known:
        yield f"{standing.audience}: {'; '.join(_why(standing))}"
    if others := len(explanation.audiences) - len(known):
        yield f"never in {others:,} other audience{'s' * (others != 1)}"
    for account in explanation.syncs:
        yield from _account(account, explanation.person)
    for moment in explanation.story:
        values = f"  {json.dumps(moment.values, ensure_ascii=False)}" if moment.values else ""
        yield f"{_time(moment.at)}  {moment.where}: {moment.what}{values}"


def _why(standing: Standing) -> Iterator[str]:
    if not standing.in_segment:
        yield "not in the segment now"
    elif standing.suppressed_by:
        yield f"in the segment now, suppressed by {', '.join(standing.suppressed_by)}"
    elif standing.held_out_by:
        yield f"in the segment now, held out by the salt {standing.held_out_by}"
    else:
        yield "in the segment now, to be sent"
    if standing.recorded is None:
        yield "in no snapshot so far"
    else:
        until = f" until {_time(standing.left_at)}" if standing.left_at else ""
        yield f"{standing.recorded} since snapshot {standing.since_snapshot} ({_time(standing.since)}){until}"


def _account(account: Account, person: str) -> Iterator[str]:
    held = {"present": "the channel has them", "absent": "the channel has them no more",
            "unknown": "unknown whether the channel has them"}
    said = [held[state] for state in dict.fromkeys(account.states)] or ["the channel holds nothing of them"]
    if account.shared_with:
        said.append(f"shares its key with {account.shared_with:,} other{'s' * (account.shared_with != 1)}")
    if account.unusable:
        said.append(f"cannot be sent: {account.unusable}")
    if account.doubtful_until and not account.refused:
        said.append(f"a lost request may still arrive until {_time(account.doubtful_until)}; then it is asserted again")
    under = "" if account.person == person else f" (as {account.person})"
    yield f"{account.sync}{under}: {'; '.join(said)}"
    yield from (f"  refused: {row.reason}; {next_try(row)}" for row in account.refused)
    yield from (f"  in doubt: {row.op_id}; nothing repeats it (tailrace unresolved)" for row in account.in_doubt)


def _time(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "unknown"

