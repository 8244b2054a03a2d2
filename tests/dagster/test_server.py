"""The web server as a user starts it, in the folder that holds the project."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

import pipelines.defs
from destinations.sandbox.server import Sandbox
from pipelines.defs.launchpad import JOB
from tests.dagster.corner import Corner, copy

ROOT = Path(__file__).parents[2]
QUERY = """{ repositoriesOrError { ... on RepositoryConnection { nodes {
    schedules { name scheduleState { status } } assetGroups { groupName } } } } }"""
LAUNCH = """mutation($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } } } }"""
RUN = """query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"""
CHECKS = """query($key: AssetKeyInput!, $name: String!) {
    assetCheckExecutions(assetKey: $key, checkName: $name, limit: 1) { evaluation { success severity metadataEntries {
        label ... on MarkdownMetadataEntry { mdStr } ... on TextMetadataEntry { text } } } } }"""
AT_ONCE = """
run_coordinator: {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}
"""
"""No daemon runs here that would take runs off a queue."""
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}
PATIENCE = 180


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A server over a project that dbt has never seen."""
    with serving(copy(tmp_path)) as found:
        yield found


@contextmanager
def serving(project: Path, **variables: str) -> Iterator[str]:
    """A server on a free port; ended with all its processes."""
    home = project.parent / "home"
    home.mkdir()
    ours = Path(pipelines.defs.__file__).with_name("dagster.yaml").read_text("utf-8")
    (home / "dagster.yaml").write_text(ours + AT_ONCE)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "dagster_webserver", "-m", "pipelines.definitions", "-p", str(port)]
    environ = {**os.environ, **variables, "DAGSTER_HOME": str(home), "PYTHONPATH": str(ROOT)}
    with (project.parent / "server.log").open("w") as log:
        server = subprocess.Popen(command, cwd=project, env=environ, start_new_session=True, stdout=log, stderr=log)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()


def ask(address: str, query: str, **variables: Any) -> dict[str, Any]:
    """Answer of the server, which is waited for."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"{address}/graphql", body, {"Content-Type": "application/json"})
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["data"]
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


@pytest.mark.slow
def test_the_web_server_shows_a_project_that_was_never_parsed(address: str) -> None:
    [repository] = ask(address, QUERY)["repositoriesOrError"]["nodes"]
    assert {schedule["name"]: schedule["scheduleState"]["status"] for schedule in repository["schedules"]} == {
        "daily_06_00": "STOPPED", "every_15_minutes": "STOPPED", "hourly": "STOPPED"}
    assert sorted(group["groupName"] for group in repository["assetGroups"]) == [
        "audiences", "bi", "crm", "hook", "people", "seeds", "snapshots", "suppressions"]


def launch(address: str, config: Mapping[str, Any], *keys: str) -> str:
    """Launch these assets as the launchpad does; how the run ended."""
    done = ask(address, LAUNCH, params={
        "selector": {"repositoryLocationName": "pipelines.definitions", "repositoryName": "__repository__",
                     "jobName": JOB, "assetSelection": [{"path": key.split("/")} for key in keys],
                     "assetCheckSelection": None},
        "runConfigData": config, "mode": "default"})["launchPipelineExecution"]
    assert done["__typename"] == "LaunchRunSuccess", done
    deadline = time.monotonic() + PATIENCE
    while (status := ask(address, RUN, id=done["run"]["runId"])["runOrError"]["status"]) not in ENDED:
        assert time.monotonic() < deadline, status
        time.sleep(0.5)
    return str(status)


def objections(address: str) -> tuple[bool, str, dict[str, str]]:
    """The newest word of the check that carries the link: whether it passed, how bad it is, and what it shows."""
    [found] = ask(address, CHECKS, key={"path": ["hook", "cart"]}, name="no_objections")["assetCheckExecutions"]
    shown = {entry["label"]: entry.get("mdStr") or entry.get("text") or "" for entry in
             found["evaluation"]["metadataEntries"]}
    return found["evaluation"]["success"], found["evaluation"]["severity"], shown


@pytest.mark.slow
def test_the_link_of_a_held_plan_leads_to_a_launch_that_approves_it_and_sends_it(built: Corner, tmp_path: Path) -> None:
    corner = Corner(copy(tmp_path, built.folder))
    corner.sql("""insert into audiences.cart (person_id, email, cart_value)
        select 'p' || n, 'p' || n || '@shop.example', 50 from range(3) as numbers (n)""")
    with Sandbox() as corner.box, serving(corner.folder, **corner.box.environment()) as address:
        assert launch(address, {}, "audience/cart", "hook/cart") == "SUCCESS"
        corner.sql("delete from audiences.cart where person_id in ('p0', 'p1')")
        assert launch(address, {}, "audience/cart", "hook/cart") == "SUCCESS"
        passed, severity, shown = objections(address)
        assert (passed, severity, len(corner.members("webhook", "cart"))) == (False, "ERROR", 5)
        link = urlsplit(shown["approve"].removeprefix("[Approve exactly this plan](").removesuffix(")"))
        assert link.path == "/locations/pipelines.definitions/jobs/sync_audiences/playground/setup"
        look_at(f"{address}{link.geturl()}", tmp_path / "launchpad.png")
        config = yaml.safe_load(parse_qs(link.query)["config"][0])
        config["ops"]["activate_cart"]["config"] |= {"approved_by": "Ada", "reason": "the campaign ended"}
        assert launch(address, config, "audience/cart", "hook/cart") == "SUCCESS"
        assert (objections(address)[1], len(corner.members("webhook", "cart"))) == ("WARN", 3)
    assert corner.sql("select plan_id, state, decided_by, decision from activation.hold") == [
        (shown["plan"], "used", "Ada", "the campaign ended")]


def look_at(page: str, picture: Path) -> None:
    """A picture of the page, where there is a browser and somebody asked for one."""
    if (browser := os.environ.get("TAILRACE_BROWSER")):
        subprocess.run([browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1400,900",
                        "--virtual-time-budget=40000", f"--screenshot={picture}", page], check=True, timeout=170)
