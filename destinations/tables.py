"""Rows of a batch, and rows as CSV and back, for channels that take tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Literal

from destinations.http import Json
from destinations.protocol import Batch

_KINDS = ("account", "email", "phone")


def kinds_of(batch: Batch) -> list[str]:
    """Kinds of identifier, beside the key, that some member has."""
    return [kind for kind in _KINDS if any(kind in member.identifiers for member in batch.members)]


def rows_of(batch: Batch, key: str) -> list[dict[str, Json]]:
    """The key, then identifiers, then columns; a column that is called as one of the former is not sent twice."""
    kinds = kinds_of(batch)
    return [{key: member.person, **{kind: member.identifiers.get(kind) for kind in kinds},
             **{name: value for name, value in member.attributes.items() if name not in (key, *kinds)}}
            for member in batch.members]


def write_csv(rows: Sequence[Mapping[str, str]], columns: Sequence[str] = ()) -> bytes:
    """Rows under `columns`, or under all that some row has in the order they come; what a row has not is empty."""
    text = io.StringIO()
    named = list(columns) or list(dict.fromkeys(name for row in rows for name in row))
    # A lone carriage return ends a row for many readers, and Python's writer quotes only what ends its own.
    returns = any("\r" in value for row in rows for value in row.values())
    quoting: Literal[0, 1] = csv.QUOTE_ALL if returns else csv.QUOTE_MINIMAL
    table = csv.DictWriter(text, named, restval="", extrasaction="ignore", lineterminator="\n", quoting=quoting)
    table.writeheader()
    table.writerows(rows)
    return text.getvalue().encode()


def read_csv(body: bytes) -> tuple[list[str], list[dict[str, str]]] | None:
    """Columns and complete rows of a table; None when it is none."""
    try:
        table = csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""))
        rows = [row for row in table if None not in row and None not in row.values()]
    except (UnicodeDecodeError, csv.Error):
        return None
    return (list(table.fieldnames), rows) if table.fieldnames else None
