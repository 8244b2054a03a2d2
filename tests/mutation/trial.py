"""Mutants on trial: each in a fork of a process that has loaded everything else already.

The file on disk stays as it is: in the fork, the project's modules are imported anew and one of them is compiled from
the changed tree. Schedules of every kind come first, then the engine's quick tests.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import os
import resource
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

import pytest

from tests.mutation.mutate import mutated

ROOT = Path(__file__).parent.parent.parent
OURS = ("pipelines", "destinations", "tests.sim", "tests.engine", "tests.postgres")
SCHEDULES = 6
"""For each kind of channel."""
TESTS = (*(f"tests/engine/test_{name}.py" for name in (
    "again", "doubts", "faults", "holds", "lease", "pace", "sets", "triggers")), "tests/delivery/test_journal.py",
    "-m", "not slow")
PATIENCE = 180
"""Seconds of CPU after which a mutant has hung, which is noticed too."""


class _Loader(SourceFileLoader):
    """Compiles one module with its mistake."""

    def __init__(self, name: str, path: str, number: int) -> None:
        super().__init__(name, path)
        self._number = number

    def get_code(self, fullname: str) -> CodeType:
        return compile(mutated(Path(self.path).read_text("utf-8"), self._number), self.path, "exec")


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the one module that is changed."""

    def __init__(self, path: str, number: int) -> None:
        self._path, self._number = path, number
        self._name = path.removesuffix(".py").replace("/", ".")

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_loader(fullname, _Loader(fullname, str(ROOT / self._path), self._number))


def warm_up() -> None:
    """Load everything, and play a schedule of each kind, so that forks need not translate the SQL again."""
    if _fails_a_schedule(range(1)):
        raise AssertionError("a schedule fails without any mistake")


def noticed_by(path: str, number: int) -> str:
    """What noticed this mistake: schedule · test · hung; empty when nothing did."""
    child = os.fork()
    if not child:
        _try(path, number)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "hung"
    return {0: "", 1: "schedule", 2: "test"}.get(os.WEXITSTATUS(status), "error")


def _try(path: str, number: int) -> None:
    """In the fork: never returns."""
    resource.setrlimit(resource.RLIMIT_CPU, (PATIENCE, PATIENCE))
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    code = 3
    try:
        known = sys.modules["tests.sim.sqlite"]._translated
        for name in [name for name in sys.modules if name.startswith(OURS)]:
            del sys.modules[name]
        sys.meta_path.insert(0, _Finder(path, number))
        importlib.import_module("tests.sim.sqlite")._translated.update(known)
        code = 1 if _fails_a_schedule(range(SCHEDULES)) else 0
        if not code:
            code = 2 if pytest.main(["-x", "-q", "-n", "0", "-p", "no:cacheprovider", *TESTS]) else 0
    finally:
        os._exit(code)


def _fails_a_schedule(seeds: Sequence[int]) -> bool:
    of = importlib.import_module("tests.sim.scenario")
    simulate = importlib.import_module("tests.sim.simulate").simulate
    return any(simulate(of.scenario(seed, kind)).violation for seed in seeds for kind in of.KINDS)
