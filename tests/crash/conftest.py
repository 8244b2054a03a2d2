"""Each test has a project and a sandbox of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from destinations.sandbox.server import Sandbox
from pipelines.project import Options, Project
from tests.crash.rehearsal import Rehearsal


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with its manifest, which is the same for all tests."""
    folder = Path(shutil.copytree(Path(__file__).parent / "project", tmp_path_factory.mktemp("crash") / "crash"))
    Project(Options(folder)).dbt.parse()
    return folder


@pytest.fixture
def rehearsal(parsed: Path, tmp_path: Path) -> Iterator[Rehearsal]:
    folder = Path(shutil.copytree(parsed, tmp_path / "crash"))
    with Sandbox(job_seconds=0.05) as box:
        yield Rehearsal(folder, box, seed=7)
