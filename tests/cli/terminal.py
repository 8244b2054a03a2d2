"""The command through its own entry, in this process: what a terminal would show, and the exit code."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pipelines import documents
from pipelines.cli import main


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> tuple[int, str]:
        """Exit code and what stands on standard error."""
        return self.code, self.err

    def document(self, name: str) -> Any:
        """The JSON it printed, held against the schema of that command."""
        found = json.loads(self.out)
        jsonschema.validate(found, documents.schema(name))
        return found


class Terminal:
    """Runs commands in a folder, with environment variables of its own."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str], environ: Mapping[str, str]) -> None:
        self.folder, self.environ = folder, dict(environ)
        self._capfd = capfd

    def __call__(self, *arguments: str) -> Ran:
        before, argv = dict(os.environ), sys.argv
        os.environ.update(self.environ)
        sys.argv = ["tailrace", *arguments]
        self._capfd.readouterr()
        try:
            with chdir(self.folder):
                main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        finally:
            sys.argv = argv
            os.environ.clear()
            os.environ.update(before)
        shown = self._capfd.readouterr()
        return Ran(code, shown.out, shown.err)
