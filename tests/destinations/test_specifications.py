"""Every request that any case makes is valid by the vendor's own OpenAPI file."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
import yaml
from jsonschema import Draft202012Validator

import destinations
from destinations.protocol import Request
from destinations.testing import read_cases, run_case

FOLDER = Path(__file__).parent / "cases"
SPECIFICATIONS = {
    "https://a.klaviyo.com": "klaviyo/stable.json",
    "https://track.customer.io": "customerio/customer-io-track-api-openapi.json",
    "https://track-eu.customer.io": "customerio/customer-io-track-api-openapi.json",
    "https://api.customer.io/v1/segments": "customerio/split/segments.yml",
    "https://api.customer.io/v1/send/email": "customerio/split/transactional.yml",
    "https://api-eu.customer.io/v1/send/push": "customerio/split/transactional.yml",
    "https://api.customer.io/v1/campaigns": "customerio/split/broadcasts.yml",
    "https://rest.iad-01.braze.com": "braze/braze-openapi.yml",
    "https://api.onesignal.com": "onesignal/api.json",
    "https://api.twilio.com": "twilio/twilio_api_v2010.json",
    "https://api.hubapi.com/crm/objects": "hubspot/contacts.2026-09.json",
    "https://api.hubapi.com/crm/lists": "hubspot/lists.2026-09.json",
    "https://api.hubapi.com/crm/v3/objects": "hubspot/contacts.v3.json",
    "https://api.hubapi.com/crm/v3/lists": "hubspot/lists.v3.json",
}
LOOSE = {"start", "limit"}
"""Pages of segment members: documented by Customer.io, missing from that file."""
UNLISTED = "no operation GET /campaigns/12/triggers/3"
"""How a broadcast stands, and its errors: documented by Customer.io, missing from that file."""
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""Characters that YAML does not allow, in a file that was exported from elsewhere."""
EXAMPLE_TAKEN_FOR_TYPE = "recipients/0/canvas_entry_properties: "
"""That file derives its types from examples; Braze's own page documents an object, for one recipient as for all."""


@dataclass
class Specification:
    document: dict[str, Any]

    def complaints(self, request: Request, root: str) -> Iterator[str]:
        parts = urlsplit(request.url.removeprefix(root))
        path, operation = self.find(request.method, parts.path)
        if operation is None:
            yield f"no operation {request.method} {parts.path}"
            return
        parameters = [self.follow(entry) for entry in operation.get("parameters", []) + path.get("parameters", [])]
        yield from self.query(dict(parse_qsl(parts.query, keep_blank_values=True)), parameters)
        yield from (f"no header {entry['name']}" for entry in parameters
                    if entry["in"] == "header" and entry.get("required") and entry["name"] not in request.headers)
        yield from self.body(request, operation)

    def find(self, method: str, path: str) -> tuple[dict[str, Any], dict[str, Any] | None]:
        found = [item for template, item in self.document["paths"].items()
                 if re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)), unquote(path))]
        found.sort(key=lambda item: method.lower() not in item)
        return (found[0], found[0].get(method.lower())) if found else ({}, None)

    def follow(self, node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            found: Any = self.document
            for step in node["$ref"].split("/")[1:]:
                found = found[step.replace("~1", "/")]
            node = found
        return node

    def query(self, given: dict[str, str], parameters: list[dict[str, Any]]) -> Iterator[str]:
        known = {entry["name"]: entry["schema"] for entry in parameters if entry["in"] == "query"}
        for name, value in given.items():
            if name not in known and name not in LOOSE:
                yield f"no query parameter {name}"
            elif name in known:
                schema = known[name]
                typed: Any = value.split(",") if schema.get("type") == "array" else value
                yield from self.errors(int(value) if schema.get("type") == "integer" else typed, schema)

    def body(self, request: Request, operation: dict[str, Any]) -> Iterator[str]:
        wanted = self.follow(operation.get("requestBody", {})).get("content", {})
        if not wanted:
            yield from ["a body where none is taken"] if request.body else []
            return
        kind = request.headers.get("Content-Type", "")
        if kind not in wanted:
            yield f"content type {kind}, not {list(wanted)}"
            return
        is_form = kind == "application/x-www-form-urlencoded"
        body = dict(parse_qsl((request.body or b"").decode())) if is_form else json.loads(request.body or b"null")
        yield from self.errors(body, wanted[kind]["schema"])

    def errors(self, value: Any, schema: dict[str, Any]) -> Iterator[str]:
        validator = Draft202012Validator({**self.document, **schema})
        return (f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in validator.iter_errors(value))


@pytest.fixture(scope="module")
def loaded() -> dict[str, Specification]:
    return {}


def specification(path: Path, loaded: dict[str, Specification]) -> Specification:
    if path.name not in loaded:
        text = CONTROLS.sub("", path.read_text("utf-8"))
        is_json = path.suffix == ".json"
        loaded[path.name] = Specification(json.loads(text) if is_json else yaml.load(text, yaml.CSafeLoader))
    return loaded[path.name]


@pytest.mark.parametrize("name", ["klaviyo", "customerio", "braze", "hubspot", "twilio", "onesignal"])
def test_every_request_of_every_case_is_valid_by_the_vendors_specification(
    name: str, reference: Callable[[str], Path], loaded: dict[str, Specification]
) -> None:
    kind, checked, wrong = destinations.load(name), 0, []
    for case in read_cases(FOLDER / f"{name}.yaml"):
        for request in run_case(kind, case):
            for root, file in SPECIFICATIONS.items():
                if request.url.startswith(root):
                    found = specification(reference(f"contracts/specs/{file}"), loaded)
                    host = re.sub(r"/crm/.*|(?<=/v1)/.*", "", root)
                    wrong += [f"{case.name}: {complaint}" for complaint in found.complaints(request, host)
                              if not complaint.startswith((EXAMPLE_TAKEN_FOR_TYPE, UNLISTED))]
                    checked += 1
    assert wrong == []
    assert checked > 8


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"url": "https://a.klaviyo.com/api/profile-bulk-imports"}, "no operation POST /api/profile-bulk-imports"),
        ({"headers": {"Content-Type": "application/vnd.api+json"}}, "no header revision"),
        ({"body": b'{"data": {"type": "list"}}'}, "'attributes' is a required property"),
        ({"url": "https://a.klaviyo.com/api/events?page=1"}, "no query parameter page"),
    ],
)
def test_a_request_that_is_not_valid_is_found_out(
    change: dict[str, Any], complaint: str, reference: Callable[[str], Path], loaded: dict[str, Specification]
) -> None:
    fine = {"method": "POST", "url": "https://a.klaviyo.com/api/lists", "body": b'{"data": {}}',
            "headers": {"Content-Type": "application/vnd.api+json", "revision": "2026-07-15"}}
    found = specification(reference("contracts/specs/klaviyo/stable.json"), loaded)
    complaints = list(found.complaints(Request(**{**fine, **change}), "https://a.klaviyo.com"))
    assert any(complaint in line for line in complaints), complaints
