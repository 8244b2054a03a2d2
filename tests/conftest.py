"""What the simulation did, printed last; with several workers each sends its figures home."""

from __future__ import annotations

import sys
from typing import Any

import pytest

LINES: list[str] = []
"""Figures that came home from workers."""


def pytest_sessionfinish(session: pytest.Session) -> None:
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["simulation"] = _figures()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    LINES.extend(getattr(node, "workeroutput", {}).get("simulation", ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if lines := [*LINES, *_figures()]:
        terminalreporter.section("simulation")
        for line in lines:
            terminalreporter.write_line(line)


def _figures() -> list[str]:
    levels = sys.modules.get("tests.sim.levels")
    return levels.report() if levels else []
