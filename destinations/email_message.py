"""A mail as it is written: its texts filled for one member, its headers, and the addresses that it can carry."""

from __future__ import annotations

import hashlib
import re
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from destinations.http import Json
from destinations.identifiers import Unusable, email
from destinations.protocol import Batch, Member
from destinations.templates import Template, Unfilled, fill, values_of

if TYPE_CHECKING:
    from destinations.email import EmailSettings

BREAK = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
"""What must not get into a header."""
_ID = re.compile(r"[\w-]{1,64}(\.[\w-]{1,64})*", re.ASCII)
_ADDRESS = re.compile(r"https://[!-;=?-~]{3,1500}")
_SUBJECT = 250


class Mail(BaseModel):
    """The texts of one event, as templates."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subject: Template
    text: Template
    html: Template = ""


def compose(batch: Batch, member: Member, mail: Mail, to: str, settings: EmailSettings) -> bytes:
    """The message. What must stay in one piece is written by hand: a folded address would be no address."""
    values = values_of(batch, member)
    unsubscribe = fill(settings.unsubscribe_url, values).strip()
    if not _ADDRESS.fullmatch(unsubscribe):
        raise Unfilled("the address to unsubscribe at is no https:// address")
    values["unsubscribe_url"] = unsubscribe
    subject = subject_of(mail, values)
    digest = hashlib.sha256(member.id.encode()).hexdigest()
    own = member.id if _ID.fullmatch(member.id) else digest[:32]
    moment = batch.at or member.occurred_at
    headers = {
        "Message-ID": f"<{own}@{mailbox(settings.sender).rpartition('@')[2]}>",
        "List-Unsubscribe": f"<{unsubscribe}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        **({"Date": format_datetime(moment)} if moment else {}),
    }
    message = EmailMessage(policy=policy.SMTP if to.isascii() else policy.SMTPUTF8)
    local, _, domain = to.rpartition("@")
    message["From"], message["To"] = settings.sender, Address(username=local, domain=domain)
    message["Subject"] = subject
    if settings.reply_to:
        message["Reply-To"] = settings.reply_to
    message.set_content(fill(mail.text, values), cte="quoted-printable")
    if mail.html:
        message.add_alternative(fill(mail.html, values, html=True), subtype="html", cte="quoted-printable")
        message.set_boundary(f"=_{digest[:32]}")
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + message.as_bytes()


def subject_of(mail: Mail, values: dict[str, Json]) -> str:
    """The subject of a mail. Raises Unfilled for one that no header takes."""
    subject = fill(mail.subject, values).strip()
    if not subject or len(subject) > _SUBJECT or BREAK.search(subject):
        raise Unfilled(f"the subject is empty, has a line break or is longer than {_SUBJECT} characters")
    return subject


def mailbox(text: str) -> str:
    """The address in `Name <address>`; empty where there is none."""
    try:
        return email(parseaddr(text)[1])
    except Unusable:
        return ""


def reachable(address: str) -> str:
    """The address as servers take it: an international domain in its ASCII form. Raises Unusable."""
    local, _, domain = email(address).rpartition("@")
    try:
        return f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        raise Unusable("not an e-mail address") from None
