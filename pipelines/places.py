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
_NAMED = frozenset({*_SECTIONS.values(), "columns"})


@dataclass(frozen=True, slots=True)
class Place:
    """One node's entry in its .yml, or the whole .sql where it has none."""

    document: marks.Marked
    root: tuple[Step, ...]
    """Path of the entry: `models.abandoned_cart`."""

    @property
    def line(self) -> int:
        """Where the entry starts."""
        return self.document.line(*self.root)

    def complain(self, path: tuple[Step, ...], message: str) -> Complaint:
        """A complaint about a part of the entry."""
        return self.document.complain((*self.root, *path), message)

    def has(self, path: tuple[Step, ...]) -> bool:
        """Whether the part stands in the file."""
        return (*self.root, *path) in self.document.lines

    def holds(self, complaint: Complaint) -> bool:
        """Whether a complaint is about this entry."""
        return complaint.file == self.document.file and f"{complaint.path}.".startswith(f"{marks.spell(self.root)}.")

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
            self.documents[shown] = marks.load(self._project_dir / shown, shown, _NAMED) if file else empty
        return Place(self.documents[shown], (_SECTIONS[node["resource_type"]], node["name"]))


def _inside(package: str, project: str, file: str) -> str:
    return file if package in ("", project) else f"dbt_packages/{package}/{file}"
