"""The tables of schema `activation`: what was seen, what is wanted, what was intended and what came of it.

Append-only, except `sync_control` (one row a sync), what stands while a plan is delivered in shards (`spread`, `shard`,
`shard_places`), the open ends of `membership`, the last good lists of whom to spare (`spared`), and two tables that are
derived and can be thrown away: `desired` (the rendered members of a sync, found again from the audience) and
`ledger_base` (the fold of receipts up to an epoch). Nothing else is ever updated, so a crash leaves rows to read, not
states to guess. (Hashes are: when their algorithm changes, in all tables at once.)

`desired.fingerprint` is the engine's own hash and finds rows to render again; `payload_hash` is ours and decides what
is sent. An engine upgrade may change the first (DuckDB changed it between 1.2 and 1.3), which costs one rendering and
sends nothing.
"""

from __future__ import annotations

from pipelines.state import migrations
from pipelines.state.views import VIEWS
from pipelines.warehouse.protocol import Warehouse

SCHEMA = "activation"

TABLES = {
    "sync_control": """sync_id varchar primary key, audience varchar, connection varchar, epoch bigint, owner varchar,
        lease_until timestamp, target varchar, trigger_since bigint, folded_epoch bigint, column_types varchar,
        resend_within double, mapping varchar, payload_version bigint, gone varchar""",
    "snapshot": """audience varchar, snapshot_id bigint, taken_at timestamp, status varchar, reason varchar,
        segment bigint, suppressed bigint, held_out bigint, entered bigint, "left" bigint, null_keys bigint,
        duplicates bigint, recorded_at timestamp, primary key (audience, snapshot_id)""",
    "membership": """audience varchar, person_key varchar, standing varchar, entry_id bigint, valid_from bigint,
        valid_to bigint, began_as varchar""",
    "identity_alias": "old_person_key varchar, new_person_key varchar, since timestamp, until timestamp",
    "desired": """sync_id varchar, person_key varchar, fingerprint bigint, dest_key varchar, payload_hash varchar,
        identifiers varchar, attributes varchar, reason varchar""",
    "op": """sync_id varchar, epoch bigint, seq bigint, op_id varchar, action varchar, dest_key varchar,
        person_key varchar, payload_hash varchar, identifiers varchar, attributes varchar, silent boolean,
        snapshot_id bigint, occurred_at timestamp, journal_id varchar, planned_at timestamp, step varchar""",
    "candidate": """candidate_id varchar, nth bigint, audience varchar, sync_id varchar, op_id varchar, step varchar,
        person_key varchar, entry_id bigint, happened_at timestamp, due_at timestamp, expires_at timestamp,
        priority bigint, counts boolean, code varchar, detail varchar, until timestamp, decided_at timestamp,
        recorded_at timestamp""",
    "receipt": """sync_id varchar, epoch bigint, op_id varchar, attempt bigint, seq bigint, outcome varchar,
        http_status bigint, reason varchar, remote_id varchar, job_id varchar, first_sent_at timestamp,
        recorded_at timestamp""",
    "ledger_base": """sync_id varchar, dest_key varchar, action varchar, outcome varchar, payload_hash varchar,
        identifiers varchar, epoch bigint, seq bigint, first_sent_at timestamp, until timestamp,
        recorded_at timestamp""",
    "remote_id": "connection varchar, dest_key varchar, remote_id varchar, primary key (connection, dest_key)",
    "hold": """sync_id varchar, plan_id varchar, opened_at timestamp, objections varchar, limits varchar,
        state varchar, decided_by varchar, decision varchar, decided_at timestamp""",
    "run_log": """sync_id varchar, epoch bigint, run_id varchar, started timestamp, ended timestamp, status varchar,
        counts varchar, reason varchar, full_resync_reason varchar""",
    "comparison": """sync_id varchar, epoch bigint, compared_at timestamp, in_channel bigint, delivered bigint,
        missing bigint, extra bigint, strangers bigint""",
    "decision": """decided_at timestamp, kind varchar, sync_id varchar, op_id varchar, decided_by varchar,
        reason varchar""",
    "spared_list": "model varchar primary key, taken_at timestamp, persons bigint",
    "spared": "model varchar, kind varchar, person_key varchar",
    "drawn": "salt varchar, person_key varchar, held_out boolean",
    "tombstone": "person_hmac varchar primary key, decided_at timestamp, decided_by varchar, reason varchar",
    "spread": """sync_id varchar primary key, epoch bigint, shards bigint, host varchar, run_id varchar,
        started timestamp, plan varchar""",
    "shard": """sync_id varchar, epoch bigint, shard bigint, turn bigint, owner varchar, lease_until timestamp,
        journal_id varchar, ended_at timestamp, failure varchar, gone varchar, primary key (sync_id, epoch, shard)""",
    "shard_places": "sync_id varchar, epoch bigint, shard bigint, first_seq bigint, last_seq bigint",
    "version": "version bigint",
}
"""Name → columns. Times are UTC without zone."""

INTERFACE = (*VIEWS, "membership", "drawn")
"""What BI may rely on; README.md beside this describes it."""


def create(warehouse: Warehouse) -> None:
    """Create what is missing, and bring a store of an earlier release up to date. Call inside a transaction.

    Raises StateError when a newer release wrote the store.
    """
    warehouse.execute(f"create schema if not exists {SCHEMA}")
    for name, columns in TABLES.items():
        warehouse.execute(f"create table if not exists {SCHEMA}.{name} ({columns})")
    migrated = migrations.migrate(warehouse, SCHEMA)
    for name, query in VIEWS.items():
        if migrated:
            warehouse.execute(f"drop view if exists {SCHEMA}.{name}")
        warehouse.execute(f"create view if not exists {SCHEMA}.{name} as {query.format(schema=SCHEMA)}")


def exists(warehouse: Warehouse) -> bool:
    """Whether anything was ever recorded here."""
    return warehouse.columns(f"{SCHEMA}.sync_control") is not None
