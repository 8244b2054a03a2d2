"""When the hash of payloads changes its version, what was recorded is hashed again from the payloads it was made of.

A release that writes JSON in another form would otherwise find every member changed, and send all of them. What was
delivered and is still wanted has its payload in `desired`; what differs from that is sent in any case.
"""

from __future__ import annotations

import json

from pipelines.planning import render
from pipelines.state import mapping
from pipelines.warehouse.protocol import Warehouse


def catch_up(warehouse: Warehouse, sync_id: str) -> None:
    """Bring the hashes of this sync to the version of this release. Call inside a transaction."""
    _, version = mapping.last(warehouse, sync_id)
    if version == render.VERSION:
        return
    hashes = [(old, render.hash_of(*(render.canonical(json.loads(text)) for text in payload)))
              for old, *payload in mapping.payloads(warehouse, sync_id)]
    mapping.rename(warehouse, sync_id, hashes, render.VERSION)
