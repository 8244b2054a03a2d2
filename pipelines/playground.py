"""The sandbox as a user meets it: a port, an inbox, and the environment that points connections.yml at it."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

from destinations.sandbox.server import Sandbox
from pipelines.errors import TailraceError

HOST = "http://127.0.0.1"


def environment(port: int) -> list[str]:
    """Lines `NAME=value` for a sandbox on this port: `export $(tailrace sandbox --env)`."""
    return [f"{name}={value}" for name, value in Sandbox(port).environment(f"{HOST}:{port}").items()]


def serve(port: int, state_file: Path | None, *, pace: bool) -> None:
    """Run the sandbox until it is interrupted."""
    box = Sandbox(port, pace=pace, state_file=state_file)
    try:
        box.start()
    except OSError as error:
        raise TailraceError(f"port {port} of this machine is taken ({error.strerror}); choose another with --port"
                            ) from None
    except ValueError as error:
        raise TailraceError(f"{state_file}: {error}") from None
    print(f"inbox: {box.url}/", flush=True)
    print(f"In another terminal:  export $(tailrace sandbox --env --port {port})  and then  tailrace sync", flush=True)
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()
    box.stop()
