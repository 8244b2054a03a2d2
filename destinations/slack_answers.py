"""What Slack answers: one word, in JSON under HTTP 200 or as the whole body of a webhook's answer."""

from __future__ import annotations

from collections.abc import Sequence

from destinations.answers import code, unaccepted
from destinations.http import Response
from destinations.protocol import Batch, Outcome, Refused, Verdict, every

PLACE = frozenset({"channel_not_found", "channel_is_archived", "is_archived", "not_in_channel", "no_service",
                   "no_team", "action_prohibited", "restricted_action", "posting_to_general_channel_denied"})
"""Words about the channel, which only the operator can put right."""
CREDENTIALS = frozenset({"invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive",
                         "missing_scope", "no_permission", "invalid_token", "team_disabled"})
FAILED = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout", "rollup_error"})


def word_of(response: Response) -> str:
    """Slack's word for how it went."""
    if isinstance(response.json, dict):
        return code(response.get("error"))
    return code(response.body[:80].decode(errors="replace").strip())


def read_post(batch: Batch, response: Response) -> Sequence[Outcome]:
    """How a message ended."""
    word = word_of(response)
    if (response.status == 200 and word == "ok") or (response.get("ok") is True and response.ok):
        return every(batch, Verdict.ACCEPTED)
    if word in PLACE:
        raise Refused(f"Slack refused the channel ({word}): correct webhook_url or channel, or invite the bot")
    if response.ok and response.get("ok") is False:
        return every(batch, Verdict.REJECTED, word or "refused")
    return unaccepted(batch, response, word if not response.ok else "")
