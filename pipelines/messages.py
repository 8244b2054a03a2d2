"""What is declared of messages: what is sent to those who enter, and when, how often and in which channel.

`Trigger` stands with a sync: what that channel receives and when it is silent. `Messages` stands with the audience:
what concerns the message in whichever channel it goes. Without it, each entry causes one message in each sync that has
a trigger, at once.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from pipelines.notation import Cap, Quiet, parse_cap, parse_duration, parse_quiet, parse_return, parse_stops
from pipelines.written import Name, Send, Written

Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
DAY = timedelta(hours=24)


class Trigger(Written):
    """A message that starts when a person enters the audience."""

    when: Literal["enters"]
    """The change that causes it. (`on:` would become `true` in YAML.)"""
    event: Name
    """Name of the event in the channel."""
    send: Send = Field(default_factory=dict)
    """Columns that travel with the event: column → name in the channel."""
    max_age: Duration = DAY
    """Entries older than this send nothing more in this channel."""
    happened: Name | None = None
    """Column that says when the cause was, from which age counts; by itself the moment at which the entry was seen."""
    quiet_hours: Annotated[Quiet, BeforeValidator(parse_quiet)] | None = None
    """Hours of the recipient's day in which this channel is silent, `21:00-08:00`; after them the zone of recipients
    whose own is unknown, `21:00-08:00 Europe/Berlin` (UTC by itself)."""
    delivery: Literal["at_most_once", "at_least_once"] = "at_most_once"
    """When an answer was lost and the channel ignores no repeats: never send again, or until there is an answer."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the audience that it is made of."""
        return (*self.send, *((self.happened,) if self.happened else ()))


class Step(Written):
    """A follow-up: another message, some time after the one that it follows was sent, in the same channel."""

    event: Name
    """Name of the event in the channel; no other message of the audience has it."""
    after: Duration
    """Time after the message that it follows."""
    follows: Name | None = None
    """Event of the step that it follows; by itself the one before it in the list, or the first message."""
    unless: Annotated[tuple[str, ...], BeforeValidator(parse_stops)] = ("goal",)
    """What stops it: `goal` (the audience's goal was reached since the entry), `left` (the person is no longer in the
    audience)."""
    max_age: Duration = DAY
    """When it is later than this after its time, it is not sent any more."""


class Messages(Written):
    """How the messages of an audience behave."""

    channels: tuple[Name, ...] = ()
    """Syncs that share one message: the first in this order that reaches the person now sends it. Others each send
    their own."""
    reenter: Annotated[timedelta | None, BeforeValidator(parse_return)] = timedelta(0)
    """Who enters again causes a message `always`, `never`, or when they had been out for so long: 180d."""
    cool_down: Duration | None = None
    """Least time between two messages of this audience to one person, follow-ups left out."""
    cap: Annotated[Cap, BeforeValidator(parse_cap)] | None = None
    """Most messages of all audiences and channels to one person, `3 in 7d`; who is above it waits, and of those who
    wait the highest priority goes first."""
    priority: Annotated[int, Field(ge=0, le=100)] = 50
    """Which of two messages goes first where a cap lets one through: the higher."""
    steps: tuple[Step, ...] = ()
    """Follow-ups."""

    def follows(self, step: Step) -> str:
        """Event of the step that this one follows; empty: the first message."""
        at = self.steps.index(step)
        return step.follows or (self.steps[at - 1].event if at else "")
