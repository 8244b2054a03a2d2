"""Channels that differ in what they can do, named in connections.yml by their import path."""

from collections.abc import Sequence

from pydantic import Field, SecretStr

from destinations.protocol import Batch, Capabilities, Destination, Exchange, Limits, Operation, Outcome, Settings


class AdsSettings(Settings):
    access_token: SecretStr = Field(description="Token of the ad account.")
    audience_id: str = ""
    retries: int = 3


class MailSettings(Settings):
    api_key: SecretStr = Field(description="Key of the workspace.")
    headers: dict[str, str] = Field(default_factory=dict)


class _Channel(Destination):
    def deliver(self, batch: Batch) -> Exchange:
        yield from ()
        nothing: Sequence[Outcome] = ()
        return nothing


class Ads(_Channel):
    """Keeps members by e-mail or phone; no attributes, no messages."""

    settings_type = AdsSettings
    capabilities = Capabilities(
        operations={Operation.ADD: Limits(), Operation.REMOVE: Limits()},
        identifiers=("email", "phone"),
        attributes=False,
        paid=True,
        needs_target=True,
        target="audience_id",
    )


class Match(_Channel):
    """Knows people by names too, and keeps nothing else of them."""

    capabilities = Capabilities(
        operations={Operation.ADD: Limits(), Operation.REMOVE: Limits()},
        identifiers=("email",),
        fields=frozenset({"FN", "ZIP"}),
    )


class Mail(_Channel):
    """Keeps members with attributes and sends messages."""

    settings_type = MailSettings
    capabilities = Capabilities(operations={each: Limits() for each in Operation}, identifiers=("email",),
                                nested={"location": ("city", "country")})


class Chat(_Channel):
    """Sends messages to whoever has a handle; keeps no members."""

    capabilities = Capabilities(operations={Operation.TRIGGER: Limits()}, identifiers=("chat_handle",))
