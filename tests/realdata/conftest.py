"""The real data, and copies of the projects that read it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from .projects import HERE, Project, copy


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder that holds the parquet files; a test that asks for it is skipped where there is none."""
    beside = HERE.parents[2] / "shared" / "data" / "parquet"
    folder = Path(os.environ.get("TAILRACE_REALDATA") or beside)
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder}")
    return folder


@pytest.fixture(scope="session")
def project(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Project]:
    """One copy of each project for the whole session, so that its raw data is landed once."""
    folder = tmp_path_factory.mktemp("realdata")
    copies: dict[str, Project] = {}

    def open_copy(name: str) -> Project:
        if name not in copies:
            copies[name] = copy(name, folder, shared)
        return copies[name]

    return open_copy
