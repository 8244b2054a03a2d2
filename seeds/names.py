"""Names, addresses and telephone numbers. None belongs to anybody.

Mail goes to the example domains (RFC 2606). German numbers are those which the regulator keeps for films and books,
American ones are 555-01xx; beyond the 5,000 that exist (only `--scale` gets there) numbers are merely well-formed.
"""

from draw import between, chance, pick, share


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST = words(
    "Ada Ben Clara David Elif Finn Greta Hugo Ida Jonas Karla Leon Mia Noah Olga Paul Rosa Samir Tilda Uwe Vera Wim"
    " Yara Zoë Aylin Björn Chloé Dana Emre Françoise Gül Hedi Ines José Kofi Lena Mateusz Nadia Øyvind Pia Ragnar"
    " Søren Thảo Ursula Vito Wanda Xenia Yusuf Žofia Łukasz"
)
LAST = words(
    "Albers Becker Çelik Dupont Eriksen Fischer García Hansen Ivanova Jansen Krüger Lindqvist Müller Novák O'Brien"
    " Peters Quint Rossi Schäfer Tanaka Ullmann Vogel Weiß Yıldız Zimmermann Østergård Nguyễn Kowalski Schmidt-Rottluff"
    " van_der_Berg D'Angelo Petrović Haddad Mensah Okafor Sato Lehmann Brandt"
)
NAUGHTY = (
    ("O'Brien-Smith", "D'Arcy"),
    ("李小龙", "王"),
    ("محمد", "الأحمد"),
    ("<script>alert(1)</script>", "<b>Bold</b>"),
    ("Robert'); DROP TABLE raw_persons;--", "Tables"),
    ("NULL", "null"),
    ('"Quoted", with comma', 'Mc"Quote"'),
    ("👩‍🚀", "🚀"),
    ("\u202eevila", "rtl\u202c"),
    (" leading", "trailing "),
    ("=1+1", "@SUM(A1)"),
    ("Zero\u200bWidth", "No\u00a0Break"),
    ("{{ first_name }}", "${last}"),
    ("Hubert Blaine Wolfeschlegelsteinhausenbergerdorff" * 3, "Sr."),
    ("", "Mononym"),
    ("undefined", "None"),
)
COUNTRIES = ("DE",) * 11 + ("AT",) * 3 + ("US",) * 3 + ("GB", "FR", "NL")
LANDLINES = ("3023125", "6990009", "4066969", "2214710", "8999998")
AREAS = (202, 212, 213, 303, 305, 312, 404, 415, 503, 512, 602, 615, 617, 702, 703, 713, 718, 801, 804, 919)
INVALID_PHONES = ("12345", "+49", "call me", "0000000000", "+1 555", "n/a", "030/", "+999123456789012345")


def full_name(entity: str, naughty_rate: float = 0.02) -> tuple[str, str]:
    if chance(entity, "naughty", naughty_rate):
        return pick(entity, "naughty name", NAUGHTY)
    return pick(entity, "first", FIRST), pick(entity, "last", LAST).replace("_", " ")


def country_of(entity: str) -> str:
    return pick(entity, "country", COUNTRIES)


def mail(ref: str, nth: int = 1) -> str:
    """A person's nth address, sometimes written with capitals or blanks around it."""
    name = pick(ref, f"mail {nth}", ("post", "me", "hello", "privat", "shop", "kontakt", "mail"))
    domain = pick(ref, f"domain {nth}", ("example.com", "example.net", "example.org"))
    address = f"{name}.{ref[2:].lstrip('0')}{'' if nth == 1 else f'.{nth}'}@{domain}"
    style = share(ref, f"mail style {nth}")
    return address.upper() if style < 0.02 else f" {address} " if style < 0.03 else address


def phone(serial: int, country: str) -> str:
    """The number of the person with this serial, one number a serial, in one of several ways of writing it."""
    tail = f"{serial % 1000:03}"
    if country == "US" and serial < 100 * len(AREAS):
        return f"+1 {AREAS[serial // 100]} 555 01{serial % 100:02}"
    if serial >= 1000 * len(LANDLINES):
        return f"+49151{serial:08}"
    line = LANDLINES[serial // 1000]
    style = between(f"phone {serial}", "style", 0, 9)
    if style == 0:
        return f"0049 {line[:2]} {line[2:]} {tail}"
    return f"0{line[:2]}/{line[2:]}-{tail}" if style == 1 and country == "DE" else f"+49{line}{tail}"
