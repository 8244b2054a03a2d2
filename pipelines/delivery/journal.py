"""The journal: what was claimed before a request and what came of it, on the disk of this host before anything else.

One SQLite file a sync (WAL, synchronous=FULL), with ids and outcomes only. A claim or a result is one row however many
operations it speaks of, its columns as JSON: a row an operation made up a third of the time of a delivery. The journal
narrows what is unknown after a crash; safety rests on the plan rows in the warehouse. Losing it loses nothing: the
operations of that run become unknown instead of void.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines.errors import StateError
from pipelines.state.record import Receipt

Claim = tuple[int, str, int, int, datetime]
"""(epoch, op_id, attempt, seq, claimed_at)"""
Rows = list[list[Any]]

_TABLES = """
    create table if not exists identity (id text not null);
    create table if not exists claims (id integer primary key, epoch integer, body text);
    create table if not exists results (id integer primary key, epoch integer, body text);
"""


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
        self._adopt()
        self._db.execute("insert into identity select ? where not exists (select 1 from identity)",
                         [secrets.token_hex(16)])
        [self.id] = self._db.execute("select id from identity").fetchone()

    def claim(self, claims: Sequence[Claim]) -> None:
        """Say durably that these attempts are about to be sent."""
        self._write("claims", [(*claim[:4], claim[4].isoformat()) for claim in claims])

    def result(self, receipts: Sequence[Receipt]) -> None:
        """Say durably how attempts ended; what was said of one before stands."""
        self._write("results", [(*r[:9], r.first_sent_at and r.first_sent_at.isoformat(), r.recorded_at.isoformat())
                                for r in receipts])

    def results(self) -> list[Receipt]:
        """Results that the warehouse may not have yet."""
        found: dict[tuple[int, str, int], Receipt] = {}
        for rows in self._read("results"):
            for *known, first_sent, recorded in rows:
                receipt = Receipt._make([*known, first_sent and datetime.fromisoformat(first_sent),
                                         datetime.fromisoformat(recorded)])
                found.setdefault(receipt[:3], receipt)
        return sorted(found.values(), key=lambda r: (r.epoch, r.seq, r.attempt))

    def open_claims(self) -> list[Claim]:
        """Attempts that may have been sent and of which nothing is known."""
        known = {tuple(row[:3]) for rows in self._read("results") for row in rows}
        found = [(epoch, op, attempt, seq, datetime.fromisoformat(at))
                 for rows in self._read("claims") for epoch, op, attempt, seq, at in rows
                 if (epoch, op, attempt) not in known]
        return sorted(found, key=lambda claim: (claim[0], claim[3]))

    def flushed(self, receipts: Sequence[Receipt]) -> None:
        """Forget results, and their claims, that the warehouse has."""
        if not receipts:
            return
        known = {receipt[:3] for receipt in receipts}
        with self._transaction():
            for table in ("claims", "results"):
                self._drop(table, known)

    def forget_before(self, epoch: int) -> None:
        """Forget claims of earlier runs, once the warehouse has settled them."""
        self._db.execute("delete from claims where epoch < ?", [epoch])

    def compact(self) -> None:
        """Write the file anew, without what was deleted."""
        self._db.execute("vacuum")
        self._db.execute("pragma wal_checkpoint(truncate)").fetchall()

    def close(self) -> None:
        self._db.close()

    def _write(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if not rows:
            return
        try:
            self._db.execute(f"insert into {table} (epoch, body) values (?, ?)", [rows[-1][0], _packed(rows)])
        except sqlite3.Error as error:
            raise StateError(f"the journal cannot be written ({error}): make room on the disk of the state folder; this"
                             " run sends nothing more, and what it had sent is settled by the next one") from None

    def _read(self, table: str) -> Iterator[Rows]:
        with closing(self._db.execute(f"select body from {table} order by id")) as found:
            yield from (_unpacked(body) for (body,) in found)

    def _drop(self, table: str, known: set[tuple[int, str, int]]) -> None:
        """Forget these attempts, and keep what else their rows speak of."""
        for number, body in self._db.execute(f"select id, body from {table}").fetchall():
            rows = _unpacked(body)
            left = [row for row in rows if tuple(row[:3]) not in known]
            if not left:
                self._db.execute(f"delete from {table} where id = ?", [number])
            elif len(left) < len(rows):
                self._db.execute(f"update {table} set body = ? where id = ?", [_packed(left), number])

    def _adopt(self) -> None:
        """Take over what the first release wrote: a row an operation, in the tables `claim` and `result`."""
        old = [name for (name,) in self._db.execute(
            "select name from sqlite_master where type = 'table' and name in ('claim', 'result')")]
        if not old:
            return
        with self._transaction():
            for table in old:
                for row in self._db.execute(f"select * from {table} order by epoch, seq, attempt").fetchall():
                    self._write(f"{table}s", [row])
                self._db.execute(f"drop table {table}")

    def _transaction(self) -> _Transaction:
        return _Transaction(self._db)


def _packed(rows: Iterable[Sequence[Any]]) -> str:
    """Rows as JSON, column by column."""
    return json.dumps(list(zip(*rows, strict=True)), separators=(",", ":"))


def _unpacked(body: str) -> Rows:
    return list(map(list, zip(*json.loads(body), strict=True)))


class _Transaction:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("begin immediate")

    def __exit__(self, kind: object, *_: object) -> None:
        self._db.execute("rollback" if kind else "commit")
