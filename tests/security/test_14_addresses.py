"""14 · Webhooks and all other requests go to public addresses over TLS, unless the connection names the host."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

import destinations
from destinations.addresses import is_public, objection
from destinations.protocol import Request, Response, Settings
from destinations.webhook import WebhookSettings
from pipelines import connections
from pipelines.delivery.http import HttpTransport
from pipelines.delivery.ports import Answer, Lost
from tests.sockets import acts
from tests.sockets.raw import Raw

INSIDE = [
    "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "0.0.0.0",
    "100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "198.18.0.1", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
]
OUTSIDE = ["1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "::ffff:8.8.8.8",
           "64:ff9b::808:808"]


@pytest.mark.parametrize("address", INSIDE)
def test_14_an_address_inside_is_known_in_every_spelling(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_14_an_address_outside_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(("url", "said"), [
    ("https://hooks.example.com/x", ""),
    ("https://hooks.example.com:443/x", ""),
    ("http://hooks.example.com/x", "is not https: write https://, or name hooks.example.com in allow_hosts"),
    ("https://hooks.example.com:8443/x", "is at port 8443: name hooks.example.com in allow_hosts"),
    ("https://169.254.169.254/latest", "lies inside your network: name 169.254.169.254 in allow_hosts"),
    ("https://[::ffff:169.254.169.254]/", "lies inside your network"),
    ("https://LOCALHOST./", "lies inside your network"),
    ("https://a.localhost/", "lies inside your network"),
    ("https://user@127.0.0.1/", "lies inside your network"),
    ("https://example.com:99999/", "is no address"),
    ("https://[::1/", "is no address"),
    ("gopher://example.com/", "is not https"),
    ("", "is not https"),
])
def test_14_what_speaks_against_an_address_is_said_as_it_is_written(url: str, said: str) -> None:
    found = objection(url)
    assert found.startswith(said) and bool(found) == bool(said)


def carry(url: str, *allowed: str) -> Answer:
    transport = HttpTransport(width=1)
    try:
        transport.start(1, Request("POST", url, body=b"{}", allow_hosts=frozenset(allowed)))
        found = transport.wait(30)
        assert found is not None
        return found[1]
    finally:
        transport.close()


Resolve = Callable[[str, str], None]


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Let a name have these addresses, each for one question; the last one for all that follow."""
    real, answers = socket.getaddrinfo, dict[str, list[str]]()

    def getaddrinfo(host: Any, port: Any, *args: Any, **more: Any) -> Any:
        if (left := answers.get(host)) is None:
            return real(host, port, *args, **more)
        now = left.pop(0) if len(left) > 1 else left[0]
        return [info for each in now.split("+") for info in real(each, port, *args, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return lambda host, given: answers.update({host: given.split()})


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "10.1.2.3", "::1", "8.8.8.8+127.0.0.1"])
def test_14_a_public_name_that_leads_inside_is_never_called(resolve: Resolve, address: str) -> None:
    resolve("hooks.example.com", address)
    assert carry("https://hooks.example.com/x") == Lost(
        "never sent: hooks.example.com lies inside your network: name it in allow_hosts if that is meant", sent=False)


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "0177.0.0.1"])
def test_14_a_number_that_means_this_machine_is_never_called(host: str) -> None:
    told = carry(f"https://{host}/x")
    assert isinstance(told, Lost) and not told.sent and "inside your network" in told.reason


def test_14_the_address_that_was_checked_is_the_one_that_is_called(
    resolve: Resolve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is public when it is checked and inside a moment later (DNS rebinding)."""
    called: list[Any] = []

    def create_connection(address: Any, *_: Any, **__: Any) -> socket.socket:
        called.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr("urllib3.util.connection.create_connection", create_connection)
    resolve("hooks.example.com", "8.8.8.8 127.0.0.1")
    assert carry("https://hooks.example.com/x") == Lost("never sent: ConnectionRefusedError", sent=False)
    assert called == [("8.8.8.8", 443)]


def test_14_plain_http_and_hosts_inside_are_called_where_the_connection_names_them() -> None:
    with Raw(acts.fine) as server:
        refused = carry(server.url)
        assert (refused, server.connections) == (
            Lost("never sent: the address is not https: write https://, or name 127.0.0.1 in allow_hosts if it is a "
                 "host of your own", sent=False), 0)
        assert isinstance(carry(server.url, "127.0.0.1"), Response)
        by_name = carry(server.url.replace("127.0.0.1", "localhost"), "127.0.0.1")
        assert isinstance(by_name, Lost) and not by_name.sent


def test_14_a_redirect_leads_nowhere() -> None:
    with Raw(acts.fine) as secret, Raw(lambda talk: talk.answer(b"", "302 Found", f"Location: {secret.url}")) as server:
        told = carry(server.url, "127.0.0.1")
        assert isinstance(told, Response) and (told.status, secret.connections) == (302, 0)


def test_14_a_connection_says_which_hosts_of_its_own_network_it_calls() -> None:
    def allowed(**settings: Any) -> set[str]:
        return set(WebhookSettings(**settings).allowed)

    assert allowed(url="https://hooks.example.com/x") == set()
    assert allowed(url="http://hooks.internal:8080/x", allow_hosts=["hooks.internal"]) == {"hooks.internal"}
    assert allowed(base_url="http://127.0.0.1:8700/webhook") == {"127.0.0.1"}, "the sandbox, in plain words"
    assert allowed(base_url="http://[::1]:8700/webhook") == {"::1"}


@pytest.mark.parametrize("settings", [
    {"url": "http://hooks.example.com/x"}, {"url": "https://169.254.169.254/x"}, {"url": "https://127.0.0.1/x"},
    {"url": "https://localhost:8443/x"}, {"base_url": "http://10.0.0.5/x"}, {"base_url": "https://10.0.0.5/x"},
    {"base_url": "http://hooks.internal/x"}, {"base_url": "http://127.0.0.2/x"},
    {"base_url": "http://hooks.internal/x", "allow_hosts": ["other.internal"]},
])
def test_14_a_connection_that_calls_inside_without_saying_so_cannot_be_opened(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="allow_hosts"):
        WebhookSettings(**settings)


def test_14_check_says_so_before_anything_is_called(tmp_path) -> None:
    (tmp_path / "connections.yml").write_text(
        "inside:\n  destination: webhook\n  url: https://10.0.0.5/hook\n"
        "ours: {destination: webhook, url: 'https://10.0.0.5/hook', allow_hosts: [10.0.0.5]}\n")
    found = connections.load(tmp_path / "connections.yml", {}, "connections.yml").check()
    assert list(map(str, found)) == [
        "connections.yml:1: inside: url lies inside your network: name 10.0.0.5 in allow_hosts if that is meant"]


def test_14_every_destination_is_held_to_it() -> None:
    kinds = [destinations.load(name).settings_type for name in destinations.names()]
    assert all(issubclass(kind, Settings) and "allow_hosts" in kind.model_fields for kind in kinds)
