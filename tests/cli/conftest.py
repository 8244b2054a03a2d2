"""A small club with two audiences and two channels, and a terminal in its folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from destinations.sandbox.server import Sandbox

from .terminal import Terminal


class Club:
    """The project's folder, its channels and a terminal."""

    def __init__(self, folder: Path, box: Sandbox, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder, self.box = folder, box
        self.tailrace = Terminal(folder, capfd, box.environment())

    @property
    def file(self) -> Path:
        return self.folder / "club.duckdb"

    def sql(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.file)) as warehouse:
            return warehouse.execute(statement, list(values)).fetchall()

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text in a file of the project."""
        file = self.folder / name
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    def people(self, *rows: str) -> None:
        """The seed now, each row `person_id,email,fan`."""
        (self.folder / "seeds" / "people.csv").write_text("\n".join(["person_id,email,fan", *rows, ""]))

    def held(self, channel: str, audience: str) -> list[str]:
        lists = self.box.truth()["channels"][channel]["audiences"].values()
        return sorted(key for found in lists if found["name"] == audience for key in found["keys"])


@pytest.fixture
def club(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Club]:
    folder = shutil.copytree(Path(__file__).parent / "project", tmp_path / "club")
    with Sandbox() as box:
        yield Club(Path(folder), box, capfd)


@pytest.fixture
def tailrace(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Terminal:
    """A terminal in an empty folder."""
    return Terminal(tmp_path, capfd, {})
