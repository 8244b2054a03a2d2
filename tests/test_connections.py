"""connections.yml: what is refused and how it is said, and that secrets stay out of sight."""

import pytest

from destinations.protocol import Destination
from pipelines import connections
from pipelines.errors import ConnectionFault
from tests.declarations.channels import Ads, Mail

ADS = "destination: tests.declarations.channels:Ads"
MAIL = "destination: tests.declarations.channels:Mail"
ENVIRON = {"TOKEN": "s3cret-token", "EMPTY": "", "HOST": "localhost"}


def load(tmp_path, text: str) -> connections.Connections:
    file = tmp_path / "connections.yml"
    file.write_text(text)
    return connections.load(file, ENVIRON, "connections.yml")


def test_a_connection_is_its_destination_with_the_environment_filled_in(tmp_path):
    url = "http://${HOST}:${PORT:-8080}/$${x}"
    opened = load(tmp_path, f"ads: {{{ADS}, access_token: '${{TOKEN}}', base_url: '{url}', audience_id: '7'}}").open(
        "ads"
    )
    assert isinstance(opened.destination, Ads)
    settings = opened.destination.settings
    assert (settings.access_token.get_secret_value(), settings.base_url) == (
        "s3cret-token",
        "http://localhost:8080/${x}",
    )
    assert (opened.name, opened.kind, opened.target) == ("ads", "tests.declarations.channels:Ads", "7")


def test_connections_may_stand_under_a_key_of_that_name(tmp_path):
    loaded = load(tmp_path, f"connections:\n  ads: {{{ADS}, access_token: '${{TOKEN}}'}}\n  mail: {{{MAIL}}}\n")
    assert list(loaded) == ["ads", "mail"]
    assert [str(complaint) for complaint in loaded.check()] == [
        "connections.yml:3: connections.mail.api_key: the setting api_key is missing: Key of the workspace."
    ]


def test_variables_are_filled_in_at_any_depth(tmp_path):
    mail = load(tmp_path, f"mail: {{{MAIL}, api_key: '${{TOKEN}}', headers: {{x: '${{HOST}}-1'}}}}").open("mail")
    assert mail.destination.settings.headers == {"x": "localhost-1"}


def test_an_unset_variable_concerns_only_the_connection_that_needs_it(tmp_path):
    loaded = load(tmp_path, f"ads: {{{ADS}, access_token: '${{TOKEN}}'}}\nmail:\n  {MAIL}\n  api_key: ${{MAIL_KEY}}\n")
    assert isinstance(loaded.open("ads").destination, Ads)
    assert loaded.kind("mail") is Mail
    with pytest.raises(ConnectionFault) as raised:
        loaded.open("mail")
    assert str(raised.value) == (
        "connections.yml:4: mail.api_key: connection mail needs the environment variable MAIL_KEY, which is not set; "
        "export MAIL_KEY=…"
    )


def test_an_unknown_name_is_answered_with_the_nearest(tmp_path):
    with pytest.raises(ConnectionFault) as raised:
        load(tmp_path, f"meta_ads: {{{ADS}}}").open("meta_adz")
    assert str(raised.value) == (
        "connections.yml: there is no connection meta_adz (did you mean meta_ads?); declared are: meta_ads"
    )


@pytest.mark.parametrize(
    ("entry", "complaints"),
    [
        (
            f"{{{ADS}, access_token: '${{EMPTY}}'}}",
            ["access_token: connection x needs the environment variable EMPTY, which"],
        ),
        (
            f"{{{ADS}, access_token: abc123}}",
            ["access_token: is a secret; write ${NAME} and put the value into the environ"],
        ),
        (
            f"{{{ADS}, access_token: '${{TOKEN'}}",
            ["access_token: is a secret; write", "access_token: ${ starts no variable"],
        ),
        (f"{{{ADS}}}", ["access_token: the setting access_token is missing: Token of the ad account."]),
        (
            f"{{{ADS}, acces_token: '${{TOKEN}}'}}",
            ["acces_token: unknown setting", "access_token: the setting access_tok"],
        ),
        (f"{{{ADS}, access_token: '${{TOKEN}}', audience_id: [77]}}", ["audience_id: must be text; put it in quotes"]),
        (f"{{{ADS}, access_token: '${{TOKEN}}', retries: many}}", ["retries: Input should be a valid integer"]),
        ("{access_token: x}", [": names no destination; write destination: and the kind of channel, such as webhook"]),
        (
            "{destnation: webhook}",
            [": names no destination; write destination: and the kind of channel, such as webhook (did"],
        ),
        ("webhook", [": names no destination"]),
        ("{destination: webhok}", ["destination: there is no destination webhok (did you mean webhook?)"]),
        ("{destination: 'no.such:Thing'}", ["destination: destination no.such:Thing: cannot import no.such"]),
        (
            f"{{{ADS}, access_token: '${{TOKEN}}', access_token: '${{TOKEN}}'}}",
            ["access_token: the key access_token stands"],
        ),
    ],
)
def test_each_fault_is_a_complaint_with_its_line(tmp_path, entry, complaints):
    found = [str(complaint) for complaint in load(tmp_path, f"\nx: {entry}\n").check()]
    assert len(found) == len(complaints)
    for complaint, expected in zip(sorted(found), sorted(complaints), strict=True):
        assert complaint.startswith(f"connections.yml:2: x{'' if expected.startswith(':') else '.'}{expected}")


def test_a_connection_with_a_duplicate_key_cannot_be_opened(tmp_path):
    with pytest.raises(ConnectionFault, match="stands here twice"):
        load(tmp_path, f"x: {{{ADS}, access_token: '${{TOKEN}}', access_token: '${{HOST}}'}}").open("x")


def test_a_name_that_would_break_table_names_is_refused(tmp_path):
    [complaint] = load(tmp_path, f"my-ads: {{{ADS}, access_token: '${{TOKEN}}'}}").check()
    assert str(complaint).startswith("connections.yml:1: my-ads: a connection's name is part of table and asset names")


@pytest.mark.parametrize("text", ["", "[]", "{}"])
def test_a_file_without_connections_says_how_one_is_written(tmp_path, text):
    [complaint] = load(tmp_path, text).check()
    assert str(complaint).startswith(
        "connections.yml:1: declares no connection; write one such as webhook: {destination"
    )


def test_a_missing_file_is_said_so(tmp_path):
    loaded = connections.load(tmp_path / "connections.yml", ENVIRON, "connections.yml")
    missing = "connections.yml: cannot be read: No such file or directory"
    assert [str(complaint) for complaint in loaded.check()] == [missing]
    with pytest.raises(ConnectionFault, match=missing):
        loaded.open("ads")


def test_no_secret_is_ever_shown(tmp_path):
    loaded = load(tmp_path, f"ads: {{{ADS}, access_token: '${{TOKEN}}', retries: many, x: '${{TOKEN}}'}}")
    good = load(tmp_path, f"ads: {{{ADS}, access_token: '${{TOKEN}}'}}").open("ads")
    shown = [repr(good), repr(good.destination.settings), *map(str, loaded.check()), repr(loaded.check())]
    assert isinstance(good.destination, Destination)
    assert not [text for text in shown if "s3cret" in text]


def test_an_id_that_yaml_took_for_a_number_is_meant_as_text(tmp_path):
    opened = load(tmp_path, f"\nx: {{{ADS}, access_token: '${{TOKEN}}', audience_id: 77}}\n").open("x")
    assert opened.destination.settings.audience_id == "77"
