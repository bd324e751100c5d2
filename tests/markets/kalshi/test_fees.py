"""Fees to the last digit: the platform's worked examples, recorded fills, and what must hold for any order."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets.books import Level
from markets.platforms.kalshi.fees import BROKER_GRID, KalshiFees, from_json, schedule
from tests.conftest import SHARED

FULL = KalshiFees("quadratic", Decimal(1))
HALF = KalshiFees("quadratic_with_maker_fees", Decimal("0.5"))
BROKER = KalshiFees("quadratic", Decimal(1), balance_grid=BROKER_GRID)
NOW = datetime(2026, 10, 1, tzinfo=UTC)


def level(size: str, price: str) -> Level:
    return Level(Decimal(price), Decimal(size))


@pytest.mark.parametrize(
    ("fees", "size", "price", "fee"),
    [
        (FULL, "227.27", "0.001", "0.015930"), (FULL, "10", "0.27", "0.138000"), (HALF, "10", "0.27", "0.069000"),
        (HALF, "1", "0.52", "0.008800"), (FULL, "1", "0.52", "0.017500"), (FULL, "28.32", "0.033", "0.063340"),
        (FULL, "20", "0.15", "0.178500"), (BROKER, "1", "0.50", "0.02"), (BROKER, "100", "0.50", "1.75"),
        (BROKER, "25", "0.10", "0.16"), (BROKER, "200", "0.97", "0.41"),
    ],
)  # fmt: skip
def test_worked_examples(fees: KalshiFees, size: str, price: str, fee: str):
    cost = fees.order_cost("BUY", [level(size, price)])
    assert cost.fee == Decimal(fee)
    assert cost.cash == cost.notional + cost.fee == Decimal(size) * Decimal(price) + Decimal(fee)


def test_overpaid_rounding_comes_back_as_a_cent():
    fills = [level("0.05", "0.50")] * 3
    one = BROKER.order_cost("BUY", fills[:1])
    two = BROKER.order_cost("BUY", fills[:2])
    three = BROKER.order_cost("BUY", fills)
    # -0.025 - 0.0009 goes down to -0.03: 0.0041 lost; 0.0082; 0.0123 is more than a cent, so one comes back
    assert (one.fee, two.fee, three.fee) == (Decimal("0.0050"), Decimal("0.0100"), Decimal("0.0050"))


def test_makers_pay_by_the_type_of_the_series():
    def maker(fee_type: str) -> Decimal:
        return KalshiFees(fee_type, Decimal(1)).order_cost("SELL", [level("100", "0.50")], maker=True).fee

    assert maker("quadratic") == 0
    assert maker("quadratic_with_maker_fees") == Decimal("0.4375")
    assert maker("quadratic_with_combo_maker_fees") == Decimal("0.875")


@pytest.mark.parametrize("fee_type", ["flat", "cubic", "", None])
def test_an_unknown_schedule_is_none(fee_type: str | None):
    assert schedule(fee_type, Decimal(1)) is None
    assert schedule("quadratic", None) is None
    assert schedule("quadratic", Decimal("NaN")) is None


def test_a_waiver_counts_only_while_it_runs():
    fees = KalshiFees("quadratic", Decimal(1), waived_until=NOW + timedelta(hours=1))
    fill = [level("10", "0.50")]
    assert fees.at(NOW).order_cost("BUY", fill).fee == 0
    assert fees.at(NOW + timedelta(hours=1)).order_cost("BUY", fill).fee == Decimal("0.175")
    assert fees.order_cost("BUY", fill).fee == Decimal("0.175")


@pytest.mark.parametrize(
    ("side", "size", "price"), [("HOLD", "1", "0.5"), ("BUY", "0", "0.5"), ("BUY", "1", "1.01"), ("SELL", "-1", "0.5")]
)  # fmt: skip
def test_nonsense_is_refused(side: str, size: str, price: str):
    with pytest.raises(ValueError):
        FULL.order_cost(side, [level(size, price)])


prices = st.integers(1, 999).map(lambda mills: Decimal(mills).scaleb(-3))
sizes = st.integers(1, 100_000).map(lambda hundredths: Decimal(hundredths).scaleb(-2))
fills = st.lists(st.builds(Level, prices, sizes), min_size=1, max_size=6)
schedules = st.sampled_from([FULL, HALF, BROKER])


@given(schedules, fills, st.sampled_from(["BUY", "SELL"]))
def test_an_order_lands_on_the_balance_grid_and_never_below_the_formula(
    fees: KalshiFees, parts: list[Level], side: str
):
    cost = fees.order_cost(side, parts)
    exact = sum((fees.marginal_fee(part.price) * part.size for part in parts), Decimal(0))
    assert cost.cash == (cost.notional + cost.fee if side == "BUY" else cost.notional - cost.fee)
    assert cost.cash % fees.balance_grid == 0
    assert exact <= cost.fee <= exact + (fees.balance_grid + Decimal("0.0001")) * len(parts)
    assert all(fees.marginal_fee(part.price) == fees.marginal_fee(1 - part.price) for part in parts)


@given(schedules, st.none() | st.datetimes(timezones=st.just(UTC)))
def test_a_schedule_survives_json(fees: KalshiFees, until: datetime | None):
    one = KalshiFees(fees.fee_type, fees.multiplier, until, fees.balance_grid)
    assert from_json(json.loads(json.dumps(one.as_json()))) == one
    assert from_json(None) is None


@pytest.mark.parametrize("document", [{"multiplier": "1"}, {"fee_type": "quadratic", "multiplier": "x"}])
def test_a_broken_document_is_refused(document: dict):
    with pytest.raises(ValueError):
        from_json(document)


def test_recorded_fills_paid_exactly_this():
    path = SHARED / "recorded" / "kalshi" / "rest" / "aug2026" / "portfolio_fills_redacted.json"
    if not path.is_file():
        pytest.skip(f"no recording at {path}")
    rows = json.loads(path.read_text())["payload"]["fills"]
    assert rows
    for row in rows:
        fees = HALF if row["ticker"].startswith("KXMLB") else FULL
        paid = row["yes_price_dollars"] if row["outcome_side"] == "yes" else row["no_price_dollars"]
        cost = fees.order_cost("BUY", [level(row["count_fp"], paid)], maker=not row["is_taker"])
        assert cost.fee == Decimal(row["fee_cost"]), row
