"""The questions put to Salesforce in SOQL, and whom an answer is about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from destinations.http import walk
from destinations.protocol import Batch


def literal(text: str | None) -> str:
    """A text in SOQL."""
    return "'" + str(text).replace("\\", "\\\\").replace("'", "\\'") + "'"


def select_records(batch: Batch, kind: str, key: str) -> str:
    """Records of an object by the warehouse's key."""
    return f"SELECT Id, {key} FROM {kind} WHERE {key} IN ({_list(member.person for member in batch.members)})"


def select_members(batch: Batch, kind: str, key: str) -> str:
    """Members of the campaign, by the warehouse's key or by the record that they stand for."""
    wanted = f"{kind}.{key} IN ({_list(member.person for member in batch.members)})"
    if known := [member.remote_id for member in batch.members if member.remote_id]:
        wanted += f" OR {kind}Id IN ({_list(known)})"
    return (f"SELECT Id, {kind}Id, {kind}.{key} FROM CampaignMember "
            f"WHERE CampaignId = {literal(batch.target)} AND ({wanted})")


def ids_of(batch: Batch, rows: Sequence[Any], kind: str, key: str) -> dict[str, str]:
    """Operation → id of what was found for it."""
    found = {str(name): walk(row, "Id") for row in rows
             for name in (walk(row, key), walk(row, kind, key), walk(row, f"{kind}Id")) if name}
    return {member.id: place for member in batch.members
            if isinstance(place := found.get(str(member.remote_id)) or found.get(member.person), str)}


def _list(values: Iterable[str]) -> str:
    return ",".join(literal(value) for value in values)
