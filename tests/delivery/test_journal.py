"""The journal keeps what was claimed and what came of it, and forgets exactly what the warehouse has."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from pipelines.delivery.journal import Journal
from pipelines.state.record import Receipt

AT = datetime(2026, 10, 21, 6, 0, 0, 250)


def ended(op: str, outcome: str = "ok", attempt: int = 1, seq: int = 1) -> Receipt:
    return Receipt(3, op, attempt, seq, outcome, None, "", None, None, AT, AT)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journals" / "sync.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    opened = Journal(path)
    yield opened
    opened.close()


def test_a_claim_is_open_until_its_attempt_has_a_result(journal: Journal) -> None:
    journal.claim([(3, "a", 1, 1, AT), (3, "b", 1, 2, AT)])
    journal.result([ended("a")])
    journal.claim([(3, "a", 2, 1, AT)])
    assert journal.open_claims() == [(3, "a", 2, 1, AT), (3, "b", 1, 2, AT)]


def test_what_was_said_first_of_an_attempt_stands(journal: Journal) -> None:
    journal.result([ended("b", seq=2)])
    journal.result([ended("a", "unknown"), ended("b", "void", seq=2)])
    assert journal.results() == [ended("a", "unknown"), ended("b", seq=2)]


def test_only_what_the_warehouse_has_is_forgotten(journal: Journal) -> None:
    journal.claim([(3, "a", 1, 1, AT), (3, "b", 1, 2, AT), (3, "c", 1, 3, AT)])
    journal.result([ended("a"), ended("b", seq=2)])
    journal.flushed([ended("a")])
    assert (journal.results(), journal.open_claims()) == ([ended("b", seq=2)], [(3, "c", 1, 3, AT)])


def test_claims_of_earlier_runs_are_forgotten_when_they_are_settled(journal: Journal) -> None:
    journal.claim([(2, "a", 1, 1, AT)])
    journal.claim([(3, "b", 1, 1, AT)])
    journal.forget_before(3)
    assert journal.open_claims() == [(3, "b", 1, 1, AT)]


def test_another_process_finds_the_journal_as_it_was_left(journal: Journal, path: Path) -> None:
    journal.claim([(3, "a", 1, 1, AT)])
    journal.result([ended("a")])
    other = Journal(path)
    assert (other.id, other.results(), path.stat().st_mode & 0o777) == (journal.id, [ended("a")], 0o600)
    other.close()


def test_a_journal_of_the_first_release_is_taken_over(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as old:
        old.executescript("""
            create table identity (id text not null);
            insert into identity values ('of old');
            create table claim (epoch integer, op_id text, attempt integer, seq integer, claimed_at text);
            create table result (epoch integer, op_id text, attempt integer, seq integer, outcome text,
                http_status integer, reason text, remote_id text, job_id text, first_sent_at text, recorded_at text);
            insert into claim values (3, 'a', 1, 1, '2026-10-21T06:00:00.000250'),
                (3, 'b', 1, 2, '2026-10-21T06:00:00.000250');
            insert into result values (3, 'a', 1, 1, 'ok', null, '', null, null, '2026-10-21T06:00:00.000250',
                '2026-10-21T06:00:00.000250');""")
    old.close()
    for _ in range(2):
        journal = Journal(path)
        assert (journal.id, journal.results(), journal.open_claims()) == (
            "of old", [ended("a")], [(3, "b", 1, 2, AT)])
        journal.close()
