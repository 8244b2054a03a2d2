"""Dagster runs at once: `python -m tests.crash.launcher ASSETS` loads everything and then waits.

For each line that it reads it forks, and the child is `dagster asset materialize`; its process id is answered, and when
it has ended its exit code (negative: the signal that killed it).
"""

from __future__ import annotations

import os
import runpy
import sys
import traceback

import dagster._cli  # noqa: F401 - what a child need not import

import pipelines.definitions  # noqa: F401


def main(assets: str) -> None:
    print("ready", flush=True)
    for _ in sys.stdin:
        child = os.fork()
        if not child:
            _materialize(assets)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _materialize(assets: str) -> None:
    """In the fork: never returns."""
    sys.argv = ["dagster", "asset", "materialize", "--select", assets, "-m", "pipelines.definitions"]
    os.dup2(2, 1)
    code = 1
    try:
        runpy.run_module("dagster", run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
