"""One page about one audience: numbers only, in a file that needs nothing else, for a screen of any kind and for paper.

`figures` reads what is recorded, `charts` gives it places on a canvas, and `page.html` is what is seen.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.report import charts
from pipelines.report.figures import Figures

if TYPE_CHECKING:
    from jinja2 import Template


@cache
def template(name: str = "page.html", folder: Path = Path(__file__).parent) -> Template:
    """A page that shows numbers as all of them do."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(loader=FileSystemLoader(folder), autoescape=True, trim_blocks=True,
                              lstrip_blocks=True, undefined=StrictUndefined)
    environment.filters |= {"number": _number, "share": _share, "moment": _moment, "signed": _signed,
                            "money": _money, "span": _span}
    return environment.get_template(name)


def render(figures: Figures) -> str:
    """The page."""
    return template().render(f=figures, charts=charts)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _signed(value: float, metric: str) -> str:
    text = f"{value * 100:+.1f} pp" if metric == "conversion" else f"{value:+,.2f} €"
    return text.replace("-", "−")


def _money(value: float | None) -> str:
    return "–" if value is None else f"{value:,.2f} €"


def _span(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def _moment(value: datetime | None) -> str:
    return "–" if value is None else f"{value.day} {value:%b %Y, %H:%M}"
