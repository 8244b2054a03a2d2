"""Manual segments of Customer.io: found or made by name, changed by ids, read back page by page."""

from __future__ import annotations

import re
from urllib.parse import quote

from destinations.answers import expect
from destinations.customerio_api import App, Track, read_rows
from destinations.http import walk
from destinations.protocol import Batch, Exchange, Gone, Preparation, Reading, Refused, Verdict, every

_OF_IDS = re.compile(rb"(?i)\b(ids|id_type|identifiers?)\b")


def find_or_make(app: App, name: str) -> Preparation:
    """The manual segment of that name; made where there is none."""
    response = yield app.ask("GET", "segments")
    for segment in expect(response, list, "segments", what="the list of segments"):
        if walk(segment, "name") == name and isinstance(walk(segment, "id"), int):
            if walk(segment, "type") not in (None, "manual"):
                raise Refused(f"the segment {name} is data-driven, and only manual ones can be filled: rename it")
            return str(segment["id"])
    body = {"segment": {"name": name, "description": "Kept by Tailrace from the warehouse"}}
    response = yield app.ask("POST", "segments", body)
    return str(expect(response, int, "segment", "id", what="the new segment"))


def change(track: Track, batch: Batch, verb: str) -> Exchange:
    """Put people into the segment or take them out."""
    if not batch.target:
        return every(batch, Verdict.REJECTED, "no segment to remove from")
    path, ids = f"v1/segments/{quote(batch.target, safe='')}/{verb}", [member.person for member in batch.members]
    response = yield track.ask("POST", path, {"ids": ids}, query={"id_type": "id"})
    # 400 is documented without a word on its cause: it is the segment, unless it speaks of the ids.
    if response.status == 404 or (response.status == 400 and not _OF_IDS.search(response.body)):
        raise _gone(batch.target)
    return read_rows(batch, response)


def read_ids(app: App, target: str) -> Reading:
    """Ids of all who are in the segment."""
    found, start = list[str](), ""
    while True:
        query = {"start": start, "limit": 1000}
        response = yield app.ask("GET", f"segments/{quote(target, safe='')}/membership", query=query)
        if response.status == 404:
            raise _gone(target)
        found += map(str, expect(response, list, "ids", what=f"the members of segment {target}"))
        before, start = start, response.get("next")
        if not isinstance(start, str) or start in ("", before):
            return found


def _gone(target: str) -> Gone:
    return Gone(f"Customer.io knows no manual segment {target}: correct segment_id in connections.yml, or leave it out "
                "to have the segment found or created by name")
