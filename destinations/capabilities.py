"""What a channel can do, as data that planning and delivery read, and the words they share with destinations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Operation(StrEnum):
    """What is asked of a channel for one member."""

    ADD = "add"
    UPDATE = "update"
    REMOVE = "remove"
    TRIGGER = "trigger"
    DELETE = "delete"
    """Forget the person: the profile itself and not a membership. Only `tailrace forget` asks for it; it may be asked
    again, and of somebody who is not there."""


class Verdict(StrEnum):
    """How one member's operation ended."""

    ACCEPTED = "accepted"
    """The channel has applied it."""
    REJECTED = "rejected"
    """The channel refuses this member; the same again would be refused again."""
    DEFERRED = "deferred"
    """Provably not applied, worth another try in a later run."""
    PENDING = "pending"
    """Taken over by an asynchronous job that has not ended; `Outcome.job` names it."""
    UNKNOWN = "unknown"
    """May or may not be applied. A destination says so of a failed job; of a lost answer only the driver does."""


class Dedupe(StrEnum):
    """What makes it safe to send the same trigger again."""

    KEY = "key"
    """The channel ignores a repeated `Member.id` for `Capabilities.dedupe_window` seconds."""
    NONE = "none"
    """Nothing: a message whose answer was lost is never sent again by itself."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request of an operation may carry, and how often it may be sent."""

    rows: int = 1
    """Members a request."""
    bytes: int | None = None
    """Bytes a request body."""
    row_bytes: int | None = None
    """Bytes one member may take in the body."""
    rates: tuple[tuple[int, float], ...] = ()
    """Windows (requests, seconds), all of which hold at once."""
    rate_class: str = ""
    """Operations of one class share their windows; requests may name a class of their own."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a channel can do, as data that planning reads."""

    operations: Mapping[Operation, Limits]
    """Supported operations; one that is missing is refused by `tailrace check`."""
    identifiers: tuple[str, ...]
    """Identifier kinds accepted, preferred first: the first that a row has is the key of the member in the channel."""
    attributes: bool = True
    """Whether columns of `send` can be kept up to date for a member."""
    fields: frozenset[str] = frozenset()
    """The names under which the channel takes such columns, where it knows only these."""
    nested: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Objects of a member whose parts `send` can name, `{city: location.city}`: object → its parts."""
    partial: bool = False
    """Whether an update looks at what was acknowledged, to send what differs: the driver fills it in then."""
    hashed: bool = False
    """Whether `identify` answers hashes, so that the plain value never leaves the warehouse."""
    matches_any: bool = False
    """Whether a removal takes whoever matches any of its identifiers (ad platforms): a shared one must be spared."""
    dedupe: Dedupe = Dedupe.NONE
    """Safety of repeating a trigger."""
    dedupe_window: float = 0
    """Seconds for which a repeated id is ignored."""
    lateness: float = 900
    """Seconds after which a request whose answer was lost can no longer arrive."""
    silent: bool = False
    """Whether a trigger can be recorded without starting messages (first loads)."""
    paid: bool = False
    """Whether reaching people there is paid for: advertising, which spares those whom it must not follow."""
    needs_target: bool = False
    """Whether members live in a remote list, segment or audience that must exist first (`prepare`)."""
    minimum: int = 0
    """Matched members below which the channel will not use an audience."""
    readback: bool = False
    """Whether `members` can list who is in the target."""
    replace: Limits | None = None
    """What one part of a session may carry that puts a whole list in place of another; None: there is no such call."""
    cutoff: bool = False
    """Whether `cut_off` can remove whoever was last asserted before a time: all are asserted, then the rest cut off."""
    one_writer: bool = False
    """Whether each batch writes anew what holds everybody, such as one file: two that write at once undo each other."""
    target: str = ""
    """The settings field that names the remote list, segment or audience; empty where there is none."""
