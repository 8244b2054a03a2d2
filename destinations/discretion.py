"""Names that tell nothing: an ad platform must not learn from a list's name how someone's money or health stands."""

from __future__ import annotations

import hashlib
import re

_TELLING = re.compile(
    r"(?<![a-z])((un)?(pa(y|id)|fail|debt|dunning|credit|loan|mortgage|overdue|past_?due|delinquen|invoice|billing|arrear"
    r"|income|salar|wealth|poor|net_?worth|bankrupt|insolv|health|medic|patient|illness|disease|disab|disorder|pregnan"
    r"|fertil|therap|diagnos|symptom|hospital|clinic|prescri|cancer|diabet|depress|obes|addict)|hiv(?![a-z]))"
)


def discreet(name: str) -> str:
    """The remote name of an audience: its own, or a digest where that hints at anyone's finances or health."""
    return f"Tailrace {hashlib.sha256(name.encode()).hexdigest()[:12]}" if _TELLING.search(name.lower()) else name
