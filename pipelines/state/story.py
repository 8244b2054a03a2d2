"""One person's story in order: entered and left, what was decided of each message, what was sent where and what came of
it. Everything stands at the time at which it was recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from pipelines.state.history import Account, Moment
from pipelines.warehouse.protocol import Warehouse


def tell(warehouse: Warehouse, persons: Sequence[str], accounts: Iterable[Account]) -> list[Moment]:
    """The story of a person under all their keys; of one time, the cause stands before what follows from it."""
    found = [moment for person in persons
             for part in (_stays(warehouse, person), _decisions(warehouse, person)) for moment in part]
    found += [moment for account in accounts for moment in _told(account)]
    return sorted(found, key=lambda moment: moment.at or datetime.min)


def _stays(warehouse: Warehouse, person: str) -> Iterator[Moment]:
    for audience, standing, is_entry, began, left, ended in warehouse.query(
            """select audience, standing, since = entered_at, coalesce(decided_at, since), left_at,
                coalesce(until_decided_at, until)
            from activation.stays where person_key = ? order by audience, since""", [person]):
        yield Moment(began, audience, f"{'entered' if is_entry else 'is now'}: {standing.replace('_', ' ')}")
        if left:
            yield Moment(ended, audience, "left")


def _decisions(warehouse: Warehouse, person: str) -> Iterator[Moment]:
    for at, sync, step, code, detail, until in warehouse.query(
            """select recorded_at, sync_id, step, code, detail, until from activation.candidate
            where person_key = ? order by recorded_at, candidate_id, nth""", [person]):
        why = f" ({detail})" if detail else ""
        end = f" until {until:%Y-%m-%d %H:%M} UTC" if until else ""
        yield Moment(at, sync, f"{step or 'message'}: {code.replace('_', ' ')}{why}{end}")


def _told(account: Account) -> Iterator[Moment]:
    for told in account.told:
        yield Moment(told.planned_at, account.sync, told.action, told.values)
        for attempt in told.attempts:
            said = attempt.reason or (f"HTTP {attempt.http_status}" if attempt.http_status else "")
            yield Moment(attempt.at, account.sync, f"{told.action} {attempt.outcome}{': ' if said else ''}{said}")
