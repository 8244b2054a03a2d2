"""Progress of long work: a moving line on a terminal, nothing but results elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.dbt import OnEvent


@contextmanager
def building(*, quiet: bool) -> Iterator[OnEvent | None]:
    """A spinner that names the node dbt is at."""
    from rich.console import Console

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    with console.status("dbt is reading the project") as spinner:
        yield lambda node, status, _: spinner.update(f"dbt: {node} {status}")
