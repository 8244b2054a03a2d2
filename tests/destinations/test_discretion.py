"""No ad platform learns from a list's name how someone's money or health stands."""

import pytest

from destinations.discretion import discreet
from destinations.sandbox.meta_rows import name_hint

TELLING = ("failed_payment_still_active", "Low-Credit", "past_due", "overdue_30d", "unpaid_invoices", "high_debt",
           "loan applicants", "net_worth_1m", "diabetes_newsletter", "cancer_patients", "hiv", "pregnant_q3",
           "mental_health", "addicted to sugar", "in_therapy", "dunning__step_2", "poor_areas", "UNPAID",
           "failedPayment", "customerUnpaid", "AtRiskCardExpired", "Impay\u00e9s", "card_declined_3x", "in collections",
           "loan-applicants", "weightLoss_q1", "IVF inquiries", "asthma_buyers", "menopause", "Schwangerschaft_2026",
           "unemployed_30d", "low_income_zip", "gambling_heavy", "payday-customers", "hearing aids", "ADHD parents",
           "BNPL_users", "retirees", "credit score < 600", "sick leave", "std", "\uff26ailed payments")  # fmt: skip
HARMLESS = ("churn_risk", "winback_45_120", "abandoned_cart", "accredited_schools", "vip", "cancelled_trial",
            "prepaid_cards_no", "hive_owners", "second_purchase_due", "welcome", "post_purchase_first",
            "usage_drop_40_wow", "recent_buyers_suppress", "approaching_quota_80", "abandoned_checkout",
            "big_spenders", "still_active", "newsletter_readers", "skill_builders", "illustrators", "richmond_store",
            "blinds_and_curtains", "students", "taxi_riders", "heartland_tour", "drugstore_no")  # fmt: skip


@pytest.mark.parametrize("name", TELLING)
def test_a_telling_name_becomes_a_digest_that_is_always_the_same(name: str) -> None:
    remote = discreet(name)
    assert (remote, remote.startswith("Tailrace "), name_hint(remote)) == (discreet(name), True, None)
    assert len(remote) == len("Tailrace ") + 12


@pytest.mark.parametrize("name", HARMLESS)
def test_a_harmless_name_stays(name: str) -> None:
    assert discreet(name) == name


def test_two_telling_names_become_two_digests() -> None:
    assert len({discreet(name) for name in TELLING}) == len(TELLING)
