"""What of dbt's graph the gate looks at: what nodes are built from, their tests, and which sources are dated."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.errors import Complaint, DeclarationError
from pipelines.nodes import Node


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes by their dbt ids."""

    parents: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tests: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Node → the tests that look at it. A test of two models belongs to the one it is declared beside."""
    dated: Mapping[str, str] = field(default_factory=dict)
    """Source that declares how fresh it must be → dbt's selector of it."""

    def above(self, ids: Iterable[str]) -> frozenset[str]:
        """These nodes and all that they are built from."""
        seen: set[str] = set()
        ahead = set(ids)
        while ahead:
            seen |= ahead
            ahead = {parent for node in ahead for parent in self.parents.get(node, ())} - seen
        return frozenset(seen)

    def tested(self, ids: Iterable[str]) -> frozenset[str]:
        """These nodes and their tests."""
        nodes = frozenset(ids)
        return nodes | {test for node in nodes for test in self.tests.get(node, ())}


def load(path: Path) -> Mapping[str, Any]:
    """A manifest as dbt has written it. Raises DeclarationError when it is none."""
    try:
        manifest = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DeclarationError([Complaint(str(path), 0, "", "there is no manifest; run dbt parse")]) from None
    except (OSError, ValueError):
        raise DeclarationError([Complaint(str(path), 0, "", "is not a manifest; run dbt parse again")]) from None
    if not isinstance(manifest, dict) or not {"nodes", "metadata"} <= manifest.keys():
        raise DeclarationError([Complaint(str(path), 0, "", "is not a dbt manifest; run dbt parse")])
    return manifest


def read(manifest: Mapping[str, Any]) -> Graph:
    """The graph of a manifest."""
    tests: dict[str, list[str]] = {}
    for unique_id, node in manifest["nodes"].items():
        if node["resource_type"] == "test":
            for looked_at in [node["attached_node"]] if node.get("attached_node") else _parents(node):
                tests.setdefault(looked_at, []).append(unique_id)
    dated = {unique_id: f"source:{source['source_name']}.{source['name']}"
             for unique_id, source in (manifest.get("sources") or {}).items() if _is_dated(source)}
    return Graph({unique_id: _parents(node) for unique_id, node in manifest["nodes"].items()},
                 {node: tuple(found) for node, found in tests.items()}, dated)


def _parents(node: Node) -> tuple[str, ...]:
    return tuple((node.get("depends_on") or {}).get("nodes") or ())


def _is_dated(source: Node) -> bool:
    declared = source.get("freshness") or {}
    limits = any((declared.get(limit) or {}).get("count") for limit in ("warn_after", "error_after"))
    return limits and bool(source.get("loaded_at_field") or source.get("loaded_at_query"))
