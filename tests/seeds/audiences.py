"""The ten audiences once more, in plain Python: the members of each on a day, before suppression and holdout."""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from tests.seeds.people import Raw, World, berlin, time
from tests.seeds.usage_weeks import usage, weekly

Members = set[str]
SIGNS = {"add_to_cart": 1, "remove_from_cart": -1}


def paid_orders(world: World) -> dict[str, list[Raw]]:
    """By human, oldest first; each with `refunded` and `net` added."""
    refunds: dict[str, Decimal] = defaultdict(Decimal)
    for row in world.rows("raw_refunds"):
        if world.past(row["refunded_at"]):
            refunds[row["order_id"]] += Decimal(row["amount"])
    found: dict[str, list[Raw]] = defaultdict(list)
    for row in sorted(world.rows("raw_orders"), key=lambda row: row["paid_at"]):
        if world.past(row["paid_at"]):
            amount = Decimal(row["gross"]) - Decimal(row["discount"])
            refunded = refunds.get(row["order_id"], Decimal(0))
            extra = {
                "refunded": str(refunded),
                "net": str(amount - refunded),
                "full": "yes" if refunded >= amount else "",
            }
            found[world.human[row["person_ref"]]].append(row | extra)
    return found


def events(world: World) -> dict[str, list[Raw]]:
    """By human, oldest first: by the id in the event, else by whom the cookie belongs to."""
    rows = sorted(world.rows("raw_events"), key=lambda row: row["occurred_at"])
    owners = {row["value"]: row["person_ref"] for row in world.rows("raw_identities") if row["kind"] == "anonymous"}
    for row in rows:
        if row["anonymous_id"] and ref_of(row["user_id"]):
            owners.setdefault(row["anonymous_id"], ref_of(row["user_id"]))
    found: dict[str, list[Raw]] = defaultdict(list)
    for row in rows:
        ref = ref_of(row["user_id"]) or owners.get(row["anonymous_id"], "")
        if ref in world.human:
            found[world.human[ref]].append(row)
    return found


def ref_of(user: str) -> str:
    if user.endswith(".0") and user[:-2].isdigit():
        return f"c_{int(user[:-2]):05}"
    return user if user.startswith("c_") else ""


def times(rows: list[Raw], name: str) -> list[datetime]:
    return [time(row["occurred_at"]) for row in rows if row["name"] == name]


def paid_times(world: World) -> dict[str, list[datetime]]:
    return {human: [time(row["paid_at"]) for row in rows] for human, rows in paid_orders(world).items()}


def welcome(world: World) -> Members:
    first: dict[str, datetime] = {}
    for row in sorted(world.rows("raw_consents"), key=lambda row: row["changed_at"]):
        if row["channel"] == "email" and row["status"] == "granted":
            first.setdefault(world.human[row["person_ref"]], time(row["changed_at"]))
    paid = paid_times(world)
    fresh = {human for human, at in first.items() if world.within(at, hours=24)}
    return {
        human for human in fresh if not any(order < first[human] for order in paid.get(human, []))
    } & world.reachable()


def abandoned_checkout(world: World) -> Members:
    paid, found = paid_times(world), set()
    for human, rows in events(world).items():
        started = [row for row in rows if row["name"] == "checkout_started"]
        if not started:
            continue
        at = time(started[-1]["occurred_at"])
        fresh = timedelta(hours=1) <= world.as_of - at < timedelta(hours=24)
        if not fresh or Decimal(started[-1]["value"]) < 10 or any(order >= at for order in paid.get(human, [])):
            continue
        left = cart_contents(rows, started[-1]["cart_id"])
        emptied = not left and any(
            row["name"] == "remove_from_cart"
            and row["cart_id"] == started[-1]["cart_id"]
            and time(row["occurred_at"]) >= at
            for row in rows
        )
        if not emptied and not (left and all(sold_out(world, product) for product in left)):
            found.add(human)
    told = {
        world.human[row["person_ref"]]
        for row in world.rows("raw_messages")
        if row["campaign"] == "abandoned_checkout" and world.within(time(row["sent_at"]), hours=72)
    }
    return (found - told) & world.reachable()


def cart_contents(rows: list[Raw], cart: str) -> set[str]:
    """The products of which something is left in the cart."""
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        if row["cart_id"] == cart and row["name"] in SIGNS:
            counts[row["product_id"]] += SIGNS[row["name"]] * int(row["qty"])
    return {product for product, count in counts.items() if count > 0}


def sold_out(world: World, product: str) -> bool:
    changes = [row for row in world.rows("raw_stock_changes") if row["product_id"] == product]
    newest = max(changes, key=lambda row: row["changed_at"], default=None)
    return newest is not None and newest["available_qty"] == "0"


def abandoned_cart(world: World) -> Members:
    paid, found = paid_times(world), set()
    for human, rows in events(world).items():
        adds = [row for row in rows if row["name"] == "add_to_cart"]
        if not adds:
            continue
        at, cart = time(adds[-1]["occurred_at"]), adds[-1]["cart_id"]
        left = sum(SIGNS.get(row["name"], 0) * int(row["qty"] or 0) for row in rows if row["cart_id"] == cart)
        gone = any(moment >= at for moment in times(rows, "checkout_started") + paid.get(human, []))
        bought = any(world.within(moment, hours=24) for moment in paid.get(human, []))
        if timedelta(hours=4) <= world.as_of - at < timedelta(hours=48) and left > 0 and not gone and not bought:
            found.add(human)
    return (found & world.reachable()) - abandoned_checkout(world)


def post_purchase_first(world: World) -> Members:
    firsts = {human: rows[0] for human, rows in paid_orders(world).items()}
    return {
        human
        for human, row in firsts.items()
        if world.within(time(row["paid_at"]), hours=24)
        and not world.past(row["cancelled_at"])
        and not Decimal(row["refunded"])
    } & world.reachable()


def winback(world: World) -> Members:
    return {
        human
        for human, rows in paid_orders(world).items()
        if len(rows) >= 2
        and 45 <= (world.today - berlin(time(rows[-1]["paid_at"]))).days <= 120
        and not rows[-1]["full"]
    } & world.reachable(("ads",))


def vip(world: World) -> Members:
    found = set()
    for human, rows in paid_orders(world).items():
        year = [row for row in rows if world.within(time(row["paid_at"]), days=365)]
        if len(year) >= 4 and sum(Decimal(row["net"]) for row in year) >= 500:
            found.add(human)
    return found & world.reachable(("ads",))


def recent_buyers_suppress(world: World) -> Members:
    known = world.having("email") | world.having("phone")
    return {
        human
        for human, rows in paid_orders(world).items()
        for row in rows
        if world.within(time(row["paid_at"]), days=30) and not world.past(row["cancelled_at"]) and not row["full"]
    } & known - world.excluded()


def seats(world: World, account_id: str, *roles: str) -> set[str]:
    return {
        world.human[row["person_ref"]]
        for row in world.rows("raw_members")
        if row["account_id"] == account_id and row["role"] in roles and not world.past(row["active_to"])
    }


def flagged(world: World, flag: str) -> Members:
    """The accounts of which that is noted now."""
    return {
        row["account_id"]
        for row in world.rows("raw_account_flags")
        if row["flag"] == flag
        and world.past(row["starts_at"])
        and not (time(row["ends_at"]) or datetime.max) <= world.as_of
    }


def usage_drop_40_wow(world: World) -> Members:
    found: Members = set()
    for account, mornings in weekly(world).items():
        inside = back_before = False
        for morning in mornings:
            if morning.fell and not morning.excused:
                inside = True
            elif morning.back and back_before:
                inside = False
            back_before = morning.back
        if inside and not mornings[-1].excused:
            found |= seats(world, account, "owner", "admin")
    return found & world.reachable()


def failed_payment_still_active(world: World) -> Members:
    quantities, found = usage(world), set()
    attempts: dict[str, list[Raw]] = defaultdict(list)
    for row in sorted(world.rows("raw_payments"), key=lambda row: row["attempted_at"]):
        attempts[row["invoice_id"]].append(row)
    for row in world.latest("raw_invoices", ["invoice_id"]):
        tries = attempts[row["invoice_id"]]
        failed = (
            bool(tries) and tries[-1]["status"] == "failed" and world.within(time(tries[-1]["attempted_at"]), hours=72)
        )
        active = any(quantities[row["account_id"]].get(day, 0) > 0 for day in (1, 2))
        if failed and active and not row["paid_at"] and not row["disputed_at"] and Decimal(row["amount_due"]) >= 1:
            found |= seats(world, row["account_id"], "billing") or seats(world, row["account_id"], "owner")
    return (found & world.having("email")) - world.excluded()


def approaching_quota_80(world: World) -> Members:
    quantities, found = usage(world), set()
    agreed = flagged(world, "prepaid_overage")
    for row in world.latest("raw_quotas", ["account_id", "metric", "period_start"], "changed_at"):
        age = (world.today - datetime.fromisoformat(row["period_start"]).date()).days
        over = world.today >= datetime.fromisoformat(row["period_end"]).date()
        if age < 0 or over or not row["quota"] or world.within(time(row["changed_at"]), hours=24):
            continue
        used, quota = sum(quantities[row["account_id"]].get(day, 0) for day in range(1, age + 1)), int(row["quota"])
        length = (datetime.fromisoformat(row["period_end"]) - datetime.fromisoformat(row["period_start"])).days
        runs_dry = used and age >= 7 and Fraction(quota * age, used) < length - 3
        near = 100 * used >= 80 * quota or runs_dry
        if near and used < quota and row["account_id"] not in agreed:
            found |= seats(world, row["account_id"], "owner", "admin", "billing")
    return found & world.reachable()


AUDIENCES: dict[str, Callable[[World], Members]] = {
    rule.__name__: rule
    for rule in (
        welcome,
        abandoned_checkout,
        abandoned_cart,
        post_purchase_first,
        winback,
        vip,
        recent_buyers_suppress,
        usage_drop_40_wow,
        failed_payment_still_active,
        approaching_quota_80,
    )
}
