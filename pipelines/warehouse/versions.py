"""Tables on a file system without transactions of its own: folders of Parquet that never change, and a log of versions.

A version names each table's columns and folders. The next one takes its place by creating `log/<number>.json`, which
fails if it exists: that is the compare-and-swap on which leases and fences stand, so two writers never both go on from
the same version. Nobody else is needed for it, but the folder must be on a file system that all writers share and that
refuses to create a file twice (a local disk, NFS 3 or later; not a bucket).
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.errors import LeaseHeld

KEPT = 20
"""Versions that stay, for readers who are in the middle of one."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table as one version has it."""

    columns: Mapping[str, str]
    """Name → type in the engine's words."""
    folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Version:
    """All tables and views at one time."""

    number: int = 0
    tables: Mapping[str, Table] = field(default_factory=dict)
    views: Mapping[str, str] = field(default_factory=dict)
    """Name → query."""


class Versions:
    """The log of one folder."""

    def __init__(self, root: Path) -> None:
        self.root, self._log = root, root / "log"

    def newest(self) -> Version:
        numbers = [int(file.stem) for file in self._log.glob("*.json")] if self._log.is_dir() else []
        if not numbers:
            return Version()
        found = json.loads((self._log / f"{max(numbers):010}.json").read_text("utf-8"))
        tables = {name: Table(each["columns"], tuple(each["folders"])) for name, each in found["tables"].items()}
        return Version(max(numbers), tables, found["views"])

    def commit(self, version: Version) -> Version:
        """Make this the newest version, if nobody else has written since. Raises LeaseHeld."""
        self._log.mkdir(parents=True, exist_ok=True)
        number = version.number + 1
        written = {"tables": {name: {"columns": dict(table.columns), "folders": table.folders}
                              for name, table in version.tables.items()}, "views": dict(version.views)}
        fresh = self._log / f".{uuid.uuid4().hex}"
        try:
            with fresh.open("w", encoding="utf-8") as file:
                json.dump(written, file)
                file.flush()
                os.fsync(file.fileno())
            os.link(fresh, self._log / f"{number:010}.json")
        except FileExistsError:
            raise LeaseHeld("another run wrote in the same instant; this one was undone and the next run will look "
                            "again") from None
        finally:
            fresh.unlink(missing_ok=True)
        for old in sorted(self._log.glob("*.json"))[:-KEPT]:
            old.unlink(missing_ok=True)
        return Version(number, version.tables, version.views)

    def folder(self, table: str) -> Path:
        """A place for rows of a table, not used before."""
        return self.root / "data" / table / uuid.uuid4().hex
