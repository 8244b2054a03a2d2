"""From what stands under `config.meta.audience` to its parts, with a complaint for each thing that is wrong.

A block with a flaw still yields its good parts, so that these are checked too and all complaints come at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from pipelines.audiences import Block, Goal, Guards, Sync
from pipelines.errors import did_you_mean
from pipelines.marks import Step
from pipelines.messages import Messages, Trigger
from pipelines.messages import Step as FollowUp

M = TypeVar("M", bound=BaseModel)
Flaw = tuple[tuple[Step, ...], str]
"""Path inside the block, and what is wrong there."""
_TOKEN = re.compile(r"\{\{|\}\}|\{%|\$\{|<%")
_KINDS = {
    "string_type": "must be text; put it in quotes",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "tuple_type": "must be a list, such as [a, b]",
    "model_type": "must be a map of keys and values",
    "dict_type": "must be a map of keys and values",
    "string_too_short": "is empty",
}
_PARTS: dict[str, type[BaseModel]] = {"trigger": Trigger, "goal": Goal, "guards": Guards, "messages": Messages,
                                      "steps": FollowUp}
_MISSING = {
    ("Sync", "to"): "name a connection of connections.yml, to: meta_ads",
    ("Sync", "every"): "say how often, every: 1h",
    ("Goal", "within"): "say in which time it counts, within: 14d",
    ("Trigger", "when"): "say what causes the message, when: enters",
    ("Trigger", "event"): "name the event that the channel receives, event: cart_abandoned",
    ("Step", "event"): "name the event that the channel receives, event: last_chance",
    ("Step", "after"): "say how long after the message before it, after: 2d",
}


@dataclass(frozen=True, slots=True)
class Parts:
    """What could be read of a block."""

    block: Block
    syncs: tuple[tuple[int, Sync], ...] = ()
    """Good syncs, with their position in the list."""
    flaws: tuple[Flaw, ...] = field(default=())


def read(written: Any) -> Parts:
    """Read a block as the manifest holds it."""
    if written is None:
        return Parts(Block())
    if not isinstance(written, Mapping):
        return Parts(Block(), (), (((), f"{_KINDS['model_type']}, such as {{syncs: [{{to: webhook, every: 1h}}]}}"),))
    flaws: list[Flaw] = []
    rest = {key: value for key, value in written.items() if key != "syncs"}
    block = _validate(Block, rest, (), flaws)
    syncs = list(_syncs(written.get("syncs"), flaws))
    flaws += _tokens(written, ())
    return Parts(block or Block(), tuple(syncs), tuple(flaws))


def read_guards(written: Any) -> tuple[Guards, list[Flaw]]:
    """Read the guards of a list of persons to spare that is no audience."""
    flaws: list[Flaw] = []
    return (Guards() if written is None else _validate(Guards, written, (), flaws)) or Guards(), flaws


def _syncs(written: Any, flaws: list[Flaw]) -> Iterator[tuple[int, Sync]]:
    if written is None:
        return
    if not isinstance(written, list):
        flaws.append((("syncs",), "must be a list; start each sync with a dash: - {to: webhook, every: 1h}"))
        return
    for index, entry in enumerate(written):
        sync = _validate(Sync, entry, ("syncs", index), flaws)
        if sync:
            yield index, sync


def _validate(kind: type[M], written: Any, at: tuple[Step, ...], flaws: list[Flaw]) -> M | None:
    try:
        return kind.model_validate(written)
    except ValidationError as error:
        flaws.extend(_explain(kind, error, at))
        return None


def _explain(kind: type[BaseModel], error: ValidationError, at: tuple[Step, ...]) -> Iterator[Flaw]:
    problems = error.errors(include_url=False)
    with_true = {problem["loc"][:-1] for problem in problems if problem["loc"][-1:] == ("true",)}
    for problem in problems:
        loc: tuple[Step, ...] = problem["loc"]
        if problem["type"] == "missing" and loc[-1] == "when" and loc[:-1] in with_true:
            continue
        yield (*at, *loc), _describe(problem, _model_at(kind, loc))


def _describe(problem: Any, model: type[BaseModel]) -> str:
    name = str(problem["loc"][-1]) if problem["loc"] else ""
    match problem["type"]:
        case "extra_forbidden" if name == "true":
            return "`on:` is true in YAML; write `when:`, inside trigger: {when: enters, event: …}"
        case "extra_forbidden":
            known = model.model_fields
            return f"unknown key{did_you_mean(name, known) or '; known are: ' + ', '.join(known)}"
        case "missing":
            return f"{name} is missing: {_MISSING[(model.__name__, name)]}"
        case "literal_error":
            right = problem["ctx"]["expected"].replace("'", "")
            return f"{problem['input']!r} must be {right}{did_you_mean(str(problem['input']), right.split(' or '))}"
        case "value_error":
            return str(problem["ctx"]["error"])
        case "greater_than_equal":
            return f"must be {problem['ctx']['ge']} or more"
        case "less_than_equal":
            return f"must be {problem['ctx']['le']} or less"
        case other:
            return _KINDS.get(other) or str(problem["msg"])


def _model_at(kind: type[BaseModel], loc: tuple[Step, ...]) -> type[BaseModel]:
    """The model that the last step of the path is a field of."""
    return next((_PARTS[str(step)] for step in reversed(loc[:-1]) if str(step) in _PARTS), kind)


def _tokens(value: Any, at: tuple[Step, ...]) -> Iterator[Flaw]:
    """Template tokens that nothing will render: dbt has rendered all that it renders."""
    if isinstance(value, str) and (token := _TOKEN.search(value)):
        yield at, f"holds {token[0]}, a template that nobody renders; write the name itself"
    parts = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for step, part in parts:
        yield from _tokens(part, (*at, step))
