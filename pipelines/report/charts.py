"""Where numbers lie on a canvas: round ticks, paths and bars, as SVG reads them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

WIDTH, LEFT, RIGHT = 720, 44, 12
"""Of each chart; the numbers of the axis stand to the left."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from `low` to `high` on pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1)
        return round(self.start + share * (self.end - self.start), 1)


def ticks(low: float, high: float, most: int = 4, whole: bool = True) -> list[float]:
    """Round numbers that enclose both: 1, 2 or 5 times a power of ten apart."""
    rough = ((high - low) or 1) / most
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    step = max(step, 1.0) if whole else step
    return [round(n * step, 10) for n in range(floor(low / step), ceil(high / step) + 1)]


def places(count: int) -> list[float]:
    """The middle of each of so many columns."""
    room = (WIDTH - LEFT - RIGHT) / max(count, 1)
    return [round(LEFT + room * (n + 0.5), 1) for n in range(count)]


def column(count: int) -> float:
    """How wide a bar is."""
    return round(min((WIDTH - LEFT - RIGHT) / max(count, 1) * 0.62, 44), 1)


def labelled(count: int, most: int = 7) -> set[int]:
    """Which of so many columns carry their date: evenly, counted from the last."""
    return set(range(count - 1, -1, -ceil(count / most)))


def bounds(numbers: Sequence[float], most: int = 4) -> tuple[list[float], float, float]:
    """Ticks from zero or below to the largest, with the first and last of them."""
    found = ticks(min(0.0, *numbers), max(1.0, *numbers), most)
    return found, found[0], found[-1]
