"""Which addresses a connection may call: public ones with TLS, others only where the connection says so.

A settings file can be talked into naming the metadata service of a cloud or a page of this machine, and a public name
can be made to resolve to either. So an address is judged as it stands here, and as it resolves when it is called. Hosts
in `allow_hosts` may be anything, with or without TLS; so may this machine where `base_url` names it in plain words,
as the sandbox does.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_INSIDE = tuple(map(ipaddress.ip_network, ("168.63.129.16/32", "192.0.0.0/24", "64:ff9b:1::/48")))
"""Metadata addresses of Azure and Oracle, and local translation, which look public."""


def is_public(address: str) -> bool:
    """Whether an IP address lies outside: not private, loopback, link-local, shared (CGNAT), reserved or multicast."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in _NAT64 else "")
        if inner:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _INSIDE)


def objection(url: str, allowed: Collection[str] = ()) -> str:
    """What speaks against calling this URL as it is written; nothing where nothing does."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return "is no address"
    if host in allowed:
        return ""
    if parts.scheme != "https":
        return f"is not https: write https://, or name {host} in allow_hosts if it is a host of your own"
    if port not in (None, 443):
        return f"is at port {port}: name {host} in allow_hosts if that is meant"
    try:
        inside = not is_public(host)
    except ValueError:
        inside = host == "localhost" or host.endswith(".localhost")
    return f"lies inside your network: name {host} in allow_hosts if that is meant" if inside else ""


def allowed_by(base_url: str, allow_hosts: Collection[str]) -> frozenset[str]:
    """Hosts that a connection may call wherever they are."""
    host = urlsplit(base_url).hostname or ""
    return frozenset({name.lower().strip("[]") for name in allow_hosts} | ({host} & LOOPBACK))
