"""A plan: what one sync would do, as a value that can be printed, compared and refused."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from math import ceil

from destinations.protocol import Capabilities, Operation
from pipelines.state.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Objection:
    """A guard's reason to hold a plan, with the numbers that made it."""

    guard: str
    message: str


@dataclass(frozen=True, slots=True)
class Shrunk:
    """A list of persons to spare that lost more than is usual: those who left it stay spared."""

    model: str
    plan_id: str
    """What an approval of the smaller list names."""
    message: str

    @property
    def note(self) -> str:
        """With what to do about it."""
        return (f"{self.message}; those who left stay spared until `tailrace approve {self.plan_id} --by NAME --reason "
                "TEXT` accepts the smaller list")


@dataclass(frozen=True, slots=True)
class Looked:
    """The audience as it was looked at: the snapshot, and what is to be said of it."""

    taken: Snapshot
    objections: tuple[Objection, ...] = ()
    """What guards say against it, which holds the plan of each sync."""
    notes: tuple[str, ...] = ()
    shrunk: tuple[Shrunk, ...] = ()
    missing: tuple[str, ...] = ()
    """Declared columns that the table lacks."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One sync's changes, counted. The operations themselves are rows of `activation.op`."""

    sync: str
    audience: str
    connection: str
    segment: int
    """Persons who satisfy the condition."""
    suppressed: int
    held_out: int
    wanted: int
    """Keys that the channel should hold; persons who share an identifier share a key."""
    add: int
    update: int
    remove: int
    keep: int
    """Wanted keys with nothing to send: the channel has them, or an answer about them is awaited."""
    trigger: int
    """Messages due."""
    silent: int
    """Of these, first loads that the channel records without starting anything."""
    requests: int
    """About how many requests that takes."""
    unusable: int
    """Members without an identifier the channel accepts, and rows without a key: listed, never sent."""
    objections: tuple[Objection, ...] = ()
    plan_id: str = ""
    """Digest of its changes, where a guard objects: what an approval names."""
    held: bool = False
    """Nothing but removals of suppressed persons is sent until this very plan is approved."""
    whole: int = 0
    """Members of the list that takes the place of the old one, where the sync replaces; 0: it need not."""
    cause: str = ""
    """Why members are told of anew though nothing of them changed: another mapping, a resync, another remote list."""
    notes: tuple[str, ...] = ()
    """What holds nothing and must be known, such as a list of persons to spare that shrank too much to be believed."""
    shrunk: tuple[Shrunk, ...] = ()
    """Those lists."""

    @classmethod
    def empty(cls, sync: str, audience: str, connection: str) -> Plan:
        """A plan of nothing, for a sync that could not be looked at."""
        return cls(sync, audience, connection, segment=0, suppressed=0, held_out=0, wanted=0, add=0, update=0, remove=0,
                   keep=0, trigger=0, silent=0, requests=0, unusable=0)

    @classmethod
    def gated(cls, sync: str, audience: str, connection: str, reason: str) -> Plan:
        """A plan of nothing, because what the audience is built from is not good."""
        return replace(cls.empty(sync, audience, connection), objections=(Objection("gate", reason),), held=True)

    @classmethod
    def read(cls, written: str) -> Plan:
        """The plan that was written down so."""
        said = json.loads(written)
        return cls(**{**said, "objections": tuple(Objection(**each) for each in said["objections"]),
                      "notes": tuple(said["notes"]), "shrunk": tuple(Shrunk(**each) for each in said["shrunk"])})

    @property
    def written(self) -> str:
        """As JSON, which `read` understands."""
        return json.dumps(asdict(self), sort_keys=True)

    @property
    def changes(self) -> int:
        """Operations in this plan."""
        return (self.whole + self.remove if self.whole else self.add + self.update + self.remove) + self.trigger


def estimate_requests(capabilities: Capabilities, *, removals: int, upserts: int, triggers: int) -> int:
    """Requests that so many operations take, at the channel's largest batches."""
    counts = {Operation.REMOVE: removals, Operation.ADD: upserts, Operation.TRIGGER: triggers}
    limits = capabilities.operations
    return sum(ceil(count / limits[operation].rows) for operation, count in counts.items()
               if count and operation in limits)
