"""One capture server for an official SDK and a destination: both make the same call, and what differs is told by field.

    with Capture() as server:
        theirs = server.hear(lambda: sdk(server.url).create(…))      # what the SDK sent
        ours = server.play(destination(server.url).deliver(batch))   # what we sent
        assert differences(theirs[0], ours[0]) == {"header.revision": ("2026-10-15", "2026-07-15")}

Answers are given before: `Capture((202, {"id": "1"}))`, or a Response, each used once, and `(200, {})` when there are
no more. A form is read like JSON, so that the same fields in another coat differ by the header `content-type` alone.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import requests

import destinations
from destinations.protocol import Destination, Request, Response

TRANSPORT = {"host", "user-agent", "accept-encoding", "connection", "content-length", "accept", "accept-charset",
             "transfer-encoding", "cache-control", "x-client", "x-unity-version"}  # fmt: skip
"""Headers in which libraries say who they are and how they read, none of which a vendor acts upon."""
Told = Response | tuple[int, Any]
ABSENT = "absent"
MISSING = "the vendors' SDKs are not installed"


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it came over the wire."""

    method: str
    path: str
    query: Mapping[str, Any]
    headers: Mapping[str, str]
    """Names in lower case, without those of transport."""
    body: Any
    """JSON, the fields of a form, a text, or None."""
    raw: str | None = None

    def fields(self) -> dict[str, Any]:
        """Everything, flat: `body.inputs.0.id`."""
        parts = {"method": self.method, "path": self.path, "query": self.query, "header": self.headers}
        return dict(_flat("", {**parts, "body": self.body}))


class Capture:
    """A server on loopback that keeps what it is sent. Leaving it closes it."""

    def __init__(self, *answers: Told, tls: Path | None = None) -> None:
        """`tls` is an empty folder for a certificate that is made at once: SDKs that speak nothing else trust it by
        `certificate`."""
        self.sent: list[Sent] = []
        self._answers = deque(answers)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.certificate = ""
        if tls is not None:
            self.certificate, key = _certificate(tls)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate, key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.url = f"http{'s' if tls else ''}://{'localhost' if tls else '127.0.0.1'}:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Capture:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def expect(self, *answers: Told) -> None:
        """Answers of the next requests."""
        self._answers.extend(answers)

    def hear(self, call: Callable[[], Any], *answers: Told) -> list[Sent]:
        """What is sent while `call` runs."""
        self.expect(*answers)
        before = len(self.sent)
        call()
        return self.sent[before:]

    def play(self, exchange: Generator[Request, Response, Any], *answers: Told) -> list[Sent]:
        """What a destination sends, each request once; until it ends or refuses what the answers say."""
        return self.hear(lambda: self._drive(exchange), *answers)

    def _drive(self, exchange: Generator[Request, Response, Any]) -> None:
        with suppress(StopIteration):
            request = next(exchange)
            while True:
                sent = request.finish(request, 1_614_265_330) if request.finish else request
                got = requests.request(sent.method, sent.url, headers=dict(sent.headers), data=sent.body, timeout=10,
                                       verify=self.certificate or True)  # fmt: skip
                request = exchange.send(Response(got.status_code, dict(got.headers), got.content))

    def answer(self, sent: Sent) -> Response:
        self.sent.append(sent)
        told = self._answers.popleft() if self._answers else (200, {})
        if isinstance(told, Response):
            return told
        status, body = told
        return Response(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


def open_(name: str, server: Capture, **settings: Any) -> Destination:
    """A destination that speaks to this server."""
    kind = destinations.load(name)
    return kind(kind.settings_type.model_validate({**settings, "base_url": server.url}))


def heard(server: Capture, call: Callable[[], Any], *answers: Told) -> Sent:
    """What an SDK sent, whatever it made of our answer."""

    def quietly() -> None:
        with suppress(Exception):
            call()

    return server.hear(quietly, *answers)[0]


def differences(theirs: Sent, ours: Sent) -> dict[str, tuple[Any, Any]]:
    """Field → (theirs, ours) where they are not equal; ABSENT where one has none."""
    left, right = theirs.fields(), ours.fields()
    return {name: (left.get(name, ABSENT), right.get(name, ABSENT)) for name in sorted({*left, *right})
            if left.get(name, ABSENT) != right.get(name, ABSENT)}  # fmt: skip


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Leaves by their path; what is empty stands for itself."""
    if isinstance(value, list | dict) and value:
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _flat(f"{name}.{key}" if name else str(key), part)
    elif value not in (None, {}) or not name:
        yield name, value


def _handler(capture: Capture) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def _any(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            told = capture.answer(_sent(self.command, self.path, dict(self.headers), content))
            body = b"" if told.status == 204 else told.body
            self.send_response(told.status)
            for name, value in {"Content-Type": "application/json", **told.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815

        def log_message(self, *_: object) -> None:
            return None

    return Handler


def _sent(method: str, target: str, headers: Mapping[str, str], content: bytes) -> Sent:
    parts = urlsplit(target)
    kept = {name.lower(): value for name, value in headers.items() if name.lower() not in TRANSPORT}
    query = {name: _value(value) for name, value in parse_qsl(parts.query, keep_blank_values=True)}
    raw = content.decode("utf-8", "replace") if content else None
    return Sent(method, unquote(parts.path), query, kept, _body(raw, kept.get("content-type", "")), raw)


def _body(text: str | None, kind: str) -> Any:
    if text and "urlencoded" in kind:
        return {name: _value(value) for name, value in parse_qsl(text, keep_blank_values=True)}
    return json.loads(text) if text and "json" in kind else text


def _value(text: str) -> Any:
    """A form's value: JSON where it is an object or a list."""
    if text[:1] in ("{", "["):
        with suppress(ValueError):
            return json.loads(text)
    return text


def _certificate(folder: Path) -> tuple[str, str]:
    """Paths of a certificate for localhost and of its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1)).add_extension(names, critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256()))
    encoding, none = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "certificate.pem").write_bytes(made.public_bytes(encoding))
    (folder / "key.pem").write_bytes(key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, none))
    return str(folder / "certificate.pem"), str(folder / "key.pem")
