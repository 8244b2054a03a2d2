"""Which seeds must be loaded: loading is the slowest step of a build, and a seed hardly ever changes.

dbt's own checksum of a file above 1 MB is only its path, so files are hashed here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any


class Ledger:
    """What was loaded last, a checksum for each table, kept in a file of the state folder."""

    def __init__(self, file: Path | None, project_dir: Path, nodes: Iterable[Any]) -> None:
        self._file = file
        seeds = [node for node in nodes if str(node.resource_type) == "seed"] if file else []
        self._now = {seed.name: (seed.relation_name, _checksum(seed, project_dir)) for seed in seeds}
        self._loaded = _read(file)

    def unchanged(self) -> list[str]:
        """Seeds that are as they were when they were loaded last."""
        return [name for name, (table, checksum) in self._now.items() if self._loaded.get(table) == checksum]

    def record(self, loaded: Iterable[str]) -> None:
        """Remember seeds that have just been loaded; names of other nodes are ignored."""
        fresh = dict(self._fresh(loaded))
        if self._file and fresh:
            self._loaded = {**self._loaded, **fresh}
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            partial = self._file.with_suffix(".partial")
            partial.write_text(json.dumps(self._loaded, indent=1, sort_keys=True))
            partial.replace(self._file)

    def _fresh(self, loaded: Iterable[str]) -> Iterator[tuple[str, str]]:
        return (self._now[name] for name in loaded if name in self._now)


def _checksum(seed: Any, project_dir: Path) -> str:
    """Of the file and of what dbt is told about its columns."""
    digest = hashlib.sha256(json.dumps(seed.config.to_dict(), sort_keys=True, default=str).encode())
    with (project_dir / (seed.root_path or "") / seed.original_file_path).open("rb") as file:
        digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _read(file: Path | None) -> Mapping[str, str]:
    try:
        found = json.loads(file.read_text()) if file else {}
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
