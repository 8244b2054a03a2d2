"""The generator as a module, and the committed tables."""

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from tests.seeds.people import FOLDER, Raw, read


@pytest.fixture(scope="session")
def generate() -> Iterator[ModuleType]:
    """seeds/generate.py stands beside its modules as a script does; they leave with the fixture."""
    known = set(sys.modules)
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module("generate")
    sys.path.remove(str(FOLDER))
    for name in set(sys.modules) - known:
        if str(FOLDER) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture(scope="session")
def tables() -> dict[str, list[Raw]]:
    return {path.stem: read(path.stem) for path in sorted(FOLDER.glob("raw_*.csv"))}


@pytest.fixture(scope="session")
def oracle() -> list[Raw]:
    return read("expected_audiences")
