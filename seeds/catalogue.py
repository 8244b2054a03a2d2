"""What the shop sells, its stock, and what it spends on advertising."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from decimal import Decimal

from days import DAY_ZERO, HISTORY_START, LAST_AS_OF, as_of
from draw import between, chance, moment, pick
from facts import Line, calendar, landed
from tables import Row

GIFT_CARD = "P-000"
"""Has any price; the cast buys it, so that an order is worth what its story needs."""
LIMITED = "P-900"
"""Sold out from day 9 to day 11, and in no other order or cart than where a story of the cast puts it."""
OPENING = HISTORY_START - timedelta(days=30)
GOODS = {
    "coffee": ("House espresso 1 kg", "Decaf 500 g", "Single origin 250 g", "Cold brew pack", "Filter roast 500 g"),
    "brewing": ("Hand grinder", "French press", "Moka pot", "Pour-over set", "Milk frother", "Kettle with gooseneck"),
    "cups": ("Espresso cup", "Travel mug", "Glass set of 4", "Saucer", "Latte bowl"),
    "care": ("Descaler", "Cleaning tablets", "Water filter", "Brush set"),
    "machines": ("Lever machine S", "Lever machine M", "Capsule machine", "Grinder pro"),
}
PRICES = {"coffee": (690, 2890), "brewing": (1490, 8990), "cups": (390, 3290), "care": (490, 1990)}


def products() -> dict[str, tuple[str, str, Decimal]]:
    """product_id → name, category, price."""
    found = {GIFT_CARD: ("Gift card", "gift", Decimal("25.00"))}
    for category, names in GOODS.items():
        for name in names:
            low, high = PRICES.get(category, (11900, 44900))
            cents = between(name, "price", low // 10, high // 10) * 10
            found[f"P-{len(found):03}"] = (name, category, Decimal(cents) / 100)
    return found


PRODUCTS = products()
EVERYDAY = tuple(key for key, (_, category, _) in PRODUCTS.items() if category not in ("gift", "machines"))


def line(entity: str, number: int, *, dear: bool = False) -> Line:
    """One order line; `dear` ones are for people who spend a lot."""
    choices = tuple(PRODUCTS)[6:] if dear else EVERYDAY
    product_id = pick(entity, f"product {number}", choices)
    return product_id, between(entity, f"quantity {number}", 1, 2), PRODUCTS[product_id][2]


def catalogue_rows() -> Iterator[Row]:
    for product_id, (name, category, price) in PRODUCTS.items():
        cost = (price * between(product_id, "cost", 35, 70) / 100).quantize(Decimal("0.01"))
        values = {"product_id": product_id, "name": name, "category": category, "price": price, "cost": cost}
        values["currency"] = "EUR"
        consumable = category in ("coffee", "care")
        yield "raw_products", values | {"consumable": consumable, "created_at": OPENING, "loaded_at": OPENING}
        yield from stock_rows(product_id)
        yield from price_rows(product_id, price)
    yield from limited_rows()


def limited_rows() -> Iterator[Row]:
    values = {"product_id": LIMITED, "name": "Cup of the year", "category": "cups", "price": Decimal("25.00")}
    values |= {"cost": Decimal("9.00"), "currency": "EUR", "consumable": False, "created_at": OPENING}
    yield "raw_products", values | {"loaded_at": OPENING}
    yield from price_rows(LIMITED, Decimal("25.00"))
    for quantity, at in ((20, OPENING), (0, as_of(9)), (20, as_of(11))):
        yield stock(LIMITED, quantity, at)


def stock_rows(product_id: str) -> Iterator[Row]:
    yield stock(product_id, 100, OPENING)
    for nth in range(8):
        at = moment(product_id, f"stock {nth}", HISTORY_START, LAST_AS_OF)
        yield stock(
            product_id, 0 if chance(product_id, f"out {nth}", 0.2) else between(product_id, f"qty {nth}", 1, 120), at
        )


def price_rows(product_id: str, price: Decimal) -> Iterator[Row]:
    """The opening price, and now and then a sale of a fortnight."""
    changes = [(OPENING, price)]
    if chance(product_id, "sale", 0.5):
        start = moment(product_id, "sale starts", DAY_ZERO - timedelta(days=20), LAST_AS_OF)
        cut = price * between(product_id, "sale cut", 70, 95) / 100
        changes += [(start, cut.quantize(Decimal("0.01"))), (start + timedelta(days=14), price)]
    for at, amount in changes:
        values = {"product_id": product_id, "price": amount, "currency": "EUR", "changed_at": at}
        yield "raw_price_changes", values | {"loaded_at": landed(f"{product_id} price", at)}


def stock(product_id: str, quantity: int, at: datetime) -> Row:
    values = {"product_id": product_id, "available_qty": quantity, "changed_at": at}
    return "raw_stock_changes", values | {"loaded_at": landed(product_id, at)}


def ad_rows() -> Iterator[Row]:
    """A day's spend is known the next morning."""
    campaigns = (("meta", "winback"), ("meta", "prospecting"), ("google", "vip"), ("google", "prospecting"))
    for day in calendar(HISTORY_START.date(), LAST_AS_OF.date()):
        for platform, audience in campaigns:
            spend = Decimal(between(f"{platform} {audience} {day}", "spend", 900, 9000)) / 100
            values = {"day": day, "platform": platform, "campaign": f"{audience}_autumn", "audience": audience}
            night = datetime.combine(day, time(4)) + timedelta(days=1)
            yield "raw_ad_spend", values | {"spend": spend, "loaded_at": night}
