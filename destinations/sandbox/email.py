"""A mail server on this machine: takes mail for everybody, keeps it for people and tests to look at, delivers nothing.

Beside the channels of HTTP, since mail has a port of its own. Enforced: one mail after EHLO, STARTTLS and login where
they are set up, addresses as SMTP writes them, 10 MB. Some recipients mean a fault: `unknown@…` is refused for good,
`later@…` for now, for `cut@…` the connection ends when the text has been taken, for `early@…` before.
"""

from __future__ import annotations

import base64
import re
import socketserver
import ssl
import threading
import time
from email import message_from_bytes, policy
from typing import Any, ClassVar

from destinations.sandbox.channel import Document
from destinations.sandbox.messages import message

LARGEST = 10_000_000
PATH = re.compile(r"(?:FROM|TO):<([^<>\s]*)>(?: .*)?", re.IGNORECASE)
REFUSED = {"unknown": "550 5.1.1 no such mailbox", "later": "450 4.2.0 greylisted, come back"}


class _Talk(socketserver.StreamRequestHandler):
    """One client."""

    server: MailServer

    def handle(self) -> None:
        self.encrypted = self.known = False
        self.sender, self.to = "", ""
        self._say("220 sandbox ESMTP")
        while line := self.rfile.readline(2000):
            verb, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            take = getattr(self, f"on_{verb.lower()}", None)
            if verb.upper() == "QUIT":
                return self._say("221 bye")
            if take is None:
                self._say("502 5.5.1 unknown command")
            elif not take(rest):
                return None
        return None

    def _say(self, *lines: str) -> None:
        for index, line in enumerate(lines):
            mark = "-" if index < len(lines) - 1 else " "
            self.wfile.write(f"{line[:3]}{mark}{line[4:]}\r\n".encode())

    def on_ehlo(self, _: str) -> bool:
        tls = ["250 STARTTLS"] if self.server.trust and not self.encrypted else []
        login = ["250 AUTH PLAIN"] if self.server.login else []
        self._say("250 sandbox", "250 SMTPUTF8", "250 8BITMIME", "250 ENHANCEDSTATUSCODES", *tls, *login, "250 SIZE")
        return True

    def on_starttls(self, _: str) -> bool:
        if self.server.trust is None or self.encrypted:
            self._say("503 5.5.1 not offered")
            return True
        self._say("220 go ahead")
        self.connection = self.server.trust.wrap_socket(self.request, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.encrypted = True
        return True

    def on_auth(self, rest: str) -> bool:
        given = base64.b64decode(rest.partition(" ")[2]).decode().split("\0")[1:]
        self.known = tuple(given) == self.server.login
        self._say("235 2.7.0 welcome" if self.known else "535 5.7.8 wrong user name or password")
        return True

    def on_noop(self, _: str) -> bool:
        self._say("250 2.0.0 here")
        return True

    def on_rset(self, _: str) -> bool:
        self.sender = self.to = ""
        return self.on_noop("")

    def on_mail(self, rest: str) -> bool:
        match = PATH.fullmatch(rest)
        if self.server.trust and not self.encrypted:
            self._say("530 5.7.0 begin with STARTTLS")
        elif self.server.login and not self.known:
            self._say("530 5.7.0 log in first")
        elif not match or match[1].endswith("@forbidden.example"):
            self._say("553 5.7.1 not your sender")
        else:
            self.sender = match[1]
            self._say("250 2.1.0 ok")
        return True

    def on_rcpt(self, rest: str) -> bool:
        match = PATH.fullmatch(rest)
        fault = REFUSED.get(match[1].partition("@")[0]) if match else "501 5.1.3 no address"
        if not self.sender or fault or not match:
            self._say(fault or "503 5.5.1 MAIL first")
        else:
            self.to = match[1]
            self._say("250 2.1.5 ok")
        return True

    def on_data(self, _: str) -> bool:
        if not self.to:
            self._say("503 5.5.1 RCPT first")
            return True
        if self.to.startswith("early@"):
            return False
        self._say("354 end with a dot")
        lines, size = list[bytes](), 0
        while (line := self.rfile.readline(LARGEST)) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
            size += len(line)
        if size > LARGEST:
            self._say("552 5.3.4 too large")
            return True
        self.server.keep(self.sender, self.to, b"".join(lines))
        if self.to.startswith("cut@"):
            return False
        self._say("250 2.0.0 taken")
        self.sender = self.to = ""
        return True


class MailServer(socketserver.ThreadingTCPServer):
    """A server with its mail; `trust` is a TLS context with a certificate, `login` a user and password it demands."""

    daemon_threads = True
    allow_reuse_address: ClassVar[bool] = True  # type: ignore[misc]

    def __init__(self, port: int = 0, trust: ssl.SSLContext | None = None, login: tuple[str, str] | None = None,
                 implicit: bool = False) -> None:
        super().__init__(("127.0.0.1", port), _Talk)
        if implicit and trust:
            self.socket = trust.wrap_socket(self.socket, server_side=True)
        self.trust, self.login = (None if implicit else trust), login
        self.url = f"{'smtps' if implicit else 'smtp'}://127.0.0.1:{self.server_address[1]}"
        self.mail: list[Document] = []
        self.connections = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> MailServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""

    def keep(self, sender: str, to: str, raw: bytes) -> None:
        """Keep one mail."""
        with self._lock:
            self.mail.append({"from": sender, "to": to, "raw": raw, "at": time.time()})

    def truth(self) -> Document:
        """The messages in the form that all channels share, with headers and texts as a reader sees them."""
        return {"audiences": {}, "messages": [_shown(one) for one in self.mail], "repeats": 0}


def _shown(one: Document) -> Document:
    read = message_from_bytes(one["raw"], policy=policy.default)
    parts = {part.get_content_subtype(): part.get_content().replace("\r\n", "\n").rstrip("\n") for part in read.walk()
             if part.get_content_maintype() == "text"}
    headers = {name: str(value) for name, value in read.items() if name != "Content-Type"}
    return message(headers.get("Message-ID", ""), headers.get("Subject", ""), one["to"], one["at"], one["at"],
                   {"headers": headers, **parts})
