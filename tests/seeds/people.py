"""Who is who on a day: the rows known then, the humans behind the refs, and how each may be reached.

Written from the rules, in plain Python over the committed CSVs: it shares no code with the generator or with dbt.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

FOLDER = Path(__file__).parents[2] / "seeds"
BERLIN, UTC = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
Raw = dict[str, str]


def read(table: str) -> list[Raw]:
    with (FOLDER / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def time(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def berlin(moment: datetime) -> date:
    return moment.replace(tzinfo=UTC).astimezone(BERLIN).date()


@dataclass
class World:
    """The raw tables as they were known at one as_of, without exact duplicates."""

    tables: dict[str, list[Raw]]
    as_of: datetime
    today: date = field(init=False)
    human: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.today = berlin(self.as_of)
        eldest_first = sorted(self.rows("raw_persons"), key=lambda row: (row["created_at"], row["person_ref"]))
        self.human = resolve([row["person_ref"] for row in eldest_first], self.rows("raw_identities"))

    def rows(self, table: str) -> list[Raw]:
        seen = {tuple(row.items()): row for row in self.tables[table] if time(row["loaded_at"]) < self.as_of}
        return list(seen.values())

    def latest(self, table: str, key: Iterable[str], newest: str = "loaded_at") -> Iterator[Raw]:
        rows = sorted(self.rows(table), key=lambda row: row[newest])
        return iter({tuple(row[name] for name in key): row for row in rows}.values())

    def past(self, text: str) -> datetime | None:
        """A moment that had come by then."""
        moment = time(text)
        return moment if moment and moment < self.as_of else None

    def within(self, moment: datetime | None, **span: float) -> bool:
        return moment is not None and self.as_of - timedelta(**span) <= moment < self.as_of

    def excluded(self) -> set[str]:
        return {
            self.human[row["person_ref"]]
            for row in self.rows("raw_persons")
            if row["is_test"] == "true" or row["is_employee"] == "true" or self.past(row["deleted_at"])
        }

    def consents(self, channel: str) -> dict[str, str]:
        """The latest status by human."""
        rows = sorted(
            (row for row in self.rows("raw_consents") if row["channel"] == channel), key=lambda row: row["changed_at"]
        )
        return {self.human[row["person_ref"]]: row["status"] for row in rows}

    def having(self, kind: str) -> set[str]:
        """The humans with a valid address or phone."""
        return {
            self.human[row["person_ref"]] for row in self.rows("raw_identities") if row["kind"] == kind and plain(row)
        }

    def reachable(self, channels: tuple[str, ...] = ("email", "sms")) -> set[str]:
        """The humans that may be written to: by their own channels, or by advertising."""
        found: set[str] = set()
        for channel in channels:
            granted = {human for human, status in self.consents(channel).items() if status == "granted"}
            kinds = {"email": ("email",), "sms": ("phone",), "ads": ("email", "phone")}[channel]
            found |= granted & set().union(*map(self.having, kinds))
        return found - self.excluded()

    def do_not_contact(self) -> set[str]:
        silenced = {human for human, status in self.consents("all").items() if status != "granted"}
        silenced |= {self.human[row["person_ref"]] for row in self.rows("raw_bounces")}
        for row in self.latest("raw_tickets", ["ticket_id"]):
            if not row["closed_at"] and (row["severity"] == "1" or row["kind"] == "chargeback"):
                silenced.add(self.human[row["person_ref"]])
        return silenced


def plain(identity: Raw) -> str:
    """The identifier in its one normal form, empty when it is invalid."""
    value = identity["value"].strip().lower()
    if identity["kind"] == "email":
        return value if ADDRESS.fullmatch(value) else ""
    digits = re.sub(r"[ /()-]", "", value)
    digits = re.sub(r"^00", "+", digits)
    digits = re.sub(r"^0", "+49", digits)
    return digits if re.fullmatch(r"\+[1-9]\d{8,14}", digits) else ""


def resolve(refs: list[str], identities: list[Raw]) -> dict[str, str]:
    """person_ref → person_id, the eldest's: refs that share a verified address or phone, unless over three share it."""
    sharers: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in identities:
        if row["kind"] in ("email", "phone") and row["verified"] == "true" and plain(row):
            sharers[row["kind"], plain(row)].add(row["person_ref"])
    place = {ref: number for number, ref in enumerate(refs)}
    leader = {ref: ref for ref in refs}
    groups = [sorted(group) for group in sharers.values() if 1 < len(group) <= 3]
    changed = True
    while changed:
        changed = False
        for group in groups:
            least = min((leader[ref] for ref in group), key=place.__getitem__)
            for ref in group:
                changed |= leader[ref] != least
                leader[ref] = least
    return {ref: f"p_{least[2:]}" for ref, least in leader.items()}
