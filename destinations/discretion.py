"""Names that tell nothing: an ad platform must not learn from a list's name how someone's money or health stands.

A name that may tell becomes a digest; one too many costs only readability, one too few a person's discretion. The words
are stems of what shops, subscriptions and clinics call their segments in English and a few neighbouring languages.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

_MONEY = """
pay paid unpaid prepay fail debt dunning credit loan lend mortgage overdue past_?due delinquen invoice billing bills?_
arrear owe income salar wage wealth rich_ poor afford net_?worth low_?budget bankrupt insolv collections? repossess
foreclos default(ed|er) charge_?back declined? bounced insufficient nsf overdraft late_fee fico subprime payday instal
bnpl financ financial subsid welfare benefits_ unemploy jobless redundan pension retire tax_ inherit lotter gambl
betting casino card_?expir expired?_?card low_?credit discount_depend hardship cash_?flow broke_ savings
zahlung bezahl schuld mahn kredit gehalt lohn rechnung insolvenz arbeitslos rente
impaye paiement dette credit_ salaire chomage facture pago deuda moros nomina betaling schulden pagament debit_
"""
_HEALTH = """
health medic patient illness ill_ sick disease disab disorder pregnan fertil infertil ivf matern abort contracep
menopaus therap diagnos symptom hospital clinic prescri pharma drug_ rx_ cancer tumou?r oncolog chemo diabet insulin
depress anxiety bipolar autis adhd ptsd trauma suicid mental psych obes overweight weight_?loss diet addict alcohol
rehab smok allerg asthma arthrit alzheimer dement parkinson epilep migraine insomnia heart_ cardi stroke_ hypertens
blood cholester hepatit hiv(?![a-z]) aids_ std_ sti_ covid vaccin infect surger transplant wheelchair deaf blind_
hearing vision_ dental incontinen erectile acne eczema psoria celiac crohn hormone transgender
krank gesund schwanger arzt behinder sante malad grossesse salud enferm embaraz gezond ziek salute malatt gravidan
"""
_TELLING = re.compile(rf"(?<![a-z])({'|'.join(word for word in (_MONEY + _HEALTH).split())})")


def discreet(name: str) -> str:
    """The remote name of an audience: its own, or a digest where that hints at anyone's finances or health."""
    return f"Tailrace {hashlib.sha256(name.encode()).hexdigest()[:12]}" if _TELLING.search(_words(name)) else name


def _words(name: str) -> str:
    """Lower case without accents, words apart by _, also those of aName and of a-name."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plain).lower()) + "_"
