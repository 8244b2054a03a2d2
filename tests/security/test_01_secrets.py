"""1 and 3 · Secrets stand in the environment only, and no value that holds one is printed or pickled.
28 and 29 · YAML is plain data, and code is loaded only from where a connection says.
"""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import pytest

import destinations
from destinations.protocol import Batch, Member, Operation, Request, Response
from destinations.testing import read_cases
from pipelines import connections
from pipelines.connections import Connection

ROOT = Path(__file__).parents[2]
SECRET = "hush-4711-sentinel"
KEYS = [
    "sk_live_" + "a1b2c3d4e5", "pk_" + "0123456789abcdef" * 2, "AKIA" + "ABCDEFGH12345678", "xoxb-" + "1234-abcd",
    "ghp_" + "a" * 36, "https://hooks.slack.com/services/T0/B0/" + "abcdefghij",
    "whsec_" + "MfKQ9r8GKYqrTwjU", "SG." + "abcdefghijkl.mno", "EAA" + "b" * 30, "pat-eu1-" + "0a1b2c3d-4e5f",
    "eyJhbGciOiJI.eyJzdWIiOiIx.sig", "-----BEGIN " + "PRIVATE KEY-----",
    "https://ada:pass-word@example.com/x", "Bearer abcdefghijkl0123", "a1" * 20,
]


def complaints(tmp_path: Path, text: str) -> list[str]:
    (tmp_path / "connections.yml").write_text(text)
    return list(map(str, connections.load(tmp_path / "connections.yml", {"X": "x"}, "connections.yml").check()))


@pytest.mark.parametrize("key", KEYS)
def test_01_a_literal_that_looks_like_a_key_is_refused_wherever_it_stands(tmp_path: Path, key: str) -> None:
    said = complaints(tmp_path, "crm:\n  destination: klaviyo\n  api_key: ${X}\n"
                                f"  list_id: '{key}'\n  region: '${{REGION:-{key}}}'\n")
    told = [f"connections.yml:{line}: crm.{name}: holds what looks like a key; write ${{NAME}} and put the value into "
            "the environment" for line, name in ((4, "list_id"), (5, "region"))]
    assert [line for line in said if "looks like a key" in line] == told
    assert not any(key in line for line in said)


@pytest.mark.parametrize("written", ["literal", "${KEY:-literal}", "0123456789"])
def test_01_a_secret_is_a_variable_without_a_default(tmp_path: Path, written: str) -> None:
    assert complaints(tmp_path, f"crm: {{destination: klaviyo, api_key: '{written}'}}\n") == [
        "connections.yml:1: crm.api_key: is a secret; write ${NAME} and put the value into the environment"]


@pytest.mark.parametrize("plain", ["${X}", "https://example.com/hooks/a-long-name-of-2024-that-is-no-key-at-all",
                                   "11111111-2222-4333-8444-555555555555", "act_1234567890", "VRgFBd"])
def test_01_what_is_no_key_is_none(tmp_path: Path, plain: str) -> None:
    assert complaints(tmp_path, f"crm: {{destination: klaviyo, api_key: '${{X}}', list_id: '{plain}'}}\n") == []


def test_01_the_projects_own_connections_hold_no_key() -> None:
    found = connections.load(ROOT / "dbt_project" / "connections.yml", {}, "connections.yml").check()
    assert [complaint for complaint in found if "looks like a key" in complaint.message] == []


@pytest.mark.parametrize("name", destinations.names())
def test_03_settings_and_destinations_neither_show_nor_pickle_their_secrets(name: str) -> None:
    kind = destinations.load(name)
    [case, *_] = read_cases(ROOT / "tests" / "destinations" / "cases" / f"{name}.yaml")
    settings = kind.settings_type.model_validate(case.settings)
    secrets = [value.get_secret_value() for _, value in settings if hasattr(value, "get_secret_value")]
    shown = "".join(map(repr, (settings, str(settings), kind(settings), Connection("x", name, kind(settings)))))
    quoted = [form for secret in secrets for form in (f"'{secret}'", f'"{secret}"', f"={secret}")]
    long = [secret for secret in secrets if len(secret) > 8]  # a short one is a word, such as the name of its setting
    assert [form for form in (*quoted, *long) if form in shown] == []
    for holder in (settings, kind(settings)):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(holder)


def test_03_requests_answers_members_and_operations_show_no_person_and_no_secret() -> None:
    request = Request("POST", f"https://example.com/x?token={SECRET}", {"Authorization": SECRET}, SECRET.encode())
    member = Member("op1", SECRET, {"email": SECRET}, {"name": SECRET}, acknowledged={"name": SECRET})
    shown = repr((request, Response(400, {"x": SECRET}, SECRET.encode()), Batch(Operation.ADD, (member,), "vip")))
    assert SECRET not in shown
    assert shown.startswith("(Request(POST https://example.com/x), Response(status=400), Batch(")
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(request)


def sources() -> dict[str, str]:
    return {str(path.relative_to(ROOT)): path.read_text("utf-8")
            for room in ("pipelines", "destinations") for path in (ROOT / room).rglob("*.py")}


def test_28_no_code_unpickles_evaluates_or_loads_yaml_that_makes_objects() -> None:
    wrong = re.compile(r"\bpickle\b|yaml\.(load|unsafe_load|full_load)\(|(?<![\w.])(eval|exec)\(|shell=True")
    assert {name: wrong.findall(text) for name, text in sources().items() if wrong.search(text)} == {}


@pytest.mark.parametrize("text", [
    "crm: !!python/object/apply:os.system ['true']\n", "crm: {destination: klaviyo}\ncrm: {destination: klaviyo}\n",
    "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(8)),
], ids=["object", "twice", "bomb"])
def test_28_yaml_that_is_more_than_data_is_a_complaint(tmp_path: Path, text: str) -> None:
    """The first is read as the list that it is: nothing is made of the tag."""
    found = complaints(tmp_path, text)
    assert any(re.search("names no destination|stands here twice|aliases unfold", line) for line in found)


def test_29_a_destination_is_one_of_ours_or_named_by_its_import_path(monkeypatch: pytest.MonkeyPatch) -> None:
    def discover(*_: Any, **__: Any) -> Any:
        raise AssertionError("looked among installed packages")

    monkeypatch.setattr("importlib.metadata.entry_points", discover)
    assert destinations.load("webhook").__name__ == "Webhook"
    with pytest.raises(LookupError, match="is named by its import path"):
        destinations.load("somebodys_plugin")
    assert not any("entry_points" in text for text in sources().values())
