"""What one node of a dbt manifest says of itself: its meta, its identifiers, its owner and what it is built from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.audiences import AliasModel, Column
from pipelines.blocks import Flaw
from pipelines.errors import did_you_mean

Node = Mapping[str, Any]
KEYS = ("person", "account")
"""Identifier kinds that can be the key of an audience; a person wins where both are marked."""
KINDS = (*KEYS, "email", "phone", "external_id", "anonymous_id", "device")
"""Identifier kinds known without any connection; a destination may accept others."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def meta_of(part: Node) -> Node:
    """`config.meta` of a node or column, or the older top-level `meta`."""
    return (part.get("config") or {}).get("meta") or part.get("meta") or {}


def columns_of(node: Node) -> tuple[Column, ...]:
    """Declared columns in order."""
    return tuple(Column(column["name"], column.get("data_type")) for column in node["columns"].values())


def identifiers_of(node: Node) -> dict[str, str]:
    """Identifier kind → column; the first column of a kind counts."""
    found: dict[str, str] = {}
    for name, column in node["columns"].items():
        if isinstance(kind := meta_of(column).get("identifier"), str):
            found.setdefault(kind, name)
    return found


def regions_of(node: Node) -> dict[str, str]:
    """Identifier kind → column that holds the country of its values."""
    metas = {kind: meta_of(node["columns"][column]) for kind, column in identifiers_of(node).items()}
    return {kind: meta["region"] for kind, meta in metas.items() if isinstance(meta.get("region"), str)}


def key_of(node: Node) -> tuple[str, str] | None:
    """Kind and column of the key, or None when no column is marked as one."""
    marked = identifiers_of(node)
    return next(((kind, marked[kind]) for kind in KEYS if kind in marked), None)


def has_contract(node: Node) -> bool:
    """Whether the declared columns are all there are."""
    return bool(((node.get("config") or {}).get("contract") or {}).get("enforced"))


def is_ephemeral(node: Node) -> bool:
    """Whether the model leaves no table."""
    return bool(node["config"].get("materialized") == "ephemeral")


def is_public(node: Node) -> bool:
    """Whether the model is for others to read."""
    return (node["config"].get("access") or node.get("access")) == "public" and not is_ephemeral(node)


def owner_of(node: Node, groups: Mapping[str, Node]) -> str | None:
    """E-mail or name of the owner of the node's group, or the group."""
    name = node.get("group") or node["config"].get("group")
    owner: Node = next((group.get("owner") or {} for group in groups.values() if group["name"] == name), {})
    chosen = owner.get("email") or owner.get("name") or name
    return str(chosen) if chosen else None


NO_ALIASES = "one table of a project holds aliases, in columns such as old_person_id and person_id"


def aliases_of(node: Node) -> AliasModel | None:
    """The table of merged persons that a node is: a column `old_…`, and the one whose name follows."""
    pairs = [(old, old.removeprefix("old_")) for old in node["columns"]
             if old.startswith("old_") and old.removeprefix("old_") in node["columns"]]
    relation = node.get("relation_name")
    return AliasModel(node["name"], relation, *pairs[0]) if relation and len(pairs) == 1 else None


def upstream_of(node: Node, nodes: Mapping[str, Node]) -> tuple[str, ...]:
    """dbt ids of all that a node is built from, nearest first."""
    seen: dict[str, None] = {}
    ahead = _parents(node)
    while ahead:
        seen |= dict.fromkeys(ahead)
        ahead = [above for parent in ahead for above in _parents(nodes.get(parent, {})) if above not in seen]
    return tuple(seen)


def identifier_flaws(column: Node, taken: Mapping[str, str], kinds: tuple[str, ...]) -> Iterator[Flaw]:
    """What is wrong with a column's meta; `taken` are the kinds of other columns before it."""
    meta = meta_of(column)
    kind = meta.get("identifier")
    if kind is None:
        strays = (key for key in meta if did_you_mean(key, ["identifier"], cutoff=0.8))
        yield from (((key,), "unknown key (did you mean identifier?)") for key in strays)
        return
    if kind not in kinds:
        near = did_you_mean(str(kind), kinds) or f"; known are: {', '.join(kinds)}"
        yield ("identifier",), f"{kind} is no kind of identifier{near}"
    elif kind in taken:
        noun = "key column" if kind in KEYS else "column"
        yield ("identifier",), f"{taken[kind]} is identifier {kind} already; an audience has one {noun} of a kind"
    if "region" in meta and (kind != "phone" or not isinstance(meta["region"], str)):
        yield ("region",), "names the column that holds the country of a phone number, beside identifier: phone"


def node_flaws(node: Node) -> Iterator[str]:
    """Why a node as a whole cannot be an audience."""
    if not _NAME.fullmatch(node["name"]):
        yield f"{node['name']} is no plain name; an audience's name is made of letters, digits and _"
    if is_ephemeral(node):
        yield "is ephemeral and leaves no table to read; make it a table or a view"
    if key_of(node) is None:
        yield "has no key column; mark the one that holds the person's id: config: {meta: {identifier: person}}"


def _parents(node: Node) -> list[str]:
    return list((node.get("depends_on") or {}).get("nodes") or ())
