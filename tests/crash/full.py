"""A sync on a disk that is full from some moment on: `python -m tests.crash.full PROJECT MOMENT`.

`RLIMIT_FSIZE` makes every write beyond the first byte of a file fail, as a full disk does: from the snapshot on (the
plan cannot be written), from the first claim on, or from the first answer on (no result can).
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

import pipelines.project
from pipelines.delivery.http import HttpTransport
from pipelines.delivery.journal import Journal
from pipelines.delivery.ports import Answer
from pipelines.errors import TailraceError
from pipelines.project import Options, Project
from pipelines.state.record import Claim
from pipelines.state.snapshot import Snapshot


def fill() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))


class Filling(HttpTransport):
    """The disk is full when the first answer is there: so the request has certainly arrived."""

    def wait(self, seconds: float | None) -> tuple[int, Answer] | None:
        if answered := super().wait(seconds):
            fill()
        return answered


class Full(Journal):
    """The disk is full when the first claim is to be written."""

    def claim(self, claims: Sequence[Claim]) -> None:
        fill()
        super().claim(claims)


def main(folder: str, moment: str) -> None:
    project = Project(Options(Path(folder)), os.environ)
    [audience] = project.audiences()
    tasks, _ = project.tasks(audience, "webhook")
    if moment == "claim":
        pipelines.project.Journal = Full
    try:
        for step in project.walk(audience, tasks, "full", Filling if moment == "result" else HttpTransport):
            if moment == "plan" and isinstance(step, Snapshot):
                fill()
    except TailraceError as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
