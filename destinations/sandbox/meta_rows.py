"""Rows of a Meta custom audience: sets of identifiers, of which any one names the row when it is removed."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

ROWS = 10_000
HASHED = ("EMAIL", "PHONE", "GEN", "DOBY", "DOBM", "DOBD", "LN", "FN", "FI", "CT", "ST", "ZIP", "COUNTRY")
PLAIN = ("EXTERN_ID", "MADID", "LOOKALIKE_VALUE", "PAGEUID", "APPUID", "DATA_PROCESSING_OPTIONS")
NAMING = ("EMAIL", "PHONE", "EXTERN_ID", "MADID", "PAGEUID", "APPUID")
"""Keys that name a person by themselves."""
HASH = re.compile(r"[0-9a-f]{64}")
EMPTY_HASH = hashlib.sha256(b"").hexdigest()
HINT = re.compile(
    r"(?<![a-z])(failed payment|payment fail\w*|past due|overdue|arrears|debt\w*|credit|loan\w*|mortgage|bankrupt\w*"
    r"|insolven\w*|income|salary|net worth|poor|health\w*|medical|medication|disease|diabet\w*|cancer|depress\w*"
    r"|pregnan\w*|obes\w*|addict\w*|therapy|patient\w*|disorder|hiv)(?![a-z])"
)
Row = frozenset[str]


@dataclass(frozen=True, slots=True)
class Upload:
    """What one upload carried."""

    received: int
    good: list[Row]
    samples: dict[str, str]
    session: Mapping[str, Any] | None


class Rows:
    """The rows of one audience over a JSON-ready document, indexed by identifier."""

    def __init__(self, stored: dict[str, bool]) -> None:
        self._stored = stored
        self._index: dict[str, set[Row]] = {}
        self._rows: set[Row] = set()
        for text in list(stored):
            self.add(frozenset(text.split("\n")))

    def add(self, row: Row) -> None:
        self._rows.add(row)
        self._stored[_text(row)] = True
        for one in row:
            self._index.setdefault(one, set()).add(row)

    def matching(self, row: Iterable[str]) -> set[Row]:
        """Stored rows that share an identifier with `row`."""
        return {stored for one in row for stored in self._index.get(one, ())}

    def remove(self, row: Iterable[str]) -> None:
        """Remove every stored row that shares an identifier with `row`."""
        for gone in self.matching(row):
            self._rows.discard(gone)
            for one in gone:
                self._index[one].discard(gone)
            del self._stored[_text(gone)]

    def members(self) -> list[str]:
        """Every identifier as received."""
        return sorted({one.partition(":")[2] for row in self._rows for one in row})

    def extern_ids(self) -> list[str]:
        return sorted({one.partition(":")[2] for row in self._rows for one in row if one.startswith("EXTERN_ID:")})


def _text(row: Row) -> str:
    return "\n".join(sorted(row))


def name_hint(text: str) -> str | None:
    """The word that makes Meta flag an audience, if any."""
    found = HINT.search(re.sub(r"[\W_]+", " ", text.lower()))
    return found[0] if found else None


def read_payload(
    payload: Mapping[str, Any], session: Mapping[str, Any] | None, refused: Callable[[int], bool]
) -> Upload:
    """Rows of an upload. Raises ValueError when the payload as a whole is not acceptable."""
    unknown = set(payload) - {"schema", "data", "is_raw", "data_source", "app_ids", "page_ids"}
    if unknown:
        raise ValueError(f"Param payload has unknown field {sorted(unknown)[0]}")
    keys, data = _schema(payload.get("schema")), payload.get("data")
    if not isinstance(data, list) or not 1 <= len(data) <= ROWS:
        raise ValueError(f"Param payload[data] must be a list of 1 to {ROWS} rows")
    rows = [[row] if isinstance(row, str) else row for row in data]
    for row in rows:
        if not isinstance(row, list) or len(row) != len(keys):
            raise ValueError(f"Param payload[data] must have {len(keys)} values a row, as the schema has keys")
    read = [None if refused(number) else _read_row(keys, row) for number, row in enumerate(rows)]
    wrong = [number for number, row in enumerate(read) if row is None]
    samples = {str(number): _sample(rows[number]) for number in wrong[:5]}
    return Upload(len(rows), [row for row in read if row is not None], samples, session)


def _schema(schema: Any) -> list[str]:
    names = [schema] if isinstance(schema, str) else schema
    if not isinstance(names, list) or not names:
        raise ValueError("Param payload[schema] must be a key or a list of keys")
    keys = [str(name).removesuffix("_SHA256") for name in names]
    for key in keys:
        if key not in HASHED and key not in PLAIN:
            raise ValueError(f"Param payload[schema] must be one of {{{', '.join(HASHED + PLAIN)}}}, not {key}")
    return keys


def _read_row(keys: list[str], row: list[Any]) -> Row | None:
    """The identifiers of a row; None when it is invalid: something not hashed, or nobody named."""
    given = {key: value for key, value in zip(keys, row, strict=True) if value not in ("", None, [])}
    for key, value in given.items():
        if key in HASHED and (not isinstance(value, str) or not HASH.fullmatch(value) or value == EMPTY_HASH):
            return None
    named = frozenset(f"{key}:{given[key]}" for key in NAMING if key in given)
    rest = "|".join(f"{key}={given[key]}" for key in HASHED if key in given)
    return named or (frozenset({f"TRAITS:{rest}"}) if rest else None)


def _sample(row: list[Any]) -> str:
    return base64.b64encode("|".join(map(str, row)).encode()).decode()
