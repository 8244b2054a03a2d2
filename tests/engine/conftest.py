"""Worlds for the engine's tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.desk import at_desk
from tests.engine.world import World

__all__ = ["at_desk"]


@pytest.fixture
def make_world(tmp_path: Path) -> Callable[..., World]:
    return lambda *args, **sync: World(tmp_path, *args, **sync)


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world(send=["value"])
