"""What a database's refusal means, by its SQLSTATE, and what the operator can do about it."""

from __future__ import annotations

import re
from typing import Any

from destinations.answers import code
from destinations.http import Response

NO_COLUMN = "42703"
_NO_TABLE, _NO_KEY, _NO_DATABASE, _NO_RIGHT = "42P01", "42P10", "3D000", "42501"


def sqlstate(response: Response) -> str:
    """The SQLSTATE of a refusal."""
    found: Any = response.get("code")
    return found if isinstance(found, str) and re.fullmatch("[0-9A-Z]{5}", found) else code(found)


def is_gone(response: Response) -> bool:
    """Whether the table is not there."""
    return response.status == 422 and sqlstate(response) == _NO_TABLE


def remedy(response: Response, target: str, key_column: str) -> str | None:
    """What only the operator can put right, or None."""
    return {
        _NO_TABLE: f"there is no table {target}: make it, or leave table out to have one made under another name",
        _NO_KEY: f"the table {target} has no primary key or unique index on {key_column}: add one",
        _NO_DATABASE: "there is no such database: make it, or correct database in connections.yml",
        _NO_RIGHT: f"this user may not write to the table {target}: grant insert, update, delete and select",
    }.get(sqlstate(response) if response.status == 422 else "")
