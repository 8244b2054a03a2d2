"""Shapes of JSON bodies as plain values, and the complaints of a body that has another shape.

A mapping names its fields (`"name?"` may be absent, no other field may be present), a list of one shape is an array of
it, a frozenset lists the allowed texts, a tuple lists the allowed JSON types.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

NoneType = type(None)
TEXT = (str,)
MAYBE_TEXT = (str, NoneType)
WHOLE = (int,)
NUMBER = (int, float)
FLAG = (bool,)
OBJECT = (dict,)
ANY = (str, int, float, bool, dict, list, NoneType)

Shape = Any
NAMES = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "an object",
    list: "an array",
    NoneType: "null",
}


class Complaint(NamedTuple):
    """One thing that is wrong in a body."""

    at: str
    """JSON pointer."""
    message: str


def one(*texts: str) -> frozenset[str]:
    """The shape of a text that must be one of these."""
    return frozenset(texts)


def complaints(value: Any, shape: Shape, at: str = "") -> Iterator[Complaint]:
    """All that is wrong with `value`, in the order of the shape."""
    if isinstance(shape, Mapping):
        yield from _fields(value, shape, at)
    elif isinstance(shape, list):
        yield from _items(value, shape[0], at)
    elif isinstance(shape, frozenset):
        if not isinstance(value, str) or value not in shape:
            yield Complaint(at, f"must be one of {', '.join(sorted(shape))}")
    elif type(value) not in shape:
        yield Complaint(at, f"must be {' or '.join(NAMES[kind] for kind in shape)}")


def _fields(value: Any, shape: Mapping[str, Shape], at: str) -> Iterator[Complaint]:
    if type(value) is not dict:
        yield Complaint(at, "must be an object")
        return
    seen = 0
    for name, inner in shape.items():
        key = name.removesuffix("?")
        if key in value:
            seen += 1
            yield from complaints(value[key], inner, f"{at}/{key}")
        elif key == name:
            yield Complaint(f"{at}/{key}", "is required")
    if seen != len(value):
        known = {name.removesuffix("?") for name in shape}
        yield from (Complaint(f"{at}/{key}", f"'{key}' is not a valid field") for key in value if key not in known)


def _items(value: Any, shape: Shape, at: str) -> Iterator[Complaint]:
    if type(value) is not list:
        yield Complaint(at, "must be an array")
        return
    for index, item in enumerate(value):
        yield from complaints(item, shape, f"{at}/{index}")
