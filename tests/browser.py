"""A headless browser that looks at a page: its words, those of its frames, and a picture.

`python -m tests.browser ADDRESS WORDS PICTURE` takes a picture of a page once it says the words.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
         "--remote-debugging-port=0", "about:blank")
WORDS = """[document, ...[...document.querySelectorAll('iframe')].map(frame => frame.contentDocument)]
    .map(page => page?.body?.innerText ?? '').join('\\n')"""
PATIENCE = 120.0
"""Seconds until a page has said what it should: machines are slow at times, and nothing is measured here."""


def look(address: str, until: str, *, width: int = 1320, height: int = 1500) -> tuple[str, bytes]:
    """The words of a page once they contain `until`, and a picture (PNG). Skips where there is no browser."""
    browser = os.environ.get("TAILRACE_BROWSER") or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("there is no Chromium here: apt-get install chromium, or set TAILRACE_BROWSER")
    with _running(browser, f"--window-size={width},{height}") as port:
        return _look(port, address, until)


@contextmanager
def _running(browser: str, size: str) -> Iterator[int]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen([browser, f"--user-data-dir={profile}", size, *FLAGS], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        try:
            written, deadline = Path(profile) / "DevToolsActivePort", time.monotonic() + PATIENCE
            while not (written.exists() and written.read_text()):
                assert process.poll() is None and time.monotonic() < deadline, "the browser did not start"
                time.sleep(0.1)
            yield int(written.read_text().split()[0])
        finally:
            process.terminate()
            process.wait(30)


def _look(port: int, address: str, until: str) -> tuple[str, bytes]:
    from websockets.sync.client import connect

    with urlopen(f"http://127.0.0.1:{port}/json") as pages:
        [page] = [each for each in json.load(pages) if each["type"] == "page"]
    with connect(page["webSocketDebuggerUrl"], max_size=None) as socket:

        def ask(method: str, **given: Any) -> Any:
            socket.send(json.dumps({"id": 1, "method": method, "params": given}))
            while (message := json.loads(socket.recv(PATIENCE))).get("id") != 1:
                pass
            return message["result"]

        ask("Page.navigate", url=address)
        words, deadline = "", time.monotonic() + PATIENCE
        while until not in words:
            assert time.monotonic() < deadline, f"the page does not say {until!r}, but: {words}"
            time.sleep(0.2)
            words = ask("Runtime.evaluate", expression=WORDS)["result"].get("value", "")
        return words, base64.b64decode(ask("Page.captureScreenshot", format="png")["data"])


if __name__ == "__main__":
    Path(sys.argv[3]).write_bytes(look(sys.argv[1], sys.argv[2])[1])
