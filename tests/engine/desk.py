"""The commands over a world of the engine's tests: the same terminal, without dbt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines import operate
from pipelines.audiences import Audience, SuppressionModel
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
