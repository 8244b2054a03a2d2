"""The acts: what goes wrong between us and a server, each by name."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from functools import cache
from itertools import repeat

from tests.sockets.raw import OK, Act, Talk

METADATA = "http://169.254.169.254/latest/meta-data/"


def reset_in_the_middle(talk: Talk) -> None:
    talk.answer(b'{"ok"', length=200)
    talk.reset()


def reset_at_once(talk: Talk) -> None:
    talk.reset()


def half_closed(talk: Talk) -> None:
    talk.shut()


def a_byte_now_and_then(talk: Talk) -> None:
    talk.answer(b"", length=10_000)
    for byte in repeat(b" "):
        talk.say(byte)
        talk.pause(0.05)


def a_byte_of_headers_now_and_then(talk: Talk) -> None:
    talk.say(b"HTTP/1.1 200 OK\r\nX: ")
    for byte in repeat(b"x"):
        talk.say(byte)
        talk.pause(0.05)


def shorter_than_said(talk: Talk) -> None:
    talk.answer(OK, length=len(OK) + 50)
    talk.shut()


def longer_than_said(talk: Talk) -> None:
    talk.answer(OK + b'HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n', length=len(OK))


@cache
def bomb() -> bytes:
    return gzip.compress(bytes(60_000_000), 9)


def gzip_bomb(talk: Talk) -> None:
    talk.answer(bomb(), "200 OK", "Content-Encoding: gzip")


def redirect_to_metadata(talk: Talk) -> None:
    talk.answer(b"", "307 Temporary Redirect", f"Location: {METADATA}")


def continue_first(talk: Talk) -> None:
    talk.say(b"HTTP/1.1 100 Continue\r\n\r\n")
    talk.answer()


def early_hints_first(talk: Talk) -> None:
    talk.say(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
    talk.answer()


def ten_megabytes(talk: Talk) -> None:
    talk.answer(b" " * 10_000_000)


def no_status_line(talk: Talk) -> None:
    talk.say(b"HELO mail.example.com\r\n\r\n")


def broken_chunks(talk: Talk) -> None:
    talk.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"ok\"\r\nzz\r\n")


def endless_header(talk: Talk) -> None:
    talk.say(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 100_000, b"\r\n\r\n")


def no_answer(talk: Talk) -> None:
    talk.pause(60)


def closes_after_each(talk: Talk) -> None:
    """Says that the connection stays, and closes it."""
    talk.answer(OK, "200 OK", "Connection: keep-alive")
    talk.shut()


def closes_on_the_second(talk: Talk) -> None:
    """The second request on a connection is heard and never answered."""
    talk.answer() if talk.nth == 1 else talk.shut()


def fine(talk: Talk) -> None:
    talk.answer()


def says(body: bytes, status: str = "200 OK") -> Act:
    return lambda talk: talk.answer(body, status)


def one_of(acts: Mapping[str, Act]) -> Act:
    """The act whose name stands in the body of the request."""
    def act(talk: Talk) -> None:
        next(each for name, each in acts.items() if f'"{name}"'.encode() in talk.body)(talk)

    return act


def batch_then_list(talk: Talk) -> None:
    """Customer.io's door: 207 with the second row refused, and then a list that takes the others."""
    refusal = b'{"errors": [{"batch_index": 1, "reason": "invalid", "field": "id", "message": "no"}]}'
    talk.answer(refusal, "207 Multi-Status") if b'"batch"' in talk.body else talk.answer(b"{}")
