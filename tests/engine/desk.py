"""The commands over a world of the engine's tests: the same terminal, without dbt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipelines import operate
from pipelines.audiences import Audience, SuppressionModel
from pipelines.errors import ConnectionFault
from pipelines.run import Ports
from pipelines.sync import Task
from pipelines.warehouse.duckdb import DuckDBFile
from pipelines.warehouse.rewrite import rewrite
from tests.cli.terminal import Ran, Terminal
from tests.engine.world import World


class Opened:
    """What the commands ask of a project, answered by a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.warehouse = world.warehouse

    @property
    def declarations(self) -> Opened:
        return self

    @property
    def audiences(self) -> list[Audience]:
        return [self._world.audience]

    @property
    def key_file(self) -> Path:
        return self._world.key_file

    def tasks(self, audience: Audience, to: str) -> tuple[list[Task], list[ConnectionFault]]:
        return [task for task in self._world.tasks if task.sync.to == to], []

    @contextmanager
    def alone(self, name: str, run_id: str) -> Iterator[Ports]:
        yield self._world.ports

    def compact_journal(self, sync_id: str) -> None:
        journal = self._world.ports.journal(sync_id)
        journal.compact()
        journal.close()

    def rewrite_warehouse(self) -> None:
        rewrite(DuckDBFile(self._world.file))

    def sparing(self, _: Audience) -> tuple[SuppressionModel, ...]:
        return self._world.suppressions


class Desk:
    """A terminal at a world, and its clock on the wall."""

    def __init__(self, world: World, terminal: Terminal) -> None:
        self._world, self._terminal = world, terminal

    def __call__(self, *arguments: str) -> Ran:
        return self._terminal(*arguments)


@pytest.fixture
def at_desk(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[World], Desk]:
    def sit(world: World) -> Desk:
        def open_project(*_: Any) -> Opened:
            return Opened(world)

        monkeypatch.setattr(operate, "open_project", open_project)
        monkeypatch.setattr(operate, "_now", world.clock.now)
        return Desk(world, Terminal(tmp_path, capfd, {}))

    return sit
