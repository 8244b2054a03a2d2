"""Write the seeds: `generate.py` rewrites the CSVs, `--check` compares, `--scale N --out DIR` writes ×N as Parquet.

Each run gives the same bytes. Nothing here reads a clock, a random stream or the network.
"""

import argparse
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from browsing import stranger_rows
from catalogue import ad_rows, catalogue_rows
from companies import company_rows, seated
from shoppers import shopper, shopper_rows
from tables import COLUMNS, Row, collect, csv_text, known

HERE = Path(__file__).parent
PEOPLE, COMPANIES, STRANGERS = 850, 100, 150
"""Filler people (17 for every two companies), filler companies, and visitors whom nobody knows."""


def filler(people: int, companies: int, strangers: int) -> Iterator[Row]:
    yield from catalogue_rows()
    yield from ad_rows()
    for serial in range(people):
        yield from shopper_rows(shopper(serial), seated(serial))
    yield from chain.from_iterable(map(company_rows, range(companies)))
    yield from chain.from_iterable(map(stranger_rows, range(strangers)))


def files() -> dict[str, str]:
    """The text of every committed CSV, by file name."""
    tables = collect(known(filler(PEOPLE, COMPANIES, STRANGERS)))
    return {f"{table}.csv": csv_text(COLUMNS[table], rows) for table, rows in tables.items()}


def main(arguments: list[str]) -> int:
    options = parser().parse_args(arguments)
    wanted = files()
    if options.check:
        return report([name for name, text in wanted.items() if not same(HERE / name, text)])
    for name, text in wanted.items():
        (HERE / name).write_bytes(text.encode())
    return 0


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--check", action="store_true", help="exit 1 when a committed CSV differs")
    return made


def same(path: Path, text: str) -> bool:
    return path.exists() and path.read_bytes() == text.encode()


def report(stale: list[str]) -> int:
    for name in stale:
        print(f"seeds/{name} is not what the generator writes; run: python seeds/generate.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
