"""A warehouse file as a first load leaves it, written by SQL: a million members in seconds.

The audience has a text key and eight columns; the state is what the engine would have recorded had a channel accepted
everybody. A share of rows can be changed since: their fingerprint is an old one, their payload another.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from destinations.protocol import Settings
from pipelines.audiences import Audience, Guards, Sync
from pipelines.planning.draft import lateness
from pipelines.planning.render import columns_of, mapping_of
from pipelines.state import aliases, desired, intents, lease, ledger, schema, snapshot, tombstones
from pipelines.warehouse.duckdb import DuckDBFile
from pipelines.warehouse.protocol import Warehouse
from tests.bench.channel import Bulk

NOW = datetime(2026, 10, 21, 6)
SYNC = Sync.model_validate({
    "to": "bench", "every": "1h",
    "send": ["first_name", "country", "lifecycle", "last_seen_at", "ltv", "orders_30d", "score"]})
AUDIENCE = Audience(name="crowd", relation="main.crowd", key="person_id", guards=Guards(), syncs=(SYNC,),
                    identifiers={"person": "person_id", "email": "email"})
CROWD = """
    select 'p' || lpad(cast(i as varchar), 9, '0') as person_id, 'user' || i || '@example.com' as email,
        'name' || i % 1000 as first_name, 'country' || i % 50 as country, 'stage' || i % 7 as lifecycle,
        timestamp '2026-01-01' + to_seconds(i % 1000000) as last_seen_at,
        cast(i % 100000 / 100 as decimal(10, 2)) as ltv, cast(i % 30 as integer) as orders_30d, i / 1e7 as score
    from range({size}) as t(i) order by hash(i)"""


@dataclass(frozen=True, slots=True)
class Store:
    """One file, and the sync it knows."""

    path: Path
    destination: Bulk

    @property
    def opener(self) -> DuckDBFile:
        return DuckDBFile(self.path)


def crowd(path: Path, size: int) -> Store:
    """A file with the audience alone."""
    with duckdb.connect(str(path)) as warehouse:
        warehouse.execute("set enable_progress_bar = false")
        warehouse.execute(f"create table crowd as {CROWD.format(size=size)}")
    return Store(path, Bulk(Settings()))


def delivered(path: Path, size: int, changed: float = 0.0) -> Store:
    """A file after a first load that was accepted; a share of rows has changed since."""
    store = crowd(path, size)
    columns, mapping = columns_of(AUDIENCE, SYNC, store.destination), mapping_of(AUDIENCE, SYNC, store.destination)
    with store.opener() as warehouse, warehouse.transaction():
        schema.create(warehouse)
        lease.take(warehouse, "crowd__bench", "crowd", "bench", "a/b", NOW, alone=True)
        lease.release(warehouse, "crowd__bench")
        fingerprint = warehouse.fingerprint([f"'{mapping}'", *(f'"{column}"' for column in columns)])
        is_changed = f"hash(person_id) % 100000 < {round(changed * 100_000)}"
        warehouse.execute(
            "insert into activation.snapshot values ('crowd', 1, ?, 'accepted', '', ?, 0, 0, ?, 0, 0, 0, ?)",
            [NOW, size, size, NOW])
        warehouse.execute("insert into activation.membership (audience, person_key, standing, entry_id, valid_from)"
                          " select 'crowd', person_id, 'sent', 1, 1 from crowd order by hash(email)")
        warehouse.execute(f"""
            insert into activation.desired select 'crowd__bench', person_id, {fingerprint} + cast({is_changed} as int),
                'email:' || email, sha256(email || ({is_changed})),
                '{{"email":"' || email || '","person":"' || person_id || '"}}',
                '{{"country":"' || country || '","first_name":"' || first_name || '","ltv":' || ltv || '}}',
                '' from crowd order by hash(first_name || person_id)""")
        warehouse.execute("""
            insert into activation.ledger_base select sync_id, dest_key, 'add', 'ok',
                sha256(substr(dest_key, 7) || false), identifiers, 0, 1, ?, null, ?
            from activation.desired order by hash(payload_hash)""", [NOW, NOW])
    return store


def find_changes(warehouse: Warehouse, store: Store) -> int:
    """The diff, from the audience's rows to the changes of a plan, without rendering what is stale."""
    with warehouse.transaction():
        look(warehouse)
        desired.find_stale(warehouse, "crowd__bench", columns_of(AUDIENCE, SYNC, store.destination),
                           mapping_of(AUDIENCE, SYNC, store.destination))
        ledger.compare(warehouse, "crowd__bench", NOW, lateness(store.destination))
        intents.find_removals(warehouse, matches_any=False, replaces=False)
    [(found,)] = warehouse.query("select count(*) from temp.changes")
    return int(found)


def look(warehouse: Warehouse) -> snapshot.View:
    """The audience as it is, compared with the last snapshot."""
    aliases.refresh(warehouse, None, AUDIENCE.name, NOW, tombstones.no_key)
    return snapshot.look(warehouse, AUDIENCE, (), tombstones.no_key, at())


def scan(warehouse: Warehouse) -> None:
    """The limit: read every column of both sides once."""
    warehouse.query("select sum(hash(c)) from crowd as c")
    warehouse.query("select sum(hash(l)) from activation.ledger_base as l")


def at() -> datetime:
    """The moment the audience speaks of."""
    return NOW.replace(tzinfo=UTC)
