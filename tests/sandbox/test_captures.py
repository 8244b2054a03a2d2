"""Real requests of the vendors' own SDKs, recorded on the wire, are accepted as they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from destinations.sandbox.channel import Credentials

CAPTURED = Path(__file__).parents[3] / "shared/contracts/captured"
SECRETS = Credentials(
    klaviyo_api_key="pk_test",
    customerio_site_id="site",
    customerio_api_key="key",
    customerio_app_api_key="appkey",
    meta_ad_account_id="1",
    meta_access_token="token",
    meta_app_secret="secret",
)
SENT = ("authorization", "content-type", "revision", "accept")


def captured(name):
    if not CAPTURED.exists():
        pytest.skip("the folder of captured requests is not beside the repository")
    return json.loads((CAPTURED / f"{name}.json").read_text())["requests"]


def replay(client, requests, names):
    """Send each request, with the ids that the capture's server had made replaced by ours."""
    statuses = []
    for one in requests:
        body = one["body"]
        text = None if body is None else body if isinstance(body, str) else json.dumps(body)
        path = one["path"]
        for theirs, ours in names.items():
            path = path.replace(theirs, ours)
            text = text and text.replace(theirs, ours)
        headers = {name: value for name, value in one["headers"].items() if name.lower() in SENT}
        answer = client.send(one["method"], path, text.encode() if text else None, **{"revision": None, **headers})
        statuses.append((one["method"], one["path"].split("?")[0], answer.status))
    return statuses


def test_the_klaviyo_sdk_is_understood(make):
    requests, bench = captured("klaviyo"), make(credentials=SECRETS)
    row = {"type": "profile", "attributes": {"email": "a@example.com"}}
    made = bench.klaviyo.send("POST", "/api/profile-import", {"data": row}).json["data"]["id"]
    body = {"data": {"type": "list", "attributes": {"name": "vip"}}}
    key = bench.klaviyo.send("POST", "/api/lists", body).json["data"]["id"]
    first = replay(bench.klaviyo, requests[:1], {"VRgFBd": key})
    [job] = bench.sandbox.channels["klaviyo"].state["jobs"]
    rest = replay(bench.klaviyo, requests[1:], {"VRgFBd": key, "01A": made, "job1": job})
    assert [status for _, _, status in first + rest] == [202, 200, 200, 204, 204, 202, 202, 202, 202]


def test_the_customerio_sdk_is_understood(make):
    requests, bench = captured("customerio"), make(credentials=SECRETS)
    assert {status for _, _, status in replay(bench.customerio, requests, {})} == {200}
    assert bench.truth("customerio")["repeats"] == 1


def test_the_facebook_sdk_is_understood(make):
    requests, bench = captured("facebook"), make(credentials=SECRETS)
    bench.meta.headers.clear()
    assert [status for *_, status in replay(bench.meta, requests[-1:], {})] == [200]
    [key] = bench.truth("meta_ads")["audiences"]
    assert {status for *_, status in replay(bench.meta, requests[:-1], {"/238/": f"/{key}/"})} == {200}
