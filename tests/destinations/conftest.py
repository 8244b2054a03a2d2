"""The folder of vendors' specifications and real data that may stand beside the repository, and a server."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.destinations.wire import Capture

SHARED = Path(__file__).resolve().parents[2].parent / "shared"


@pytest.fixture
def reference() -> Callable[[str], Path]:
    """A file of that folder; the test is skipped where it is absent."""

    def find(path: str) -> Path:
        if not (SHARED / path).exists():
            pytest.skip(f"../shared/{path} is not there")
        return SHARED / path

    return find


@pytest.fixture
def reference_json(reference: Callable[[str], Path]) -> Callable[[str], Any]:
    """A JSON file of that folder, parsed."""
    return lambda path: json.loads(reference(path).read_text("utf-8"))


@pytest.fixture
def server() -> Iterator[Capture]:
    """A server that keeps what it is sent, for an SDK and a destination."""
    with Capture() as started:
        yield started
