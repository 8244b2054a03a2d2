"""Rows of a batch, and rows as CSV and back, for channels that take tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from itertools import chain
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
    named = list(columns) or list(dict.fromkeys(chain.from_iterable(rows)))
    cells = [named, *([row.get(name, "") for name in named] for row in rows)]
    # A lone carriage return ends a row for many readers, and Python's writer quotes only what ends its own.
    written = _written(cells, csv.QUOTE_MINIMAL)
    return (_written(cells, csv.QUOTE_ALL) if "\r" in written else written).encode()


def _written(cells: Sequence[Sequence[str]], quoting: Literal[0, 1]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=quoting).writerows(cells)
    return text.getvalue()


def read_csv(body: bytes) -> tuple[list[str], list[dict[str, str]]] | None:
    """Columns and complete rows of a table; None when it is none."""
    try:
        table = csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""))
        rows = [row for row in table if None not in row and None not in row.values()]
    except (UnicodeDecodeError, csv.Error):
        return None
    return (list(table.fieldnames), rows) if table.fieldnames else None
