"""Slack: an incoming webhook and a bot that posts to one channel. One message a second; failures of methods are 200s.

Enforced: JSON with a text or blocks, 3,000 characters a section, 50 blocks, 40,000 characters, the channel's id.
"""

# ruff: noqa: ARG002 (all answers are called alike)

from __future__ import annotations

from destinations.sandbox.channel import Call, Channel, Document, Refuse, Reply, Route
from destinations.sandbox.messages import message
from destinations.sandbox.shapes import ANY, TEXT, complaints

HOOK = "services/T00000000/B00000000/sandbox"
CHANNEL = "C00000000"
RATES = ((1, 1),)
BLOCK = {"type": TEXT, "text?": ANY, "fields?": ANY, "elements?": ANY, "block_id?": TEXT}
MESSAGE = {"text?": TEXT, "blocks?": [BLOCK], "attachments?": ANY,
           "thread_ts?": TEXT, "mrkdwn?": ANY, "unfurl_links?": ANY, "unfurl_media?": ANY}


class SlackWorkspace(Channel):
    """One Slack workspace with one channel."""

    name = "slack"
    routes = (
        Route("POST", HOOK, "hook"),
        Route("POST", "services/{team}/{app}/{token}", "unknown"),
        Route("POST", "api/chat.postMessage", "post"),
        Route("POST", "api/auth.test", "test"),
    )

    def blank(self) -> Document:
        return {"messages": []}

    def truth(self) -> Document:
        return {"audiences": {}, "messages": self.state["messages"], "repeats": 0}

    def shown(self, path: str) -> str:
        return "/services/{hook}" if path.startswith("/services/") else path

    def answer(self, call: Call) -> Reply:
        route, _ = self.find(call)
        if route.take != "test" and self.setup.pace and (wait := self.windows.take("channel", RATES)):
            return self.throttled(wait)
        reply: Reply = getattr(self, route.take)(call)
        return reply

    def error(self, status: int, message: str) -> Reply:
        word = {401: "invalid_auth", 404: "no_service", 429: "ratelimited"}.get(status, "internal_error")
        return Reply(status, {"ok": False, "error": word})

    def expired(self) -> Reply:
        return Reply(200, {"ok": False, "error": "token_expired"})

    def unknown(self, call: Call) -> Reply:
        return _plain(404, "no_service")

    def hook(self, call: Call) -> Reply:
        if word := self._problem(call):
            return _plain(400, word)
        self._keep(call.json)
        return Reply(200, b"ok", {"Content-Type": "text/plain"}, rows=1)

    def post(self, call: Call) -> Reply:
        self._login(call)
        channel = call.json.pop("channel", None) if isinstance(call.json, dict) else None
        if channel != CHANNEL:
            return Reply(200, {"ok": False, "error": "channel_not_found"})
        if word := self._problem(call):
            return Reply(200, {"ok": False, "error": word})
        return Reply(200, {"ok": True, "channel": CHANNEL, "ts": self._keep(call.json)}, rows=1)

    def test(self, call: Call) -> Reply:
        self._login(call)
        return Reply(200, {"ok": True, "team": "Sandbox", "user": "tailrace"})

    def _login(self, call: Call) -> None:
        given = call.headers.get("authorization")
        if given != f"Bearer {self.setup.credentials.slack_bot_token}":
            raise Refuse(Reply(200, {"ok": False, "error": "invalid_auth" if given else "not_authed"}))

    def _problem(self, call: Call) -> str:
        """Slack's word for what is wrong with a message."""
        if call.refuses(0) or call.content_type != "application/json" or list(complaints(call.json, MESSAGE)):
            return "invalid_payload"
        text, blocks = call.json.get("text", ""), call.json.get("blocks", [])
        if not text and not blocks:
            return "no_text"
        long = any(isinstance(block.get("text"), dict) and not 1 <= len(block["text"].get("text", "")) <= 3000
                   for block in blocks)
        return "invalid_blocks" if long or len(blocks) > 50 else "msg_too_long" if len(text) > 40_000 else ""

    def _keep(self, given: Document) -> str:
        now = self.setup.clock()
        unique = f"{now:.0f}.{len(self.state['messages']) + 1:06d}"
        self.state["messages"].append(message(unique, "message", CHANNEL, now, now, {"text": given.get("text", "")}))
        return unique


def _plain(status: int, word: str) -> Reply:
    return Reply(status, word.encode(), {"Content-Type": "text/plain"})
