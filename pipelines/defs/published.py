"""The copy for BI as an asset: made at the end of each run that synced, whatever became of the syncs."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from pipelines import bi
from pipelines.defs.keys import PUBLISHED, snapshot_key, sync_key
from pipelines.defs.opened import Opened
from pipelines.defs.resources import POOL
from pipelines.errors import TailraceError


def define_published(opened: Opened) -> Iterator[dg.AssetsDefinition]:
    """The asset, for a warehouse that is a file: a server is read directly."""
    if opened.manifest["metadata"].get("adapter_type") != "duckdb":
        return
    audiences = opened.declarations.audiences
    upstream = [key for audience in audiences
                for key in (snapshot_key(audience), *(sync_key(audience, sync) for sync in audience.syncs))]

    @dg.asset(key=PUBLISHED, deps=upstream, group_name="bi", kinds={"duckdb", "parquet"}, pool=POOL,
              description="Public tables and what is recorded, in a file and in Parquet that BI may open at any time.")
    def published() -> dg.MaterializeResult[None]:
        try:
            done = bi.copy(opened.at(None))
        except TailraceError as error:
            raise dg.Failure(str(error), allow_retries=False) from None
        return dg.MaterializeResult(metadata={
            "tables": done.relations, "rows": done.rows, "seconds": done.seconds,
            "file": dg.MetadataValue.path(str(done.file)), "parquet": dg.MetadataValue.path(str(done.parquet))})

    yield published
