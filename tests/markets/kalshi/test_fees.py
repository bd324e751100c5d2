"""Fees to the last digit: the platform's worked examples, recorded fills, and what must hold for any order."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets.books import Level
from markets.platforms.kalshi.fees import BROKER_GRID, KalshiFees, dearest, from_json, schedule

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


# The documentation's own tables: their trade fees follow from 0.07 with these multipliers.
@pytest.mark.parametrize(
    ("multiplier", "size", "price", "trade_fee", "nets", "overpaid"),
    [
        ("0.78", "0.30", "0.50", "0.0041", ("0.0100", "0.0000", "0.0100"), ("0.0059", "0.0018", "0.0077")),
        ("2.33", "1", "0.055", "0.0085", ("0.0150", "0.0050", "0.0150"), ("0.0065", "0.0030", "0.0095")),
    ],
)
def test_the_published_tables_of_rounding_and_rebate(multiplier, size, price, trade_fee, nets, overpaid):
    fees = KalshiFees("quadratic", Decimal(multiplier), balance_grid=BROKER_GRID)
    before = Decimal(0)
    for net, left in zip(nets, overpaid, strict=True):
        one = fees.fill_cost("BUY", level(size, price), before)
        assert (one.trade_fee, one.fee, one.overpaid) == (Decimal(trade_fee), Decimal(net), Decimal(left))
        before = one.overpaid


def test_a_sum_of_exactly_one_cent_is_not_given_back():
    one = BROKER.fill_cost("BUY", level("0.03", "0.50"), Decimal("0.0056"))  # rounding 0.015 + 0.0006 -> 0.02
    assert (one.rounding, one.overpaid, one.rebate) == (Decimal("0.0044"), Decimal("0.0100"), 0)


def test_taker_and_maker_fills_of_one_order_share_what_was_overpaid():
    fees = KalshiFees("quadratic_with_maker_fees", Decimal(1), balance_grid=BROKER_GRID)
    taken = fees.fill_cost("BUY", level("0.05", "0.50"))  # 0.025 + 0.0009 -> 0.03
    rested = fees.fill_cost(
        "BUY", level("0.05", "0.50"), taken.overpaid, maker=True
    )  # 0.025 + 0.0003 -> 0.03
    last = fees.fill_cost("BUY", level("0.05", "0.50"), rested.overpaid)
    assert (taken.overpaid, rested.overpaid) == (Decimal("0.0041"), Decimal("0.0088"))
    assert (last.rebate, last.overpaid, last.fee) == (Decimal("0.01"), Decimal("0.0029"), Decimal("-0.0050"))


@given(schedules, fills, st.sampled_from(["BUY", "SELL"]), st.booleans())
def test_fills_add_up_to_their_order(fees: KalshiFees, parts: list[Level], side: str, maker: bool):
    cost, before, total = fees.order_cost(side, parts, maker=maker), Decimal(0), Decimal(0)
    for part in parts:
        one = fees.fill_cost(side, part, before, maker=maker)
        assert 0 <= one.overpaid <= Decimal("0.01")
        assert one.trade_fee >= one.exact >= 0
        before, total = one.overpaid, total + one.fee
    assert total == cost.fee
    assert cost.fee >= 0


@given(
    schedules,
    prices,
    st.lists(sizes, min_size=1, max_size=8),
    st.sampled_from(["BUY", "SELL"]),
    st.booleans(),
)
def test_an_order_in_many_fills_costs_at_most_the_rounding_more(fees, price, parts, side, maker):
    """Each fill's trade fee is rounded up, and of the balance's rounding never more than a cent is kept."""
    whole = fees.order_cost(side, [Level(price, sum(parts))], maker=maker).fee
    split = fees.order_cost(side, [Level(price, part) for part in parts], maker=maker).fee
    bound = len(parts) * Decimal("0.0001") + Decimal("0.01")
    assert abs(split - whole) <= bound


@given(schedules, prices, sizes, sizes, st.sampled_from(["BUY", "SELL"]), st.booleans())
def test_more_contracts_never_pay_a_smaller_trade_fee(fees, price, size, more, side, maker):
    one = fees.fill_cost(side, Level(price, size), maker=maker)
    two = fees.fill_cost(side, Level(price, size + more), maker=maker)
    assert two.trade_fee >= one.trade_fee
    if side == "BUY":
        assert two.notional + two.fee >= one.notional + one.fee


@given(
    fills, st.sampled_from(["BUY", "SELL"]), st.booleans(), st.sampled_from(["0", "0.25", "0.5", "1", "1.5"])
)
def test_a_higher_multiplier_never_costs_less_but_for_the_cent_given_back(parts, side, maker, multiplier):
    fee_type = "quadratic_with_maker_fees"
    lower = KalshiFees(fee_type, Decimal(multiplier)).order_cost(side, parts, maker=maker)
    higher = KalshiFees(fee_type, Decimal(multiplier) + Decimal("0.25")).order_cost(side, parts, maker=maker)
    assert higher.fee >= lower.fee - Decimal("0.01")


@given(schedules, fills, st.sampled_from(["BUY", "SELL"]), st.booleans())
def test_yes_at_a_price_pays_as_no_at_the_rest_of_the_dollar(fees, parts, side, maker):
    turned = [Level(1 - part.price, part.size) for part in parts]
    exact = [fees.fill_cost(side, part, maker=maker).trade_fee for part in parts]
    assert exact == [fees.fill_cost(side, part, maker=maker).trade_fee for part in turned]


@given(
    schedules, st.permutations(range(5)), st.lists(st.builds(Level, prices, sizes), min_size=5, max_size=5)
)
def test_the_order_of_fills_moves_no_trade_fee(fees, order, parts):
    def cash(levels):
        costs = fees.order_cost("BUY", levels)
        return costs.notional, costs.fee

    (notional, fee), (same, other) = cash(parts), cash([parts[at] for at in order])
    assert notional == same
    assert abs(fee - other) <= Decimal("0.01")  # only which fill got a cent back


def test_the_precision_of_the_thread_does_not_matter():
    fills = [level("123456789.01", "0.1234"), level("0.01", "0.0001")]
    expected = BROKER.order_cost("BUY", fills)
    with localcontext(prec=6):
        assert BROKER.order_cost("BUY", fills) == expected
        assert FULL.marginal_fee(Decimal("0.1234")) == Decimal("0.0075720708")


def test_the_dearest_of_schedules():
    low, high = KalshiFees("quadratic_with_maker_fees", Decimal("0.5")), KalshiFees("quadratic", Decimal(2))
    assert dearest([low, high]) == KalshiFees("quadratic_with_maker_fees", Decimal(2))
    assert dearest([low]) == low
    assert dearest([low, None]) is None
    early, late = (KalshiFees("quadratic", Decimal(1), NOW + timedelta(hours=hours)) for hours in (1, 2))
    assert dearest([early, late]) == early
    assert dearest([early, FULL]) == FULL
    with pytest.raises(ValueError):
        dearest([])


@given(st.lists(schedules, min_size=1, max_size=4), st.builds(Level, prices, sizes), st.booleans())
def test_nothing_is_dearer_than_the_dearest(several, fill, maker):
    most = dearest(several)
    for one in several:
        assert (
            most.fill_cost("BUY", fill, maker=maker).trade_fee
            >= one.fill_cost("BUY", fill, maker=maker).trade_fee
        )


# --- recorded: what the exchange really charged


def recorded_rows(recorded: Path, name: str) -> list[dict]:
    document = json.loads((recorded / "kalshi" / "rest" / "aug2026" / name).read_text())
    return next(rows for rows in document["payload"].values() if isinstance(rows, list))


def fees_of(ticker: str) -> KalshiFees:
    """The multiplier that the recorded series had: a half for baseball."""
    return HALF if ticker.startswith("KXMLB") else FULL


def paid_for(row: dict) -> Level:
    price = row["yes_price_dollars"] if row["outcome_side"] == "yes" else row["no_price_dollars"]
    return level(row["count_fp"], price)


def test_recorded_series_have_the_fees_that_we_assume(recorded: Path):
    document = json.loads((recorded / "kalshi" / "rest" / "aug2026" / "series_fee_fields.json").read_text())
    assert document["payloads"]
    for ticker, body in document["payloads"].items():
        found = schedule(body["series"]["fee_type"], Decimal(str(body["series"]["fee_multiplier"])))
        assert found is not None
        assert found.multiplier == fees_of(ticker).multiplier, ticker


def test_recorded_fills_paid_exactly_this(recorded: Path):
    rows = recorded_rows(recorded, "portfolio_fills_redacted.json")
    assert len(rows) == 17
    orders = Counter(row["order_id"] for row in rows)
    assert set(orders.values()) == {1}, "one fill an order, so that each begins a sum of its own"
    for row in rows:
        cost = fees_of(row["ticker"]).order_cost("BUY", [paid_for(row)], maker=not row["is_taker"])
        assert cost.fee == Decimal(row["fee_cost"]), row


def test_fills_of_the_demo_exchange_paid_exactly_this(recorded: Path):
    document = json.loads(
        (recorded / "kalshi" / "rest" / "demo_jun2026" / "fills__after_taker.json").read_text()
    )
    fills = document.get("fills") or document["response"]["fills"]
    assert len(fills) == 3
    for row in fills:
        assert FULL.order_cost("BUY", [paid_for(row)], maker=not row["is_taker"]).fee == Decimal(
            row["fee_cost"]
        )


def test_recorded_settlements_paid_exactly_this(recorded: Path):
    """A settlement names contracts, cost and fees of a position; each of these was bought at one price."""
    rows = recorded_rows(recorded, "portfolio_settlements_redacted.json")
    assert len(rows) == 11
    for row in rows:
        outcome = "yes" if Decimal(row["yes_count_fp"]) else "no"
        count, cost = Decimal(row[f"{outcome}_count_fp"]), Decimal(row[f"{outcome}_total_cost_dollars"])
        fees = fees_of(row["ticker"])
        assert fees.order_cost("BUY", [Level(cost / count, count)]).fee == Decimal(row["fee_cost"]), row
