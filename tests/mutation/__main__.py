"""Draw mutants, try each, and list those that nothing noticed."""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from tests.mutation import trial
from tests.mutation.mutate import drawn, sites

ROOT = trial.ROOT
WHERE = ("pipelines/state", "pipelines/delivery", "pipelines/planning", "pipelines/run.py", "pipelines/sync.py")
ELSEWHERE = {"smtp.py", "sql.py", "files.py", "carriers.py", "http.py", "connect.py", "overview.py", "history.py",
             "tombstones.py", "unresolved.py", "rejects.py", "migrations.py"}
"""Judged by tests of their own."""


def files() -> list[str]:
    """The files that must not be wrong."""
    found = [path for where in WHERE for path in
             (sorted((ROOT / where).glob("*.py")) if (ROOT / where).is_dir() else [ROOT / where])]
    return [str(path.relative_to(ROOT)) for path in found if path.name not in ELSEWHERE]


def main() -> int:
    """The command; answers how many survived."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--sample", type=int, default=60, help="how many mutants (60)")
    parser.add_argument("--seed", default="1", help="which sample")
    parser.add_argument("--only", default="", help="files whose path ends so")
    asked = parser.parse_args()
    found = {path: sites((ROOT / path).read_text("utf-8")) for path in files() if path.endswith(asked.only)}
    trial.warm_up()
    tried = Counter[str]()
    for path, site in drawn(found, asked.sample, asked.seed):
        ended = trial.noticed_by(path, site.number) or "SURVIVED"
        tried[ended] += 1
        print(f"{ended:<9} {path}:{site.line}  #{site.number}  {site.what}", flush=True)
    print(f"{sum(map(len, found.values())):,} possible, {tried.total()} tried: "
          + ", ".join(f"{ended} {count}" for ended, count in tried.most_common()))
    return tried["SURVIVED"]


if __name__ == "__main__":
    sys.exit(min(1, main()))
