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
from operator import itemgetter
from pathlib import Path
from typing import Any

from pipelines.errors import StateError
from pipelines.state.record import Receipt

Claim = tuple[int, str, int, int, datetime]
"""(epoch, op_id, attempt, seq, claimed_at)"""
Columns = Sequence[Sequence[Any]]

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
        if claims:
            *known, claimed_at = zip(*claims, strict=True)
            self._write("claims", [*known, _texts(claimed_at)])

    def result(self, receipts: Sequence[Receipt]) -> None:
        """Say durably how attempts ended; what was said of one before stands."""
        if receipts:
            *known, first_sent_at, recorded_at = zip(*receipts, strict=True)
            self._write("results", [*known, _texts(first_sent_at), _texts(recorded_at)])

    def results(self) -> list[Receipt]:
        """Results that the warehouse may not have yet."""
        found: dict[tuple[int, str, int], Receipt] = {}
        for *known, first_sent_at, recorded_at in self._read("results"):
            for receipt in map(Receipt._make, zip(*known, _moments(first_sent_at), _moments(recorded_at), strict=True)):
                found.setdefault(receipt[:3], receipt)
        return sorted(found.values(), key=itemgetter(0, 3, 2))

    def open_claims(self) -> list[Claim]:
        """Attempts that may have been sent and of which nothing is known."""
        known = {key for columns in self._read("results") for key in zip(*columns[:3], strict=True)}
        found: list[Claim] = [claim for *parts, claimed_at in self._read("claims")
                              for claim in zip(*parts, _moments(claimed_at), strict=True) if claim[:3] not in known]
        return sorted(found, key=itemgetter(0, 3))

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

    def _write(self, table: str, columns: Columns) -> None:
        try:
            self._db.execute(f"insert into {table} (epoch, body) values (?, ?)", [columns[0][-1], _packed(columns)])
        except sqlite3.Error as error:
            raise StateError(f"the journal cannot be written ({error}): make room on the disk of the state folder; this"
                             " run sends nothing more, and what it had sent is settled by the next one") from None

    def _read(self, table: str) -> Iterator[Columns]:
        with closing(self._db.execute(f"select body from {table} order by id")) as found:
            yield from (_unpacked(body) for (body,) in found)

    def _drop(self, table: str, known: set[tuple[int, str, int]]) -> None:
        """Forget these attempts, and keep what else their rows speak of."""
        for number, body in self._db.execute(f"select id, body from {table}").fetchall():
            columns = _unpacked(body)
            if known.issuperset(zip(*columns[:3], strict=True)):
                self._db.execute(f"delete from {table} where id = ?", [number])
                continue
            left = [row for row in zip(*columns, strict=True) if row[:3] not in known]
            self._db.execute(f"update {table} set body = ? where id = ?", [_packed(zip(*left, strict=True)), number])

    def _adopt(self) -> None:
        """Take over what the first release wrote: a row an operation, in the tables `claim` and `result`."""
        old = [name for (name,) in self._db.execute(
            "select name from sqlite_master where type = 'table' and name in ('claim', 'result')")]
        if not old:
            return
        with self._transaction():
            for table in old:
                for row in self._db.execute(f"select * from {table} order by epoch, seq, attempt").fetchall():
                    self._write(f"{table}s", [[value] for value in row])
                self._db.execute(f"drop table {table}")

    def _transaction(self) -> _Transaction:
        return _Transaction(self._db)


def _packed(columns: Iterable[Sequence[Any]]) -> str:
    """Columns as JSON; one that says the same of every row says it once."""
    return json.dumps([column[:1] if len(set(column)) == 1 else column for column in columns], separators=(",", ":"))


def _unpacked(body: str) -> Columns:
    columns: Columns = json.loads(body)
    rows = max(map(len, columns))
    return [column if len(column) == rows else list(column) * rows for column in columns]


def _texts(moments: Sequence[datetime | None]) -> list[str | None]:
    """Times as ISO 8601; most of a column are the same one."""
    known = {moment: moment.isoformat() if moment else None for moment in set(moments)}
    return [known[moment] for moment in moments]


def _moments(texts: Sequence[str | None]) -> list[Any]:
    known = {text: datetime.fromisoformat(text) if text else None for text in set(texts)}
    return [known[text] for text in texts]


class _Transaction:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("begin immediate")

    def __exit__(self, kind: object, *_: object) -> None:
        self._db.execute("rollback" if kind else "commit")
