"""Names in the asset graph: `audience/<name>` is the snapshot, `<connection>/<name>` a sync.

Groups are chosen so that the collapsed graph reads as the pipeline: seeds → staging → … → audiences → snapshots →
one group a connection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import dagster as dg

from pipelines.audiences import Audience, Sync
from pipelines.nodes import meta_of

SNAPSHOTS = "snapshots"
PUBLISHED = dg.AssetKey(["bi", "published"])
"""The copy that BI reads, where the warehouse is a file."""
_BY_TYPE = {"source": "sources", "seed": "seeds", "snapshot": "dbt_snapshots"}


def snapshot_key(audience: Audience) -> dg.AssetKey:
    """`audience/abandoned_cart`."""
    return dg.AssetKey(["audience", audience.name])


def sync_key(audience: Audience, sync: Sync) -> dg.AssetKey:
    """`meta_ads/abandoned_cart`."""
    return dg.AssetKey([sync.to, audience.list_name(sync)])


def group_of(node: Mapping[str, Any], project: str) -> str:
    """The node's group: what its meta says, else its layer, the first folder below `models`."""
    if named := (meta_of(node).get("dagster") or {}).get("group"):
        return str(named)
    if node["package_name"] != project:
        return _plain(node["package_name"])
    folders = node["fqn"][1:-1]
    return _BY_TYPE.get(node["resource_type"]) or _plain(folders[0] if folders else "models")


def owner_of(audience: Audience) -> list[str]:
    """As Dagster writes owners: an e-mail address, or `team:` and a name."""
    if not audience.owner:
        return []
    return [audience.owner if "@" in audience.owner else f"team:{audience.owner}"]


def _plain(name: str) -> str:
    return re.sub(r"\W+", "_", name)
