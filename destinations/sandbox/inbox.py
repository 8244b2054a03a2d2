"""The pages of the sandbox that belong to no channel: inbox, truth, request log, faults, reset."""

from __future__ import annotations

from dataclasses import asdict
from importlib.resources import files
from typing import TYPE_CHECKING

from destinations.sandbox.channel import Call, Reply
from destinations.sandbox.faults import read_fault

if TYPE_CHECKING:
    from destinations.sandbox.server import Sandbox

GUARD = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:"


def answer(sandbox: Sandbox, call: Call) -> Reply:
    """Answer a call outside the channels."""
    match call.method, call.path:
        case (("GET" | "HEAD"), ("/" | "/inbox")):
            page = files("destinations.sandbox").joinpath("inbox.html").read_bytes()
            return Reply(200, page, {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": GUARD})
        case (("GET" | "HEAD"), "/truth.json"):
            return _truth(sandbox, call)
        case "GET", "/requests.json":
            return Reply(200, [asdict(one) for one in list(sandbox.requests)])
        case "POST", "/reset":
            sandbox.reset()
            return Reply(204)
        case _, "/faults":
            return _faults(sandbox, call)
    names = ", ".join(f"/{name}" for name in sandbox.channels)
    return Reply(
        404, {"error": f"nothing here: the channels are {names}; see also /, /truth.json, /requests.json, /faults"}
    )


def _truth(sandbox: Sandbox, call: Call) -> Reply:
    """The truth, or 304 for one that has it already."""
    tag = f'"{sandbox.version()}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if call.headers.get("if-none-match") == tag:
        return Reply(304, None, headers)
    return Reply(200, sandbox.truth(), headers)


def _faults(sandbox: Sandbox, call: Call) -> Reply:
    if call.method == "DELETE":
        sandbox.faults.clear()
        return Reply(204)
    if call.method == "GET":
        return Reply(200, [asdict(fault) for fault in sandbox.faults.waiting()])
    try:
        fault = read_fault(call.json, tuple(sandbox.channels))
    except (ValueError, TypeError) as wrong:
        return Reply(400, {"error": str(wrong)})
    sandbox.faults.add(fault)
    return Reply(201, asdict(fault))
