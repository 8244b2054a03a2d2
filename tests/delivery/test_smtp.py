"""Mail goes to a real server over TLS, and what the server said is told as it was."""

import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from destinations.email import Email, EmailSettings
from destinations.http import basic_auth
from destinations.protocol import Batch, Exchange, Member, Operation, Refused, Request, Response
from destinations.sandbox.email import MailServer
from pipelines.delivery.ports import Answer, Lost
from pipelines.delivery.smtp import Carrier

Carry = Callable[[Request], Answer]
LOGIN = ("shop", "made-up")
TEXT = b"Subject: hi\r\n\r\n.one dot\r\n..two\r\nend\r\n"


@pytest.fixture
def server(trust: ssl.SSLContext) -> Iterator[MailServer]:
    with MailServer(trust=trust, login=LOGIN) as started:
        yield started


def mail(server: MailServer, to: str = "ada@example.com", sender: str = "news@shop.example", **more: Any) -> Request:
    headers = {"Mail-From": sender, "Rcpt-To": to, **basic_auth(*more.get("login", LOGIN))}
    return Request("SEND", more.get("url", server.url), headers, TEXT)


def told(answer: Answer) -> tuple[int, Any]:
    assert isinstance(answer, Response)
    return answer.status, answer.json


def test_a_mail_is_taken_as_it_was_written(server: MailServer, carry: Carry) -> None:
    assert told(carry(mail(server))) == (200, {"reply": 250, "stage": "data", "enhanced": "2.0.0"})
    assert [(one["from"], one["to"], one["raw"]) for one in server.mail] == [
        ("news@shop.example", "ada@example.com", TEXT)]


def test_tls_may_begin_with_the_connection(trust: ssl.SSLContext, carry: Carry) -> None:
    with MailServer(trust=trust, implicit=True) as server:
        assert (server.url.partition(":")[0], told(carry(mail(server, login=("", ""))))[0]) == ("smtps", 401)
        request = Request("SEND", server.url, {"Mail-From": "a@b.example", "Rcpt-To": "ada@example.com"}, TEXT)
        assert told(carry(request))[0] == 200


def test_a_certificate_that_is_not_trusted_gets_no_mail(
    server: MailServer, carry: Carry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    assert carry(mail(server)) == Lost("never sent: SSLCertVerificationError", sent=False)
    assert server.mail == []


def test_a_server_elsewhere_that_offers_no_tls_gets_no_mail(carry: Carry, monkeypatch: pytest.MonkeyPatch) -> None:
    with MailServer() as server:
        monkeypatch.setattr("pipelines.delivery.smtp._LOOPBACK", frozenset())
        assert told(carry(mail(server))) == (426, {"stage": "connect"})
        assert server.mail == []


def test_on_this_machine_a_server_needs_no_tls(carry: Carry) -> None:
    with MailServer() as server:
        request = Request("SEND", server.url, {"Mail-From": "a@b.example", "Rcpt-To": "ada@example.com"}, TEXT)
        assert told(carry(request))[0] == 200


def test_a_refused_login_is_one(server: MailServer, carry: Carry) -> None:
    assert told(carry(mail(server, login=("shop", "wrong")))) == (401, {"reply": 535, "stage": "login"})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"to": "unknown@example.com"}, (422, {"reply": 550, "stage": "rcpt", "enhanced": "5.1.1"})),
        ({"to": "later@example.com"}, (429, {"reply": 450, "stage": "rcpt", "enhanced": "4.2.0"})),
        ({"sender": "a@forbidden.example"}, (422, {"reply": 553, "stage": "mail", "enhanced": "5.7.1"})),
    ],
)
def test_a_refusal_is_told_by_its_codes(
    server: MailServer, carry: Carry, change: dict[str, Any], expected: tuple[int, Any]
) -> None:
    assert told(carry(mail(server, **change))) == expected
    assert server.mail == []


def test_a_connection_that_ends_tells_whether_the_text_was_on_its_way(server: MailServer, carry: Carry) -> None:
    early, cut = carry(mail(server, "early@example.com")), carry(mail(server, "cut@example.com"))
    assert early == Lost("never sent: SMTPServerDisconnected", sent=False)
    assert cut == Lost("lost: SMTPServerDisconnected", sent=True)
    assert [one["to"] for one in server.mail] == ["cut@example.com"]


def test_nobody_at_the_port_means_that_nothing_was_sent(server: MailServer, carry: Carry) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"smtp://127.0.0.1:{free.getsockname()[1]}"
    assert carry(mail(server, url=url)) == Lost("never sent: ConnectionRefusedError", sent=False)


def test_one_connection_carries_many_mails_and_an_old_one_is_replaced(server: MailServer) -> None:
    carrier = Carrier()
    for to in ("ada@example.com", "unknown@example.com", "bob@example.com"):
        carrier.carry(mail(server, to))
    assert (len(server.mail), server.connections) == (2, 1)
    for open_server in carrier._servers.values():
        open_server.close()
    assert told(carrier.carry(mail(server, "cleo@example.com")))[0] == 200
    assert server.connections == 2
    carrier.close()


def talk(exchange: Exchange, carry: Carry) -> Any:
    try:
        request = next(exchange)
        while True:
            answer = carry(request)
            assert isinstance(answer, Response)
            request = exchange.send(answer)
    except StopIteration as done:
        return done.value


def test_the_destination_sends_a_mail_that_a_reader_understands(server: MailServer, carry: Carry) -> None:
    def open_(password: str = LOGIN[1]) -> Email:
        texts = {"subject": "Grüße, {{ name }}", "text": "Hallo {{ name }}\n.", "html": "<b>{{ name }}</b>"}
        return Email(EmailSettings.model_validate({
            "base_url": server.url, "username": LOGIN[0], "password": password, "sender": "Läden <news@shop.example>",
            "unsubscribe_url": "https://shop.example/leave/" + "long/" * 60 + "{{ person_id }}",
            "messages": {"won": texts}}))

    def trigger(email: str) -> Any:
        member = Member("op.1", "u1", {"email": email}, {"name": "Zoë & <Ada>"})
        at = datetime(2026, 3, 1, 12, tzinfo=UTC)
        return talk(open_().deliver(Batch(Operation.TRIGGER, (member,), "vip", None, "won", at=at)), carry)

    talk(open_().check(), carry)
    with pytest.raises(Refused, match="HTTP 401"):
        talk(open_("wrong").check(), carry)
    outcomes = [trigger(to)[0] for to in ("zoë@bücher.example", "ada@example.com", "unknown@example.com")]
    assert [(str(one.verdict), one.reason) for one in outcomes] == [
        ("accepted", ""), ("accepted", ""), ("rejected", "refused by the mail server: 550 5.1.1")]
    first, second = server.truth()["messages"]
    assert [first["to"], second["to"]] == ["zoë@xn--bcher-kva.example", "ada@example.com"]
    assert second["properties"] == {
        "headers": {
            "Message-ID": "<op.1@shop.example>",
            "List-Unsubscribe": "<https://shop.example/leave/" + "long/" * 60 + "u1>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Date": "Sun, 01 Mar 2026 12:00:00 +0000",
            "From": "Läden <news@shop.example>",
            "To": "ada@example.com",
            "Subject": "Grüße, Zoë & <Ada>",
            "MIME-Version": "1.0",
        },
        "plain": "Hallo Zoë & <Ada>\n.",
        "html": "<b>Zoë &amp; &lt;Ada&gt;</b>",
    }
