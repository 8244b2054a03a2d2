"""Texts of messages: Jinja templates that stand in connections.yml, filled with a member's columns, in a sandbox.

A template can compute with the columns of its row and nothing else. A column that is missing or null is told by its
name, so that nobody reads "Hello None"; `{{ name or "there" }}` says what stands in for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Annotated, Any, TypeVar

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import AfterValidator

from destinations.http import Json
from destinations.protocol import Batch, Member, Refused

_T = TypeVar("_T")


class Unfilled(ValueError):
    """A text that cannot be made for this member. The message is the reason; it repeats no value."""


class _Blank(Exception):
    """A column that is null was to be printed."""


def _printed(value: Any) -> Any:
    if value is None:
        raise _Blank
    return value


_PLAIN = ImmutableSandboxedEnvironment(undefined=StrictUndefined, finalize=_printed)
_HTML = ImmutableSandboxedEnvironment(undefined=StrictUndefined, finalize=_printed, autoescape=True)


def checked(template: str) -> str:
    """The template itself, where it is one. Raises ValueError with the line that is wrong."""
    try:
        _PLAIN.parse(template)
    except TemplateSyntaxError as error:
        raise ValueError(f"line {error.lineno} of the template: {error.message}") from None
    return template


Template = Annotated[str, AfterValidator(checked)]
"""A setting that is a template."""


def fill(template: str, values: Mapping[str, Json], *, html: bool = False) -> str:
    """The text for these values. Raises Unfilled with a reason."""
    try:
        return str(_compiled(template, html).render(values))
    except _Blank:
        raise Unfilled("the template prints a column that is null for this member") from None
    except UndefinedError as error:
        raise Unfilled(f"the template cannot be filled: {_named(error, values)}") from None
    except (TemplateError, ArithmeticError, TypeError, ValueError, LookupError, AttributeError) as error:
        raise Unfilled(f"the template cannot be filled: {type(error).__name__}") from None


def of_event(found: Mapping[str, _T], event: str | None, what: str, under: str) -> _T:
    """What the settings say of an event. Raises Refused where they say nothing."""
    if event is not None and event in found:
        return found[event]
    raise Refused(f"no {what} for the event {event}: write it under {under} of this connection")


def values_of(batch: Batch, member: Member, escape: Callable[[str], str] = str) -> dict[str, Json]:
    """What a template can name: the columns that are sent, who it is, and what happened in which audience."""
    named: dict[str, Json] = {"person_id": member.person, "audience": batch.audience, "event": batch.event}
    return {name: _escaped(value, escape) for name, value in {**named, **member.attributes}.items()}


def _escaped(value: Json, escape: Callable[[str], str]) -> Json:
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, Mapping):
        return {key: _escaped(part, escape) for key, part in value.items()}
    return [_escaped(part, escape) for part in value] if isinstance(value, list | tuple) else value


def _named(error: UndefinedError, values: Mapping[str, Json]) -> str:
    """The name that is missing; of other words nothing, as they may repeat values."""
    words = str(error).split("'")
    known = len(words) == 3 and words[2] == " is undefined" and words[1] not in values.values()
    return f"no column {words[1]} is sent" if known else "a part of a column is missing"


@lru_cache(maxsize=256)
def _compiled(template: str, html: bool) -> Any:
    return (_HTML if html else _PLAIN).from_string(template)
