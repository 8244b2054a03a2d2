"""The commands over a world of the engine's tests: the same terminal, without dbt."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from pipelines import operate
from pipelines.audiences import Audience, SuppressionModel
from pipelines.errors import ConnectionFault
from pipelines.run import Ports
from pipelines.state.retention import Terms
from pipelines.sync import Step, Task, walk
from pipelines.warehouse.duckdb import DuckDBFile
from pipelines.warehouse.rewrite import rewrite
from tests.cli.terminal import Ran, Terminal
from tests.engine.world import World


@dataclass(frozen=True, slots=True)
class Declared:
    """What a world declares."""

    audiences: list[Audience]
    suppressions: tuple[SuppressionModel, ...]

    def sparing(self, _: Audience) -> tuple[SuppressionModel, ...]:
        return self.suppressions


class Opened:
    """What the commands ask of a project, answered by a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.warehouse, self.dir = world.warehouse, world.folder
        self.terms = Terms()

    @property
    def declarations(self) -> Declared:
        return Declared([self._world.audience], self._world.suppressions)

    def audiences(self, select: Sequence[str] = (), to: str | None = None) -> list[Audience]:
        return [audience for audience in [self._world.audience] if not select or audience.name in select]

    def walk(self, audience: Audience, tasks: Sequence[Task], run_id: str) -> Iterator[Step]:
        world = self._world
        return walk(audience, tasks, world.suppressions, world.ports, world.clock.now().replace(tzinfo=UTC))

    @property
    def key_file(self) -> Path:
        return self._world.key_file

    def tasks(self, audience: Audience, to: str | None = None) -> tuple[list[Task], list[ConnectionFault]]:
        return [task for task in self._world.tasks if to in (None, task.sync.to)], []

    @contextmanager
    def alone(self, name: str, run_id: str) -> Iterator[Ports]:
        yield self._world.ports

    def compact_journal(self, sync_id: str) -> None:
        journal = self._world.ports.journal(sync_id)
        journal.compact()
        journal.close()

    def rewrite_warehouse(self) -> None:
        rewrite(DuckDBFile(self._world.file))


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
