"""How a connection to an HTTP server comes about: to a checked address, with a checked certificate.

The name is resolved here, every address that it has is judged, and the socket is opened to one of those: a name that
is resolved again (DNS rebinding) changes nothing. Whatever fails until then was provably never sent, which `Unsent`
says; later failures are somebody else's to read. Through a proxy of the environment only what is written in the URL can
be judged: which names it may reach is the proxy's to decide.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from functools import cached_property
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import connection

from destinations.addresses import is_public


class Unsent(Exception):
    """No connection came about, so nothing was sent. The message names no path and no query."""


class _Checked:
    """A connection that goes to public addresses only, unless its host is allowed."""

    allowed: frozenset[str] | None = frozenset()
    """None: any (the proxy's own address)."""

    def connect(self) -> None:
        try:
            super().connect()  # type: ignore[misc]
        except Unsent:
            raise
        except Exception as error:
            raise Unsent(type(error).__name__) from None

    def _new_conn(self) -> socket.socket:
        host, port = self.host, self.port  # type: ignore[attr-defined]
        addresses = [host] if self.allowed is None or host in self.allowed else _public(host, port)
        for address in addresses:
            try:
                return connection.create_connection(
                    (address, port), self.timeout, socket_options=self.socket_options)  # type: ignore[attr-defined]
            except OSError:
                if address == addresses[-1]:
                    raise
        raise Unsent("the name has no address")


def _public(host: str, port: int) -> Sequence[str]:
    """All addresses of a host. Raises Unsent when one of them is inside."""
    found = list(dict.fromkeys(str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
    if not all(map(is_public, found)):
        raise Unsent(f"{host} lies inside your network: name it in allow_hosts if that is meant")
    return found


class _Adapter(HTTPAdapter):
    """requests' own, with checked connections."""

    def __init__(self, allowed: frozenset[str]) -> None:
        self._allowed = allowed
        super().__init__(pool_connections=2, pool_maxsize=1)

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        """This machine's authorities and certifi's (which requests adds). SSL_CERT_FILE names one of your own."""
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        super().init_poolmanager(*args, **more)
        self.poolmanager.pool_classes_by_scheme = _pools(self._allowed)

    def proxy_manager_for(self, proxy: str, **more: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **more)
        manager.pool_classes_by_scheme = _pools(None)
        return manager

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        host, more = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {**more, "ssl_context": self._trust} if host["scheme"] == "https" else more


def _pools(allowed: frozenset[str] | None) -> dict[str, Any]:
    plain = type("Plain", (_Checked, HTTPConnection), {"allowed": allowed})
    secure = type("Secure", (_Checked, HTTPSConnection), {"allowed": allowed})
    return {"http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure})}


def open_session(allowed: frozenset[str]) -> requests.Session:
    """A session that keeps no cookies, reads no .netrc and calls what is allowed."""
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter(allowed))
    return session
