"""YAML that remembers where everything stands, so that a complaint can name file and line.

Safe by construction: only plain values, duplicate keys refused, and a cap on what aliases may unfold to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pipelines.errors import Complaint

Step = str | int
_MOST_NODES = 100_000
"""A project's largest .yml has some thousands; aliases of aliases unfold to billions."""
_MERGE = "tag:yaml.org,2002:merge"


@dataclass(frozen=True, slots=True)
class Marked:
    """A YAML document: its plain value, and the line of each part of it."""

    file: str
    """As complaints name it."""
    value: Any
    """None where the document cannot be read."""
    lines: Mapping[tuple[Step, ...], int] = field(repr=False)
    complaints: tuple[Complaint, ...] = ()
    """Syntax errors and duplicate keys."""

    def line(self, *path: Step) -> int:
        """Line of the value at the path, or of the nearest part above it that exists."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def complain(self, path: tuple[Step, ...], message: str) -> Complaint:
        """A complaint about the value at the path."""
        return Complaint(self.file, self.line(*path), spell(path), message)


def load(file: Path, name: str | None = None, named: frozenset[str] = frozenset()) -> Marked:
    """Read a YAML file. A file that cannot be read is a complaint too.

    `name` is what complaints call it: by itself its path, from the folder of this process where it lies below.

    Entries of lists whose key is in `named` go by their `name` in paths: `models.abandoned_cart`, not `models[3]`.
    """
    shown = name or str(file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file)
    try:
        root = yaml.compose(file.read_text(encoding="utf-8"), yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        problem = f"not YAML: {error.problem or error.context}"
        return Marked(shown, None, {}, (Complaint(shown, mark.line + 1 if mark else 1, "", problem),))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not YAML in UTF-8"
        return Marked(shown, None, {}, (Complaint(shown, 0, "", f"cannot be read: {reason}"),))
    return _Reading(shown, named).read(root)


def spell(path: tuple[Step, ...]) -> str:
    """`models.abandoned_cart.syncs[0].to`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")


def key_text(key: Any) -> str:
    """A mapping key as JSON spells it, which is how dbt's manifest does: `on:` is `true`."""
    return str(key).lower() if isinstance(key, bool) else "null" if key is None else str(key)


class _TooLarge(Exception):
    """The aliases unfold to more than any project needs."""


class _Reading:
    """One walk over a composed document."""

    def __init__(self, file: str, named: frozenset[str]) -> None:
        self.file, self.named = file, named
        self.lines: dict[tuple[Step, ...], int] = {}
        self.complaints: list[Complaint] = []
        self.seen = 0
        self.scalars = yaml.SafeLoader("")

    def read(self, root: yaml.Node | None) -> Marked:
        try:
            value = None if root is None else self.walk(root, ())
        except (_TooLarge, RecursionError):
            value, problem = None, f"its aliases unfold to more than {_MOST_NODES} values; write them out"
            self.complaints.append(Complaint(self.file, 1, "", problem))
        return Marked(self.file, value, self.lines, tuple(self.complaints))

    def walk(self, node: yaml.Node, path: tuple[Step, ...]) -> Any:
        self.seen += 1
        if self.seen > _MOST_NODES:
            raise _TooLarge
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.SequenceNode):
            goes_by_name = path[-1:] and path[-1] in self.named
            steps = [(_name_of(item) if goes_by_name else None) or i for i, item in enumerate(node.value)]
            return [self.walk(item, (*path, step)) for step, item in zip(steps, node.value, strict=True)]
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        return self.scalar(node, path)

    def mapping(self, node: yaml.MappingNode, path: tuple[Step, ...]) -> dict[str, Any]:
        written: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                continue
            key = key_text(self.scalar(key_node, path))
            at, line = (*path, key), key_node.start_mark.line + 1
            if key in written:
                problem = f"the key {key} stands here twice, first in line {self.lines[at]}; keep one"
                self.complaints.append(Complaint(self.file, line, spell(at), problem))
                continue
            self.lines[at] = line
            written[key] = self.walk(value_node, at)
        return {**self.merged(node, path, written), **written}

    def merged(self, node: yaml.MappingNode, path: tuple[Step, ...], written: Mapping[str, Any]) -> dict[str, Any]:
        """What `<<:` brings in: the first mapping that has a key wins, and what is written here beats them all."""
        found: dict[str, Any] = {}
        for source in _merge_sources(node):
            for key, value in self.mapping(source, (*path, "<<")).items():
                if key not in written and key not in found:
                    found[key] = value
                    self.lines.setdefault((*path, key), self.lines[(*path, "<<", key)])
        return found

    def scalar(self, node: yaml.Node, path: tuple[Step, ...]) -> Any:
        try:
            return self.scalars.construct_object(node, deep=True)
        except (yaml.YAMLError, ValueError) as error:
            problem = getattr(error, "problem", None) or str(error)
            self.complaints.append(
                Complaint(self.file, node.start_mark.line + 1, spell(path), f"not readable: {problem}")
            )
            return None


def _name_of(node: yaml.Node) -> str | None:
    """The plain text under the key `name`."""
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if key.value == "name" and isinstance(value, yaml.ScalarNode):
            return str(value.value)
    return None


def _merge_sources(node: yaml.MappingNode) -> Iterator[yaml.MappingNode]:
    for key_node, value_node in node.value:
        if key_node.tag == _MERGE:
            listed = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
            yield from (source for source in listed if isinstance(source, yaml.MappingNode))
