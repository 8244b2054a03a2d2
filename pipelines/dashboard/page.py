"""What Streamlit runs: reads the warehouse anew at each look, so that a reload shows the newest copy."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from pipelines import report
from pipelines.bi import FOLDER
from pipelines.dashboard import board
from pipelines.dashboard.serve import OPTIONS
from pipelines.errors import TailraceError
from pipelines.flags import open_project
from pipelines.report.charts import Scale
from pipelines.report.figures import Figures
from pipelines.warehouse.publish import FILE

if TYPE_CHECKING:
    from pipelines.project import Project
    from pipelines.warehouse.protocol import Opener

SPARK_WIDTH, SPARK_HEIGHT = 96, 22
WIDE = "<style>.block-container { max-width: 1240px; padding-top: 3rem; }</style>"


def opener(project: Project) -> tuple[Opener, str]:
    """The copy of a warehouse that is a file, else the server; and what to call it."""
    from pipelines.warehouse.duckdb import DuckDBFile

    if not isinstance(project.warehouse, DuckDBFile):
        return project.warehouse, str(project.warehouse)
    return DuckDBFile(project.dir / FOLDER / FILE, read_only=True), f"{FOLDER}/{FILE}"


def spark(figures: Figures) -> str:
    """An audience's size over time, as the address of a picture: a line without an axis."""
    sizes = [day.segment for day in figures.days]
    x = Scale(0, max(len(sizes) - 1, 1), 3, SPARK_WIDTH - 3)
    y = Scale(0, max(sizes) or 1, SPARK_HEIGHT - 3, 3)
    points = " ".join(f"{x(place)},{y(size)}" for place, size in enumerate(sizes))
    last = len(sizes) - 1
    drawn = (f'<svg xmlns="http://www.w3.org/2000/svg" width="{SPARK_WIDTH}" height="{SPARK_HEIGHT}">'
             f'<polyline points="{points}" fill="none" stroke="#1f6f78" stroke-width="1.5"/>'
             f'<circle cx="{x(last)}" cy="{y(sizes[last])}" r="2.5" fill="#1f6f78"/></svg>')
    # Streamlit lets no drawing into its page, but a picture.
    return f"data:image/svg+xml;base64,{base64.b64encode(drawn.encode()).decode()}"


def show() -> None:
    """The page."""
    st.set_page_config("Tailrace", page_icon="🌊", layout="wide")
    options = json.loads(os.environ[OPTIONS])
    profiles = options["profiles_dir"]
    try:
        project = open_project(Path(options["project_dir"]), Path(profiles) if profiles else None, options["target"],
                               options["variables"])
        opened, source = opener(project)
        with opened() as warehouse:
            found = board.read(warehouse, project.declarations.audiences)
    except TailraceError as error:
        st.error(str(error))
        return
    st.html(WIDE)
    st.html(report.template("board.html", Path(__file__).parent).render(b=found, source=source, spark=spark))
    names = {each.audience: each for each in found.audiences}
    chosen = st.selectbox("Audience", list(names), key="audience", label_visibility="collapsed")
    st.iframe(report.render(names[chosen]), height=1500)


if __name__ == "__main__":
    show()
