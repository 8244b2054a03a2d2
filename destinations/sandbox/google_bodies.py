"""Bodies of the Data Manager calls the sandbox answers, after Google's protos, and its checks of each member."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from destinations.sandbox.channel import Document
from destinations.sandbox.shapes import FLAG, TEXT, Shape, one

MEMBERS, IDENTIFIERS = 10_000, 10
HASH = re.compile(r"[0-9a-f]{64}")
STATUS = one("CONSENT_STATUS_UNSPECIFIED", "CONSENT_GRANTED", "CONSENT_DENIED")
CONSENT: Shape = {"adUserData?": STATUS, "adPersonalization?": STATUS}
ACCOUNT: Shape = {"accountType": one("GOOGLE_ADS"), "accountId": TEXT}
DESTINATION: Shape = {"operatingAccount": ACCOUNT, "loginAccount?": ACCOUNT, "linkedAccount?": ACCOUNT,
                      "productDestinationId": TEXT, "reference?": TEXT}  # fmt: skip
ADDRESS: Shape = {"givenName": TEXT, "familyName": TEXT, "regionCode": TEXT, "postalCode": TEXT}
IDENTIFIER: Shape = {"emailAddress?": TEXT, "phoneNumber?": TEXT, "address?": ADDRESS}
MEMBER: Shape = {"userData?": {"userIdentifiers": [IDENTIFIER]}, "mobileData?": {"mobileIds": [TEXT]},
                 "userIdData?": {"userId": TEXT}, "consent?": CONSENT}  # fmt: skip
KINDS = {"userData": "CONTACT_ID", "mobileData": "MOBILE_ID", "userIdData": "USER_ID"}
_COMMON: Shape = {"destinations": [DESTINATION], "validateOnly?": FLAG}
REMOVE: Shape = {**_COMMON, "audienceMembers": [MEMBER], "encoding?": one("HEX", "BASE64")}
INGEST: Shape = {**REMOVE, "consent?": CONSENT,
                 "termsOfService?": {"customerMatchTermsOfServiceStatus": one("ACCEPTED", "REJECTED")}}  # fmt: skip
REMOVE_ALL: Shape = {**_COMMON, "removeAsOfTime": TEXT}
USER_LIST: Shape = {
    "displayName": TEXT,
    "description?": TEXT,
    "membershipDuration?": TEXT,
    "ingestedUserListInfo": {
        "uploadKeyTypes": [one("CONTACT_ID", "USER_ID")],
        "contactIdInfo?": {"dataSourceType": one("DATA_SOURCE_TYPE_FIRST_PARTY")},
        "userIdInfo?": {"dataSourceType": one("DATA_SOURCE_TYPE_FIRST_PARTY")},
    },
}


def wrong_rows(body: Document, key_type: str, refused: Callable[[int], bool]) -> Iterator[tuple[str, str]]:
    """Fields and reasons of what is wrong with the members of a request."""
    members = body["audienceMembers"]
    if not 1 <= len(members) <= MEMBERS:
        yield "audience_members", "TOO_MANY_AUDIENCE_MEMBERS" if members else "REQUIRED_FIELD_MISSING"
        return
    kinds = {KINDS[kind] for member in members for kind in member if kind in KINDS}
    if len(kinds) > 1:
        yield "audience_members", "MULTIPLE_DATA_TYPES_NOT_ALLOWED"
    elif kinds != {key_type}:
        yield "audience_members[0]", "INVALID_USER_LIST_TYPE" if kinds else "NO_IDENTIFIERS_PROVIDED"
        return
    if body.get("encoding") != "HEX" and key_type == "CONTACT_ID":
        yield "encoding", "REQUIRED_FIELD_MISSING"
    for index, member in enumerate(members):
        reason = "INVALID_AUDIENCE_MEMBER" if refused(index) else wrong_member(member)
        if reason:
            yield f"audience_members[{index}].user_data.user_identifiers[0]", reason


def wrong_member(member: Document) -> str | None:
    """The first reason to refuse a member."""
    if "userData" not in member:
        return None if all(row_of(member)) else "NO_IDENTIFIERS_PROVIDED"
    identifiers = member.get("userData", {}).get("userIdentifiers", [])
    if not identifiers or len(identifiers) > IDENTIFIERS:
        return "TOO_MANY_USER_IDENTIFIERS" if identifiers else "NO_IDENTIFIERS_PROVIDED"
    for identifier in identifiers:
        address = identifier.get("address", {})
        hashes = [value for name, value in {**identifier, **address}.items()
                  if name in ("emailAddress", "phoneNumber", "givenName", "familyName")]  # fmt: skip
        if len(identifier) != 1 or not all(HASH.fullmatch(value) for value in hashes):
            return "INVALID_SHA256_FORMAT" if len(identifier) == 1 else "INVALID_AUDIENCE_MEMBER"
        if address and not re.fullmatch(r"[A-Z]{2}", address["regionCode"]):
            return "INVALID_COUNTRY_CODE"
    return None


def row_of(member: Document) -> list[str]:
    """The identifiers by which a member is found again, as `1:` e-mail, `2:` phone and `3:` address."""
    found = list[str]()
    if "userData" not in member:
        ids = member["mobileData"]["mobileIds"] if "mobileData" in member else [member["userIdData"]["userId"]]
        return [f"1:{value}" if value else "" for value in ids]
    for identifier in member["userData"]["userIdentifiers"]:
        (kind, value), = identifier.items()
        text: Any = value if isinstance(value, str) else "|".join(value[name] for name in ADDRESS)
        found.append(f"{('emailAddress', 'phoneNumber', 'address').index(kind) + 1}:{text}")
    return sorted(found)
