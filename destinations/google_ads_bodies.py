"""What Google is told of a member: identifiers without Gmail's dots, an address, and the consent that was given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from destinations.http import Json
from destinations.matching import google_address
from destinations.protocol import Batch, Member, Operation

if TYPE_CHECKING:
    from destinations.google_ads import GoogleAdsSettings

_GRANTED, _DENIED = frozenset({"true", "granted", "consent_granted"}), frozenset({"false", "denied", "consent_denied"})
PERSONAL = {"ad_user_data": "adUserData", "ad_personalization": "adPersonalization"}
"""Columns of a member's consent → Google's fields."""


def membership(settings: GoogleAdsSettings, batch: Batch, members: Sequence[Member]) -> dict[str, Any]:
    """The body that ingests or removes these members of the batch; a removal says nothing of consent."""
    data = [entry(settings.upload_key, member) for member in members]
    body: dict[str, Any] = {"destinations": [destination(settings, batch.target)], "audienceMembers": data}
    if settings.upload_key == "CONTACT_ID":
        body["encoding"] = "HEX"
    if batch.operation is Operation.REMOVE:
        return body
    for one, member in zip(data, members, strict=True):
        one.update(consent_of(member))
    if settings.consent != "unspecified":
        status = f"CONSENT_{settings.consent.upper()}"
        body["consent"] = {"adUserData": status, "adPersonalization": status}
    if settings.terms_accepted:
        body["termsOfService"] = {"customerMatchTermsOfServiceStatus": "ACCEPTED"}
    return body


def destination(settings: GoogleAdsSettings, target: str | None) -> dict[str, Json]:
    """The user list, and the accounts that own and manage it."""
    account: dict[str, Json] = {"operatingAccount": {"accountType": "GOOGLE_ADS", "accountId": settings.account_id}}
    if settings.login_account_id:
        account["loginAccount"] = {"accountType": "GOOGLE_ADS", "accountId": settings.login_account_id}
    return {**account, "productDestinationId": target or ""}


def entry(upload_key: str, member: Member) -> dict[str, Any]:
    """One entry of `audienceMembers`."""
    if upload_key == "USER_ID":
        return {"userIdData": {"userId": member.identifiers.get("account", member.person)}}
    if upload_key == "MOBILE_ID":
        return {"mobileData": {"mobileIds": [member.identifiers.get("madid", "")]}}
    named = {"email": "emailAddress", "phone": "phoneNumber"}
    known: list[Json] = [{named[kind]: member.identifiers[kind]} for kind in named if kind in member.identifiers]
    if found := google_address(member.attributes):
        known.append({"address": found})
    return {"userData": {"userIdentifiers": known}}


def undotted(address: str) -> str:
    """Without the dots that Gmail does not read; of all other providers as it is."""
    local, _, domain = address.partition("@")
    return f"{local.replace('.', '')}@{domain}" if domain in ("gmail.com", "googlemail.com") else address


def consent_of(member: Member) -> dict[str, Any]:
    """What a member's columns say of consent; nothing where they say nothing that is understood."""
    words = {name: str(member.attributes.get(column)).strip().lower() for column, name in PERSONAL.items()}
    said = {name: "CONSENT_GRANTED" if word in _GRANTED else "CONSENT_DENIED"
            for name, word in words.items() if word in _GRANTED | _DENIED}  # fmt: skip
    return {"consent": said} if said else {}
