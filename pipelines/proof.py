"""Prove that channel, ledger and audience table agree.

What should be there is computed anew from the audience table, and what is there is asked of the channel; neither is
taken from the ledger, which is the third side: what the channel is recorded to have acknowledged.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from destinations.identifiers import Unusable
from pipelines.audiences import Audience, SuppressionModel
from pipelines.sync import Task
from pipelines.warehouse.protocol import Warehouse, quote


@dataclass(frozen=True, slots=True)
class Proof:
    """What one channel should hold for one audience, and what it does."""

    sync: str
    wanted: int
    """Identifiers that should be there; persons who share one count once."""
    held: int
    """Persons the channel names."""
    missing: int
    """Identifiers of which the channel names no person, or more than one."""
    stray: int
    """Persons the channel names who should not be there."""
    recorded: int
    """Identifiers that the ledger says the channel holds."""
    misrecorded: int
    """Identifiers of which table and ledger disagree whether they are there."""

    @property
    def equal(self) -> bool:
        """Whether all three sides hold the same."""
        return not self.missing and not self.stray and not self.misrecorded and self.wanted == self.held


def compare(
    warehouse: Warehouse, audience: Audience, task: Task, suppressions: Sequence[SuppressionModel],
    truth: Mapping[str, Any],
) -> Proof:
    """Compare the audience table with the sandbox's truth and the ledger of one sync."""
    groups = _expected(warehouse, audience, task, suppressions)
    lists = truth["channels"][task.destination.__module__.rpartition(".")[2]]["audiences"].values()
    held = {person for found in lists if found["name"] == audience.list_name(task.sync) for person in found["keys"]}
    everyone = set().union(*groups.values()) if groups else set()
    missing = sum(len(persons & held) != 1 for persons in groups.values())
    recorded = {key for (key,) in warehouse.query(
        "select dest_key from activation.delivered where sync_id = ?", [task.sync_id])}
    return Proof(task.sync_id, len(groups), len(held), missing, len(held - everyone), len(recorded),
                 len(recorded ^ groups.keys()))


def _expected(
    warehouse: Warehouse, audience: Audience, task: Task, suppressions: Sequence[SuppressionModel]
) -> dict[str, set[str]]:
    """Identifier → persons who have it, among those of its standing."""
    spared = {str(key) for model in (*suppressions, *task.suppressions)
              for (key,) in warehouse.query(f"select {quote(model.key)} from {model.relation}")}
    own = audience.identifiers_for(task.sync)
    kinds = [kind for kind in task.destination.capabilities.identifiers if kind in own]
    columns = ", ".join(quote(own[kind]) for kind in kinds)
    groups: dict[str, set[str]] = defaultdict(set)
    for key, *values in warehouse.query(f"select {quote(audience.key)}, {columns} from {audience.relation}"):
        if key is None or str(key) in spared or _standing(audience, str(key)) != task.sync.standing:
            continue
        for kind, value in zip(kinds, values, strict=True):
            try:
                groups[f"{kind}:{task.destination.identify(kind, '' if value is None else str(value))}"].add(str(key))
            except Unusable:
                continue
            break
    return groups


def _standing(audience: Audience, key: str) -> str:
    digest = hashlib.md5(f"{audience.holdout_salt}|{key}".encode()).hexdigest()
    return "held_out" if int(digest[:8], 16) % 10_000 < round(audience.holdout * 10_000) else "sent"
