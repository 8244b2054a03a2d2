"""What ad platforms match people by besides addresses and phones: names, places, dates, by each platform's own rule.

Sources: Meta's guide on custom audiences, "Hashing and Normalization" (developers.facebook.com/docs/marketing-api/
audiences/guides/custom-audiences), and Google's own formatter (data-manager-python). Hashes are SHA-256 in hex; one
that comes as such is passed through. What a rule cannot read is left out: a person is still matched by the rest, and
never by a wrong hash.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable, Mapping
from math import inf

from destinations.http import Json
from destinations.identifiers import Unusable, hash_of, sha256, text
from destinations.places import country, state

GOOGLE_ADDRESS = {"given_name": "givenName", "family_name": "familyName", "region_code": "regionCode",
                  "postal_code": "postalCode"}  # fmt: skip
"""Columns that make an address for Google, all of them → its fields."""
_UNITED_STATES = sha256("us")
_GENDERS = {word: words[0] for words in ("f female woman girl", "m male man boy") for word in words.split()}
_YEAR = "january february march april may june july august september october november december"
_MONTHS = {name: str(at) for at, name in enumerate(_YEAR.split(), 1)}
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def meta_key(key: str, columns: Mapping[str, Json]) -> Json:
    """One of `META_KEYS` as Meta matches by it; an empty text where its column says nothing."""
    value = columns.get(key)
    if key == "LOOKALIKE_VALUE":
        return _worth(value)
    if value is None or isinstance(value, bool | Mapping | list | tuple):
        return ""
    written = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    abroad = key == "ST" and meta_key("COUNTRY", columns) not in ("", _UNITED_STATES)
    try:
        return hash_of(written, _place if abroad else _META[key])
    except Unusable:
        return ""


def _worth(value: Json) -> Json:
    """What somebody is worth: a number of at least 0, which stands too for what is not known."""
    try:
        number = float(str(value))
    except ValueError:
        return 0
    return (int(number) if number.is_integer() else number) if 0 <= number < inf else 0


def google_address(columns: Mapping[str, Json]) -> dict[str, Json] | None:
    """Names hashed, region and postal code plain; None unless all four are there and can be read."""
    postal = str(columns.get("postal_code") or "").strip()
    if not postal:
        return None
    try:
        region = country(str(columns.get("region_code") or "")).upper()
        given, family = (hash_of(str(columns.get(column) or ""), _without_blanks) for column in
                         ("given_name", "family_name"))  # fmt: skip
    except Unusable:
        return None
    return {"givenName": given, "familyName": family, "regionCode": region, "postalCode": postal}


def _without_blanks(name: str) -> str:
    return "".join(text(unicodedata.normalize("NFC", name)).lower().split())


def _name(value: str) -> str:
    """Lower case, without punctuation; letters of all scripts stay, and single blanks."""
    plain = unicodedata.normalize("NFC", text(value)).lower().translate(_NO_PUNCTUATION)
    if not plain.isascii():
        plain = "".join(sign for sign in plain if unicodedata.category(sign)[0] != "P")
    return " ".join(plain.split())


def _initial(value: str) -> str:
    return _name(value)[:1]


def _place(value: str) -> str:
    return _name(value).replace(" ", "")


def _state(value: str) -> str:
    """Two letters for a state of the US; others as they are called."""
    return state(value) or _place(value)


def _postal_code(value: str) -> str:
    """No blanks and hyphens; of a ZIP+4 the first five."""
    united = re.fullmatch(r"(\d{5})[- ]\d{4}", written := text(value).lower())
    return united[1] if united else re.sub(r"[\s-]", "", written)


def _one_of(pattern: str) -> Callable[[str], str]:
    """What `pattern` takes, and nothing else; its first group."""

    def read(value: str) -> str:
        match = re.fullmatch(pattern, text(value).lower())
        if not match:
            raise Unusable("not as documented")
        return match[1]

    return read


def _gender(value: str) -> str:
    if found := _GENDERS.get(text(value).lower()):
        return found
    raise Unusable("not as documented")


def _month(value: str) -> str:
    return _two_digits(12)(_MONTHS.get(text(value).lower(), value))


def _two_digits(most: int) -> Callable[[str], str]:
    def read(value: str) -> str:
        number = text(value)
        if not (re.fullmatch(r"\d{1,2}", number, re.ASCII) and 1 <= int(number) <= most):
            raise Unusable("not as documented")
        return f"{int(number):02}"

    return read


_META: dict[str, Callable[[str], str]] = {
    "FN": _name, "LN": _name, "FI": _initial, "CT": _place, "ST": _state, "ZIP": _postal_code,
    "COUNTRY": country, "GEN": _gender, "DOBY": _one_of("((?:19|20)[0-9]{2})"),
    "DOBM": _month, "DOBD": _two_digits(31),
}  # fmt: skip
META_KEYS = (*_META, "LOOKALIKE_VALUE")
"""Meta's names of what it matches by, in the order of its documentation; the last is a value and not hashed."""
