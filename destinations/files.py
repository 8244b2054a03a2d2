"""Files in a folder, CSV or Parquet: what has changed, a file a batch, or one file with everybody, each with manifest.

Sources: RFC 4180 (CSV), the Parquet format through pyarrow, OWASP's page on CSV injection.

What a reader of a drop folder expects is one of two things, so there are two modes. `changes` (the default) writes a
new file for each batch, with the column `operation`: nothing is read or written twice, so it is right for any size.
`everybody` keeps one file equal to the audience: a batch is merged into what the file holds, which costs a rewrite of
the file each time and suits audiences of up to some 100,000. A data file appears whole or not at all; its manifest
(rows, bytes, sha256) comes after it. Batches may be merged at once: the carrier refuses (412) a file that has changed
meanwhile.

A text cell of a CSV that begins with = + - @, a tab or a carriage return gets ' before it, as spreadsheets would run
it; a plain signed number, such as a phone in E.164, is left as it is: it runs nothing, and readers need it.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Generator, Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

from pydantic import Field, model_validator

from destinations.answers import unaccepted
from destinations.http import Json, Request, Response
from destinations.protocol import (
    Batch,
    Capabilities,
    Destination,
    Exchange,
    Limits,
    Operation,
    Outcome,
    Refused,
    Settings,
    Verdict,
    every,
)
from destinations.tables import read_csv, write_csv

_ROWS = Limits(rows=5000)
_TRIES = 20
_KEY = "person_id"
_KINDS = ("account", "email", "phone")
_RUNS = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]\d+(\.\d+)?")
Row = dict[str, Any]


class FilesSettings(Settings):
    """A folder that exists, and what to write there."""

    base_url: str = Field(default="", pattern="^(file:///.*)?$", description="file:///folder instead of folder")
    folder: str = Field(default="", pattern="^(/.*)?$", description="the whole path of the folder, which exists")
    format: Literal["csv", "parquet"] = Field(default="csv", description="csv or parquet")
    mode: Literal["changes", "everybody"] = Field(default="changes", description="changes or everybody")

    @model_validator(mode="after")
    def _somewhere(self) -> FilesSettings:
        if not self.folder and not self.base_url:
            raise ValueError("folder must be the whole path of a folder")
        return self


class Files(Destination):
    """Writes an audience to files."""

    settings_type = FilesSettings
    capabilities = Capabilities(
        operations={Operation.ADD: _ROWS, Operation.UPDATE: _ROWS, Operation.REMOVE: _ROWS},
        identifiers=("person", "account", "email", "phone"),
    )

    def deliver(self, batch: Batch) -> Exchange:
        if self.settings.mode == "changes":
            rows = [{"operation": str(batch.operation), **row} for row in self._rows(batch)]
            content = self._write(rows)
            moment = batch.at.strftime("%Y%m%dT%H%M%S%fZ-") if batch.at else ""
            name = f"{plain(batch.audience)}-{moment}{batch.operation}-{hashlib.sha256(content).hexdigest()[:12]}"
            return (yield from self._put(batch, f"{name}.{self.settings.format}", content, rows, {}))
        name = f"{plain(batch.audience)}.{self.settings.format}"
        for _ in range(_TRIES):
            found = yield Request("GET", self._url(name), reads=True)
            rows = self._merge(batch, self._read(found, name))
            sha = hashlib.sha256(found.body).hexdigest() if found.status == 200 else "none"
            outcomes = yield from self._put(batch, name, self._write(rows), rows, {"If-Match": sha})
            if outcomes:
                return outcomes
        return every(batch, Verdict.DEFERRED, "the file was changed by others again and again")

    def _put(
        self, batch: Batch, name: str, content: bytes, rows: Sequence[Row], condition: Mapping[str, str]
    ) -> Generator[Request, Response, list[Outcome]]:
        """Write a file and then its manifest. No outcomes where the file was changed by others meanwhile."""
        response = yield Request("PUT", self._url(name), condition, content)
        if response.status == 412:
            return []
        sha = hashlib.sha256(content).hexdigest()
        if not response.ok or response.get("sha256") != sha:
            self._blame(response)
            return unaccepted(batch, response)
        columns: list[Json] = [*dict.fromkeys(column for row in rows for column in row)]
        manifest: Json = {"file": name, "rows": len(rows), "bytes": len(content), "sha256": sha, "columns": columns,
                          "audience": batch.audience, "mode": self.settings.mode,
                          "written_at": batch.at.isoformat() if batch.at else None}
        body = json.dumps(manifest, indent=1, ensure_ascii=False).encode()
        response = yield Request("PUT", self._url(f"{name}.manifest.json"), {"If-File": f"{sha} {quote(name)}"}, body)
        # 412: the file has been changed since, and who changed it writes the manifest.
        if response.status != 412 and (not response.ok or response.get("sha256") != hashlib.sha256(body).hexdigest()):
            self._blame(response)
            return unaccepted(batch, response)
        return every(batch, Verdict.ACCEPTED)

    def check(self) -> Generator[Request, Response, None]:
        response = yield Request("HEAD", self._url(""), reads=True)
        self._blame(response)
        if not response.ok:
            raise Refused(f"cannot use the folder {self.settings.folder} (HTTP {response.status})")

    def refused(self, response: Response) -> str | None:
        if response.status not in (401, 403):
            return None
        return f"this user may not read or write in the folder {self.settings.folder}: change its rights"

    def _rows(self, batch: Batch) -> list[Row]:
        """Key, identifiers and columns; of who leaves only the former."""
        kinds = [kind for kind in _KINDS if any(kind in member.identifiers for member in batch.members)]
        rows = [{_KEY: member.person, **{kind: member.identifiers.get(kind) for kind in kinds},
                 **{name: value for name, value in member.attributes.items() if name not in (_KEY, *kinds)}}
                for member in batch.members]
        if batch.operation is Operation.REMOVE:
            rows = [{name: row[name] for name in (_KEY, *kinds)} for row in rows]
        return [{name: self._cell(value) for name, value in row.items()} for row in rows]

    def _cell(self, value: Json) -> Any:
        if isinstance(value, Mapping | list | tuple):
            value = json.dumps(value, ensure_ascii=False)
        if self.settings.format == "parquet":
            return value
        return harmless(value) if isinstance(value, str) else "" if value is None else json.dumps(value)

    def _merge(self, batch: Batch, held: Sequence[Row]) -> list[Row]:
        """What the file is to hold."""
        rows = {row[_KEY]: row for row in held}
        for row in self._rows(batch):
            if batch.operation is Operation.REMOVE:
                rows.pop(row[_KEY], None)
            else:
                rows[row[_KEY]] = row
        return list(rows.values())

    def _read(self, response: Response, name: str) -> Sequence[Row]:
        """The rows of a file of ours; none where there is no file yet."""
        if response.status == 404:
            return []
        self._blame(response)
        rows = read_parquet(response.body) if self.settings.format == "parquet" else rows_of(response.body)
        if not response.ok or rows is None:
            raise Refused(f"the file {name} is no table with the column {_KEY}: move it away")
        return rows

    def _write(self, rows: Sequence[Row]) -> bytes:
        if self.settings.format == "parquet":
            return write_parquet(rows)
        return write_csv(rows, () if rows else (_KEY,))

    def _blame(self, response: Response) -> None:
        if response.status == 404:
            raise Refused(f"there is no folder {self.settings.folder}: make it, or correct folder in connections.yml")

    def _url(self, name: str) -> str:
        return f"{self.settings.root('file://' + quote(self.settings.folder))}/{quote(name)}"


def plain(name: str) -> str:
    """A name that is a file's name everywhere."""
    return re.sub(r"[^\w-]", "_", name)


def harmless(text: str) -> str:
    """A text that no spreadsheet runs."""
    return f"'{text}" if _RUNS.match(text) and not _NUMBER.fullmatch(text) else text


def rows_of(body: bytes) -> Sequence[Row] | None:
    """The rows of a CSV that has our key."""
    table = read_csv(body)
    return table[1] if table and _KEY in table[0] else None


def read_parquet(body: bytes) -> Sequence[Row] | None:
    """The rows of a Parquet file that has our key."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.read_table(io.BytesIO(body))
    except (pa.ArrowException, OSError, ValueError):
        return None
    rows: list[Row] = table.to_pylist() if _KEY in table.column_names else []
    return rows if _KEY in table.column_names else None


def write_parquet(rows: Sequence[Row]) -> bytes:
    """Rows as Parquet; a column whose values are of several types is text."""
    import pyarrow as pa
    from pyarrow import parquet

    def column(name: str) -> Any:
        values = [row.get(name) for row in rows]
        try:
            found = pa.array(values)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            return pa.array([value if value is None else str(value) for value in values])
        return found.cast(pa.string()) if pa.types.is_null(found.type) else found

    names = list(dict.fromkeys(name for row in rows for name in row)) or [_KEY]
    text = io.BytesIO()
    parquet.write_table(pa.table({name: column(name) for name in names}), text)
    return text.getvalue()
