"""Bring a store that an earlier release wrote up to date: small steps, each run once, in order.

A store without a version was written before there were any. Steps only add: what was delivered stays known, so nothing
is sent again. A store of a newer release is refused: this one would not write what that one relies on.
"""

from __future__ import annotations

from pipelines.errors import StateError
from pipelines.warehouse.protocol import Warehouse

STEPS: tuple[tuple[str, ...], ...] = (
    # 2: leases, and guards that compare types
    ("alter table {schema}.sync_control add column if not exists lease_until timestamp",
     "alter table {schema}.sync_control add column if not exists column_types varchar"),
    # 3: messages in doubt are listed with the time until which they are repeated
    ("alter table {schema}.sync_control add column if not exists resend_within double",),
    # 4: what a run was for, the mapping it used, and the version of the hashes
    ("alter table {schema}.sync_control add column if not exists mapping varchar",
     "alter table {schema}.sync_control add column if not exists payload_version bigint",
     "alter table {schema}.run_log add column if not exists full_resync_reason varchar"),
    # 5: lists that are replaced, and stays that go on under another key
    ("alter table {schema}.membership add column if not exists began_as varchar",),
    # 6: a snapshot says when it was recorded, beside the moment it speaks of
    ("alter table {schema}.snapshot add column if not exists recorded_at timestamp",),
    # 7: `undelivered` lists a message in doubt as such when a later try of it was suppressed (views are made anew)
    (),
    # 8: a remote list that is gone is known to be
    ("alter table {schema}.sync_control add column if not exists gone varchar",),
    # 9: follow-ups, and what was decided of each message (a table of its own)
    ("alter table {schema}.op add column if not exists step varchar",),
)
"""What leads from version 1 to 2, from 2 to 3 and so on. Tables that are new need no step: they are created."""
VERSION = 1 + len(STEPS)


def migrate(warehouse: Warehouse, schema: str) -> bool:
    """Run the steps that the store has not seen; whether there were any. Call inside a transaction."""
    [(found,)] = warehouse.query(f"select max(version) from {schema}.version")
    is_new = "payload_version" in (warehouse.columns(f"{schema}.sync_control") or {})
    version = found or (VERSION if is_new else 1)
    if version > VERSION:
        raise StateError(f"the tables of schema {schema} are of version {version}, and this release knows {VERSION}: "
                         "install the release that wrote them, or a newer one")
    for statement in (statement for step in STEPS[version - 1:] for statement in step):
        warehouse.execute(statement.format(schema=schema))
    if found != VERSION:
        warehouse.execute(f"insert into {schema}.version values (?)", [VERSION])
    return version < VERSION
