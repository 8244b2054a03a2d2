"""Start Streamlit with the page, for this machine alone."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.errors import TailraceError

if TYPE_CHECKING:
    from pipelines.project import Project

OPTIONS = "TAILRACE_DASHBOARD"
"""Environment variable with the command's flags, as JSON."""
SETTINGS = {"server.address": "127.0.0.1", "server.headless": "true", "browser.gatherUsageStats": "false",
            "server.fileWatcherType": "none", "client.toolbarMode": "minimal", "theme.base": "light",
            "theme.primaryColor": "#1f6f78", "theme.backgroundColor": "#fbfaf7"}


def serve(project: Project, port: int, options: Mapping[str, str | None]) -> None:
    """Serve until it is interrupted. A copy that is not there yet is made first."""
    from pipelines import bi
    from pipelines.warehouse.duckdb import DuckDBFile
    from pipelines.warehouse.publish import FILE

    if importlib.util.find_spec("streamlit") is None:
        raise TailraceError("the dashboard needs an extra: pip install 'tailrace[bi]'")
    if isinstance(project.warehouse, DuckDBFile) and not (project.dir / bi.FOLDER / FILE).exists():
        bi.copy(project)
    flags = [f"--{name}={value}" for name, value in {**SETTINGS, "server.port": str(port)}.items()]
    page = Path(__file__).with_name("page.py")
    try:
        subprocess.run([sys.executable, "-m", "streamlit", "run", str(page), *flags], check=True,  # noqa: S603 - our own page
                       env={**os.environ, OPTIONS: json.dumps(dict(options))})
    except KeyboardInterrupt:
        return
    except subprocess.CalledProcessError as error:
        raise TailraceError(f"the dashboard ended with {error.returncode}; is port {port} taken? Give --port") from None
