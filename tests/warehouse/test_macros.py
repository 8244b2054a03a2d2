"""The dbt project's macros in the words of each adapter: rendered as dbt dispatches them, and read back."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlglot
from jinja2 import Environment
from sqlglot import exp

from tests.warehouse.walk import FOLDER

MACROS = Path(__file__).parents[2] / "dbt_project" / "macros"
FALLBACK = {"databricks": ["databricks", "spark"], "redshift": ["redshift", "postgres"]}
"""Adapters that are built on another's, as dbt looks for a macro."""
CALLS = {"utc": ["at"], "money": ["price"], "plain_url": ["url"], "first_of": ["doc"],
         "number_at": ["doc", "$.quantity"], "sum_at": ["doc", "$.items[*].amount"], "business_date": ["at"]}
ADAPTERS = ("duckdb", "postgres", "snowflake", "bigquery", "databricks", "redshift", "trino", "clickhouse", "spark")


def said(adapter: str) -> dict[str, str]:
    """Each macro's text for an adapter."""
    found: dict[str, Any] = {}

    def dispatch(name: str) -> Any:
        return next(found[word] for prefix in (*FALLBACK.get(adapter, [adapter]), "default")
                    if (word := f"{prefix}__{name}") in found)

    jinja = Environment(autoescape=False)
    jinja.globals |= {"return": lambda value: value, "adapter": SimpleNamespace(dispatch=dispatch),
                      "var": lambda _: "Europe/Berlin"}
    source = "\n".join((MACROS / f"{name}.sql").read_text("utf-8") for name in ("text", "business_date", "dialects"))
    # A macro that returns a value and no text is a function to dbt; here it is one of Jinja's globals.
    jinja.globals["list_and_field"] = lambda path: path[2:].split("[*].")
    source = re.sub(r"\{% macro list_and_field.*?endmacro %\}", "", source, flags=re.DOTALL)
    module = jinja.from_string(source).make_module()
    found |= {name: getattr(module, name) for name in dir(module) if not name.startswith("_")}
    return {name: " ".join(str(found[name](*given)).split()) for name, given in CALLS.items()}


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_macro_says_what_its_file_has_and_can_be_read_back(adapter: str) -> None:
    texts = said(adapter)
    assert texts == json.loads((FOLDER / "macros.json").read_text("utf-8"))[adapter]
    assert not [text for text in texts.values()
                if isinstance(sqlglot.parse_one(f"select {text} as x from t", dialect=adapter), exp.Command)]
