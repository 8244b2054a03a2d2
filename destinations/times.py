"""Times as channels want them that compare moments as numbers and take ISO 8601 for mere text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from destinations.http import Json

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?")


def unix(value: Json) -> Json:
    """Dates and times in a value as whole seconds since 1970, wherever they stand in it; without a zone they are UTC,
    and a date is its midnight."""
    if isinstance(value, str):
        return _seconds(value) if value[:4].isdecimal() and _MOMENT.fullmatch(value) else value
    if isinstance(value, Mapping):
        return {key: unix(part) for key, part in value.items()}
    return [unix(part) for part in value] if isinstance(value, list | tuple) else value


def _seconds(text: str) -> Json:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:  # the 31st of a shorter month, or an hour 25
        return text
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() // 1)
