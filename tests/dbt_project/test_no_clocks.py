"""No model reads a clock or a die: a run depends on the data and on `as_of` alone, so any day can be replayed."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dbt_project.shop import Shop

PROJECT = Path(__file__).parents[2] / "dbt_project"
CLOCKS = re.compile(
    r"""\b(
        current_(timestamp|date|time|datetime)\b | local(time|timestamp) | sysdate | systimestamp | run_started_at
      | (now|today|utcnow|getdate|sysutcdatetime|get_current_\w+) \s* \(
      | (clock|statement|transaction)_timestamp \s* \(
      | unix_timestamp \s* \( \s* \)
      | age \s* \( [^,()]* \)
      | (rand|random|setseed|uuid|gen_random_uuid|newid|uuid_string|uuidv\d) \s* \(
      | tablesample | using \s+ sample
    )""",
    re.IGNORECASE | re.VERBOSE,
)


def clocks(folder: Path) -> Iterator[str]:
    """Each reading of a clock or a die in the models, macros, tests and their YAML, as file:line: text."""
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.suffix in {".sql", ".yml", ".py"}:
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
                if found := CLOCKS.search(line):
                    yield f"{file.relative_to(folder)}:{number}: {found[0].strip()}"


def sources(project: Path) -> Iterator[str]:
    for folder in ("models", "macros"):
        yield from clocks(project / folder)


def test_no_model_or_macro_reads_a_clock() -> None:
    assert list(sources(PROJECT)) == []


def test_no_compiled_sql_reads_a_clock(shop: Shop) -> None:
    shop.run("2026-10-21T06:00:00Z")
    compiled = shop.folder / "target" / "run"
    assert len(list(compiled.rglob("*.sql"))) > 30
    assert list(clocks(compiled)) == []


def test_a_planted_clock_is_refused_with_its_file_and_line(tmp_path: Path) -> None:
    for folder in ("models", "macros"):
        (tmp_path / folder).mkdir()
    (tmp_path / "models" / "late.sql").write_text("select *\nfrom orders\nwhere paid_at < now()\n")
    (tmp_path / "macros" / "today.sql").write_text("{% macro today() %}{{ dbt.current_timestamp() }}{% endmacro %}\n")
    assert list(sources(tmp_path)) == ["late.sql:3: now(", "today.sql:1: today("]


@pytest.mark.parametrize(
    "text",
    [
        "NOW ()",
        "current_date - 1",
        "CURRENT_TIMESTAMP",
        "localtimestamp",
        "{{ run_started_at }}",
        "modules.datetime.datetime.utcnow()",
        "get_current_timestamp()",
        "unix_timestamp()",
        "age(paid_at)",
        "order by random()",
        "gen_random_uuid()",
        "from t using sample 10%",
    ],
)
def test_every_way_to_read_a_clock_or_a_die_is_known(text: str) -> None:
    assert CLOCKS.search(text)


@pytest.mark.parametrize(
    "text", ["{{ known() }}", "age(paid_at, other)", "days_ago(day)", "unix_timestamp(paid_at)", "brand"]
)
def test_what_only_resembles_a_clock_is_allowed(text: str) -> None:
    assert not CLOCKS.search(text)
