"""Identifiers against other people's data: libphonenumber's numbers, mail validators' addresses, Meta's hashes."""

import csv
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import destinations
from destinations.identifiers import Unusable, email, hash_of, phone, sha256, text
from destinations.matching import META_KEYS, google_address, meta_key
from destinations.places import country, state

META = destinations.load("meta_ads")


def accepts(address: str) -> bool:
    try:
        email(address)
    except Unusable:
        return False
    return True


@pytest.mark.parametrize(
    ("written", "address"),
    [
        (" Ada.Lovelace+News@Example.COM ", "ada.lovelace+news@example.com"),
        ("o'brien@example.co.uk", "o'brien@example.co.uk"),
        ("Jürgen@münchen.example", "jürgen@münchen.example"),
        ("jeff@臺網中心.tw", "jeff@臺網中心.tw"),
        ("a@xn--hxajbheg2az3al.xn--jxalpdlp", "a@xn--hxajbheg2az3al.xn--jxalpdlp"),
        ("\ufeffada@example.com\u200b\u00a0", "ada@example.com"),
        ("ju\u0308rgen@example.com", "j\u00fcrgen@example.com"),
    ],
)
def test_an_address_is_trimmed_and_lowered_and_otherwise_kept(written: str, address: str) -> None:
    assert email(written) == address


@pytest.mark.parametrize(
    "written",
    ["ada", "ada@", "@example.com", "ada@example", "a b@example.com", ".ada@example.com", "ada.@example.com",
     "a..b@example.com", "ada@-example.com", "ada@example-.com", "ada@example..com", "ada@example.com.", "a@b@c.com",
     "ada@[127.0.0.1]", "ada@127.0.0.1", '"ada"@example.com', "ada\u200b@example.com", "ada@exam\u00adple.com",
     "ada@example．com", "x" * 65 + "@example.com", "a@" + "b" * 64 + ".com", "a@" + "b." * 130 + "com", "n/a"],
)  # fmt: skip
def test_what_no_mail_provider_gives_out_is_unusable(written: str) -> None:
    with pytest.raises(Unusable, match=r"^not an e-mail address$"):
        email(written)


@pytest.mark.parametrize(
    ("written", "reason"),
    [("", "blank"), ("  ", "blank"), ("{{ user.email }}", "an un-rendered template"), ("a\ud800b", "broken text")],
)
def test_what_is_no_value_at_all_is_unusable_for_every_kind(written: str, reason: str) -> None:
    for normalise in (text, email, phone):
        with pytest.raises(Unusable, match=f"^{reason}$"):
            normalise(written)


def test_addresses_that_validators_accept_are_accepted(reference_json: Callable[[str], Any]) -> None:
    vectors = reference_json("data/identifiers/emails_email_validator.json")
    lists = (vectors[key]["cases"] for key in ("test_email_valid", "test_email_valid_intl_local_part"))
    given = [case[0] for cases in lists for case in cases]
    assert [address for address in given if not accepts(address) and '"' not in address and "<" not in address] == []
    isemail = reference_json("data/identifiers/emails_isemail.json")
    fine = [case["address"] for case in isemail if case["category"] == "ISEMAIL_VALID_CATEGORY"]
    assert [address for address in fine if not accepts(address)] == ["test@io"]


def test_addresses_that_isemail_refuses_are_refused(reference_json: Callable[[str], Any]) -> None:
    wrong = [case["address"] for case in reference_json("data/identifiers/emails_isemail.json")
             if case["category"] in ("ISEMAIL_ERR", "ISEMAIL_RFC5322", "ISEMAIL_DEPREC")]
    assert [address for address in wrong if accepts(address) and address == address.strip()] == []


@pytest.mark.parametrize(
    ("written", "region", "number"),
    [
        ("+1 (650) 555-1212", None, "+16505551212"),
        ("(650) 555-1212", "us", "+16505551212"),
        ("00447911123456", None, "+447911123456"),
        ("0151 23456789", "DE", "+4915123456789"),
    ],
)
def test_a_phone_is_written_as_e164(written: str, region: str | None, number: str) -> None:
    assert phone(written, region) == number


@pytest.mark.parametrize(
    ("written", "region", "reason"),
    [
        ("(650) 555-1212", None, "a phone number without country"),
        ("12345", "DE", "not a valid phone number"),
        ("+49", None, "not a phone number"),
        ("call me", "DE", "not a phone number"),
        ("+999123456789012345", None, "not a phone number"),
        ("0000000000", "DE", "not a phone number"),
    ],
)
def test_a_phone_that_cannot_be_dialled_is_unusable(written: str, region: str | None, reason: str) -> None:
    with pytest.raises(Unusable, match=f"^{reason}$"):
        phone(written, region)


def test_phones_equal_libphonenumbers_own_examples(reference: Callable[[str], Path]) -> None:
    wrong = []
    with reference("data/identifiers/phones_libphonenumber.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            try:
                got = phone(row["input"], row["default_region"] or None)
            except Unusable:
                got = ""
            if got != row["expected_e164"]:
                wrong.append(row)
    assert wrong == []


def test_a_naughty_string_is_unusable_or_normalised(reference_json: Callable[[str], Any]) -> None:
    for written in reference_json("data/identifiers/blns.json"):
        for kind in ("email", "phone", "person"):
            try:
                assert META(META.settings_type(access_token="t")).identify(kind, written)
            except Unusable as reason:
                assert str(reason) and written not in str(reason).split()


def metas(field: str, value: Any) -> Any:
    """A value as the destination sends it under that name of Meta's."""
    kind = {"EMAIL": "email", "PHONE": "phone", "MADID": "madid", "EXTERN_ID": "person"}.get(field)
    return META(META.settings_type(access_token="t")).identify(kind, value) if kind else meta_key(field, {field: value})


def test_metas_hashes_are_those_of_its_documentation(reference_json: Callable[[str], Any]) -> None:
    vectors = reference_json("contracts/vectors.json")["meta"]
    assert [metas(case["field"], case["input"]) for case in vectors] == [case["sha256"] for case in vectors]
    tested = {case["field"] for case in vectors}
    assert tested == {*META_KEYS, "EMAIL", "PHONE", "MADID", "EXTERN_ID"} - {"LOOKALIKE_VALUE"}


VECTORS = [(name, field, *case) for name, fields in
           yaml.safe_load((Path(__file__).parent / "vectors.yaml").read_text("utf-8")).items()
           for field, cases in fields.items() for case in cases]  # fmt: skip
SETTINGS = {"access_token": "t", "account_id": "1", "advertiser_id": "1"}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: " ".join(map(repr, vector)))
def test_a_value_is_hashed_as_its_platform_normalises_it(vector: list[str]) -> None:
    name, field, written, wanted, *region = vector
    kind = destinations.load(name)
    settings = {key: value for key, value in SETTINGS.items() if key in kind.settings_type.model_fields}
    try:
        to = kind(kind.settings_type.model_validate(settings))
        got = (meta_key(field, {"COUNTRY": "".join(region), field: written}) if field in META_KEYS
               else to.identify(field, written, *region))
    except Unusable as reason:
        got = f"unusable: {reason}"
    assert got == (wanted if not wanted or wanted.startswith("unusable") else sha256(wanted))


EQUAL = re.compile(r"self\.assertEqual\('([^']*)', self\.formatter\.\w+_(email_address|phone_number)\('([^']*)'")
META_EQUAL = re.compile(r"normalize_field\('(\w+)', '([^']*)'\), Normalize\.hash_sha_256\('([^']*)'\)")


def test_the_platforms_own_unit_tests_hold(reference_json: Callable[[str], Any]) -> None:
    """Those that say value and result in one line; Meta's SDK also takes a birth year of 0000."""
    given = reference_json("data/identifiers/ad_platform_normalisation_vectors.json")
    google = destinations.load("google_ads")
    to = google(google.settings_type.model_validate({"access_token": "t", "account_id": "1"}))
    tests = given["google_data_manager"]
    said = [found for one in tests for found in EQUAL.findall(one.get("assert", ""))]
    spread = {one["test"]: one["data"] for one in tests if "data" in one}
    hashes = {one["test"]: one["var"].split("'")[1] for one in tests if "var" in one}
    addresses, numbers = "test_process_email_address_valid_inputs_hex_encoding", "test_format_phone_number_valid_inputs"
    pairs = [(kind.partition("_")[0], written, sha256(wanted)) for wanted, kind, written in said]
    pairs += [("phone", written, sha256(wanted)) for written, wanted in spread[numbers]]
    pairs += [("email", written, hashes[addresses]) for written in spread[addresses]]
    assert [to.identify(kind, written, "GB" if "44" in written else "US") for kind, written, _ in pairs] == [
        wanted for *_, wanted in pairs]
    norms = given["facebook_business_serverside_normalize"]
    keys = [found for one in norms for found in META_EQUAL.findall(one.get("assert", ""))
            if found[0].upper() in META_KEYS]  # fmt: skip
    assert [(field, written) for field, written, wanted in keys
            if metas(field.upper(), written) != sha256(wanted)] == [("doby", "0000"), ("doby", "9999")]  # fmt: skip
    assert (len(pairs), len(keys)) == (15, 13)


@pytest.mark.parametrize("value", [None, True, [], {}, float("nan")])
def test_what_is_no_value_is_no_key_of_metas(value: Any) -> None:
    assert [metas(key, value) for key in META_KEYS[:-1]] == [""] * len(META_KEYS[:-1]) or value != value


def test_numbers_are_keys_of_metas_as_they_are_written() -> None:
    assert [metas("DOBY", value) for value in (1986, 1986.0, "1986")] == [sha256("1986")] * 3
    worth = (12.5, 0, 12.0, "12.50", -1, "much", None, float("inf"), True)
    assert [metas("LOOKALIKE_VALUE", value) for value in worth] == [12.5, 0, 12, 12.5, 0, 0, 0, 0, 0]


def test_a_blank_is_never_hashed() -> None:
    with pytest.raises(Unusable, match=r"^blank$"):
        sha256("")
    assert google_address({"given_name": " ", "family_name": "B", "region_code": "US", "postal_code": "1"}) is None


@pytest.mark.parametrize(
    ("region", "code"), [("us", "US"), (" USA ", "US"), ("Deutschland", None), ("Germany", "DE"), ("", None)])
def test_a_country_of_an_address_is_a_code_however_it_is_written(region: str, code: str | None) -> None:
    given = {"given_name": "Ada", "family_name": "B", "region_code": region, "postal_code": "10115"}
    assert (google_address(given) or {}).get("regionCode") == code


def test_countries_and_states_are_those_of_the_standards() -> None:
    iso = pytest.importorskip("pycountry", reason="comes with facebook-business")
    for one in iso.countries:
        names = [name for name in (one.name, getattr(one, "common_name", "")) if name and not {",", "("} & set(name)]
        assert {country(name) for name in (one.alpha_2, one.alpha_3, *names)} == {one.alpha_2.lower()}
    states = {one.name: one.code[3:].lower() for one in iso.subdivisions.get(country_code="US")}
    assert {name for name, code in states.items() if state(name) != code or state(code) != code} == {
        "American Samoa", "Northern Mariana Islands", "United States Minor Outlying Islands", "Virgin Islands, U.S."}


@pytest.mark.parametrize(
    ("given", "hashed"),
    [("A" * 64, "a" * 64), (f" {'0' * 64} ", "0" * 64), ("a" * 63, sha256("a" * 63)), ("g" * 64, sha256("g" * 64))],
)
def test_only_64_hex_digits_count_as_a_hash(given: str, hashed: str) -> None:
    assert hash_of(given, str.strip) == hashed


def test_the_hash_of_a_blank_is_nobodys_hash() -> None:
    with pytest.raises(Unusable, match=r"^the hash of a blank$"):
        hash_of(hashlib.sha256(b"").hexdigest().upper(), str.strip)
