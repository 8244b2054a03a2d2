"""Audiences as people declare them: who they are, whom to spare, where they go and how often.

`Block` and `Sync` are what stands in YAML under `config.meta.audience`, with what `messages` declares.
`Audience` joins such a block with what dbt knows of the model. Nothing here knows dbt's files or a destination.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, StrictBool, StrictInt, model_validator

from pipelines.messages import Messages, Trigger
from pipelines.notation import cron_of, parse_cadence, parse_duration, parse_portion, parse_share
from pipelines.written import Name, Send, Written


class Sync(Written):
    """One audience to one connection."""

    to: Name
    """Connection, by its name in connections.yml."""
    every: Annotated[str, BeforeValidator(parse_cadence)]
    """Cadence: 15m, 1h, 1d, 1w or five cron fields."""
    trigger: Trigger | None = None
    """Message for those who enter."""
    send: Send = Field(default_factory=dict)
    """Columns kept up to date for each member: column → name in the channel."""
    nulls: Literal["clear", "skip"] = "clear"
    """What a null in a column of `send` does: `clear` the value in the channel, or `skip` it, so that the channel keeps
    what it has."""
    identifiers: dict[str, Name] = Field(default_factory=dict)
    """Identifier kind → column, where this channel may have another than the others: `{email: ads_email}` for one that
    holds an address only where advertising was consented to."""
    reassert_every: Annotated[timedelta, BeforeValidator(parse_duration)] | None = None
    """Tell the channel again of members it has not been told of for so long; for channels that cannot be read back."""
    first_sync: Literal["silent", "live"] = "silent"
    """Whether those who are in the audience at the first sync cause triggers: `silent` sends them none."""
    suppress: tuple[Name, ...] | None = None
    """Models whose persons this channel alone is spared. By itself `do_not_retarget` where reach is paid for and the
    project has that model; `[]` for nobody."""
    target: Name | None = None
    """Remote list, segment or audience id; overrides the one of the connection."""
    members: StrictBool = True
    """False: only the trigger is sent, no membership is kept."""
    mode: Literal["incremental", "replace"] = "incremental"
    """`replace`: the whole list is uploaded whenever it differs, and takes the place of the old one at once. Where a
    channel takes differences too, those are better: one bad row holds up nobody else."""
    shards: Annotated[StrictInt, Field(ge=1, le=64)] = 1
    """Parts that large plans are delivered in, by processes on as many machines as there are."""
    exclude_held_out: StrictBool | None = None
    """Whether the channel gets those held out too, as a list that campaigns exclude; by itself where reach is paid."""
    standing: ClassVar[str] = "sent"

    @model_validator(mode="after")
    def _sends_something(self) -> Self:
        if not self.members and not self.trigger:
            raise ValueError("members: false without a trigger sends nothing; add a trigger or leave members out")
        if not self.members and self.mode == "replace":
            raise ValueError("mode: replace is for members, and members is false; leave one of them out")
        if not self.members and self.send:
            raise ValueError("send is for members, and members is false; write send inside the trigger")
        if self.shards > 1 and self.mode == "replace":
            raise ValueError("shards are parts of differences, and mode: replace sends one list; leave shards out")
        if self.nulls == "skip" and not self.send:
            raise ValueError("nulls: skip is about the columns of send, and there are none; leave nulls out")
        return self

    @property
    def cron(self) -> str:
        """The cadence as five cron fields."""
        return cron_of(self.every)


REMOVAL, SPARED_REMOVAL = 0.3, 0.1
"""Share that may leave an audience at once, and a list of persons to spare, unless it declares another."""


class Goal(Written):
    """What an audience is for: what its members do, when it worked, within some time of entering."""

    event: Name | None = None
    """Name of an event of the shop or the product."""
    model: Name | None = None
    """A model of what counts, one row a deed; its column of the person is that of the audience."""
    at: Name | None = None
    """Column of the model that says when it happened, where it has several times."""
    within: Annotated[timedelta, BeforeValidator(parse_duration)]
    """Time after entering in which it counts."""

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if (self.event is None) == (self.model is None):
            raise ValueError("name one thing that counts, an event or a model: goal: {event: order_paid, within: 14d}")
        if self.at and not self.model:
            raise ValueError("at is a column of a model; leave it out beside an event")
        return self


class Guards(Written):
    """Where guards begin to object. An audience whose window is a day is new every day and says so:
    `{removal: 100%, entries: null}`."""

    removal: Annotated[float, BeforeValidator(parse_portion)] | None = None
    """Share of members that may leave at once, by itself 30 % (10 % of a list to spare); below 100 %, an audience that
    becomes empty is held too."""
    entries: Annotated[float, Field(gt=0)] | None = 5.0
    """Times the usual number that may enter at once; null: any."""
    unusable: Annotated[float, BeforeValidator(parse_portion)] = 0.1
    """Share of members by which those without a usable identifier may grow."""


class Block(Written):
    """What stands under `config.meta.audience` of a model."""

    syncs: tuple[Sync, ...] = ()
    """Where the audience goes; none: it is only built and counted."""
    suppress: tuple[Name, ...] = ()
    """Models whose persons are spared, besides `do_not_contact`, which always applies."""
    holdout: Annotated[float, BeforeValidator(parse_share)] = 0.0
    """Share of persons who are left out to measure the lift."""
    kind: Literal["marketing", "transactional", "suppression"] = "marketing"
    """`transactional`: about an order or a contract, so nobody is held out, no cap counts it and none holds it.
    `suppression`: a list of persons to spare; it fails closed, so a shrinking one is held."""
    guards: Guards = Guards()
    """Limits of its own."""
    holdout_salt: Name | None = None
    """Audiences of one salt hold out the same persons; by itself each draws its own."""
    global_holdout: StrictBool = True
    """Whether those held out of all marketing (the model `global_holdout`, where there is one) are spared here too."""
    goal: Goal | None = None
    """What tells whether the audience worked."""
    messages: Messages = Messages()
    """How the messages that its syncs send behave."""

    @model_validator(mode="after")
    def _holds_out_from_marketing_only(self) -> Self:
        if self.kind == "transactional" and self.holdout:
            raise ValueError("what is transactional is owed to everybody: leave holdout out, or kind: transactional")
        return self


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a model."""

    name: str
    data_type: str | None = None
    """As the contract declares it; None where it declares none."""


@dataclass(frozen=True, slots=True)
class GoalModel:
    """A model that says who has reached a goal, and when."""

    name: str
    relation: str
    """The table as quoted SQL text."""
    key: str
    """Column of the person."""
    unique_id: str = ""
    at: str = "occurred_at"
    """Column of the moment."""
    event: str | None = None
    """What stands in the column `name` of the rows that count; None: all count."""


@dataclass(frozen=True, slots=True)
class RecipientsModel:
    """A model of the persons that may be written to: identifiers, consent to their use, and time zone."""

    name: str
    relation: str
    """The table as quoted SQL text."""
    key: str
    """Column of the person."""
    unique_id: str = ""
    identifiers: Mapping[str, str] = field(default_factory=dict)
    """Identifier kind → column, with the key's kind; consent or not."""
    consents: Mapping[str, str] = field(default_factory=dict)
    """Identifier kind → column that says whether it may be used."""
    timezone: str | None = None
    """Column of the zone of the tz database."""


@dataclass(frozen=True, slots=True)
class Audience:
    """A segment declared for activation: its block and what dbt knows of its model."""

    name: str
    relation: str
    """The table as quoted SQL text."""
    key: str
    """Column of the person (or account)."""
    identifiers: Mapping[str, str]
    """Identifier kind → column; holds the key's kind too."""
    unique_id: str = ""
    """dbt's id of the model."""
    database: str | None = None
    schema: str = ""
    identifier: str = ""
    """Name of the table inside its schema."""
    path: str = ""
    """The .yml file, relative to the project."""
    line: int = 0
    """Where the model starts in it."""
    description: str = ""
    owner: str | None = None
    """Owner of the model's group, or the group."""
    tags: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    """Declared columns in order."""
    regions: Mapping[str, str] = field(default_factory=dict)
    """Identifier kind → column that holds the country of values written without it."""
    suppress: tuple[str, ...] = ()
    """Suppressions besides `do_not_contact`."""
    holdout: float = 0.0
    kind: str = "marketing"
    """marketing · transactional · suppression"""
    guards: Guards = field(default_factory=Guards)
    holdout_salt: str = ""
    """What the holdout is drawn by; the name of the audience unless it is declared."""
    goal: Goal | None = None
    messages: Messages = field(default_factory=Messages)
    goal_model: GoalModel | None = None
    """Where it is found who has reached the goal."""
    recipients: RecipientsModel | None = None
    syncs: tuple[Sync, ...] = ()
    upstream: tuple[str, ...] = ()
    """dbt ids of all that the model is built from, nearest first."""

    def identifiers_for(self, sync: Sync) -> dict[str, str]:
        """Identifier kind → column, as this sync uses them."""
        return {**self.identifiers, **sync.identifiers}

    def events(self, sync: Sync) -> tuple[str, ...]:
        """Events that this sync sends: the trigger's, and those of follow-ups."""
        return (sync.trigger.event, *(step.event for step in self.messages.steps)) if sync.trigger else ()

    def sync_id(self, sync: Sync) -> str:
        """`abandoned_cart__meta_ads`; `abandoned_cart__meta_ads__held_out` of an exclusion list."""
        return f"{self.name}__{sync.to}" if sync.standing == "sent" else f"{self.name}__{sync.to}__{sync.standing}"

    def list_name(self, sync: Sync) -> str:
        """What the channel's list is called: as the audience, or `abandoned_cart__held_out`."""
        return self.name if sync.standing == "sent" else f"{self.name}__{sync.standing}"

    @property
    def consulted(self) -> tuple[GoalModel | RecipientsModel, ...]:
        """Models that its messages are decided by."""
        return tuple(model for model in (self.goal_model, self.recipients) if model)

    @property
    def key_kind(self) -> str:
        """`person` or `account`: what the key identifies."""
        return "account" if "account" in self.identifiers and "person" not in self.identifiers else "person"

    def __post_init__(self) -> None:
        if not self.holdout_salt:
            object.__setattr__(self, "holdout_salt", self.name)


def in_turn(audiences: Iterable[Audience]) -> list[Audience]:
    """As one run looks at them: lists to spare first, then by priority: the highest takes the room under a cap."""
    return sorted(audiences, key=lambda each: (each.kind != "suppression", -each.messages.priority))


@dataclass(frozen=True, slots=True)
class SuppressionModel:
    """A model whose persons are spared."""

    name: str
    relation: str
    """The table as quoted SQL text."""
    key: str
    """Column of the person (or account)."""
    unique_id: str = ""
    kind: str = "person"
    """`person` or `account`: what the key identifies."""
    is_there: bool = True
    """Whether its table could be read when the run began."""
    removal: float = SPARED_REMOVAL
    """Share of its persons that may leave at once; more stay spared until it is approved."""
    salt: str = ""
    """Of those held out of all marketing: what they are drawn by, once. Empty: a list like any other."""


@dataclass(frozen=True, slots=True)
class AliasModel:
    """A model that says which keys became another person's (`config.meta.aliases: true`)."""

    name: str
    relation: str
    old: str
    """Column of the key that no longer stands: `old_…`."""
    new: str
    """Column of the person's key now: what follows `old_`."""
