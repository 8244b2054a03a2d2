"""Engines without a module of their own: what is said to them, and that they do what DuckDB does, where one can run."""

from __future__ import annotations

import json
import re
import subprocess
import venv
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from pipelines.warehouse.dialects import DIALECTS, render
from tests.warehouse.walk import FOLDER, Recorded, record, rendered

EMULATIONS = {"clickhouse": ["chdb>=4.4", "pyarrow"], "snowflake": ["fakesnow>=0.12", "snowflake-connector-python<5"]}


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    return record()


@pytest.mark.parametrize("name", DIALECTS)
def test_a_dialect_says_the_statements_of_a_walk_as_its_file_has_them(name: str) -> None:
    """`python -m tests.warehouse.walk` writes the files anew."""
    statements = (FOLDER / "statements.sql").read_text("utf-8").split(";\n")[:-1]
    assert rendered(name, statements).splitlines() == (FOLDER / f"{name}.sql").read_text("utf-8").splitlines()


@pytest.mark.parametrize("name", DIALECTS)
def test_what_is_said_today_can_be_read_back(name: str, recorded: Recorded) -> None:
    """ClickHouse's mutations are the one statement that sqlglot writes and cannot read."""
    texts = [text for sql in recorded.statements
             if not (text := render(sql, name, lambda _: None)).startswith("ALTER TABLE ")]
    unread = [text for text in texts if isinstance(sqlglot.parse_one(text, dialect=name), exp.Command)]
    foreign = [text for text in texts if re.search(r"\b(to_seconds|to_hours|arg_max|temp\.)", text, re.IGNORECASE)]
    assert (len(texts) > 100, unread, foreign) == (True, [], [])


def words() -> dict[str, str]:
    """What engines say most differently."""
    sql = """select cast(hash(a, b) >> 1 as bigint), cast('0x' || substr(md5(a), 1, 8) as bigint) % 10000,
        arg_max(a, (b, c)) filter (where d), a is distinct from b, t + to_seconds($n) from x"""
    return {name: re.sub(r"\s+", " ", render(sql, name, lambda _: None)) for name in DIALECTS}


def test_each_engine_has_its_own_words_for_a_fingerprint_a_bucket_and_the_newest_of_several() -> None:
    assert words() == json.loads((FOLDER / "words.json").read_text("utf-8"))


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", EMULATIONS)
def test_the_walks_leave_the_same_tables_there(name: str, recorded: Recorded, tmp_path: Path) -> None:
    """In a Python of its own: these packages want other versions of what we use."""
    venv.create(tmp_path / "own", with_pip=True)
    python = tmp_path / "own" / "bin" / "python"
    done = subprocess.run([python, "-m", "pip", "install", "-q", *EMULATIONS[name]], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"an emulation of {name} cannot be installed here")
    statements = [render(sql, name, lambda _: None, values) for sql, values in recorded.said]
    if name == "snowflake":  # the emulation has no format of hexadecimal digits
        statements = [re.sub(r"TO_NUMBER\((SUBSTRING\(MD5\(.*?\), 1, 8\)), 'XXXXXXXX'\)", r"CAST('0x' || \1 AS BIGINT)",
                             statement) for statement in statements]
    told = json.dumps({"statements": statements, "columns": recorded.columns})
    run = subprocess.run([python, Path(__file__).with_name("replay.py"), name], input=told, capture_output=True,
                         text=True, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    found = {table: sorted(map(_texts, rows)) for table, rows in json.loads(run.stdout.splitlines()[-1]).items()}
    assert found == {table: sorted(map(_texts, rows)) for table, rows in recorded.rows.items()}


def _texts(row: list[object]) -> str:
    """A row as text; engines write whole seconds and truth their own way."""
    return " | ".join(re.sub(r"\.0{6}$", "", "∅" if cell is None else str(cell)).lower() for cell in row)
