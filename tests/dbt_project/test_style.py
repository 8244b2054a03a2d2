"""Lines and names are as short as they must be, and SQLFluff finds nothing; its rules stand in pyproject.toml."""

import subprocess
import sys

import pytest
import yaml

from tests.dbt_project.shop import ROOT


def test_no_line_of_sql_is_longer_than_a_page_is_wide() -> None:
    assert [f"{file.name}:{number}" for file in sorted((ROOT / "dbt_project/models").rglob("*.sql"))
            for number, line in enumerate(file.read_text("utf-8").splitlines(), 1) if len(line) > 120] == []


def test_the_name_of_every_unit_test_can_be_a_tables_in_postgresql() -> None:
    files = sorted((ROOT / "dbt_project/models").rglob("*.yml"))
    names = [test["name"] for file in files for test in yaml.safe_load(file.read_text("utf-8")).get("unit_tests", ())]
    assert len(names) > 100
    assert [name for name in names if len(name) > 63] == []


@pytest.mark.slow
def test_every_model_keeps_the_style() -> None:
    pytest.importorskip("sqlfluff", reason="pip install -e '.[dev]' brings sqlfluff")
    linted = subprocess.run([sys.executable, "-m", "sqlfluff", "lint", "dbt_project/models", "--disable-progress-bar"],
                            cwd=ROOT, capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout[-3000:]
