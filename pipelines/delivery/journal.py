"""The journal: what was claimed before a request and what came of it, on the disk of this host before anything else.

One SQLite file a sync (WAL, synchronous=FULL: a claim of 500 operations takes about 10 ms), with ids and outcomes only.
It narrows what is unknown after a crash; safety rests on the plan rows in the warehouse. Losing it loses nothing: the
operations of that run become unknown instead of void.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines.state.record import Receipt

Claim = tuple[int, str, int, int, datetime]
"""(epoch, op_id, attempt, seq, claimed_at)"""

_TABLES = """
    create table if not exists identity (id text not null);
    create table if not exists claim (
        epoch integer, op_id text, attempt integer, seq integer, claimed_at text, primary key (epoch, op_id, attempt));
    create table if not exists result (
        epoch integer, op_id text, attempt integer, seq integer, outcome text, http_status integer, reason text,
        remote_id text, job_id text, first_sent_at text, recorded_at text, primary key (epoch, op_id, attempt));
"""


_COLUMNS = tuple(column.name for column in fields(Receipt))


class Journal:
    """The journal of one sync."""

    def __init__(self, path: Path | str) -> None:
        if isinstance(path, Path):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)
        self._db = sqlite3.connect(path, isolation_level=None, timeout=30, check_same_thread=False)
        self._db.execute("pragma journal_mode = wal").fetchall()
        self._db.execute("pragma synchronous = full")
        self._db.executescript(_TABLES)
        self._db.execute("insert into identity select ? where not exists (select 1 from identity)",
                         [secrets.token_hex(16)])
        [self.id] = self._db.execute("select id from identity").fetchone()

    def claim(self, claims: Sequence[Claim]) -> None:
        """Say durably that these attempts are about to be sent."""
        self._write("insert into claim values (?, ?, ?, ?, ?)",
                    [(epoch, op, attempt, seq, at.isoformat()) for epoch, op, attempt, seq, at in claims])

    def result(self, receipts: Sequence[Receipt]) -> None:
        """Say durably how attempts ended."""
        self._write("insert or ignore into result values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [
            (r.epoch, r.op_id, r.attempt, r.seq, r.outcome, r.http_status, r.reason, r.remote_id, r.job_id,
             r.first_sent_at and r.first_sent_at.isoformat(), r.recorded_at.isoformat()) for r in receipts])

    def results(self) -> list[Receipt]:
        """Results that the warehouse may not have yet."""
        with closing(self._db.execute("select * from result order by epoch, seq, attempt")) as rows:
            return [_receipt(row) for row in rows]

    def open_claims(self) -> list[Claim]:
        """Attempts that may have been sent and of which nothing is known."""
        query = """select c.* from claim as c left join result as r using (epoch, op_id, attempt)
            where r.op_id is null order by c.epoch, c.seq"""
        with closing(self._db.execute(query)) as rows:
            return [(epoch, op, attempt, seq, datetime.fromisoformat(at)) for epoch, op, attempt, seq, at in rows]

    def flushed(self, receipts: Sequence[Receipt]) -> None:
        """Forget results, and their claims, that the warehouse has."""
        keys = [(r.epoch, r.op_id, r.attempt) for r in receipts]
        with self._transaction():
            self._db.executemany("delete from claim where epoch = ? and op_id = ? and attempt = ?", keys)
            self._db.executemany("delete from result where epoch = ? and op_id = ? and attempt = ?", keys)

    def forget_before(self, epoch: int) -> None:
        """Forget claims of earlier runs, once the warehouse has settled them."""
        self._db.execute("delete from claim where epoch < ?", [epoch])

    def compact(self) -> None:
        """Write the file anew, without what was deleted."""
        self._db.execute("vacuum")
        self._db.execute("pragma wal_checkpoint(truncate)").fetchall()

    def close(self) -> None:
        self._db.close()

    def _write(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        with self._transaction():
            self._db.executemany(statement, rows)

    def _transaction(self) -> _Transaction:
        return _Transaction(self._db)


def _receipt(row: tuple[Any, ...]) -> Receipt:
    values = dict(zip(_COLUMNS, row, strict=True))
    times = {name: values[name] and datetime.fromisoformat(values[name]) for name in ("first_sent_at", "recorded_at")}
    return Receipt(**{**values, **times})


class _Transaction:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("begin immediate")

    def __exit__(self, kind: object, *_: object) -> None:
        self._db.execute("rollback" if kind else "commit")
