"""One seed, one schedule: which channel, how many people and runs, and how often each fault strikes.

Swarm: every schedule exaggerates one fault, so that rare combinations of the same fault are met as well. Each part of
the world draws from a stream of its own: a fault that is added or switched off moves nothing elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random

KINDS = ("set", "dset", "dedupe", "raw", "async", "mixed", "repeated", "replace")
"""set · set whose channel ignores repeated request ids · messages with a dedupe id · raw messages · jobs · set with
messages · raw messages that are repeated until there is an answer · list that is replaced by sessions"""

NETWORK = {"never_sent": 0.02, "lost_before": 0.03, "lost_after": 0.04, "delayed": 0.04, "throttled": 0.02,
           "failed": 0.02, "failed_applied": 0.02, "garbage": 0.02, "repeated": 0.03, "slow": 0.03, "partial": 0.04,
           "unauthorised": 0.005}
"""Strikes once a request at most."""
JOBS = {"job_failed": 0.08, "job_partial": 0.06}
STORES = {"locked": 0.01, "lost_before_commit": 0.01, "lost_at_commit": 0.015, "journal_full": 0.01}
MOMENTS = {"crash": 0.015, "suppress": 0.012, "release": 0.008, "pause": 0.004, "second_run": 0.005}
"""At any call of a port."""
BETWEEN = {"journal_lost": 0.05, "other_host": 0.1, "skew": 0.3, "outage": 0.06, "mapping": 0.08, "burst": 0.2,
           "broken": 0.08}
"""Between two runs."""
HANDS = {"drift": 0.3, "reconcile": 0.3}
"""Between two runs of every third schedule: somebody edits the channel's list, or reads it back."""
FAULTS = {**NETWORK, **JOBS, **STORES, **MOMENTS, **BETWEEN}
CALM = dict.fromkeys({**FAULTS, **HANDS}, 0.0)
"""Nothing goes wrong."""
SWARM = 6


@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything that decides a schedule."""

    seed: int
    kind: str
    runs: int
    persons: int
    emails: int
    """Fewer than persons: some share one."""
    poison: bool
    """Whether the channel always refuses one e-mail."""
    whole: bool
    """Whether it then refuses the whole request."""
    live: bool
    """Whether those who are there at first cause messages."""
    guarded: bool
    """Whether guards hold what is unusual; otherwise the audience allows any change."""
    swarm: str
    rates: dict[str, float] = field(hash=False)
    kin: bool = False
    """Whether keys turn out to be another person's, and some persons are held out."""
    holdout: float = 0.0

    def stream(self, name: str) -> Random:
        """The random numbers of one part of the world."""
        return Random(f"{self.seed}/{name}")

    def without(self, fault: str) -> Scenario:
        return replace(self, rates={**self.rates, fault: 0.0})


def scenario(seed: int, kind: str | None = None, swarm: str | None = None, *, kin: bool | None = None) -> Scenario:
    """The schedule of a seed. Merges and holdouts are for those that nothing else is asked of, unless `kin` says so."""
    random = Random(f"{seed}/scenario")
    kind_drawn, swarm_drawn = kind or KINDS[seed % len(KINDS)], random.choice(list(FAULTS))
    persons = random.choice((3, 3, 4, 6, 9))
    scale = random.choice((0.3, 1.0, 1.0))
    exaggerated = swarm or swarm_drawn
    rates = {name: min(0.6, rate * (SWARM if name == exaggerated else scale)) for name, rate in FAULTS.items()}
    edited = exaggerated in HANDS or Random(f"{seed}/hands").random() < 0.3
    rates |= HANDS if edited else dict.fromkeys(HANDS, 0.0)
    draw = Random(f"{seed}/kin")
    drawn, holdout = draw.random() < 0.3, draw.choice((0.0, 0.3, 0.5))
    related = drawn and kind is None and swarm is None if kin is None else kin
    return Scenario(
        seed, kind_drawn, random.randint(4, 8), persons, random.choice((2, persons, persons + 3)),
        poison=random.random() < 0.25 and kind_drawn != "replace", whole=random.random() < 0.5,
        live=random.random() < 0.75, guarded=exaggerated == "broken" or random.random() < 0.15, swarm=exaggerated,
        rates=rates, kin=related, holdout=holdout if related else 0.0)
