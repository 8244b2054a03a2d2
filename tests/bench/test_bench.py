"""`pytest -m bench` prints the table; a tiny round of every suite proves that the benchmarks themselves work."""

from __future__ import annotations

import pytest

from tests.bench.__main__ import SUITES, lines
from tests.bench.measure import Line

SHOWN: list[Line] = []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_tiny_round_of_every_suite_but_the_race_gives_figures() -> None:
    found = list(lines([name for name in SUITES if name != "race"], [2_000], 1))
    assert [line.what for line in found if not line.figure > 0] == []


@pytest.mark.bench
@pytest.mark.timeout(0)
@pytest.mark.parametrize("suite", SUITES)
def test_benchmark(suite: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = list(lines([suite], [], 3))
    with capsys.disabled():
        print("", *found, sep="\n")
    assert found


def test_a_figure_is_held_against_its_target() -> None:
    assert [Line("", figure, "", target).met for figure, target in (
        (2.5, "≤ 2.5"), (2.6, "≤ 2.5"), (80, "≥ 80"), (79.9, "≥ 80"), (1, ""))] == [True, False, True, False, None]
