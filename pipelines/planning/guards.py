"""Guards: what stops a runaway change before it is sent. Pure functions of counts; they hold, and a person decides.

Two levels look at the same danger. Of an audience: did so many leave or enter since the last accepted snapshot that the
snapshot itself is doubtful? A doubtful one is kept out of history, so that nobody «enters again» when it is mended. Of
a sync: does the plan take so many of those whom the channel holds? That catches what a new ledger brings.

A guard is statistical; what really protects is that models whose tests failed are not planned from at all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from statistics import median

from pipelines.audiences import REMOVAL, SPARED_REMOVAL, Audience
from pipelines.planning.plan import Objection


@dataclass(frozen=True, slots=True)
class Limits:
    """Where guards begin to object. An audience may declare its own (`guards:`); an open hold keeps the stricter."""

    removal: float = 0.3
    """Share of those who were in, or whom the channel holds, that may go at once."""
    entries: float = 5.0
    """Times the median of recent snapshots that may enter at once."""
    unusable: float = 0.1
    """Share of members by which those without a usable identifier may grow."""

    @classmethod
    def of(cls, stored: Mapping[str, float]) -> Limits:
        """Those that were stored; what is not limited there is not limited."""
        return cls(stored.get("removal", 1.0), stored.get("entries", math.inf), stored.get("unusable", 1.0))

    def finite(self) -> dict[str, float]:
        """Those that limit anything."""
        return {name: value for name, value in asdict(self).items() if math.isfinite(value)}

    def stricter(self, other: Limits) -> Limits:
        """The smaller of each."""
        return Limits(*(min(getattr(self, part.name), getattr(other, part.name)) for part in fields(Limits)))


def limits_of(audience: Audience) -> Limits:
    """The audience's own limits; a list of persons to spare may lose fewer, and one that is replaced is never without a
    guard: one wrong run takes everybody."""
    own = audience.guards
    usual = SPARED_REMOVAL if audience.kind == "suppression" else REMOVAL
    removal = usual if own.removal is None else own.removal
    if any(sync.mode == "replace" for sync in audience.syncs):
        removal = min(removal, REPLACED)
    return Limits(removal, math.inf if own.entries is None else own.entries, own.unusable)


REPLACED = 0.3
"""Share that may go at once of a list that is replaced, whatever the audience allows."""
ONE = 1
"""One person who leaves is never a runaway change, however small the audience."""
FEW = 20
"""So many may always enter: a median of one or two says nothing."""
LITTLE = 0.01
"""Neither is so small a part of an audience that enters a runaway change."""
HISTORY = 3
"""Snapshots with entries that are needed before they can be compared with a median."""


@dataclass(frozen=True, slots=True)
class Movement:
    """How an audience moved since its last accepted snapshot."""

    before: int
    """Persons in the segment then."""
    now: int
    entered: int
    left: int
    recent_entries: Sequence[int]
    """Entries of the last accepted snapshots that had any, the first one not counted."""
    peak: int = 0
    """The most persons of a snapshot of the last seven days, or since a person last approved a change."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What a plan would do to a channel."""

    delivered: int
    """Keys that the channel holds."""
    remove: int
    members: int
    """Persons of standing `sent`."""
    unusable: int
    unusable_before: float
    """Their share in the last run; negative when there was none."""
    retyped: Sequence[str]
    """Mapped columns that have another type than in the last run, as `column: old → new`."""
    missing: Sequence[str] = ()
    """Mapped columns that the table lacks."""


def emptied(moved: Movement, limits: Limits) -> Objection | None:
    """Nobody is left of an audience that had members; where all may leave at once (`removal: 100%`), that is usual."""
    if moved.before > ONE and not moved.now and limits.removal < 1:
        return Objection("empty", f"nobody is left of {moved.before:,}")
    return None


def many_left(moved: Movement, limits: Limits) -> Objection | None:
    """More left than usual data brings."""
    if moved.now and moved.left > max(ONE, limits.removal * moved.before):
        return Objection("removal", f"{moved.left:,} of {moved.before:,} left at once "
                                    f"({moved.left / moved.before:.0%}; the limit is {limits.removal:.0%})")
    return None


def worn_away(moved: Movement, limits: Limits) -> Objection | None:
    """Within days it lost more than two runaway changes would take, a little at a time."""
    lost, most = moved.peak - moved.now, 1 - (1 - limits.removal) ** 2
    if moved.left and lost > max(ONE + 1, most * moved.peak):
        return Objection("erosion", f"{moved.now:,} are left of {moved.peak:,} within seven days "
                                    f"({lost / moved.peak:.0%} fewer; the limit is {most:.0%})")
    return None


def many_entered(moved: Movement, limits: Limits) -> Objection | None:
    """More entered than usual data brings."""
    if len(moved.recent_entries) < HISTORY or moved.entered <= max(FEW, LITTLE * moved.before):
        return None
    usual = median(moved.recent_entries)
    if moved.entered <= limits.entries * usual:
        return None
    return Objection("entries", f"{moved.entered:,} entered at once; {usual:g} are usual "
                                f"(the limit is {limits.entries:g} times that)")


def many_removed(reach: Reach, limits: Limits) -> Objection | None:
    """The channel would lose more of its members than usual data brings."""
    if reach.remove > max(ONE, limits.removal * reach.delivered):
        return Objection("removal", f"{reach.remove:,} of {reach.delivered:,} in the channel would be removed "
                                    f"({reach.remove / reach.delivered:.0%}; the limit is {limits.removal:.0%})")
    return None


def identifiers_missing(reach: Reach, limits: Limits) -> Objection | None:
    """Many more members than in the last run have no identifier that the channel accepts."""
    share = reach.unusable / reach.members if reach.members else 0.0
    if reach.unusable_before < 0 or share <= reach.unusable_before + limits.unusable:
        return None
    return Objection("identifiers", f"{share:.0%} of members have no usable identifier; it was "
                                    f"{reach.unusable_before:.0%} (the limit is {limits.unusable:.0%} more)")


def columns_retyped(reach: Reach, _: Limits) -> Objection | None:
    """A mapped column changed its type."""
    return Objection("columns", "another type than last time: " + ", ".join(reach.retyped)) if reach.retyped else None


def columns_missing(reach: Reach, _: Limits) -> Objection | None:
    """A mapped column is gone: its values would be emptied in the channel."""
    if not reach.missing:
        return None
    return Objection("columns", f"the table has no {', '.join(reach.missing)} any more: build the model again, or take "
                                "it out of the declaration")


def list_gone(said: str, wanted: int) -> Objection:
    """The remote list is not there any more."""
    return Objection("gone", f"{said}: recreate and refill ({wanted:,} rows)?")


def shrunk(before: int, gone: int, limit: float) -> str:
    """What speaks against a list of persons to spare that lost `gone` of `before`; nothing where it is usual."""
    if gone <= max(ONE, limit * before):
        return ""
    return f"{gone:,} of {before:,} left at once ({gone / before:.0%}; the limit is {limit:.0%})"


OF_AUDIENCE: tuple[Callable[[Movement, Limits], Objection | None], ...] = (
    emptied, many_left, worn_away, many_entered)
OF_SYNC: tuple[Callable[[Reach, Limits], Objection | None], ...] = (
    many_removed, identifiers_missing, columns_retyped, columns_missing)


def judge_movement(moved: Movement, limits: Limits) -> tuple[Objection, ...]:
    """What speaks against accepting a snapshot."""
    return tuple(found for guard in OF_AUDIENCE if (found := guard(moved, limits)))


def judge_reach(reach: Reach, limits: Limits) -> tuple[Objection, ...]:
    """What speaks against sending a plan."""
    return tuple(found for guard in OF_SYNC if (found := guard(reach, limits)))
