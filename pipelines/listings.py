"""What the commands of those who operate show: plain lines with keys, counts and times, never a person's values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from pipelines.state.rejects import Rejected
from pipelines.state.unresolved import Unresolved

NEXT = {"run": "tried again with the next run", "rests": "rests until its payload changes",
        "gone": "not wanted any more", "never": "a message is not tried again"}


def unresolved_lines(messages: Sequence[Unresolved]) -> Iterator[str]:
    """Messages in doubt, by sync."""
    for sync, group in groupby(sorted(messages, key=lambda message: message.sync), key=lambda message: message.sync):
        rows = list(group)
        yield f"{sync}: {len(rows):,} in doubt"
        for row in rows:
            gone = "" if row.is_member else " · has left since: can only be treated as sent"
            yield (f"  {row.op_id}  {row.person}  entered {row.occurred_at:%Y-%m-%d %H:%M}, in doubt since "
                   f"{row.since:%Y-%m-%d %H:%M} UTC: {row.reason}{gone}")


def reject_lines(rejects: Sequence[Rejected]) -> Iterator[str]:
    """What is refused, by sync and reason."""
    for (sync, reason), group in groupby(rejects, key=lambda row: (row.sync, row.reason)):
        rows = list(group)
        yield f"{sync}: {len(rows):,} × {reason}"
        for row in rows:
            times = "once" if row.refusals == 1 else f"{row.refusals} times"
            yield (f"  {row.person}  {row.action}  refused {times}, last {row.refused_at:%Y-%m-%d %H:%M} UTC; "
                   f"{next_try(row)}")


def next_try(row: Rejected) -> str:
    """When a refused operation is tried again."""
    return f"not before {row.next_at:%Y-%m-%d %H:%M} UTC" if row.next_at else NEXT[row.next]
