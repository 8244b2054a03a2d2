"""Who was forgotten: a keyed digest instead of a key, so that nobody comes back with the next snapshot and nobody can
be guessed from what is kept. The secret lies outside the warehouse (a plain hash of an address is found by trying).

Whoever is forgotten is left out of every snapshot as if the audience did not have them: nothing of theirs is written
down again. That costs one pass in Python over the keys of the segment, and nothing while nobody was forgotten.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from pipelines.errors import StateError
from pipelines.warehouse.protocol import Warehouse, literal

Key = Callable[[], bytes]
"""Answers the secret; asked only when somebody was forgotten."""


def no_key() -> bytes:
    """Where no secret is at hand: fail closed rather than send a forgotten person again."""
    raise StateError("persons were forgotten in this warehouse, and the key that tells who they are is not here: bring "
                     "the file forget.key of the state folder in which `tailrace forget` was run")


def read_key(path: Path) -> bytes:
    """The secret of this project."""
    if not path.exists():
        raise StateError(f"{path} is missing: persons were forgotten in this warehouse, and only this key tells who "
                         "they are; bring it from the state folder in which `tailrace forget` was run")
    return bytes.fromhex(path.read_text("ascii").strip())


def make_key(warehouse: Warehouse, path: Path) -> bytes:
    """The secret of this project, written once, readable by its owner only."""
    if not path.exists() and not list_digests(warehouse):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
    return read_key(path)


def digest(key: bytes, person: str) -> str:
    """HMAC-SHA256 of a person's key."""
    return hmac.digest(key, person.encode(), "sha256").hex()


def list_digests(warehouse: Warehouse) -> set[str]:
    """All who were forgotten."""
    return {found for (found,) in warehouse.query("select person_hmac from activation.tombstone")}


def add(warehouse: Warehouse, person_hmac: str, by: str, reason: str, now: datetime) -> None:
    """Forget from now on. Again is harmless. Call inside a transaction."""
    if person_hmac not in list_digests(warehouse):
        warehouse.execute("insert into activation.tombstone values (?, ?, ?, ?)", [person_hmac, now, by, reason])


def is_forgotten(warehouse: Warehouse, path: Path, person: str) -> bool:
    """Whether this person was forgotten."""
    known = list_digests(warehouse)
    return bool(known) and digest(read_key(path), person) in known


def leave_out(warehouse: Warehouse, key: Key, table: str = "temp.segment") -> None:
    """Take the forgotten out of the persons in `table`."""
    if not (known := list_digests(warehouse)):
        return
    secret = key()
    gone = [person for batch in warehouse.arrow(f"select person_key from {table}")
            for person in batch.column(0).to_pylist() if digest(secret, person) in known]
    for person in gone:
        warehouse.execute(f"delete from {table} where person_key = ?", [person])


def leave_out_aliases(warehouse: Warehouse, key: Key) -> None:
    """Take pairs with somebody forgotten out of `said`."""
    if not (known := list_digests(warehouse)):
        return
    secret = key()
    for old, new in warehouse.query("select old_key, new_key from temp.said"):
        if {digest(secret, old), digest(secret, new)} & known:
            warehouse.execute("delete from temp.said where old_key = ? and new_key = ?", [old, new])


def places(warehouse: Warehouse, person: str) -> list[tuple[str, str, str]]:
    """Syncs that recorded anything of the person: id, audience, connection."""
    return [(sync, audience, connection) for sync, audience, connection in warehouse.query(
        """select sync_id, audience, connection from activation.sync_control where sync_id in (
            select sync_id from activation.op where person_key = $person
            union all select sync_id from activation.desired where person_key = $person
            union all select sync_id from activation.ledger where person_key = $person) order by 1""",
        {"person": person})]


def told(
    warehouse: Warehouse, connection: str, syncs: Sequence[str], person: str
) -> list[tuple[str, str, str | None]]:
    """What these syncs may have told the channel of the person: key, identifiers (JSON) and the channel's own id.

    A key that somebody else has there too is theirs.
    """
    among = ", ".join(map(literal, syncs))
    return [(key, identifiers, remote) for key, identifiers, remote in warehouse.query(
        f"""select o.dest_key, arg_max(o.identifiers, o.epoch), max(i.remote_id) from activation.op as o
        inner join activation.receipt as r on o.sync_id = r.sync_id and o.epoch = r.epoch and o.op_id = r.op_id
            and r.outcome in ('ok', 'unknown', 'rejected', 'accepted')
        left join activation.remote_id as i on i.connection = $connection and i.dest_key = o.dest_key
        where o.sync_id in ({among}) and o.person_key = $person and o.dest_key not in (
            select d.dest_key from activation.desired as d
            inner join activation.sync_control as c on d.sync_id = c.sync_id and c.connection = $connection
            where d.person_key <> $person and d.dest_key is not null)
        group by o.dest_key order by o.dest_key""", {"connection": connection, "person": person})]


def gone_with_the_same_keys(warehouse: Warehouse, person: str) -> list[str]:
    """Persons in no audience any more who were known to a channel by a key of this person: perhaps an older self."""
    return [other for (other,) in warehouse.query(
        """select distinct o.person_key from activation.op as o
        inner join (select distinct sync_id, dest_key from activation.op where person_key = $person) as own
            on o.sync_id = own.sync_id and o.dest_key = own.dest_key
        where o.person_key <> $person and o.person_key not in (
            select person_key from activation.membership where valid_to is null) order by 1""", {"person": person})]


MAY_HOLD = """
    select dest_key, identifiers from activation.ledger_base
    where sync_id = $sync and json_extract_string(identifiers, '$.person') = $person
    union all
    select o.dest_key, o.identifiers from activation.op as o
    inner join activation.sync_control as c on o.sync_id = c.sync_id
    where o.sync_id = $sync and o.person_key = $person and o.action <> 'event' and (
        o.dest_key in (select dest_key from activation.ledger_base where sync_id = $sync)
        or (o.epoch > c.folded_epoch and exists (
            select 1 from activation.receipt as r
            where r.sync_id = o.sync_id and r.epoch = o.epoch and r.op_id = o.op_id
                and r.outcome in ('ok', 'unknown', 'rejected', 'accepted'))))"""
"""Keys under which a channel may hold the person: acknowledged, in doubt, refused or with a job."""


def find_changes(warehouse: Warehouse, sync_id: str, person: str) -> None:
    """Leave `wanted` (everybody else) and `changes` (the removal of this person's keys, but for those others share)."""
    scope = {"sync": sync_id, "person": person}
    for table in ("wanted", "changes", "whole"):
        warehouse.execute(f"drop table if exists temp.{table}")
    warehouse.execute("create temp table whole (payload_hash varchar)")
    warehouse.execute(
        """create temp table wanted as select dest_key, person_key, identifiers from activation.desired
        where sync_id = $sync and person_key <> $person and dest_key is not null""", scope)
    warehouse.execute(
        f"""create temp table changes as
        select dest_key, cast(null as varchar) as person_key, cast(null as varchar) as payload_hash,
            cast(null as varchar) as identifiers, cast(null as varchar) as attributes,
            max(identifiers) as held_identifiers, 'remove' as action
        from ({MAY_HOLD}) as m where dest_key not in (select dest_key from temp.wanted) group by dest_key""", scope)


def still_held(warehouse: Warehouse, sync_id: str, person: str) -> tuple[int, datetime | None]:
    """Keys of the person that the channel may still hold, and until when something late may come."""
    [(count, until)] = warehouse.query(
        f"""select count(*), max(case when b.outcome <> 'ok' then b.until end) from ({MAY_HOLD}) as m
        left join activation.ledger_base as b on b.sync_id = $sync and b.dest_key = m.dest_key
        where m.dest_key not in (select dest_key from activation.desired
            where sync_id = $sync and person_key <> $person and dest_key is not null)""",
        {"sync": sync_id, "person": person})
    return count, until


def erase(warehouse: Warehouse, person: str, syncs: Sequence[str], accounts: Sequence[str]) -> dict[str, int]:
    """Erase the person from history, and from plans, receipts and ledger of these syncs; rows erased, by table.

    `accounts`: audiences in which the key means an account.
    """
    erased: dict[str, int] = {}

    def delete(table: str, condition: str, values: dict[str, str]) -> None:
        [(count,)] = warehouse.query(f"select count(*) from activation.{table} where {condition}", values)
        warehouse.execute(f"delete from activation.{table} where {condition}", values)
        erased[table] = erased.get(table, 0) + count

    for sync_id in syncs:
        scope = {"sync": sync_id, "person": person}
        own = "select op_id from activation.op where sync_id = $sync and person_key = $person"
        keys = f"{own.replace('op_id', 'dest_key')} and dest_key is not null"
        others = keys.replace("activation.op", "activation.desired").replace("= $person", "<> $person")
        warehouse.execute(
            f"update activation.decision set op_id = null where sync_id = $sync and op_id in ({own})", scope)
        warehouse.execute(
            """update activation.ledger_base as b set identifiers = (
                select min(d.identifiers) from activation.desired as d
                where d.sync_id = $sync and d.dest_key = b.dest_key and d.person_key <> $person)
            where b.sync_id = $sync and json_extract_string(b.identifiers, '$.person') = $person
                and b.dest_key in (select dest_key from activation.desired
                    where sync_id = $sync and person_key <> $person and dest_key is not null)""", scope)
        delete("remote_id", f"""connection = (select connection from activation.sync_control where sync_id = $sync)
            and dest_key in ({keys}) and dest_key not in ({others}) and not exists (
                select 1 from activation.op as o inner join activation.sync_control as c on o.sync_id = c.sync_id
                where o.person_key = $person and c.connection = remote_id.connection and c.sync_id <> $sync)""", scope)
        delete("ledger_base", f"sync_id = $sync and dest_key in ({keys}) and dest_key not in ({others})", scope)
        delete("ledger_base", "sync_id = $sync and json_extract_string(identifiers, '$.person') = $person", scope)
        delete("receipt", f"sync_id = $sync and op_id in ({own})", scope)
        delete("op", "sync_id = $sync and person_key = $person", scope)
        delete("desired", "sync_id = $sync and person_key = $person", scope)
    others = ", ".join(map(literal, accounts)) or "''"
    delete("drawn", "person_key = $person", {"person": person})
    delete("membership", f"person_key = $person and audience not in ({others})", {"person": person})
    delete("candidate", f"person_key = $person and audience not in ({others})", {"person": person})
    delete("spared", "person_key = $person and kind <> 'account'", {"person": person})
    return erased
