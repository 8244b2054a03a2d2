"""What a sync gets by itself where reach is paid for: whom it spares, and a list of those held out.

An ad platform finds people by more than the lists it is given. Only if it has those whom an audience holds out in a
list that campaigns exclude are they held out there at all.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import ClassVar, Self

from pipelines.audiences import Block, Sync
from pipelines.connections import Connections

SPARED = "do_not_retarget"
"""The suppression that applies to every sync to such a channel, of a project that has it."""


class Exclusion(Sync):
    """Those whom an audience holds out, in a channel that might reach them otherwise; nobody declares it."""

    standing: ClassVar[str] = "held_out"

    @classmethod
    def beside(cls, sync: Sync) -> Self:
        """The exclusion list of a sync: its identifiers and cadence, and none of what is sent or spared."""
        return cls.model_construct(to=sync.to, every=sync.every, identifiers=sync.identifiers, mode=sync.mode,
                                   reassert_every=sync.reassert_every, suppress=())


def complete(
    block: Block, name: str, syncs: Iterable[Sync], connections: Connections | None, models: Container[str]
) -> Iterator[Sync]:
    """The syncs of an audience with what they get by themselves, and then its exclusion lists."""
    declared = list(syncs)
    spares = block.kind != "suppression" and name != SPARED and SPARED in models  # such a list is told whole
    for sync in declared:
        is_bare = spares and sync.suppress is None and _is_paid(sync, connections)
        yield sync.model_copy(update={"suppress": (SPARED,)}) if is_bare else sync
    for sync in declared:
        by_itself = block.holdout > 0 and _is_paid(sync, connections)
        if sync.members and (by_itself if sync.exclude_held_out is None else sync.exclude_held_out):
            yield Exclusion.beside(sync)


def _is_paid(sync: Sync, connections: Connections | None) -> bool:
    kind = connections.kind(sync.to) if connections and sync.to in connections else None
    return kind is not None and kind.capabilities.paid
