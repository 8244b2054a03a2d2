"""Somebody else's shop: a warehouse that was there before us, a dbt project that knows nothing of us, four channels."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from destinations.sandbox.server import Sandbox

from ..cli.terminal import Terminal

TILL = """
    create schema till;
    create table till.guests (guest_no integer, name varchar, mail varchar, phone varchar, visits integer,
        first_visit date, refuses boolean);
    create table till.firms (firm varchar, owed decimal(9, 2));
    create table till.complaints (firm varchar);
    insert into till.guests values
        (1, 'Ada', 'ada@example.com', '+4930901820', 7, '2026-01-02', false),
        (2, 'Bob', 'Bob@Example.com ', null, 3, '2026-01-03', false),
        (3, 'Cleo', 'cleo@example.com', null, 9, '2026-01-04', true),
        (4, 'Dov', 'dov@example.com', null, 1, '2026-02-01', false),
        (5, 'Eve', 'not an address', null, 5, '2026-02-01', false);
    insert into till.firms values ('F1', 12.50), ('F2', 99), ('F3', 0);
    insert into till.complaints values ('F2');
"""


class Bakery:
    """The warehouse, the channels and a terminal in the project's folder."""

    def __init__(self, folder: Path, box: Sandbox, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder, self.box = folder, box
        own = box.credentials
        self.tailrace = Terminal(folder, capfd, {
            "BAKERY_HOOK": box.base_url("webhook"), "BAKERY_HOOK_SECRET": own.webhook_secret or "",
            "BAKERY_SITE": own.customerio_site_id, "BAKERY_SITE_KEY": own.customerio_api_key,
            "BAKERY_APP_KEY": own.customerio_app_api_key, "BAKERY_MAILS": box.base_url("customerio"),
            "BAKERY_LETTERS_KEY": own.klaviyo_api_key, "BAKERY_LETTERS": box.base_url("klaviyo"),
            "BAKERY_ADS_ACCOUNT": own.meta_ad_account_id, "BAKERY_ADS_TOKEN": own.meta_access_token,
            "BAKERY_ADS": box.base_url("meta_ads"),
        })

    def sql(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.folder / "bakery.duckdb")) as warehouse:
            return warehouse.execute(statement, list(values)).fetchall()

    def held(self, channel: str, audience: str) -> list[str]:
        """The keys of the members that a channel has for an audience."""
        lists = self.box.truth()["channels"][channel]["audiences"].values()
        return sorted(key for found in lists if found["name"] == audience for key in found["keys"])

    def messages(self, channel: str) -> list[dict[str, Any]]:
        return list(self.box.truth()["channels"][channel]["messages"])

    def state(self) -> dict[str, list[tuple[Any, ...]]]:
        """All that is recorded in the warehouse, and the files beside it."""
        tables = self.sql("select table_name from duckdb_tables() where schema_name = 'activation' order by 1")
        rows = {name: sorted(self.sql(f"from activation.{name}"), key=repr) for (name,) in tables}
        kept = self.folder / ".tailrace"
        return {**rows, "files": sorted((str(path.relative_to(kept)),) for path in kept.rglob("*.db"))}


@pytest.fixture
def bakery(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Bakery]:
    folder = shutil.copytree(Path(__file__).parent / "project", tmp_path / "bakery")
    with Sandbox() as box:
        shop = Bakery(Path(folder), box, capfd)
        shop.sql(TILL)
        yield shop
