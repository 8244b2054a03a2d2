"""The sandbox as a whole: the request log, the state file, many connections at once, the pages."""

from __future__ import annotations

import errno
import http.client
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import pytest

from destinations.sandbox.channel import Credentials
from destinations.sandbox.server import Sandbox, Seen, serve

BATCH = {"batch": [{"type": "person", "action": "identify", "identifiers": {"id": f"u{n}"}} for n in range(4)]}


def batch(bench):
    return bench.customerio.send("POST", "/api/v2/batch", BATCH)


def people(bench):
    return bench.truth("customerio")["people"]


def test_the_environment_names_what_a_connection_needs(bench):
    own = Credentials()
    assert bench.sandbox.environment() == {
        "KLAVIYO_API_KEY": own.klaviyo_api_key,
        "CUSTOMERIO_SITE_ID": own.customerio_site_id,
        "CUSTOMERIO_API_KEY": own.customerio_api_key,
        "CUSTOMERIO_APP_API_KEY": own.customerio_app_api_key,
        "META_AD_ACCOUNT_ID": own.meta_ad_account_id,
        "META_ACCESS_TOKEN": own.meta_access_token,
        "BRAZE_API_KEY": own.braze_api_key,
        "GOOGLE_ADS_ACCESS_TOKEN": own.google_ads_access_token,
        "GOOGLE_ADS_ACCOUNT_ID": own.google_ads_account_id,
        "TIKTOK_ADS_ACCESS_TOKEN": own.tiktok_ads_access_token,
        "TIKTOK_ADS_ADVERTISER_ID": own.tiktok_ads_advertiser_id,
        "ITERABLE_API_KEY": own.iterable_api_key,
        "MIXPANEL_PROJECT_ID": own.mixpanel_project_id,
        "MIXPANEL_PROJECT_TOKEN": own.mixpanel_project_token,
        "MIXPANEL_USERNAME": own.mixpanel_username,
        "MIXPANEL_SECRET": own.mixpanel_secret,
        "ONESIGNAL_APP_ID": own.onesignal_app_id,
        "ONESIGNAL_API_KEY": own.onesignal_api_key,
        "HUBSPOT_ACCESS_TOKEN": own.hubspot_access_token,
        "TWILIO_ACCOUNT_SID": own.twilio_account_sid,
        "TWILIO_AUTH_TOKEN": own.twilio_auth_token,
        "TWILIO_BASE_URL": f"{bench.sandbox.url}/twilio",
        "SLACK_BOT_TOKEN": own.slack_bot_token,
        "SLACK_BASE_URL": f"{bench.sandbox.url}/slack",
        "SALESFORCE_ACCESS_TOKEN": own.salesforce_access_token,
        "SALESFORCE_BASE_URL": f"{bench.sandbox.url}/salesforce",
        "HUBSPOT_BASE_URL": f"{bench.sandbox.url}/hubspot",
        "WEBHOOK_URL": f"{bench.sandbox.url}/webhook",
        "WEBHOOK_SECRET": own.webhook_secret,
        "KLAVIYO_BASE_URL": f"{bench.sandbox.url}/klaviyo",
        "CUSTOMERIO_BASE_URL": f"{bench.sandbox.url}/customerio",
        "META_ADS_BASE_URL": f"{bench.sandbox.url}/meta_ads",
        "WEBHOOK_BASE_URL": f"{bench.sandbox.url}/webhook",
        "BRAZE_BASE_URL": f"{bench.sandbox.url}/braze",
        "GOOGLE_ADS_BASE_URL": f"{bench.sandbox.url}/google_ads",
        "ONESIGNAL_BASE_URL": f"{bench.sandbox.url}/onesignal",
        "MIXPANEL_BASE_URL": f"{bench.sandbox.url}/mixpanel",
        "ITERABLE_BASE_URL": f"{bench.sandbox.url}/iterable",
        "TIKTOK_ADS_BASE_URL": f"{bench.sandbox.url}/tiktok_ads",
    }
    elsewhere = Sandbox().environment("http://127.0.0.1:8700")
    assert elsewhere["WEBHOOK_BASE_URL"] == "http://127.0.0.1:8700/webhook"
    guide = bench.sandbox.guide()
    assert all(bench.sandbox.base_url(name) in guide for name in bench.sandbox.channels)
    assert all(f"{name}='{value}'" in guide for name, value in bench.sandbox.environment().items())


def test_the_request_log_keeps_counts_and_no_person(bench):
    batch(bench)
    bench.customerio.send("PUT", "/api/v1/customers/ada@example.com?x=secret", {"plan": "pro"})
    assert list(bench.sandbox.requests) == [
        Seen("customerio", "POST", "/api/v2/batch", 200, 4, len(json.dumps(BATCH))),
        Seen("customerio", "PUT", "/api/v1/customers/{id}", 200, 1, len(json.dumps({"plan": "pro"}))),
    ]
    assert bench.pages.send("GET", "/requests.json").json == [asdict(one) for one in bench.sandbox.requests]


def test_a_reset_forgets_state_faults_and_requests(bench):
    batch(bench)
    bench.sandbox.fault("customerio", "error")
    assert bench.pages.send("POST", "/reset").status == 204
    assert (people(bench), list(bench.sandbox.requests), bench.sandbox.faults.waiting()) == (0, [], [])


def test_eight_threads_write_at_once_and_nothing_is_lost(make):
    bench = make()
    key = bench.meta.send(
        "POST",
        "/v26.0/act_1000000001/customaudiences",
        {"name": "vip", "subtype": "CUSTOM", "customer_file_source": "USER_PROVIDED_ONLY"},
    ).json["id"]

    def write(thread):
        client = type(bench.meta)(bench.meta.base, bench.meta.headers)
        for number in range(40):
            rows = [[f"u{thread}-{number}-{n}"] for n in range(5)]
            body = {"payload": {"schema": ["EXTERN_ID"], "data": rows}}
            assert client.send("POST", f"/v26.0/{key}/users", body).status == 200
            assert (
                client.send(
                    "DELETE", f"/v26.0/{key}/users", {**body, "payload": {**body["payload"], "data": rows[:1]}}
                ).status
                == 200
            )
        client.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    expected = sorted(f"u{t}-{n}-{m}" for t in range(8) for n in range(40) for m in range(1, 5))
    assert bench.truth("meta_ads")["audiences"][key]["keys"] == expected
    assert bench.truth("meta_ads")["requests"] == 8 * 40 * 2 + 1


def test_a_small_call_takes_no_forty_milliseconds(bench):
    bench.customerio.send("GET", "/api/v1/accounts/region")
    began = time.monotonic()
    for _ in range(50):
        batch(bench)
    assert time.monotonic() - began < 50 * 0.02


def test_the_truth_survives_a_restart(make, tmp_path):
    file = tmp_path / "state" / "sandbox.json"
    first = make(state_file=file)
    batch(first)
    rows = [{"type": "profile", "attributes": {"email": "a@example.com"}}]
    body = {"data": {"type": "profile-bulk-import-job", "attributes": {"profiles": {"data": rows}}}}
    first.klaviyo.send("POST", "/api/profile-bulk-import-jobs", body)
    first.sandbox.stop()
    second = make(state_file=file)
    second.clock.now += 1
    assert (people(second), second.truth("klaviyo")["profiles"]) == (4, 1)
    assert [path.name for path in file.parent.iterdir()] == ["sandbox.json"]


def test_a_file_that_is_no_state_file_is_refused(tmp_path):
    file = tmp_path / "notes.json"
    file.write_text("[1]")
    with pytest.raises(ValueError, match=r"notes\.json is not a state file of the sandbox"):
        Sandbox(state_file=file).start()
    assert file.read_text() == "[1]"


def test_a_port_that_is_taken_is_named(bench):
    port = int(bench.sandbox.url.rpartition(":")[2])
    with pytest.raises(OSError, match=f"port {port} is taken") as caught:
        serve(port)
    assert caught.value.errno == errno.EADDRINUSE


def test_a_stopped_sandbox_answers_nobody(make):
    bench = make()
    batch(bench)
    bench.sandbox.stop()
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        batch(bench)
    with pytest.raises(RuntimeError, match="not started"):
        _ = bench.sandbox.url


def test_it_listens_on_loopback_only(bench):
    assert bench.sandbox.url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize(("host", "status"), [("localhost:8700", 200), ("evil.example:8700", 421)])
def test_it_answers_under_its_own_names_only(bench, host, status):
    assert bench.pages.send("GET", "/truth.json", Host=host).status == status


def test_served_for_people_it_keeps_the_vendors_pace():
    sandbox = serve(0)
    try:
        assert all(channel.setup.pace for channel in sandbox.channels.values())
    finally:
        sandbox.stop()


def test_the_truth_is_sent_again_only_when_it_has_changed(bench):
    first = bench.pages.send("GET", "/truth.json")
    same = bench.pages.send("GET", "/truth.json", **{"If-None-Match": first.headers["etag"]})
    batch(bench)
    other = bench.pages.send("GET", "/truth.json", **{"If-None-Match": first.headers["etag"]})
    assert (first.status, same.status, same.raw, other.status) == (200, 304, b"", 200)
    assert other.json == bench.sandbox.truth()


@pytest.mark.parametrize("path", ["/", "/inbox"])
def test_the_inbox_is_one_page_that_asks_nobody_else(bench, path):
    page = bench.pages.send("GET", path)
    text = page.raw.decode()
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "truth.json" in text
    assert re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}|@import|<link|<img|src=", text) == []
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_an_unknown_page_says_what_there_is(bench):
    answer = bench.pages.send("GET", "/mailchimp/lists")
    assert (answer.status, "/klaviyo" in answer.json["error"]) == (404, True)


def test_a_body_without_a_length_is_refused(bench):
    connection = http.client.HTTPConnection(*bench.sandbox.url.removeprefix("http://").split(":"), timeout=5)
    connection.putrequest("POST", "/customerio/api/v2/batch")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()  # no body: the server closes the connection without reading one
    assert connection.getresponse().status == 411
    connection.close()
