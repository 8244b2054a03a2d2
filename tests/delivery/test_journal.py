"""The journal keeps what was claimed and what came of it, and forgets exactly what the warehouse has."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from pipelines.delivery.journal import Journal
from pipelines.errors import StateError
from pipelines.state.record import Claim, Receipt

AT = datetime(2026, 10, 21, 6, 0, 0, 250)


def claimed(first: int, last: int, attempt: int = 1, epoch: int = 3) -> Claim:
    return Claim(epoch, first, last, attempt, AT)


def ended(first: int, last: int, outcome: str = "ok", attempt: int = 1) -> Receipt:
    return Receipt(3, first, last, attempt, outcome, None, "", None, None, AT, AT)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journals" / "sync.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    opened = Journal(path)
    yield opened
    opened.close()


def test_a_claim_is_open_until_its_attempt_has_a_result(journal: Journal) -> None:
    journal.claim([claimed(1, 2)])
    journal.result([ended(1, 1)])
    journal.claim([claimed(1, 1, attempt=2)])
    assert journal.open_claims() == [claimed(1, 1, attempt=2), claimed(2, 2)]


@pytest.mark.parametrize(("answered", "left"), [
    ([], [(1, 9)]),
    ([(1, 9)], []),
    ([(2, 3), (5, 5)], [(1, 1), (4, 4), (6, 9)]),
    ([(1, 4), (3, 6)], [(7, 9)]),
    ([(3, 6), (1, 8), (4, 5)], [(9, 9)]),
    ([(10, 12)], [(1, 9)]),
])
def test_of_a_claim_only_what_has_no_result_is_open(
    journal: Journal, answered: list[tuple[int, int]], left: list[tuple[int, int]]
) -> None:
    journal.claim([claimed(1, 9)])
    for places in answered:
        journal.result([ended(*places)])
    journal.result([ended(1, 9, attempt=2), Receipt(2, 1, 9, 1, "ok", None, "", None, None, None, AT)])
    assert journal.open_claims() == [claimed(*places) for places in left]


def test_results_come_in_the_order_in_which_they_were_said(journal: Journal) -> None:
    said = [ended(2, 2), ended(1, 3, "unknown"), ended(1, 1, "void", attempt=2)]
    journal.result(said[:1])
    journal.result(said[1:])
    assert journal.results() == said


def test_only_what_the_warehouse_has_is_forgotten(journal: Journal) -> None:
    journal.claim([claimed(1, 9)])
    journal.result([ended(1, 2), ended(3, 4)])
    journal.flushed([ended(1, 2)])
    assert (journal.results(), journal.open_claims()) == ([ended(3, 4)], [claimed(5, 9)])


def test_one_transaction_keeps_all_that_was_said_and_the_disk_is_waited_for(journal: Journal, path: Path) -> None:
    done: list[str] = []
    journal._db.set_trace_callback(done.append)
    journal.claim([claimed(1, 1)])
    journal.claim([claimed(2, 3)])
    journal.result([ended(1, 1)])
    before = (journal.is_kept, _rows(path))
    journal.keep()
    journal.keep()
    journal._db.set_trace_callback(None)
    assert (before, journal.is_kept, _rows(path)) == ((False, (0, 0)), True, (2, 1))
    assert [line for line in done if not line.startswith("insert")] == ["begin immediate", "commit"]
    assert journal._db.execute("pragma synchronous").fetchone() == (2,)  # full: a commit waits


def test_what_finds_no_room_is_forgotten_and_the_next_is_kept(journal: Journal, path: Path) -> None:
    journal.keep()
    journal._db.execute(f"pragma max_page_count = {journal._db.execute('pragma page_count').fetchone()[0]}")
    journal.claim([claimed(place, place) for place in range(1, 2_000)])
    with pytest.raises(StateError, match=r"the journal cannot be written \(database or disk is full\)"):
        journal.keep()
    journal.result([ended(9, 9)])
    journal.keep()
    assert (journal.open_claims(), journal.results()) == ([], [ended(9, 9)])


def _rows(path: Path) -> tuple[int, int]:
    """Claims and results as another process sees them."""
    with sqlite3.connect(path) as other:
        found = other.execute("select (select count(*) from claimed), (select count(*) from ended)").fetchone()
    other.close()
    return found


def test_claims_of_earlier_runs_are_forgotten_when_they_are_settled(journal: Journal) -> None:
    journal.claim([claimed(1, 1, epoch=2), claimed(1, 1)])
    journal.forget_before(3)
    assert journal.open_claims() == [claimed(1, 1)]


def test_another_process_finds_the_journal_as_it_was_left(journal: Journal, path: Path) -> None:
    journal.claim([claimed(1, 1)])
    journal.result([ended(1, 1)])
    journal.keep()
    other = Journal(path)
    assert (other.id, other.results(), path.stat().st_mode & 0o777) == (journal.id, [ended(1, 1)], 0o600)
    other.close()


OF_OLD = {
    "row an operation": """
        create table claim (epoch integer, op_id text, attempt integer, seq integer, claimed_at text);
        create table result (epoch integer, op_id text, attempt integer, seq integer, outcome text,
            http_status integer, reason text, remote_id text, job_id text, first_sent_at text, recorded_at text);
        insert into claim values (3, 'a', 1, 1, '2026-10-21T06:00:00.000250'),
            (3, 'b', 1, 2, '2026-10-21T06:00:00.000250');
        insert into result values (3, 'a', 1, 1, 'ok', null, '', null, null, '2026-10-21T06:00:00.000250',
            '2026-10-21T06:00:00.000250');""",
    "columns as JSON": """
        create table claims (id integer primary key, epoch integer, body text);
        create table results (id integer primary key, epoch integer, body text);
        insert into claims values (1, 3, '[[3],["a","b"],[1],[1,2],["2026-10-21T06:00:00.000250"]]');
        insert into results values (1, 3, '[[3],["a"],[1],[1],["ok"],[null],[""],[null],[null],'
            || '["2026-10-21T06:00:00.000250"],["2026-10-21T06:00:00.000250"]]');""",
}


@pytest.mark.parametrize("kept", OF_OLD)
def test_a_journal_of_an_earlier_release_is_taken_over(path: Path, kept: str) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as old:
        old.executescript(f"create table identity (id text not null); insert into identity values ('of old');"
                          f"{OF_OLD[kept]}")
    old.close()
    for _ in range(2):
        journal = Journal(path)
        assert (journal.id, journal.results(), journal.open_claims()) == ("of old", [ended(1, 1)], [claimed(2, 2)])
        journal.close()
