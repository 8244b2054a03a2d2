"""The small notations people write in declarations: durations, cadences, shares, caps, hours, and columns to send.

Each reader takes what YAML made of the text and raises ValueError with a message that says what would be right.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from pipelines.errors import did_you_mean

MOST_HELD_OUT = 0.5
"""A holdout above one half would mostly measure silence."""
_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"(\d+)\s*([mhdw])")
_DAILY_AT = "0 6 * * *"
_CAP = re.compile(r"(\d+) in (\S+)")
_QUIET = re.compile(r"(\d\d?):(\d\d)\s*-\s*(\d\d?):(\d\d)(?:\s+(\S+))?")
STOPS = ("goal", "left")


class Cap(NamedTuple):
    """At most so many messages in any stretch of that length."""

    messages: int
    within: timedelta


class Quiet(NamedTuple):
    """Hours of a day in which nothing is sent, as minutes since midnight: from `start` on and before `end`."""

    start: int
    end: int
    zone: str
    """Of recipients whose own zone is unknown."""


def parse_duration(value: object) -> timedelta:
    """`30m`, `48h`, `2d` or `1w`; ValueError otherwise."""
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if not match or not int(match[1]):
        raise ValueError(f"{value!r} is not a duration; write a number and m, h, d or w, such as 30m, 48h or 2d")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def cron_of(every: str) -> str:
    """The five cron fields of `15m`, `1h`, `1d`, `1w` or of a cron expression; ValueError otherwise.

    A day starts at 06:00, so that the night's loads have landed.
    """
    if _DURATION.fullmatch(every.strip()):
        return _cron_of_duration(every)
    if len(every.split()) != 5:
        raise ValueError(f"{every!r} is not a cadence; write 15m, 1h, 1d, 1w or the five fields of cron in quotes")
    from croniter import croniter  # only cadences in cron pay for its import

    if not croniter.is_valid(every):
        raise ValueError(f"{every!r} is not a cron expression; its five fields are minute hour day month weekday")
    return " ".join(every.split())


def parse_cadence(value: object) -> str:
    """A cadence as it was written, when `cron_of` can read it; ValueError otherwise."""
    if isinstance(value, str):
        cron_of(value)
        return value
    raise ValueError(f"{value!r} has no unit; write 15m, 1h, 1d, 1w or the five fields of cron in quotes")


def parse_share(value: object) -> float:
    """A share between 0 and one half, written `10%` or `0.1`; ValueError otherwise."""
    share = _share(value)
    if share is None:
        raise ValueError(f"{value!r} is not a share; write a percentage such as 10% or a fraction such as 0.1")
    if share > MOST_HELD_OUT:
        percent = f"; did you mean {share:g}%?" if 1 <= share <= 50 and "%" not in str(value) else ""
        raise ValueError(f"{value} is more than half of the audience; a holdout is at most 50%{percent}")
    return share


def parse_portion(value: object) -> float:
    """A share between 0 and 1, written `30%` or `0.3`; ValueError otherwise."""
    share = _share(value)
    if share is None or share > 1:
        raise ValueError(f"{value!r} is not a share; write a percentage such as 30% or a fraction such as 0.3")
    return share


def parse_cap(value: object) -> Cap:
    """`3 in 7d`; ValueError otherwise."""
    if isinstance(value, Cap):
        return value
    match = _CAP.fullmatch(value.strip()) if isinstance(value, str) else None
    if not match:
        raise ValueError(f"{value!r} is not a cap; write how many messages in which time, such as 3 in 7d")
    if not int(match[1]):
        raise ValueError("a cap of zero sends nothing, ever; leave the trigger out, or write 1 in 7d")
    return Cap(int(match[1]), parse_duration(match[2]))


def parse_quiet(value: object) -> Quiet:
    """`21:00-08:00` or `21:00-08:00 Europe/Berlin`; ValueError otherwise."""
    if isinstance(value, Quiet):
        return value
    match = _QUIET.fullmatch(value.strip()) if isinstance(value, str) else None
    minutes = [int(match[at]) * 60 + int(match[at + 1]) for at in (1, 3)] if match else []
    if not match or max(minutes) > 1440 or max(int(match[2]), int(match[4])) > 59 or minutes[0] == minutes[1]:
        raise ValueError(f"{value!r} are no hours; write from and to, such as 21:00-08:00, and a zone if you like, "
                         "21:00-08:00 Europe/Berlin")
    zone = match[5] or "UTC"
    try:
        ZoneInfo(zone)
    except (LookupError, ValueError, OSError):  # a folder of the database is none either
        near = did_you_mean(zone, sorted(available_timezones()))
        raise ValueError(f"there is no time zone {zone}{near or '; write one such as Europe/Berlin'}") from None
    return Quiet(minutes[0] % 1440, minutes[1] % 1440, zone)


def parse_return(value: object) -> timedelta | None:
    """Time that somebody must have been out, of `always` (none), `never` (no time is enough: None) or `180d`."""
    if value in ("always", "never"):
        return timedelta(0) if value == "always" else None
    try:
        return parse_duration(value)
    except ValueError:
        raise ValueError(f"{value!r} is no rule of re-entry; write always, never, or a time such as 180d") from None


def parse_stops(value: object) -> tuple[str, ...]:
    """`goal`, `left` or a list of them; ValueError otherwise."""
    found = tuple(value) if isinstance(value, list | tuple) else (value,)
    for word in found:
        if word not in STOPS:
            raise ValueError(f"{word!r} stops nothing; write goal, left, [goal, left] or []")
    return tuple(map(str, found))


def parse_send(value: object) -> dict[str, str]:
    """Column → name in the channel, from a map, or from a list of columns and maps; ValueError otherwise."""
    if isinstance(value, list | tuple):
        parts = [part if isinstance(part, Mapping) else {str(part): part} for part in value]
        value = {column: name for part in parts for column, name in part.items()}
    if isinstance(value, Mapping) and all(isinstance(x, str) and x for pair in value.items() for x in pair):
        return dict(value)
    raise ValueError("must be a list of columns, [cart_value], or a map of column to remote name, {cart_value: value}")


def _cron_of_duration(every: str) -> str:
    minutes = int(parse_duration(every).total_seconds()) // 60
    if minutes < 60 and 60 % minutes == 0:
        return f"*/{minutes} * * * *" if minutes > 1 else "* * * * *"
    if minutes % 60 == 0 and minutes < 1440 and 1440 % minutes == 0:
        return f"0 */{minutes // 60} * * *" if minutes > 60 else "0 * * * *"
    if minutes in (1440, 10080):
        return _DAILY_AT if minutes == 1440 else "0 6 * * 1"
    raise ValueError(
        f"{every!r} does not divide an hour or a day evenly; write 15m, 1h, 6h, 1d, 1w or five cron fields"
    )


def _share(value: object) -> float | None:
    text = str(value).strip()
    if isinstance(value, bool) or not re.fullmatch(r"\d+(\.\d+)?%?", text):
        return None
    return float(text[:-1]) / 100 if text.endswith("%") else float(text)
