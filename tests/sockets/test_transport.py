"""The transport against raw sockets: what each act is told as, and whether it may have been sent."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from destinations.protocol import Request, Response
from pipelines.delivery.http import HttpTransport
from pipelines.delivery.ports import Answer, Lost
from tests.delivery.conftest import certificate
from tests.sockets import acts
from tests.sockets.raw import OK, Act, Raw

SOON = 0.6
"""Seconds after which these tests call an answer lost; a run takes 60."""


@contextmanager
def opened(deadline: float = 20) -> Iterator[HttpTransport]:
    transport = HttpTransport(width=1, deadline=deadline)
    try:
        yield transport
    finally:
        transport.close()


def ask(transport: HttpTransport, url: str, ticket: int = 1) -> Answer:
    transport.start(ticket, Request("POST", f"{url}/hook?token=s3cret", body=b"{}",
                                    allow_hosts=frozenset({"127.0.0.1", "localhost"})))
    found = transport.wait(30)
    assert found is not None and found[0] == ticket
    return found[1]


def lost(why: str) -> Lost:
    return Lost(f"lost: {why}", sent=True)


@pytest.mark.parametrize(("act", "told"), [
    (acts.reset_in_the_middle, lost("ChunkedEncodingError")),
    (acts.reset_at_once, lost("ConnectionError")),
    (acts.half_closed, lost("ConnectionError")),
    (acts.shorter_than_said, lost("ChunkedEncodingError")),
    (acts.no_status_line, lost("ConnectionError")),
    (acts.broken_chunks, lost("ChunkedEncodingError")),
    (acts.endless_header, lost("ConnectionError")),
    (acts.gzip_bomb, Lost("an answer of more than 5,000,000 bytes", sent=True)),
    (acts.ten_megabytes, Lost("an answer of more than 5,000,000 bytes", sent=True)),
    (acts.early_hints_first, Lost("an answer that is none (HTTP 103)", sent=True)),
])
def test_what_comes_broken_is_lost_and_may_have_been_sent(act: Act, told: Lost) -> None:
    with Raw(act) as server, opened() as transport:
        assert ask(transport, server.url) == told
        assert server.heard == ["POST /hook?token=s3cret HTTP/1.1"]


@pytest.mark.parametrize("act", [acts.a_byte_now_and_then, acts.a_byte_of_headers_now_and_then, acts.no_answer])
def test_a_server_that_keeps_us_waiting_is_left_at_the_deadline_of_the_whole_answer(act: Act) -> None:
    with Raw(act) as server, opened(SOON) as transport:
        assert ask(transport, server.url) == Lost("no answer within 0.6 s", sent=True)
        assert len(server.heard) == 1


def test_others_are_served_while_one_is_kept_waiting() -> None:
    with Raw(acts.no_answer) as slow, Raw(acts.fine) as quick, opened(2) as transport:
        told = [ask(transport, slow.url), ask(transport, quick.url, 2), ask(transport, quick.url, 3)]
    assert [isinstance(one, Response) for one in told] == [False, True, True]


def test_an_answer_after_a_continue_is_the_answer() -> None:
    with Raw(acts.continue_first) as server, opened() as transport:
        assert ask(transport, server.url) == Response(200, {"content-length": "12"}, OK)


def test_what_follows_an_answer_is_not_read_as_the_next_one() -> None:
    with Raw(acts.longer_than_said) as server, opened() as transport:
        told = [ask(transport, server.url, ticket) for ticket in (1, 2, 3)]
        assert [(one.status, one.body) for one in told if isinstance(one, Response)] == [(200, OK)] * 3
        assert len(server.heard) == 3


def test_a_redirect_is_an_answer_and_nobody_goes_there() -> None:
    with Raw(acts.redirect_to_metadata) as server, opened() as transport:
        told = ask(transport, server.url)
        assert isinstance(told, Response)
        assert (told.status, told.headers["location"], len(server.heard)) == (307, acts.METADATA, 1)


def test_a_connection_that_was_closed_after_an_answer_is_opened_anew() -> None:
    with Raw(acts.closes_after_each) as server, opened() as transport:
        told = [ask(transport, server.url, ticket) for ticket in (1, 2)]
        assert ([isinstance(one, Response) for one in told], len(server.heard)) == ([True, True], 2)


def test_a_request_on_a_kept_connection_that_is_closed_on_it_is_not_sent_again_by_itself() -> None:
    with Raw(acts.closes_on_the_second) as server, opened() as transport:
        told = [ask(transport, server.url, ticket) for ticket in (1, 2)]
        assert (told[1], len(server.heard), server.connections) == (lost("ConnectionError"), 2, 1)


def test_a_connection_is_kept_between_answers() -> None:
    with Raw(acts.fine) as server, opened() as transport:
        for ticket in range(5):
            ask(transport, server.url, ticket)
        assert (len(server.heard), server.connections) == (5, 1)


def test_nobody_listening_is_never_sent() -> None:
    with Raw(acts.fine) as server:
        url = server.url
    with opened() as transport:
        assert ask(transport, url) == Lost("never sent: ConnectionRefusedError", sent=False)


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    """The server's side of TLS with a certificate that nobody signed, for 127.0.0.1."""
    made = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, tmp_path / "key.pem")
    return context


NO_ENVIRONMENT_HELPS = {"PYTHONHTTPSVERIFY": "0", "CURL_CA_BUNDLE": "", "REQUESTS_CA_BUNDLE": "", "SSL_CERT_DIR": ""}


def test_a_certificate_that_nobody_signed_is_refused_before_anything_is_sent(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in NO_ENVIRONMENT_HELPS.items():
        monkeypatch.setenv(name, value)
    with Raw(acts.fine, tls) as server, opened() as transport:
        assert ask(transport, server.url) == Lost("never sent: SSLCertVerificationError", sent=False)
        assert server.heard == []


def test_an_authority_of_ones_own_is_named_and_only_its_names_are_good(
    tls: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    with Raw(acts.fine, tls) as server, opened() as transport:
        assert isinstance(ask(transport, server.url), Response)
        other = server.url.replace("127.0.0.1", "localhost")
        assert ask(transport, other, 2) == Lost("never sent: SSLCertVerificationError", sent=False)
        assert len(server.heard) == 1


def test_tls_older_than_1_2_is_refused(tls: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    tls.set_ciphers("ALL:@SECLEVEL=0")
    tls.minimum_version = ssl.TLSVersion.TLSv1
    tls.maximum_version = ssl.TLSVersion.TLSv1_1
    with Raw(acts.fine, tls) as server, opened() as transport:
        told = ask(transport, server.url)
        assert isinstance(told, Lost) and (told.sent, server.heard) == (False, [])


def test_a_connection_that_breaks_under_tls_after_the_request_may_have_been_sent(
    tls: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    with Raw(acts.reset_at_once, tls) as server, opened() as transport:
        told = ask(transport, server.url)
        assert isinstance(told, Lost) and (told.sent, len(server.heard)) == (True, 1)
