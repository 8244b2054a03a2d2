"""The table destination against real databases: PostgreSQL as pip installs it, and DuckDB."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pytest

from destinations.protocol import Batch, Exchange, Member, Operation, Refused, Request, Response, Verdict
from destinations.table import Table, TableSettings
from pipelines.delivery.ports import Answer, Lost
from pipelines.delivery.sql import Carrier
from tests.postgres import running

Carry = Callable[[Request], Answer]


@dataclass
class Database:
    url: str
    settings: dict[str, str]

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """What another program sees."""
        if self.url.startswith("duckdb"):
            with duckdb.connect(self.url.removeprefix("duckdb://")) as connection:
                return connection.execute(sql).fetchall()
        import psycopg

        with psycopg.connect(self.url, password="made-up", autocommit=True) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A database of a real server, which asks its user for a password."""
    psycopg = pytest.importorskip("psycopg", reason="PostgreSQL is spoken by psycopg")
    with running() as server:
        conninfo = server.database()
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute("create role tailrace superuser login password 'made-up'")
            [(rules,)] = connection.execute("show hba_file").fetchall()
            Path(rules).write_text("local all tailrace scram-sha-256\n" + Path(rules).read_text())
            connection.execute("select pg_reload_conf()")
            [(socket,)] = connection.execute("show unix_socket_directories").fetchall()
            name = psycopg.conninfo.conninfo_to_dict(conninfo)["dbname"]
        yield f"postgresql://tailrace@/{name}?host={quote(str(socket), safe='')}"


@pytest.fixture(params=["duckdb", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "duckdb":
        duckdb.connect(str(tmp_path / "crm.duckdb")).close()
        return Database(f"duckdb://{tmp_path}/crm.duckdb", {})
    found = Database(request.getfixturevalue("postgres"), {"password": "made-up"})
    found.query("drop schema if exists audiences cascade")
    return found


def open_(database: Database, **more: str) -> Table:
    return Table(TableSettings.model_validate({"database": database.url, **database.settings, **more}))


def talk(exchange: Exchange, carry: Carry) -> Any:
    try:
        request = next(exchange)
        while True:
            answer = carry(request)
            assert isinstance(answer, Response), answer
            request = exchange.send(answer)
    except StopIteration as done:
        return done.value


def deliver(to: Table, carry: Carry, operation: Operation, *members: Member, target: str = "audiences.v'i\"p") -> Any:
    """Outcomes; what is refused as a whole is halved, as the driver does."""
    outcomes = talk(to.deliver(Batch(operation, members, "vip", target)), carry)
    if len(members) > 1 and {outcome.verdict for outcome in outcomes} == {Verdict.REJECTED}:
        half = len(members) // 2
        return [one for part in (members[:half], members[half:])
                for one in deliver(to, carry, operation, *part, target=target)]  # fmt: skip
    return [(outcome.id, str(outcome.verdict), outcome.reason) for outcome in outcomes]


def member(key: str, **attributes: Any) -> Member:
    return Member(f"op-{key}", key, {"person": key, "email": f"{key}@example.com"}, attributes)


def test_a_table_is_made_filled_changed_and_emptied(database: Database, carry: Carry) -> None:
    to = open_(database)
    talk(to.check(), carry)
    target = talk(to.prepare("v'i\"p"), carry)
    assert talk(to.prepare("v'i\"p"), carry) == target == "audiences.v'i\"p"
    odd = {"l%t?v": 12.5, "vip": True, "tags": ["a", 'ü"'], "note": None, "since": "2026-03-01T12:00:00Z"}
    added = deliver(to, carry, Operation.ADD, member("u1", **odd), member("o'brien", **odd), member("u3", **odd))
    assert [verdict for _, verdict, _ in added] == ["accepted"] * 3
    changed = {**odd, "l%t?v": 13, "note": "x" * 5000, "more": 1}
    assert deliver(to, carry, Operation.UPDATE, member("u3", **changed)) == [("op-u3", "accepted", "")]
    deliver(to, carry, Operation.UPDATE, member("u3", **changed))
    assert talk(to.members(target), carry) == ["o'brien", "u1", "u3"]
    deliver(to, carry, Operation.REMOVE, member("u1"), member("o'brien"), member("gone"))
    table = 'audiences."v\'i""p"'
    rows = database.query(f'select person_id, email, "l%t?v", vip, since, length(note), more from {table}')
    assert rows == [("u3", "u3@example.com", 13.0, True, "2026-03-01T12:00:00Z", 5000, 1.0)]
    [(tags,)] = database.query(f"select cast(tags as text) from {table}")
    assert tags == '["a", "ü\\""]'


def test_a_table_of_ones_own_keeps_its_types_and_one_wrong_value_is_told(database: Database, carry: Carry) -> None:
    database.query("create schema audiences")
    database.query("create table audiences.own (id bigint primary key, age integer not null, seen timestamp)")
    to = open_(database, key_column="id")
    rows = [Member(f"op{key}", str(key), {}, {"age": age, "seen": "2026-03-01T12:00:00Z"})
            for key, age in ((1, 40), (2, "many"), (3, None), (4, 41))]
    told = deliver(to, carry, Operation.ADD, *rows, target="audiences.own")
    assert [verdict for _, verdict, _ in told] == ["accepted", "rejected", "rejected", "accepted"]
    assert all(reason.startswith("HTTP 422: 2") for _, verdict, reason in told if verdict == "rejected")
    assert database.query("select id, age, extract(hour from seen) from audiences.own order by id") == [
        (1, 40, 12), (4, 41, 12)]
    deliver(to, carry, Operation.REMOVE, rows[0], target="audiences.own")
    assert database.query("select id from audiences.own") == [(4,)]


def test_what_only_the_operator_can_put_right_stops_the_sync(database: Database, carry: Carry) -> None:
    to = open_(database)
    for operation in (Operation.ADD, Operation.REMOVE):
        with pytest.raises(Refused, match=r"there is no table audiences\.gone"):
            deliver(to, carry, operation, member("u1"), target="audiences.gone")
    database.query("create schema if not exists audiences")
    database.query("create table audiences.heap (person_id text, email text)")
    with pytest.raises(Refused, match="has no primary key or unique index on person_id"):
        deliver(to, carry, Operation.ADD, member("u1"), target="audiences.heap")


def test_a_batch_is_there_whole_or_not_at_all(database: Database, carry: Carry) -> None:
    talk(open_(database).prepare("vip"), carry)
    statements = [{"sql": sql, "values": []} for sql in ("insert into audiences.vip values ('u1')", "selec")]
    request = next(open_(database).check())
    answer = carry(replace(request, body=json.dumps({"statements": statements}).encode()))
    assert isinstance(answer, Response) and (answer.status, answer.json) == (422, {"code": "42601"})
    assert database.query("select count(*) from audiences.vip") == [(0,)]


def test_a_database_that_is_not_there_is_told(database: Database, carry: Carry) -> None:
    where, mark, how = database.url.partition("?")
    elsewhere = f"{where}x{mark}{how}"
    with pytest.raises(Refused, match="there is no such database"):
        talk(open_(Database(elsewhere, database.settings)).check(), carry)


def test_a_wrong_password_and_a_server_that_is_not_there_are_told_apart(postgres: str, carry: Carry) -> None:
    wrong = next(open_(Database(postgres, {"password": "wrong"})).check())
    away = next(open_(Database("postgresql://tailrace@127.0.0.1:1/crm", {"password": "made-up"})).check())
    assert carry(wrong) == Response(401)
    assert carry(away) == Lost("never sent: no connection to the database", sent=False)


def test_a_connection_that_is_cut_is_not_taken_for_an_answer_and_is_replaced(postgres: str) -> None:
    carrier, request = Carrier(), next(open_(Database(postgres, {"password": "made-up"})).check())
    assert isinstance(carrier.carry(request), Response)
    Database(postgres, {}).query("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()")
    assert carrier.carry(request) in (Lost("lost: AdminShutdown", sent=True), Response(422, {}, b'{"code": "57P01"}'))
    assert isinstance(carrier.carry(request), Response)
    carrier.close()


def test_a_duckdb_file_that_another_process_holds_is_asked_again_later(
    tmp_path: Path, carry: Carry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.delivery.sql.PATIENCE", 0.2)
    path = tmp_path / "crm.duckdb"
    hold = f"import duckdb, sys; c = duckdb.connect({str(path)!r}); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout and holder.stdout.readline() == b"open\n"
        answer = carry(next(open_(Database(f"duckdb://{path}", {})).check()))
        holder.communicate(b"")
    assert isinstance(answer, Response) and (answer.status, answer.json) == (429, {"code": "55P03"})
    assert talk(open_(Database(f"duckdb://{path}", {})).check(), carry) is None


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"database": "postgresql://u:secret@db.example/crm"}, "must not hold the password"),
        ({"database": "duckdb://crm.duckdb"}, "must be duckdb:/// and the whole path"),
        ({"database": "mysql://db.example/crm"}, "database"),
    ],
)
def test_a_wrong_address_is_told(settings: dict[str, str], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        TableSettings.model_validate(settings)


def test_members_of_any_number_are_read_page_by_page(database: Database, carry: Carry) -> None:
    to = open_(database)
    talk(to.prepare("many"), carry)
    database.query("insert into audiences.many (person_id) select 'u' || n from generate_series(1, 10001) as s (n)")
    assert len(talk(to.members("audiences.many"), carry)) == 10_001
