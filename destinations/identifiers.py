"""Normalise identifiers: the rules that platforms share; a platform's own rule lives in its destination.

A value that cannot be normalised is `Unusable` with a reason; it becomes a rejected row, never a wrong hash. A blank is
never hashed. Phones follow E.164 (ITU) by Google's libphonenumber metadata and must be valid numbers of their country.
Addresses are those that mail providers give out: no quoted local parts, comments or IP literals, but letters of all
scripts, and IDN domains as they stand.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable

# Blanks and controls are in no part of an address, nor are the invisible characters that spreadsheets leave behind.
_INVISIBLE = r"\s\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff"
_ATOM = rf'[^{_INVISIBLE}@"(),:;<>\[\]\\.]+'
# A label: of ASCII only letters, digits and inner hyphens; ideographic and full-width dots would separate labels too.
_LABEL = rf"(?!-)[^{_INVISIBLE}!-,./:-@\[-`{{-~。．｡]{{1,63}}(?<!-)"
_EMAIL = re.compile(rf"(?P<local>{_ATOM}(?:\.{_ATOM})*)@(?:{_LABEL}\.)+(?!\d+$){_LABEL}")
_EDGES = re.compile(rf"^[{_INVISIBLE}]+|[{_INVISIBLE}]+$")
_ASCII_EDGES = "".join(map(chr, (*range(33), 127)))
_BROKEN = re.compile("[\ud800-\udfff]")
_HASHED = re.compile(r"[0-9a-fA-F]{64}")
_BLANK = hashlib.sha256(b"").hexdigest()


class Unusable(ValueError):
    """An identifier that no channel can key on. The message is the reason; it never repeats the value."""


def text(value: str) -> str:
    """An id as it stands, trimmed."""
    if not (trimmed := str(value).strip()):
        raise Unusable("blank")
    if "{{" in trimmed or "}}" in trimmed:
        raise Unusable("an un-rendered template")
    if not trimmed.isascii() and _BROKEN.search(trimmed):
        raise Unusable("broken text")
    return trimmed


def email(value: str) -> str:
    """Trimmed and lower-cased address. Dots and +tags stay: they are other mailboxes for most providers."""
    if (written := str(value)).isascii():  # as most are, and a million of them are many
        address = text(written.strip(_ASCII_EDGES)).lower()
    else:
        address = text(_EDGES.sub("", unicodedata.normalize("NFC", written))).lower()
    match = _EMAIL.fullmatch(address)
    if not match or len(match["local"].encode()) > 64 or len(address.encode()) > 254:
        raise Unusable("not an e-mail address")
    return address


def phone(value: str, region: str | None = None) -> str:
    """E.164 with +, such as +16505551212. `region` is the two-letter country of numbers written without +."""
    import phonenumbers  # 0.2 s that only syncs with phone numbers pay

    written = text(value)
    if written.startswith("00"):
        written = "+" + written[2:]
    try:
        number = phonenumbers.parse(written, region.upper() if region else None)
    except phonenumbers.NumberParseException as error:
        homeless = error.error_type == error.INVALID_COUNTRY_CODE and not region and not written.startswith("+")
        raise Unusable("a phone number without country" if homeless else "not a phone number") from None
    if not phonenumbers.is_valid_number(number):
        raise Unusable("not a valid phone number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def sha256(value: str) -> str:
    """Lower-case hex SHA-256 of a normalised value."""
    if not value:
        raise Unusable("blank")
    return hashlib.sha256(value.encode()).hexdigest()


def hash_of(value: str, normalise: Callable[[str], str]) -> str:
    """SHA-256 of a value as `normalise` writes it, or the value itself where it is such a hash already."""
    given = value.strip()
    if not _HASHED.fullmatch(given):
        return sha256(normalise(value))
    if given.lower() == _BLANK:
        raise Unusable("the hash of a blank")
    return given.lower()
