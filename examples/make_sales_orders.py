"""Writes the example table ``sales_orders.csv``: two years of invented orders, with known effects and known mistakes in them.

Only ``random.Random.random`` and whole numbers are used, so that every Python on every machine writes the same bytes.

    python examples/make_sales_orders.py            # writes sales_orders.csv beside this file
    python examples/make_sales_orders.py out.csv
"""

import csv
import io
import random
import sys
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple, TypeVar

Item = TypeVar("Item")

SEED = 20240229
FIRST_DAY, LAST_DAY = date(2023, 1, 2), date(2024, 12, 30)
ORDERS = 19_975
DUPLICATED = 25
BROKEN_TOTALS = 12
IMPOSSIBLE_SHIP_DATES = 7
MISSING_STOCK_CODES = 160
FOREIGN_SALES = 9
DISCOUNT_CHANGE = date(2024, 3, 4)
FIRST_ORDER_NUMBER = 310_001
STOCK_SENTINEL = 9999

# Region: its share of the orders in percent, the days in transit from and to, its cities, its sales representatives.
REGIONS: dict[str, tuple[int, tuple[int, int], tuple[str, ...], tuple[str, ...]]] = {
    "North": (28, (2, 5), ("Hamburg", "Bremen", "Kiel", "Rostock"), ("Adler", "Brandt", "Claasen")),
    "South": (31, (3, 6), ("München", "Augsburg", "Nürnberg", "Ulm"), ("Dietz", "Egger", "Falk")),
    "East": (17, (7, 13), ("Leipzig", "Dresden", "Cottbus", "Erfurt"), ("Gerlach", "Hoyer")),
    "West": (24, (2, 4), ("Köln", "Essen", "Aachen", "Bonn"), ("Imhof", "Jansen", "Kern")),
}

# Product: its category and list price in cents.
PRODUCTS: dict[str, tuple[str, int]] = {
    "Desk lamp": ("Lighting", 3490), "Floor lamp": ("Lighting", 8900), "LED panel": ("Lighting", 5950),
    "Spotlight": ("Lighting", 2290), "Office chair": ("Seating", 24900), "Visitor chair": ("Seating", 11900),
    "Bar stool": ("Seating", 9900), "Bench": ("Seating", 17900), "Writing desk": ("Desks", 32900),
    "Standing desk": ("Desks", 48900), "Side table": ("Desks", 7900), "Meeting table": ("Desks", 45900),
    "Bookcase": ("Storage", 15900), "Filing cabinet": ("Storage", 21900), "Locker": ("Storage", 18900),
    "Wall shelf": ("Storage", 4590), "Whiteboard": ("Supplies", 6490), "Pin board": ("Supplies", 2790),
    "Paper tray": ("Supplies", 990), "Waste bin": ("Supplies", 1490), "Coat stand": ("Supplies", 5290),
    "Power strip": ("Electrical", 1990), "Cable duct": ("Electrical", 1290), "Desk fan": ("Electrical", 3990),
}  # fmt: skip

HEADER = (
    "order_id", "order_date", "ship_date", "customer_id", "region", "city", "sales_rep", "product", "category", "quantity",
    "unit_price", "discount", "total", "currency", "payment_status", "delivery_days", "warehouse_stock",
)  # fmt: skip


class Order(NamedTuple):
    """One row before it is written; money in cents, the discount in percent, ``None`` where the cell stays empty."""

    order_id: str
    order_date: date
    ship_date: date | None
    customer_id: str
    region: str
    city: str
    sales_rep: str | None
    product: str
    category: str
    quantity: int
    unit_price: int
    discount: int
    total: int
    payment_status: str | None
    delivery_days: int
    warehouse_stock: int


class Dice:
    """Draws that depend on nothing but the seed: each is one call of ``random.Random.random``."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed).random  # noqa: S311 - invented data, no secret

    def below(self, limit: int) -> int:
        return int(self._draw() * limit)

    def between(self, low: int, high: int) -> int:
        return low + self.below(high - low + 1)

    def percent(self, chance: float) -> bool:
        return self._draw() * 100 < chance

    def one_of(self, items: Sequence[Item]) -> Item:
        return items[self.below(len(items))]

    def weighted(self, weights: dict[Item, int]) -> Item:
        mark = self.below(sum(weights.values()))
        for item, weight in weights.items():
            if mark < weight:
                return item
            mark -= weight
        raise AssertionError("the weights cover every draw")

    def sample(self, count: int, size: int) -> list[int]:
        """``count`` different numbers below ``size``, in ascending order."""
        chosen: set[int] = set()
        while len(chosen) < count:
            chosen.add(self.below(size))
        return sorted(chosen)


def orders() -> list[Order]:
    """The whole table, mistakes included, in the order of the file."""
    dice = Dice(SEED)
    clean = [_order(dice, number, day) for number, day in enumerate(_days(dice))]
    spoilt = _with_mistakes(dice, clean)
    twice = set(dice.sample(DUPLICATED, len(spoilt)))
    return [order for index, order in enumerate(spoilt) for _ in range(2 if index in twice else 1)]


def _days(dice: Dice) -> list[date]:
    """One date per order, ascending: a weekend day sees a fifth of what a working day sees."""
    calendar = [FIRST_DAY + timedelta(days=offset) for offset in range((LAST_DAY - FIRST_DAY).days + 1)]
    weights = {day: 2 if day.weekday() >= 5 else 10 for day in calendar}
    urn = [day for day, weight in weights.items() for _ in range(weight)]
    return sorted(dice.one_of(urn) for _ in range(ORDERS))


def _order(dice: Dice, number: int, day: date) -> Order:
    region = dice.weighted({name: facts[0] for name, facts in REGIONS.items()})
    _, (fastest, slowest), cities, representatives = REGIONS[region]
    product = dice.one_of(tuple(PRODUCTS))
    category, list_price = PRODUCTS[product]
    quantity = 1 + min(dice.below(24), dice.below(24))
    discount = _discount(dice, day)
    unit_price = _price(list_price * dice.between(96, 104) // 100, quantity, discount)
    return Order(
        order_id=f"SO-{FIRST_ORDER_NUMBER + number}",
        order_date=day,
        ship_date=None if dice.percent(1.4) else day + timedelta(days=dice.between(1, 4)),
        customer_id=f"C{1000 + _customer(dice)}",
        region=region,
        city=dice.one_of(cities),
        sales_rep=_representative(dice, region, representatives),
        product=product,
        category=category,
        quantity=quantity,
        unit_price=unit_price,
        discount=discount,
        total=_total(quantity, unit_price, discount),
        payment_status=None if dice.percent(2) else dice.weighted({"paid": 83, "open": 11, "overdue": 6}),
        delivery_days=dice.between(fastest, slowest),
        warehouse_stock=dice.between(0, 420) + dice.between(0, 420),
    )


def _discount(dice: Dice, day: date) -> int:
    """From the change of policy on, discounts are twice as deep on average."""
    before, after = {0: 60, 5: 25, 10: 12, 15: 3}, {0: 30, 5: 28, 10: 27, 15: 15}
    return dice.weighted(after if day >= DISCOUNT_CHANGE else before)


def _price(price: int, quantity: int, discount: int) -> int:
    """A cent more where the total would end on exactly half a cent: programs disagree about how to round those."""
    return price + 1 if quantity * price * (100 - discount) % 100 == 50 else price


def _customer(dice: Dice) -> int:
    """A few customers order often: the smallest of three draws."""
    return min(dice.below(640), dice.below(640), dice.below(640))


def _representative(dice: Dice, region: str, names: Sequence[str]) -> str | None:
    """In the West, one order in eight came through the web shop and names nobody."""
    return None if region == "West" and dice.percent(12.5) else dice.one_of(names)


def _total(quantity: int, unit_price: int, discount: int) -> int:
    """In cents, rounded."""
    return (quantity * unit_price * (100 - discount) + 50) // 100


def _with_mistakes(dice: Dice, clean: list[Order]) -> list[Order]:
    rows = list(clean)
    for index, order in enumerate(rows):
        if dice.percent(3):
            rows[index] = order._replace(city=order.city.upper() if dice.percent(60) else order.city.lower())
    for index in dice.sample(MISSING_STOCK_CODES, len(rows)):
        rows[index] = rows[index]._replace(warehouse_stock=STOCK_SENTINEL)
    _break_ship_dates(dice, rows)
    _break_totals(dice, rows)
    _sell_abroad(dice, rows)
    _shift_a_decimal(rows)
    return rows


def _break_ship_dates(dice: Dice, rows: list[Order]) -> None:
    """Shipped before ordered: the month was mistyped."""
    for index in dice.sample(IMPOSSIBLE_SHIP_DATES, len(rows)):
        rows[index] = rows[index]._replace(ship_date=rows[index].order_date - timedelta(days=dice.between(24, 33)))


def _break_totals(dice: Dice, rows: list[Order]) -> None:
    """The discount was not taken off; where there was none, the amount was cut to full tens."""
    for index in dice.sample(BROKEN_TOTALS, len(rows)):
        order = rows[index]
        wrong = order.quantity * order.unit_price if order.discount else order.total - order.total % 1_000
        rows[index] = order._replace(total=wrong if wrong != order.total else order.total + 900)


def _sell_abroad(dice: Dice, rows: list[Order]) -> None:
    """Orders of the South that a representative of the North wrote."""
    south = [index for index, order in enumerate(rows) if order.region == "South"]
    for place in dice.sample(FOREIGN_SALES, len(south)):
        rows[south[place]] = rows[south[place]]._replace(sales_rep=dice.one_of(REGIONS["North"][3]))


def _shift_a_decimal(rows: list[Order]) -> None:
    """One office chair at a hundred times its price; the total follows."""
    index = next(i for i, order in enumerate(rows) if i > 11_000 and order.product == "Office chair" and order.quantity >= 3)
    order = rows[index]
    price = order.unit_price * 100
    rows[index] = order._replace(unit_price=price, total=_total(order.quantity, price, order.discount))


def _cells(order: Order) -> Iterator[str]:
    for name in HEADER:
        value = "EUR" if name == "currency" else getattr(order, name)
        if value is None:
            yield ""
        elif name in ("unit_price", "total", "discount"):
            whole, hundredths = divmod(int(value), 100)
            yield f"{whole}.{hundredths:02d}"
        else:
            yield str(value)


def csv_bytes() -> bytes:
    """The file: UTF-8, comma, a header, ``\\n`` at the end of every line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(_cells(order) for order in orders())
    return text.getvalue().encode("utf-8")


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("sales_orders.csv")
    target.write_bytes(csv_bytes())
