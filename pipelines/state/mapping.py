"""What the payloads of a sync are made by: its mapping, and the version of the hash that tells payloads apart."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipelines.warehouse.protocol import Warehouse

Mapped = Mapping[str, Any]
"""The destination, identifier kind → column, its region, column → name in the channel: as it is declared."""


def last(warehouse: Warehouse, sync_id: str) -> tuple[Mapped | None, int]:
    """The mapping of the last plan that was not held (None before it was recorded), and the version of the hashes."""
    [(written, version)] = warehouse.query(
        "select mapping, payload_version from activation.sync_control where sync_id = ?", [sync_id])
    return (json.loads(written) if written else None), version or 1


def remember(warehouse: Warehouse, sync_id: str, mapped: Mapped, version: int) -> None:
    """Keep both."""
    warehouse.execute("update activation.sync_control set mapping = ?, payload_version = ? where sync_id = ?",
                      [json.dumps(mapped, sort_keys=True), version, sync_id])


def changes(before: Mapped, now: Mapped) -> Iterator[str]:
    """What differs, part by part: `send + tier`, `identifiers email: email → ads_email`."""
    for part in dict.fromkeys([*before, *now]):
        old, new = before.get(part), now.get(part)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            for name in dict.fromkeys([*old, *new]):
                if name not in old:
                    yield f"{part} + {_pair(name, new[name])}"
                elif name not in new:
                    yield f"{part} − {_pair(name, old[name])}"
                elif old[name] != new[name]:
                    yield f"{part} {name}: {old[name]} → {new[name]}"
        elif old != new:
            yield f"{part}: {old or 'none'} → {new or 'none'}"


def _pair(name: str, value: object) -> str:
    return name if name == value else f"{name}: {value}"


def payloads(warehouse: Warehouse, sync_id: str) -> list[tuple[str, str, str]]:
    """Hash, identifiers and attributes of each member as it was last rendered."""
    return [(found, identifiers, attributes) for found, identifiers, attributes in warehouse.query(
        """select distinct payload_hash, identifiers, attributes from activation.desired
        where sync_id = ? and payload_hash is not null""", [sync_id])]


def rename(warehouse: Warehouse, sync_id: str, hashes: Sequence[tuple[str, str]], version: int) -> None:
    """Write new hashes (old, new) for old ones wherever the ledger reads them: nothing looks changed by that."""
    warehouse.execute("drop table if exists temp.renamed")
    warehouse.execute("create temp table renamed (old varchar, new varchar)")
    if hashes:
        warehouse.insert("temp.renamed", {"old": [old for old, _ in hashes], "new": [new for _, new in hashes]})
    for table in ("ledger_base", "op", "desired"):
        warehouse.execute(
            f"""update activation.{table} as t set payload_hash = (
                select min(r.new) from temp.renamed as r where r.old = t.payload_hash)
            where t.sync_id = ? and t.payload_hash in (select old from temp.renamed)""", [sync_id])
    warehouse.execute("update activation.sync_control set payload_version = ? where sync_id = ?", [version, sync_id])
