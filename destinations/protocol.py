"""The destination protocol: an exchange is a generator that yields requests and is sent responses.

A destination never does I/O. It yields a `Request`, the driver sends it, paces it, repeats it when that is safe and
hands back the final `Response`. So a live run, a rehearsal, a replay, pacing, retries, receipts and the simulator are
each written once, and a destination is read in a minute (the shape is that of httpx's auth flow).

Rules that hold for all destinations (`destinations/testing.py` checks them):

1. `deliver` returns exactly one `Outcome` for each member of the batch, in any order, keyed by `Member.id`.
2. The driver deals with 429, 5xx, timeouts and resets; a destination sees final answers only: 2xx, 3xx and 4xx. A
   refused credential (401, 403) ends the run before the destination sees it. `throttled`, `failed` and `refused` say
   which answers those are, for vendors that put it into a 400 body.
3. Never loop over members with one request each: say `rows=1` in the limits; receipts, pacing and parallelism follow.
4. Reading a response cannot raise: `Response.json` answers None for nonsense, `Response.get` walks with a default.
5. A removal names the identifiers that were sent, not today's; the driver hands them over in `Member.identifiers`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, NoReturn, Self, overload

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from destinations.addresses import allowed_by, objection
from destinations.capabilities import Capabilities, Dedupe, Limits, Operation, Verdict
from destinations.http import Json, Request, Response
from destinations.identifiers import email, phone, text

__all__ = [
    "Alike", "Batch", "Capabilities", "Dedupe", "Destination", "Exchange", "Gone", "Job", "Json", "Limits", "Member",
    "Operation", "Outcome", "Part", "Preparation", "Reading", "Refused", "Request", "Response", "Settings", "Verdict",
    "every",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a batch: what the channel needs to know of one person or account. Its repr names nobody."""

    id: str
    """Operation id: unique a plan, stable for ever for a trigger. The idempotency key where the channel has one."""
    person: str = field(repr=False)
    """Person or account key of the warehouse."""
    identifiers: Mapping[str, str] = field(repr=False)
    """Identifier kind → value as the channel keys on it (normalised, hashed where `Capabilities.hashed`)."""
    attributes: Mapping[str, Json] = field(default_factory=dict, repr=False)
    """Columns of `send`, JSON-ready."""
    remote_id: str | None = None
    """Id the channel gave this member earlier, from the id map of the core."""
    occurred_at: datetime | None = None
    """When the trigger's cause happened (aware, UTC); None for sets."""
    acknowledged: Mapping[str, Json] = field(default_factory=dict, repr=False)
    """With `Capabilities.partial`, of an update: attributes as the channel last acknowledged them, where that is known.
    After a lost answer or a refusal there is no update but an `add` of everything."""
    acknowledged_as: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Identifiers likewise."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Members that want the same operation on the same target: at least one, never more than `Limits` allow."""

    operation: Operation
    members: tuple[Member, ...]
    audience: str
    """Name of the audience."""
    target: str | None = None
    """Remote list, segment or audience id."""
    event: str | None = None
    """Event name of a trigger."""
    silent: bool = False
    """First load: record, start no messages. Only set where `Capabilities.silent`."""
    at: datetime | None = None
    """When the plan was made (aware, UTC)."""


@dataclass(frozen=True, slots=True)
class Part:
    """Where a batch stands in a session that replaces the whole list."""

    session: int
    """Below 2⁶³ and new in every run: a session that was left is never taken up again."""
    number: int
    """From 1 on."""
    last: bool
    """With this part the list changes; without it nothing does."""
    total: int
    """Members of all parts."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one member ended."""

    id: str
    verdict: Verdict
    reason: str = ""
    """Why, when not accepted: a short phrase of ours or the vendor's code, never a person's data."""
    remote_id: str | None = None
    """Id of the member in the channel, for the id map."""
    job: str | None = None
    """Asynchronous job, with PENDING."""


@dataclass(frozen=True, slots=True)
class Job:
    """An asynchronous job that some members are waiting for."""

    id: str
    members: tuple[Member, ...]
    operation: Operation
    target: str | None = None


Exchange = Generator[Request, Response, Sequence[Outcome]]
Preparation = Generator[Request, Response, str]
"""Returns the id of the remote list, segment or audience."""
Reading = Generator[Request, Response, Sequence[str]]


class Refused(Exception):
    """A destination cannot go on for a reason that concerns the whole sync, not a member: the operator must act.

    Raised in `prepare`, `check` and `deliver`; the message says what is wrong and what would be right.
    """


class Gone(Refused):
    """The remote list, segment or audience is not in the channel any more.

    What it held is gone with it. Whether it is made anew and filled again is asked of a person.
    """


class Settings(BaseModel):
    """What a connection of this destination must say in connections.yml; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    base_url: str = Field(default="", pattern="^(https?://.+)?$", description="root of the channel's API")
    region: str = Field(default="", description="data region where the vendor has several")
    phone_region: str = Field(default="", description="two-letter country of phone numbers written without +")
    allow_hosts: tuple[str, ...] = Field(default=(), description="hosts of your own network that may be called")

    @field_validator("*", mode="before")
    @classmethod
    def _number_as_text(cls, value: Any) -> Any:
        """An id that YAML took for a number, `audience_id: 2384`, is meant as text."""
        return str(value) if type(value) is int else value

    @model_validator(mode="after")
    def _outside(self) -> Self:
        if self.base_url.startswith("http") and (reason := objection(self.base_url, self.allowed)):
            raise ValueError(f"base_url {reason}")
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("settings hold secrets and are not pickled: open the connection again")

    @property
    def allowed(self) -> frozenset[str]:
        """Hosts that may be called wherever they are, with or without TLS."""
        return allowed_by(self.base_url, self.allow_hosts)

    def root(self, default: str) -> str:
        """`base_url` where it is set, else the vendor's own root; no slash at the end."""
        return (self.base_url or default).rstrip("/")


class Destination(ABC):
    """One kind of channel. Subclasses are stateless beside their settings."""

    capabilities: Capabilities
    settings_type: ClassVar[type[Settings]] = Settings

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    def for_event(self, event: str) -> Self:  # noqa: ARG002
        """This destination for a sync whose trigger has that event: another where the event starts something else, of
        which `capabilities` says more or less."""
        return self

    def identify(self, kind: str, value: str, region: str | None = None) -> str:
        """The value the channel keys on. Raises Unusable with a reason; never answers an empty text."""
        if kind == "phone":
            return phone(value, region or self.settings.phone_region or None)
        return email(value) if kind == "email" else text(value)

    @abstractmethod
    def deliver(self, batch: Batch) -> Exchange:
        """Assert one batch in the channel; returns one Outcome a member."""

    def replace(self, batch: Batch, part: Part) -> Exchange:  # noqa: ARG002
        """Hand over one part of the list that takes the place of the one in the target; the last one does it."""
        raise Refused(f"{type(self).__name__} cannot replace a list: members are added and removed")
        yield

    def cut_off(self, target: str, before: datetime) -> Preparation:  # noqa: ARG002
        """Remove whoever was last asserted in the target before that time (aware); returns the id of the job."""
        raise Refused(f"{type(self).__name__} cannot be cut off at a time: members are removed one by one")
        yield

    def settle(self, job: Job) -> Exchange:
        """Ask an asynchronous job how each member ended; PENDING for those it has not ended for."""
        return [Outcome(m.id, Verdict.UNKNOWN, "the destination keeps no jobs") for m in job.members]
        yield

    def prepare(self, name: str) -> Preparation:
        """Find or create the remote list, segment or audience called `name`; returns its id."""
        raise Refused(f"{type(self).__name__} keeps no remote list: nothing to prepare for {name}")
        yield

    def members(self, target: str) -> Reading:  # noqa: ARG002
        """Read back who is in the target, as identifier values, where the channel allows it."""
        raise Refused(f"{type(self).__name__} cannot be read back")
        yield

    def check(self) -> Generator[Request, Response, None]:
        """Prove the credentials with one harmless request. Raises Refused when they are not good."""
        return
        yield

    def throttled(self, response: Response) -> float | None:
        """Seconds to wait before the same request again (0: as the driver likes); None when this is no throttling.

        A throttled request was provably not applied.
        """
        return (response.retry_after or 0.0) if response.status == 429 else None

    def rests(self, response: Response) -> float:  # noqa: ARG002
        """Seconds to leave the channel alone after an answer that stands: its headers say that a limit is near."""
        return 0.0

    def failed(self, response: Response) -> bool:
        """Whether the channel itself failed: worth repeating when that is safe, and perhaps applied all the same."""
        return response.status >= 500

    def refused(self, response: Response) -> str | None:
        """What the operator must know when the credentials were refused: the run stops. None when they were not."""
        if response.status not in (401, 403):
            return None
        what = "check this connection's keys" if response.status == 401 else (
            "check this connection's keys and what they may do")
        where = f", and that the account lives in {self.settings.region}" if self.settings.region else ""
        return f"{type(self).__name__} refused the credentials (HTTP {response.status}): {what}{where}"


@dataclass(frozen=True, slots=True, eq=False)
class Alike(Sequence[Outcome]):
    """Outcomes of members who all ended alike: most requests. Thousands a second are said in one word."""

    members: Sequence[Member]
    verdict: Verdict
    reason: str = ""

    def __len__(self) -> int:
        return len(self.members)

    @overload
    def __getitem__(self, index: int) -> Outcome: ...
    @overload
    def __getitem__(self, index: slice) -> list[Outcome]: ...
    def __getitem__(self, index: int | slice) -> Outcome | list[Outcome]:
        if isinstance(index, slice):
            return [Outcome(member.id, self.verdict, self.reason) for member in self.members[index]]
        return Outcome(self.members[index].id, self.verdict, self.reason)

    def __radd__(self, others: list[Outcome]) -> list[Outcome]:
        return [*others, *self]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


def every(batch: Batch | Job, verdict: Verdict, reason: str = "") -> Alike:
    """The same outcome for every member."""
    return Alike(batch.members, verdict, reason)
