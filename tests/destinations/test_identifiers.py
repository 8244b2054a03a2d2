"""Identifiers against other people's data: libphonenumber's numbers, mail validators' addresses, Meta's hashes."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import destinations
from destinations.identifiers import Unusable, email, hashed_already, phone, sha256, text

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


@pytest.mark.parametrize("field", ["EMAIL", "PHONE", "MADID", "EXTERN_ID"])
def test_metas_hashes_are_those_of_its_documentation(field: str, reference_json: Callable[[str], Any]) -> None:
    kind = {"EMAIL": "email", "PHONE": "phone", "MADID": "madid", "EXTERN_ID": "person"}[field]
    vectors = [case for case in reference_json("contracts/vectors.json")["meta"] if case["field"] == field]
    meta = META(META.settings_type(access_token="t"))
    assert vectors
    assert [meta.identify(kind, case["input"]) for case in vectors] == [case["sha256"] for case in vectors]


def test_a_blank_is_never_hashed() -> None:
    with pytest.raises(Unusable, match=r"^blank$"):
        sha256("")


def test_only_64_hex_digits_count_as_a_hash() -> None:
    values = ("A" * 64, f" {'0' * 64} ", "a" * 63, "g" * 64)
    assert [hashed_already(value) for value in values] == [True, True, False, False]
