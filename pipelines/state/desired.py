"""What a sync wants in its channel: the members of its standing, each rendered once and rendered again only when its
row or the mapping changed. A million unchanged members cost one join of integers and no Python.

Rendering (identifiers normalised as the channel wants them, attributes as JSON) is a function handed in by planning:
this floor knows no destination.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from pipelines.audiences import SuppressionModel
from pipelines.state.suppressions import persons
from pipelines.warehouse.protocol import Warehouse, quote

Columns = Mapping[str, Sequence[Any]]
"""Rows by column; all columns are of one length."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """Members as the channel will see them, by column."""

    dest_key: Sequence[str | None]
    """What the channel keys on, `kind:value`; None when no identifier is usable."""
    payload_hash: Sequence[str]
    """SHA-256 of what would be sent; equal payloads are never sent twice."""
    identifiers: Sequence[str]
    """JSON, identifier kind → value."""
    attributes: Sequence[str]
    """JSON, name in the channel → value."""
    reason: Sequence[str]
    """Why there is no dest_key."""


Render = Callable[[Columns], Rendered]


def refresh(
    warehouse: Warehouse, sync_id: str, columns: Sequence[str], mapping: str, render: Render,
    spared: Sequence[SuppressionModel] = (), standing: str = "sent",
) -> None:
    """Bring `desired` of this sync in line with `segment` and `audience_rows` of the snapshot just taken.

    `spared`: suppressions that apply to this sync alone, and so are in no standing.
    """
    find_stale(warehouse, sync_id, columns, mapping, spared, standing)
    wanted = ", ".join(f"r.{quote(column)}" for column in columns)
    rendered = _render(read_columns(
        warehouse, f"""select s.person_key as _key, s.fingerprint as _fingerprint, {wanted} from temp.stale as s
        inner join temp.audience_rows as r on r._key = s.person_key where s.fingerprint is not null"""),
        sync_id, render)
    warehouse.execute(
        """delete from activation.desired where sync_id = ?
            and person_key in (select person_key from temp.stale where known)""", [sync_id])
    if rendered["sync_id"]:
        warehouse.insert("activation.desired", rendered)


def find_stale(
    warehouse: Warehouse, sync_id: str, columns: Sequence[str], mapping: str, spared: Sequence[SuppressionModel] = (),
    standing: str = "sent",
) -> None:
    """Leave `stale`: persons whose row or mapping is not the one they were rendered from, and those who are gone."""
    fingerprint = warehouse.fingerprint([f"'{mapping}'", *(f"r.{quote(column)}" for column in columns)])
    warehouse.execute("drop table if exists temp.stale")
    warehouse.execute(
        f"""create temp table stale as
        with known as (select person_key, fingerprint from activation.desired where sync_id = ?),
        present as (
            select r._key as person_key, {fingerprint} as fingerprint from temp.audience_rows as r
            inner join temp.segment as s on r._key = s.person_key and s.standing = '{standing}'
            {_without(spared)})
        select coalesce(p.person_key, k.person_key) as person_key, p.fingerprint, k.person_key is not null as known
        from present as p full join known as k on p.person_key = k.person_key
        where p.fingerprint is distinct from k.fingerprint""", [sync_id])


def _without(spared: Sequence[SuppressionModel]) -> str:
    """The condition that a row is of nobody whom these models spare."""
    if not spared:
        return ""
    return f"where not exists (select 1 from ({persons(spared)}) as p where p._key = r._key)"


def read_columns(warehouse: Warehouse, sql: str) -> Iterator[Columns]:
    """Rows of the audience as values, batch by batch: maps and JSON, which come as pairs and as text, as what they are.

    JSON inside a struct stays text: its type is not told.
    """
    types = warehouse.columns("temp.audience_rows") or {}
    readers = {name: reader for name, kind in types.items() if (reader := _READERS.get(kind.upper()))}
    for batch in warehouse.arrow(sql):
        columns = {name: column.to_pylist(maps_as_pydicts="lossy")
                   for name, column in zip(batch.schema.names, batch.columns, strict=True)}
        yield {name: list(map(readers[name], values)) if name in readers else values
               for name, values in columns.items()}


def _document(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _documents(texts: Sequence[str | None] | None) -> Any:
    return None if texts is None else [_document(text) for text in texts]


_READERS: dict[str, Callable[[Any], Any]] = {
    "JSON": _document, "JSON[]": _documents, "JSONB": _document, "JSONB[]": _documents}


def _render(batches: Iterable[Columns], sync_id: str, render: Render) -> dict[str, list[Any]]:
    rendered = [field.name for field in fields(Rendered)]
    columns: dict[str, list[Any]] = {name: [] for name in ("sync_id", "person_key", "fingerprint", *rendered)}
    for rows in batches:
        members = render(rows)
        columns["sync_id"] += [sync_id] * len(rows["_key"])
        columns["person_key"] += rows["_key"]
        columns["fingerprint"] += rows["_fingerprint"]
        for name in rendered:
            columns[name] += getattr(members, name)
    return columns
