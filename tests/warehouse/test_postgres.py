"""PostgreSQL: what a team's server does differently, on a real server."""

from __future__ import annotations

import re
import threading
from datetime import datetime
from itertools import count
from pathlib import Path

import psycopg
import pytest
import sqlglot
from sqlglot import exp

from pipelines.errors import LeaseHeld, WarehouseError
from pipelines.state import lease, schema
from pipelines.warehouse.postgres import PostgresServer, server_of
from tests.engine.engines import PostgresDatabase
from tests.engine.world import World
from tests.postgres import Server

pytestmark = pytest.mark.slow
NOW = datetime(2026, 10, 21, 6)
ROLES = count()


@pytest.fixture
def database(server: Server) -> PostgresServer:
    return PostgresServer(server.database(), "the tests' server")


def grant(database: PostgresServer, *statements: str) -> PostgresServer:
    """The same database as a role that was given just this (`{role}` stands for its name)."""
    role = f"run_{next(ROLES)}"
    with psycopg.connect(database.conninfo, autocommit=True) as connection:
        for statement in ("create role {role} login", "create schema marts",
                          "create table marts.cart as select 'ada' as person_id", *statements):
            connection.execute(statement.format(role=role))
    return PostgresServer(f"{database.conninfo} user={role}", database.place)


def test_texts_numbers_times_and_nothing_go_in_and_come_out_as_they_were(database: PostgresServer) -> None:
    rows = {"name": ["", None, 'a "b", c\n%s', "ümlaut 🐟"], "qty": [1, None, -3, 2**40],
            "at": [NOW, None, NOW, NOW], "good": [True, None, False, True], "share": [0.1, None, 1e300, -0.0]}
    with database() as warehouse:
        warehouse.execute("create table kept (name varchar, qty bigint, at timestamp, good boolean, share double)")
        warehouse.insert("kept", rows)
        many = {name: values * 200 for name, values in rows.items()}
        warehouse.insert("kept", many)
        found = warehouse.query("select * from kept where name = ? or name is null", ['a "b", c\n%s'])
        streamed = [row for batch in warehouse.arrow("select * from kept") for row in batch.to_pylist()]
    assert sorted(set(found), key=str) == [('a "b", c\n%s', -3, NOW, False, 1e300), (None,) * 5]
    assert [tuple(row.values()) for row in streamed[:4]] == list(zip(*rows.values(), strict=True))
    assert len(streamed) == 804


def test_of_two_runs_that_take_a_sync_in_the_same_instant_one_has_it(database: PostgresServer) -> None:
    got, start = [], threading.Barrier(4)

    def take(owner: str) -> None:
        start.wait()
        try:
            with database() as warehouse:
                with warehouse.transaction():
                    schema.create(warehouse)
                with warehouse.transaction():
                    got.append(lease.take(warehouse, "cart__mail", "cart", "mail", f"{owner}/run", NOW, alone=False))
        except LeaseHeld:
            pass

    threads = [threading.Thread(target=take, args=(f"host{place}",)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [control.epoch for control in got] == [1]


def test_a_role_may_do_with_reading_the_models_and_owning_its_schema(database: PostgresServer) -> None:
    role = grant(database, "create schema activation authorization {role}",
                 "grant usage on schema marts to {role}", "grant select on marts.cart to {role}")
    with role() as warehouse:
        with warehouse.transaction():
            schema.create(warehouse)
        assert warehouse.query("select person_id from marts.cart") == [("ada",)]
    with pytest.raises(WarehouseError, match=r"permission denied for table cart; grant this role usage and select"), \
            role() as warehouse:
        warehouse.execute("delete from marts.cart")


def test_the_servers_log_of_a_run_shows_reads_of_models_and_writes_of_its_own_schema_alone(
    database: PostgresServer, server: Server, tmp_path: Path
) -> None:
    role = grant(database, "create schema activation authorization {role}", "grant usage on schema public to {role}",
                 "alter default privileges in schema public grant select on tables to {role}",
                 "alter role {role} set log_statement = 'all'", "alter role {role} set log_min_messages = 'log'")
    engine = PostgresDatabase(database.conninfo)
    engine.opener = role
    before = server.log.stat().st_size
    world = World(tmp_path, engine=engine, send=["value"])
    for day, names in enumerate((("ada", "ben"), ("ada", "cleo"))):
        world.people(*((name, f"{name}@x.io", day) for name in names))
        assert world.run(day).status == "ok"
    said = [text for text in logged(server.log.read_text("utf-8")[before:]) if not IGNORED.match(text)]
    trees = [sqlglot.parse_one(text.removesuffix(" (format csv)"), dialect="postgres") for text in said]
    written = {"pg_temp" if tree.find(exp.TemporaryProperty) else tree.find(exp.Table).db
               for tree in trees if not isinstance(tree, exp.Select | exp.Union)}
    read = {table.sql("postgres") for tree in trees for table in tree.find_all(exp.Table) if table.db == "public"}
    assert (written, read) == ({"activation", "pg_temp"}, {"public.cart", "public.spared"})


IGNORED = re.compile(r"set |begin|commit|rollback", re.IGNORECASE)


def logged(text: str) -> list[str]:
    """The statements of a server's log; one that goes over lines is told by its indent."""
    return [" ".join(found.split()) for found in re.findall(r"LOG:  statement: (.*?)\n(?=\S)", text, re.DOTALL)]


def test_a_missing_grant_is_said_in_a_sentence(database: PostgresServer) -> None:
    role = grant(database)
    with pytest.raises(WarehouseError, match="permission denied for schema marts; grant this role usage"), \
            role() as warehouse:
        warehouse.query("select * from marts.cart")
    with pytest.raises(WarehouseError, match=r"permission denied for database .*let it own schema activation"), \
            role() as warehouse, warehouse.transaction():
        schema.create(warehouse)


def test_a_server_that_is_not_there_and_one_that_goes_away_are_told_apart(database: PostgresServer) -> None:
    nobody = server_of({"host": "127.0.0.1", "port": 1, "user": "a", "pass": "made-up", "dbname": "shop"})
    with pytest.raises(WarehouseError, match=r"127\.0\.0\.1/shop: .*refused"), nobody():
        pass
    with pytest.raises(WarehouseError, match=r"the connection was lost .*the next run finds what was recorded"), \
            database() as warehouse:
        [(process,)] = warehouse.query("select pg_backend_pid()")
        with database() as other:
            other.query("select pg_terminate_backend(?)", [process])
        warehouse.query("select 1")


def test_a_secret_is_in_no_text_of_the_server() -> None:
    server = server_of({"host": "db.example", "user": "a", "password": "made-up-secret", "dbname": "shop"})
    assert "made-up-secret" not in f"{server!r} {server}"
    assert server.place == "db.example/shop"
