"""One build of the corner shop by Dagster, copied for each test, and a sandbox for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from destinations.sandbox.server import Sandbox
from pipelines.defs.opened import PARSED
from tests.dagster.corner import Corner, copy, failure


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the definitions set for their child processes ends with the test."""
    _clean(monkeypatch)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Corner:
    """The shop as Dagster's dbt step leaves it; nothing has been synced."""
    with pytest.MonkeyPatch.context() as patch:
        _clean(patch)
        corner = Corner(copy(tmp_path_factory.mktemp("built")))
        build = corner.defs.resolve_assets_def(["audiences", "cart"])
        corner.result = corner.launch(*(key.to_user_string() for key in build.keys), as_of="2026-03-01T06:00:00")
        assert corner.result.success, failure(corner.result)
        return corner


@pytest.fixture
def corner(built: Corner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Corner]:
    """A copy of the built shop whose connections lead to a sandbox of its own."""
    with Sandbox() as box:
        for name, value in box.environment().items():
            monkeypatch.setenv(name, value)
        yield Corner(copy(tmp_path, built.folder), box)


def _clean(patch: pytest.MonkeyPatch) -> None:
    for name in (PARSED, "DBT_INDIRECT_SELECTION"):
        patch.setenv(name, "")
        patch.delenv(name)
