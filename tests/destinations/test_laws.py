"""The laws that hold for all destinations, and proof that a destination which breaks one is found out."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from pydantic import SecretStr

import destinations
from destinations.http import send_json
from destinations.laws import broken_laws
from destinations.protocol import (
    Batch,
    Capabilities,
    Destination,
    Exchange,
    Limits,
    Operation,
    Outcome,
    Refused,
    Response,
    Settings,
    Verdict,
    every,
)

SETTINGS = {
    "webhook": {"url": "https://example.com/hook", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
    "customerio": {"site_id": "site", "api_key": "track-secret", "app_api_key": "app-secret"},
    "klaviyo": {"api_key": "pk_secret"},
    "hubspot": {"access_token": "pat-secret"},
    "email": {"host": "smtp.example.com", "username": "shop", "password": "mail-secret", "sender": "news@shop.example",
              "unsubscribe_url": "https://shop.example/leave",
              "messages": {"cart_abandoned": {"subject": "Hi", "text": "{{ plan }}"}}},
    "table": {"database": "postgresql://tailrace@db.example:5432/crm", "password": "table-secret"},
    "files": {"folder": "/drop"},
    "twilio": {"account_sid": "AC" + "1" * 32, "auth_token": "auth-secret", "from_number": "+15557122661",
               "texts": {"cart_abandoned": "Your plan is {{ plan }}"}},
    "slack": {"bot_token": "xoxb-secret", "channel": "C000"},
    "salesforce": {"instance_url": "https://acme.my.salesforce.com", "access_token": "org-secret",
                   "external_id_field": "Key__c"},
    "meta_ads": {"access_token": "token-secret", "app_secret": "proof-secret", "ad_account_id": "act_1"},
    "braze": {"api_key": "braze-secret"},
    "onesignal": {"app_id": "00000000-0000-4000-8000-000000000001", "api_key": "onesignal-secret",
                  "texts": {"cart_abandoned": "Come back"}},
    "mixpanel": {"project_id": "7", "project_token": "public", "username": "robot", "secret": "mixpanel-secret"},
    "iterable": {"api_key": "iterable-secret"},
    "tiktok_ads": {"access_token": "tiktok-secret", "advertiser_id": "7"},
    "google_ads": {"access_token": "google-secret", "account_id": "123-456-7890", "login_account_id": "999"},
}


@pytest.mark.parametrize("name", destinations.names())
def test_every_destination_keeps_the_laws(name: str) -> None:
    kind = destinations.load(name)
    assert broken_laws(kind(kind.settings_type.model_validate(SETTINGS[name]))) == []


def test_slack_keeps_the_laws_by_webhook_too() -> None:
    kind = destinations.load("slack")
    address = "https://hooks.slack.com/services/T000/B000/hook-secret"
    assert broken_laws(kind(kind.settings_type.model_validate({"webhook_url": address}))) == []


@pytest.mark.parametrize("starts", [
    "emails", "pushes", "sms", "whatsapps", "inbox_messages", "in_app_messages", "broadcasts"])
def test_customerio_keeps_the_laws_where_an_event_starts_a_message_too(starts: str) -> None:
    kind = destinations.load("customerio")
    settings = {**SETTINGS["customerio"], starts: {"cart_abandoned": "7"}}
    assert broken_laws(kind(kind.settings_type.model_validate(settings))) == []


@pytest.mark.parametrize("starts", ["campaigns", "workflows"])
def test_iterable_keeps_the_laws_where_an_event_starts_a_message_too(starts: str) -> None:
    kind = destinations.load("iterable")
    settings = {**SETTINGS["iterable"], starts: {"cart_abandoned": 7}}
    assert broken_laws(kind(kind.settings_type.model_validate(settings))) == []


class SimpleSettings(Settings):
    token: SecretStr = SecretStr("simple-secret")


class Simple(Destination):
    """Keeps the laws; each of those below breaks one."""

    settings_type = SimpleSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        operations={Operation.ADD: Limits(rows=100, bytes=100_000)}, identifiers=("email", "person")
    )

    def address(self) -> str:
        return self.settings.root("https://api.example.com") + "/people"

    def body(self, batch: Batch) -> Any:
        return [dict(member.identifiers) for member in batch.members]

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.settings.token.get_secret_value()}"}

    def deliver(self, batch: Batch) -> Exchange:
        response = yield send_json("POST", self.address(), self.body(batch), self.headers())
        return self.read(batch, response)

    def read(self, batch: Batch, response: Response) -> list[Outcome]:
        return every(batch, *((Verdict.ACCEPTED, "") if response.ok else (Verdict.REJECTED, f"HTTP {response.status}")))


class Forgets(Simple):
    def read(self, batch: Batch, response: Response) -> list[Outcome]:
        return super().read(batch, response)[1:]


class Repeats(Simple):
    def read(self, batch: Batch, response: Response) -> list[Outcome]:
        return super().read(batch, response) * 2


class GivesNoReason(Simple):
    def read(self, batch: Batch, response: Response) -> list[Outcome]:
        return every(batch, Verdict.ACCEPTED if response.ok else Verdict.REJECTED)


class Echoes(Simple):
    def read(self, batch: Batch, response: Response) -> list[Outcome]:
        return every(batch, Verdict.REJECTED, f"no: {response.get('message')}")


class AcceptsAnything(Simple):
    def read(self, batch: Batch, response: Response) -> list[Outcome]:
        return every(batch, Verdict.ACCEPTED)


class TrustsBodies(Simple):
    def read(self, batch: Batch, response: Response) -> list[Outcome]:
        return every(batch, Verdict.REJECTED, f"{response.json['errors'][0]['status']}")


class HasNoJob(Simple):
    def read(self, batch: Batch, response: Response) -> list[Outcome]:
        return every(batch, Verdict.PENDING if response.ok else Verdict.REJECTED, "later")


class ReturnsStatus(Simple):
    def read(self, batch: Batch, response: Response) -> Any:
        return response.status


class TellsSecretInAddress(Simple):
    def address(self) -> str:
        return super().address() + "?token=simple-secret"


class TellsSecretInBody(Simple):
    def body(self, batch: Batch) -> Any:
        return {"token": "simple-secret", "rows": super().body(batch)}


class TellsSecretInRefusal(Simple):
    def read(self, batch: Batch, response: Response) -> list[Outcome]:
        raise Refused("the token simple-secret is not good")


class IgnoresBaseUrl(Simple):
    def address(self) -> str:
        return "https://api.example.com/people"


class SpeaksPlainHttp(Simple):
    def address(self) -> str:
        return self.settings.root("http://api.example.com") + "/people"


class PutsPersonsInPaths(Simple):
    def deliver(self, batch: Batch) -> Exchange:
        response = yield send_json("POST", f"{self.address()}/{batch.members[0].person}", headers=self.headers())
        return self.read(batch, response)


class LoopsOverMembers(Simple):
    def deliver(self, batch: Batch) -> Exchange:
        outcomes: list[Outcome] = []
        for member in batch.members:
            outcomes += yield from super().deliver(replace(batch, members=(member,)))
        return outcomes


class NeverEnds(Simple):
    def deliver(self, batch: Batch) -> Exchange:
        while True:
            yield send_json("GET", self.address(), headers=self.headers())


class IsTooLarge(Simple):
    def body(self, batch: Batch) -> Any:
        return [{"padding": "x" * 2000} for _ in batch.members]


class IsRandom(Simple):
    turns: ClassVar[Iterator[int]] = iter(range(10**9))

    def body(self, batch: Batch) -> Any:
        return next(self.turns)


class WritesBlanksInAddresses(Simple):
    def address(self) -> str:
        return super().address() + "?name=very important"


class ReadsWithoutSayingSo(Simple):
    def deliver(self, batch: Batch) -> Exchange:
        yield send_json("GET", self.address(), headers=self.headers())
        return (yield from super().deliver(batch))


class MissesThrottling(Simple):
    def throttled(self, response: Response) -> float | None:
        return None


class MissesRefusals(Simple):
    def refused(self, response: Response) -> str | None:
        return None


LAWS = {
    Forgets: "exactly one outcome a member",
    Repeats: "exactly one outcome a member",
    GivesNoReason: "a reason for all that is not accepted",
    Echoes: "a reason carries neither persons' data nor secrets",
    AcceptsAnything: "nothing refused is accepted",
    TrustsBodies: "nothing but Refused is raised",
    HasNoJob: "a pending member names its job",
    ReturnsStatus: "an exchange returns outcomes",
    TellsSecretInAddress: "secrets stand in headers only",
    TellsSecretInBody: "secrets stand in headers only",
    TellsSecretInRefusal: "a refusal says what is wrong, without persons' data and secrets",
    IgnoresBaseUrl: "requests go to base_url",
    SpeaksPlainHttp: "by https where it is not",
    PutsPersonsInPaths: "no person's data stands in a path",
    LoopsOverMembers: "an exchange ends within 15 requests",
    NeverEnds: "an exchange ends within 200 requests",
    IsTooLarge: "stays within 100000 bytes",
    IsRandom: "the same batch yields the same first request",
    WritesBlanksInAddresses: "an address is percent-encoded",
    ReadsWithoutSayingSo: "a request that only reads is marked as one",
    MissesThrottling: "429 is throttling",
    MissesRefusals: "401 is a refusal of credentials",
}


def test_a_simple_destination_keeps_the_laws() -> None:
    assert broken_laws(Simple(SimpleSettings())) == []


@pytest.mark.parametrize("kind", LAWS, ids=lambda kind: kind.__name__)
def test_a_destination_that_breaks_a_law_is_found_out(kind: type[Destination]) -> None:
    assert any(LAWS[kind] in line for line in broken_laws(kind(SimpleSettings())))


class Broken(Simple):
    """All that can be wrong at once."""

    turns: ClassVar[Iterator[int]] = iter(range(10**9))

    def deliver(self, batch: Batch) -> Exchange:
        found: list[Any] = []
        for member in batch.members:
            url = f"http://api.example.com/people/{member.person}?token=simple-secret&name=a b"
            body = {"padding": "x" * 2000, "turn": next(self.turns)}
            response = yield send_json("GET", url, body)
            found += self.read(replace(batch, members=(member,)), response)
        return found

    def read(self, batch: Batch, response: Response) -> list[Outcome]:
        if response.status == 301:
            raise Refused("")
        if response.status == 400:
            return every(batch, Verdict.REJECTED, str(response.json["message"]))
        if response.status == 404:
            return every(batch, Verdict.ACCEPTED)
        if response.status == 409:
            return []
        return every(batch, Verdict.PENDING if response.ok else Verdict.REJECTED)

    def throttled(self, response: Response) -> float | None:
        return None

    def refused(self, response: Response) -> str | None:
        return None


def test_a_destination_that_is_wrong_in_everything_breaks_nearly_every_law() -> None:
    broken = {line.partition(": ")[2] for line in broken_laws(Broken(SimpleSettings()))}
    assert len(broken) >= 15, sorted(broken)
