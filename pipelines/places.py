"""Where a dbt node is declared, so that a complaint about it names the line in the file that a person wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines import marks
from pipelines.errors import Complaint
from pipelines.marks import Step

_SECTIONS = {"model": "models", "seed": "seeds", "snapshot": "snapshots"}


@dataclass(frozen=True, slots=True)
class Place:
    """One node's entry in its .yml, or the whole .sql where it has none."""

    document: marks.Marked
    root: tuple[Step, ...]
    """Path of the entry with names for positions: `models.abandoned_cart`."""

    @property
    def line(self) -> int:
        """Where the entry starts."""
        return self.document.line(*_position(self.document.value, self.root))

    def complain(self, path: tuple[Step, ...], message: str) -> Complaint:
        """A complaint about a part of the entry; lists of named things are walked by name."""
        whole = (*self.root, *path)
        line = self.document.line(*_position(self.document.value, whole))
        return Complaint(self.document.file, line, marks.spell(whole), message)

    def has(self, path: tuple[Step, ...]) -> bool:
        """Whether the part stands in the file."""
        whole = (*self.root, *path)
        return len(_position(self.document.value, whole)) == len(whole)

    def meta(self, *below: Step) -> tuple[Step, ...]:
        """`config.meta`, or `meta` where that is what was written."""
        written, older = (*below, "config", "meta"), (*below, "meta")
        return older if self.has(older) and not self.has(written) else written


class Atlas:
    """The .yml files of a project, each read once."""

    def __init__(self, project_dir: Path, project: str) -> None:
        self._project_dir, self._project = project_dir, project
        self.documents: dict[str, marks.Marked] = {}

    def find(self, node: Mapping[str, Any]) -> Place:
        """Where a node of the manifest is declared."""
        package, _, file = str(node.get("patch_path") or "").rpartition("://")
        shown = _inside(package or str(node.get("package_name", "")), self._project, file or node["original_file_path"])
        if shown not in self.documents:
            empty = marks.Marked(shown, None, {})
            self.documents[shown] = marks.load(self._project_dir / shown, shown) if file else empty
        return Place(self.documents[shown], (_SECTIONS[node["resource_type"]], node["name"]))


def _inside(package: str, project: str, file: str) -> str:
    return file if package in ("", project) else f"dbt_packages/{package}/{file}"


def _position(value: Any, path: tuple[Step, ...]) -> tuple[Step, ...]:
    """The path with positions for names, as far as it exists in the document."""
    real: list[Step] = []
    for step in path:
        if isinstance(value, list) and isinstance(step, str):
            names = [entry.get("name") if isinstance(entry, dict) else None for entry in value]
            step = names.index(step) if step in names else -1  # noqa: PLW2901
        if isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value):
            value = value[step]
        elif isinstance(value, dict) and step in value:
            value = value[str(step)]
        else:
            break
        real.append(step)
    return tuple(real)
