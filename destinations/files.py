"""Files: CSV or Parquet in a folder, what has changed, a file a batch, or one file with everybody, each with manifest.

Sources: RFC 4180 (CSV), the Parquet format through pyarrow, OWASP's page on CSV injection.

What a reader of a drop folder expects is one of two things, so there are two modes. `changes` (the default) writes a
new file for each batch, with the column `operation`: nothing is read or written twice, so it is right for any size.
`everybody` keeps one file equal to the audience: a batch is merged into what the file holds, which costs a rewrite of
the file each time and suits audiences of up to some 100,000. A data file appears whole or not at all; its manifest
(rows, bytes, sha256) comes after it. Batches may be merged at once: the carrier refuses (412) a file that has changed
meanwhile.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import Literal
from urllib.parse import quote

from pydantic import Field, model_validator

from destinations.answers import unaccepted
from destinations.files_content import KEY, Row, manifest, merge, read_rows, rows_to_write, write_rows
from destinations.http import Request, Response
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

_ROWS = Limits(rows=5000)
_TRIES = 20


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

    settings: FilesSettings
    settings_type = FilesSettings
    capabilities = Capabilities(
        operations={Operation.ADD: _ROWS, Operation.UPDATE: _ROWS, Operation.REMOVE: _ROWS},
        identifiers=("person", "account", "email", "phone"),
    )

    def __init__(self, settings: FilesSettings) -> None:
        super().__init__(settings)
        if settings.mode == "everybody":
            self.capabilities = replace(type(self).capabilities, one_writer=True)

    def deliver(self, batch: Batch) -> Exchange:
        form = self.settings.format
        if self.settings.mode == "changes":
            rows = [{"operation": str(batch.operation), **row} for row in rows_to_write(batch, form)]
            content = write_rows(rows, form)
            moment = batch.at.strftime("%Y%m%dT%H%M%S%fZ-") if batch.at else ""
            name = f"{plain(batch.audience)}-{moment}{batch.operation}-{hashlib.sha256(content).hexdigest()[:12]}"
            return (yield from self._put(batch, f"{name}.{form}", content, rows, {}))
        name = f"{plain(batch.audience)}.{form}"
        for _ in range(_TRIES):
            found = yield Request("GET", self._url(name), reads=True)
            rows = merge(batch, self._read(found, name), form)
            sha = hashlib.sha256(found.body).hexdigest() if found.status == 200 else "none"
            outcomes = yield from self._put(batch, name, write_rows(rows, form), rows, {"If-Match": sha})
            if outcomes:
                return outcomes
        return every(batch, Verdict.DEFERRED, "the file was changed by others again and again")

    def _put(
        self, batch: Batch, name: str, content: bytes, rows: Sequence[Row], condition: Mapping[str, str]
    ) -> Generator[Request, Response, Sequence[Outcome]]:
        """Write a file and then its manifest. No outcomes where the file was changed by others meanwhile."""
        response = yield Request("PUT", self._url(name), condition, content)
        if response.status == 412:
            return []
        sha = hashlib.sha256(content).hexdigest()
        if not response.ok or response.get("sha256") != sha:
            self._blame(response)
            return unaccepted(batch, response)
        body = manifest(batch, rows, self.settings.mode, name, len(content), sha)
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

    def _read(self, response: Response, name: str) -> Sequence[Row]:
        """The rows of a file of ours; none where there is no file yet."""
        if response.status == 404:
            return []
        self._blame(response)
        rows = read_rows(response.body, self.settings.format)
        if not response.ok or rows is None:
            raise Refused(f"the file {name} is no table with the column {KEY}: move it away")
        return rows

    def _blame(self, response: Response) -> None:
        if response.status == 404:
            raise Refused(f"there is no folder {self.settings.folder}: make it, or correct folder in connections.yml")

    def _url(self, name: str) -> str:
        return f"{self.settings.root('file://' + quote(self.settings.folder))}/{quote(name)}"


def plain(name: str) -> str:
    """A name that is a file's name everywhere."""
    return re.sub(r"[^\w-]", "_", name)
