"""The journal: what was claimed before a request and what came of it, on the disk of this host before anything else.

One SQLite file a sync (WAL), with places and outcomes only. A claim or a result is one row for all neighbours of a plan
that share it, most often a whole request's: a row an operation made up a third of the time of a delivery. What is said
waits here until `keep`, which comes before the next request is sent: one transaction and one wait for the disk then
serve all of it. A result that is lost before that is an answer that did not arrive. The journal narrows what is unknown
after a crash; safety rests on the plan rows in the warehouse. Losing it loses nothing: the operations of that run
become unknown instead of void.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines.errors import StateError
from pipelines.state.record import Claim, Receipt, without

_TABLES = """
    create table if not exists identity (id text not null);
    drop table if exists kept;
    create table if not exists claimed (epoch integer, first integer, last integer, attempt integer, claimed_at text);
    create table if not exists ended (epoch integer, first integer, last integer, attempt integer, outcome text,
        http_status integer, reason text, remote_id text, job_id text, first_sent_at text, recorded_at text);
"""
_EARLIER = {"claim": "claimed", "result": "ended"}
"""Tables of the first release, a row an operation (epoch, op_id, attempt, seq, …); the next kept columns of many
operations as JSON, in tables of the plural. → ours."""


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
        self._claims: list[Claim] = []
        self._results: list[Receipt] = []

    @property
    def is_kept(self) -> bool:
        """Whether the disk has all claims and results."""
        return not self._claims and not self._results

    def claim(self, claims: Sequence[Claim]) -> None:
        """Say that these attempts are about to be sent, once this is kept."""
        self._claims += claims

    def result(self, receipts: Sequence[Receipt]) -> None:
        """Say how attempts ended; what was said of one before stands."""
        self._results += receipts

    def keep(self) -> None:
        """Wait until the disk has all that was said. Where it has no room, that is forgotten: the claims were never
        sent, and the results are as good as lost on their way."""
        if self.is_kept:
            return
        claims, results = self._claims, self._results
        self._claims, self._results = [], []
        try:
            with self._transaction():
                self._insert("claimed", [(*known, at.isoformat()) for *known, at in claims])
                self._insert("ended", [(*known, sent_at and sent_at.isoformat(), at.isoformat())
                                       for *known, sent_at, at in results])
        except sqlite3.Error as error:
            raise StateError(f"the journal cannot be written ({error}): make room on the disk of the state folder; this"
                             " run sends nothing more, and what it had sent is settled by the next one") from None

    def results(self) -> list[Receipt]:
        """Results that the warehouse may not have yet, in the order in which they were said."""
        self.keep()
        return [Receipt._make((*known, sent_at and datetime.fromisoformat(sent_at), datetime.fromisoformat(at)))
                for *known, sent_at, at in self._db.execute("select * from ended order by rowid")]

    def open_claims(self) -> list[Claim]:
        """Attempts that may have been sent and of which nothing is known."""
        self.keep()
        answered: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
        for epoch, attempt, first, last in self._db.execute(
                "select epoch, attempt, first, last from ended order by first"):
            known = answered[epoch, attempt]
            known += list(without(first, last, known))
        return sorted(Claim(epoch, *left, attempt, datetime.fromisoformat(at))
                      for epoch, first, last, attempt, at in self._db.execute("select * from claimed")
                      for left in without(first, last, answered[epoch, attempt]))

    def flushed(self, receipts: Sequence[Receipt]) -> None:
        """Forget results that the warehouse has, and the claims of whatever has a result."""
        if not receipts:
            return
        known, left = {receipt[:4] for receipt in receipts}, self.open_claims()
        with self._transaction():
            gone = [(row,) for row, *key in self._db.execute("select rowid, epoch, first, last, attempt from ended")
                    if tuple(key) in known]
            self._db.executemany("delete from ended where rowid = ?", gone)
            self._db.execute("delete from claimed")
            self._insert("claimed", [(*claim, at.isoformat()) for *claim, at in left])

    def forget_before(self, epoch: int) -> None:
        """Forget claims of earlier runs, once the warehouse has settled them."""
        self.keep()
        self._db.execute("delete from claimed where epoch < ?", [epoch])

    def compact(self) -> None:
        """Write the file anew, without what was deleted."""
        self._db.execute("vacuum")
        self._db.execute("pragma wal_checkpoint(truncate)").fetchall()

    def close(self) -> None:
        try:
            self.keep()
        finally:
            self._db.close()

    def _insert(self, table: str, rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            self._db.executemany(f"insert into {table} values ({', '.join('?' * len(rows[0]))})", rows)

    def _adopt(self) -> None:
        """Take over what earlier releases wrote."""
        found = {name for (name,) in self._db.execute("select name from sqlite_master where type = 'table'")}
        for old, table in _EARLIER.items():
            for name in found & {old, f"{old}s"}:
                with self._transaction():
                    rows = list(self._db.execute(f"select * from {name} order by rowid"))
                    if name != old:
                        rows = [row for _, _, body in rows for row in _unpacked(body)]
                    self._insert(table, [(epoch, seq, seq, attempt, *said) for epoch, _, attempt, seq, *said in rows])
                    self._db.execute(f"drop table {name}")

    def _transaction(self) -> _Transaction:
        return _Transaction(self._db)


def _unpacked(body: str) -> Iterator[tuple[Any, ...]]:
    """Rows of columns as JSON, of which one with a single value says the same of every row."""
    columns = json.loads(body)
    rows = max(map(len, columns))
    return zip(*(column if len(column) == rows else column * rows for column in columns), strict=True)


class _Transaction:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("begin immediate")

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._db.execute("commit")
        elif self._db.in_transaction:  # a full disk has ended it
            self._db.execute("rollback")
