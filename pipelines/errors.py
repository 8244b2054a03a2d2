"""What can stop a run, and who must act.

TailraceError
├── DeclarationError    the author of the YAML: a declaration is wrong; carries every complaint at once
├── ConnectionFault     the operator: a connection is missing, misspelt, or its environment variable is unset
├── WarehouseError      the operator of the warehouse: it cannot be opened, read or written
│   └── WarehouseLocked     another process holds the file: wait for it or end it
├── BuildFailed         the author of the models: dbt refused or failed
├── ChannelRefused      the owner of the channel's account: credentials or rights are not good
└── StateError          the operator: the recorded state contradicts the run (a stale plan, another demo's file)
    ├── LeaseHeld           nobody: another run is at this sync; the next run looks again
    └── LeaseLost           nobody: another run took this sync over after a long pause of this one

One member that cannot be delivered is not an error but an `Outcome`. A message says what is wrong, where, and what
would be right; the command prints it without a stack trace.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Complaint:
    """One thing that is wrong in a file that a person wrote."""

    file: str
    """The file, relative to the project where it lies inside it."""
    line: int
    """Counted from 1; 0 where the file is not read line by line."""
    path: str
    """Where in the document: `models.abandoned_cart.config.meta.audience.syncs[0].to`."""
    message: str
    """What is wrong and what would be right."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class TailraceError(Exception):
    """Any failure that has a plain sentence for the person at the terminal."""


class DeclarationError(TailraceError):
    """Declarations that cannot be used; the author of the YAML must act. Raised when a manifest or project is read."""

    def __init__(self, complaints: Sequence[Complaint]) -> None:
        self.complaints = list(complaints)
        super().__init__("\n".join(map(str, self.complaints)))


class ConnectionFault(TailraceError):
    """A connection that cannot be opened; the operator must act. Raised when a selected sync needs it."""


class WarehouseError(TailraceError):
    """The warehouse cannot be opened, read or written; its operator must act."""


class WarehouseLocked(WarehouseError):
    """Another process holds the warehouse and did not let go before the deadline."""


class BuildFailed(TailraceError):
    """dbt refused the project or a model or test failed; the author of the models must act."""

    def __init__(self, message: str, nodes: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.nodes = nodes
        """What failed; the rest was built. None: nothing was."""


class ChannelRefused(TailraceError):
    """The channel refuses the credentials or the rights; the owner of the channel's account must act."""


class StateError(TailraceError):
    """The recorded state contradicts this run; the operator must act."""


class LeaseHeld(StateError):
    """Another run is at this sync. Raised when a run begins; the next one looks again."""


class LeaseLost(StateError):
    """Another run took this sync over. Raised by any write of a run whose epoch is no longer the newest."""


def did_you_mean(wrong: str, known: Iterable[str], cutoff: float = 0.65) -> str:
    """` (did you mean x?)` for the nearest known name, or the empty text. `cutoff` is difflib's: 1 is the same text."""
    by_folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(wrong.casefold(), by_folded, n=1, cutoff=cutoff)
    return f" (did you mean {by_folded[near[0]]}?)" if near else ""


def first_line(error: Exception) -> str:
    """The first line of a failure, without the values a database may quote: they may be a person's."""
    lines = str(error).strip().splitlines()
    return re.sub(r"'[^']*'|\"[^\"]*\"", "…", lines[0]) if lines else ""


def unexpected(error: Exception) -> str:
    """What is said of a failure that nobody foresaw; it names nobody."""
    return (f"unexpected {type(error).__name__}: {first_line(error)}\n"
            "Nothing was lost; set TAILRACE_TRACE=1 to see where it happened.")
