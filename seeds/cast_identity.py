"""Cast of identity: several shop accounts that are one human, and several humans who share an identifier."""

from datetime import timedelta

from cast_buyers import ADS, LAPSED, order_day
from days import before
from stories import Fact, Story, Twin, bought, bounced, known_as, misses, stays

MERGED = "two orders in two accounts of one human"
ALONE = "one order: "


def lapsed_once(days: int = 0) -> Fact:
    return bought(LAPSED - timedelta(days=days), "40.00")


def stranger(number: int, value: str, why: str, kind: str = "email", verified: bool = True) -> Story:
    """One order of its own; merged with another it would be lapsed."""
    facts = (lapsed_once(number - 330), known_as(kind, value, verified=verified))
    return Story(number, facts, misses("winback", 0, 0, ALONE + why), allows=ADS)


SHARED_MAILBOX = "info@shared-office.example.com"
IDENTITY = (
    Story(
        331,
        (lapsed_once(), known_as("email", "ada.twice@example.com")),
        stays("winback", 0, 14, f"{MERGED}, written in capitals in one"),
        allows=ADS,
        twins=(Twin(332, (lapsed_once(9), known_as("email", " Ada.Twice@EXAMPLE.com "))),),
    ),
    Story(
        333,
        (bought(order_day(0), "130.00"), bought(order_day(1), "130.00"), known_as("phone", "+49 30 23125 497")),
        stays("vip", 0, 14, "2 + 2 orders in two accounts with one phone"),
        allows=ADS,
        twins=(
            Twin(
                334,
                (bought(order_day(2), "130.00"), bought(order_day(3), "130.00"), known_as("phone", "030/23125-497")),
            ),
        ),
    ),
    *(stranger(number, SHARED_MAILBOX, "a mailbox of four accounts merges nobody") for number in (335, 336, 337, 338)),
    stranger(339, "maybe.mine@example.com", "the shared address is not verified here", verified=False),
    stranger(340, "maybe.mine@example.com", "the shared address is not verified there"),
    Story(
        341,
        (lapsed_once(), known_as("email", "chain.one@example.com")),
        stays("winback", 0, 14, f"{MERGED}, joined over a third"),
        allows=ADS,
        twins=(
            Twin(342, (known_as("email", "chain.one@example.com"), known_as("phone", "+49 30 23125 496"))),
            Twin(343, (lapsed_once(9), known_as("phone", "0049 30 23125 496"))),
        ),
    ),
    Story(
        344,
        (lapsed_once(), known_as("email", "late.merge@example.com")),
        stays(
            "winback",
            6,
            14,
            f"{MERGED}, as known since day 6",
            before="one order: the accounts are not yet known to be one human's",
        ),
        allows=ADS,
        twins=(Twin(345, (lapsed_once(9), known_as("email", "late.merge@example.com", since=before(6, hours=4)))),),
    ),
    Story(
        346,
        (lapsed_once(), known_as("email", "bounced.twin@example.com")),
        stays("winback", 0, 14, "an address of the other account bounced hard", standing="suppressed"),
        allows=ADS,
        twins=(Twin(347, (lapsed_once(9), known_as("email", "bounced.twin@example.com"), bounced(LAPSED))),),
    ),
    Story(
        348,
        (lapsed_once(), known_as("email", "family.of.three@example.com")),
        stays("winback", 0, 14, "three accounts may share an address and be one human"),
        allows=ADS,
        twins=(
            Twin(349, (lapsed_once(9), known_as("email", "family.of.three@example.com"))),
            Twin(350, (known_as("email", "family.of.three@example.com"),)),
        ),
    ),
    stranger(351, "+49 30 23125 495", "the shared phone is not verified", kind="phone", verified=False),
    stranger(352, "+49 30 23125 495", "the shared phone is not verified by the other", kind="phone"),
    Story(
        353,
        (lapsed_once(), known_as("device", "dv_shared")),
        misses("winback", 0, 0, ALONE + "a shared device merges nobody"),
        allows=ADS,
    ),
    Story(
        354,
        (lapsed_once(9), known_as("device", "dv_shared")),
        misses("winback", 0, 0, ALONE + "a shared device merges nobody"),
        allows=ADS,
    ),
)
