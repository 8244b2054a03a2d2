"""Write the seeds: `generate.py` rewrites the CSVs, `--check` compares, `--scale N --out DIR` writes ×N as Parquet.

Each run gives the same bytes. Nothing here reads a clock, a random stream or the network.
"""

import argparse
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from browsing import stranger_rows
from cast import ORACLE_COLUMNS, cast_rows, cast_size, oracle
from catalogue import ad_rows, catalogue_rows
from companies import company_rows
from dirt import soiled, token_rows, unusable_rows
from growth import outage_rows, trial_rows
from scale import write_parquet
from shopify import exported_to_shopify
from shoppers import shopper, shopper_rows
from tables import COLUMNS, Row, collect, csv_text, known

HERE = Path(__file__).parent
PEOPLE, COMPANIES, STRANGERS = 816, 96, 388
"""Filler people (17 for every two companies), filler companies, and visitors whom nobody knows."""


def everything(scale: int = 1) -> Iterator[Row]:
    """Cast, filler and dirt. The cast is there once; ×N has N times as many people altogether."""
    people = scale * (PEOPLE + cast_size()) - cast_size()
    yield from cast_rows()
    yield from catalogue_rows()
    yield from ad_rows()
    yield from soiled(exported_to_shopify(filler(people, people * COMPANIES // PEOPLE, scale * STRANGERS)))
    yield from chain(trial_rows(), outage_rows(), token_rows(), unusable_rows())


def filler(people: int, companies: int, strangers: int) -> Iterator[Row]:
    for serial in range(people):
        yield from shopper_rows(shopper(serial))
    yield from chain.from_iterable(map(company_rows, range(companies)))
    yield from chain.from_iterable(map(stranger_rows, range(strangers)))


def files() -> dict[str, str]:
    """The text of every committed CSV, by file name."""
    tables = collect(known(everything()))
    raw = {f"{table}.csv": csv_text(COLUMNS[table], rows) for table, rows in tables.items()}
    return raw | {"expected_audiences.csv": csv_text(ORACLE_COLUMNS, oracle())}


def main(arguments: list[str]) -> int:
    made = parser()
    options = made.parse_args(arguments)
    if (options.scale is None) != (options.out is None):
        made.error("--scale N and --out DIR go together")
    if options.scale is not None:
        return write_scaled(options.scale, options.out)
    wanted = files()
    if options.check:
        return report([name for name, text in wanted.items() if not same(HERE / name, text)])
    for name, text in wanted.items():
        (HERE / name).write_bytes(text.encode())
    return 0


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--check", action="store_true", help="exit 1 when a committed CSV differs")
    made.add_argument("--scale", type=positive, metavar="N", help="write N times as many people, as Parquet")
    made.add_argument("--out", type=Path, metavar="DIR", help="where --scale writes")
    return made


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def write_scaled(scale: int, folder: Path) -> int:
    for table, rows in write_parquet(known(everything(scale)), folder).items():
        print(f"{table}: {rows} rows")
    return 0


def same(path: Path, text: str) -> bool:
    return path.exists() and path.read_bytes() == text.encode()


def report(stale: list[str]) -> int:
    for name in stale:
        print(f"seeds/{name} is not what the generator writes; run: python seeds/generate.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
