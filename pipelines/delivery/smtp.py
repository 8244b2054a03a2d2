"""SMTP: carries a message to a mail server, over TLS unless the server is on this machine.

Connections are kept between messages. Until the server has been asked to take the text nothing can have been delivered;
from then on, only its reply tells. Of a reply the codes are handed on and never the words, which repeat addresses.
"""

from __future__ import annotations

import base64
import json
import re
import smtplib
import ssl
from urllib.parse import urlsplit

from destinations.protocol import Request, Response
from pipelines.delivery.ports import Answer, Lost

CONNECT_SECONDS, READ_SECONDS = 10.0, 45.0
_ENHANCED = re.compile(rb"\s*([245]\.\d{1,3}\.\d{1,3})\b")
_LOGIN = frozenset({530, 534, 535, 538})
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class _Refused(Exception):
    """The server's answer to what came before the message."""

    def __init__(self, response: Response) -> None:
        super().__init__(str(response.status))
        self.response = response


class Carrier:
    """Mail servers, each with one open connection."""

    def __init__(self) -> None:
        self._servers: dict[tuple[str, str], smtplib.SMTP] = {}

    def carry(self, request: Request) -> Answer:
        try:
            server = self._connect(request)
            if request.method == "NOOP":
                return _told(*server.noop(), "check")
            return self._send(server, request)
        except _Refused as refused:
            return refused.response
        except (OSError, smtplib.SMTPException) as error:
            self._forget(request)
            return Lost(f"never sent: {type(error).__name__}", sent=False)

    def close(self) -> None:
        for server in self._servers.values():
            try:
                server.quit()
            except (OSError, smtplib.SMTPException):
                server.close()
        self._servers.clear()

    def _send(self, server: smtplib.SMTP, request: Request) -> Answer:
        to = request.headers["Rcpt-To"]
        options = [] if to.isascii() else ["SMTPUTF8", "BODY=8BITMIME"]
        if options and not server.has_extn("smtputf8"):
            return _told(553, b"5.6.7", "rcpt")
        if not to.isascii():
            server.command_encoding = "utf-8"
        refusal = _envelope(server, request.headers["Mail-From"], to, options)
        if refusal is not None:
            server.rset()
            return refusal
        try:
            server.send(re.sub(rb"(?m)^\.", b"..", request.body or b"").rstrip(b"\r\n") + b"\r\n.\r\n")
            return _told(*server.getreply(), "data")
        except (OSError, smtplib.SMTPException) as error:
            self._forget(request)
            return Lost(f"lost: {type(error).__name__}", sent=True)

    def _connect(self, request: Request) -> smtplib.SMTP:
        """An open connection, the old one where it still answers."""
        key = _key(request)
        if (server := self._servers.get(key)) is not None:
            try:
                if server.noop()[0] == 250:
                    return server
            except (OSError, smtplib.SMTPException):
                pass
            self._forget(request)
        server = _open(request)
        self._servers[key] = server
        if server.sock is not None:
            server.sock.settimeout(READ_SECONDS)
        return server

    def _forget(self, request: Request) -> None:
        if server := self._servers.pop(_key(request), None):
            server.close()


def _envelope(server: smtplib.SMTP, sender: str, to: str, options: list[str]) -> Response | None:
    """Say who writes to whom and ask to send the text; the refusal, if it is one."""
    number, text = server.mail(sender, options)
    if number != 250:
        return _told(number, text, "mail")
    number, text = server.rcpt(to)
    if number not in (250, 251):
        return _told(number, text, "rcpt")
    number, text = server.docmd("DATA")
    return None if number == 354 else _told(number, text, "data")


def _key(request: Request) -> tuple[str, str]:
    return request.url, request.headers.get("Authorization", "")


def _open(request: Request) -> smtplib.SMTP:
    """Connect, encrypt, log in. Raises _Refused with what the server said."""
    parts, trust = urlsplit(request.url), ssl.create_default_context()
    host = parts.hostname or ""
    try:
        server = (smtplib.SMTP_SSL(host, parts.port or 465, timeout=CONNECT_SECONDS, context=trust)
                  if parts.scheme == "smtps" else smtplib.SMTP(host, parts.port or 587, timeout=CONNECT_SECONDS))
    except smtplib.SMTPConnectError as error:
        raise _Refused(_told(error.smtp_code, b"", "connect")) from None
    try:
        _prepare(server, request, trust)
    except BaseException:
        server.close()
        raise
    return server


def _prepare(server: smtplib.SMTP, request: Request, trust: ssl.SSLContext) -> None:
    parts, login = urlsplit(request.url), request.headers.get("Authorization", "").removeprefix("Basic ")
    server.ehlo_or_helo_if_needed()
    if parts.scheme == "smtp" and server.has_extn("starttls"):
        server.starttls(context=trust)
        server.ehlo()
    elif parts.scheme == "smtp" and parts.hostname not in _LOOPBACK:
        raise _Refused(Response(426, {}, b'{"stage":"connect"}'))
    user, _, password = base64.b64decode(login).decode().partition(":")
    try:
        if login:
            server.login(user, password)
    except smtplib.SMTPAuthenticationError as error:
        raise _Refused(_told(535 if error.smtp_code >= 500 else error.smtp_code, b"", "login")) from None
    except smtplib.SMTPNotSupportedError:
        raise _Refused(_told(535, b"", "login")) from None


def _told(number: int, text: bytes, stage: str) -> Response:
    """A reply as a response: done, refused for now, refused login, refused for good."""
    status = 200 if 200 <= number < 300 else 429 if 400 <= number < 500 else 401 if number in _LOGIN else 422
    enhanced = _ENHANCED.match(text)
    more = {"enhanced": enhanced[1].decode()} if enhanced else {}
    return Response(status, {}, json.dumps({"reply": number, "stage": stage, **more}).encode())
