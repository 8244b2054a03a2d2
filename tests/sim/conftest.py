"""Figures of the simulation, printed last."""

from __future__ import annotations

import pytest

from tests.sim.levels import FIGURES, NOTICED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if FIGURES:
        terminalreporter.section("simulation")
        for level, figures in FIGURES.items():
            terminalreporter.write_line(f"{level}: {figures}")
        if NOTICED:
            seeds = ", ".join(f"{name} {seed}" for name, seed in NOTICED.items())
            terminalreporter.write_line(f"mutants noticed at seed: {seeds}")
