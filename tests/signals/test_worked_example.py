"""The specification's example (0.65 against 0.72) with its true figures; `docs/worked-example.md` shows these very lines."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from pathlib import Path

import pytest

from arbsite.config import Signals, fill_bands
from markets.platforms.kalshi.fees import BROKER_GRID, KalshiFees
from markets.platforms.polymarket.fees import PolymarketFees
from signals import edge, expected
from signals.edge import Charges
from signals.expected import Step
from tests.signals.values import NOW, A, B, Caps, Rules, book, listings, look

PAGE = Path(__file__).resolve().parents[2] / "docs" / "worked-example.md"
RATES = {"geopolitics": "0", "politics": "0.04", "economics": "0.05", "crypto": "0.07"}
KALSHI_FEES = KalshiFees("quadratic", D(1), balance_grid=BROKER_GRID)
CHARGES = Charges(
    fill_bands(Signals.model_fields["leg_fill_rates"].default), Signals.model_fields["cash_rate"].default
)


def found(rate: str, bid: str, days: int = 30):
    """1,000 YES at 0.65 on Polymarket, and 1,000 NO into Kalshi's YES bid."""
    settles = datetime.fromtimestamp(NOW / 1_000, UTC) + timedelta(days=days)
    a = book(A, bids=[("0.64", 1_000)], asks=[("0.65", 1_000)])
    b = book(B, bids=[(bid, 1_000)], asks=[(str(D(bid) + D("0.02")), 1_000)])
    known = listings(PolymarketFees(rate=D(rate)), KALSHI_FEES, settles=settles)
    (one,) = look(a, b, known, Rules(caps=Caps())).findings
    # Detection of its own may or may not say what the legs could be sold for: here it is said by hand
    legs = (
        replace(one.legs[0], best_bid=D("0.64"), exit_fee=known[A].fees.marginal_fee(D("0.64"))),
        replace(one.legs[1], best_bid=1 - D(bid) - D("0.02"),
                exit_fee=known[B].fees.marginal_fee(1 - D(bid) - D("0.02"))),
    )  # fmt: skip
    return replace(one, legs=legs)


@pytest.mark.parametrize(
    ("bid", "category", "pct"),
    [
        ("0.72", "geopolitics", "5.92"), ("0.72", "politics", "4.91"), ("0.72", "economics", "4.66"),
        ("0.72", "crypto", "4.16"), ("0.70", "geopolitics", "3.66"), ("0.70", "politics", "2.69"),
        ("0.70", "economics", "2.45"), ("0.70", "crypto", "1.98"),
    ],
)  # fmt: skip
def test_the_example_by_category(bid, category, pct):
    one = found(RATES[category], bid)
    assert one.size == 1_000
    assert f"{one.profit_pct * 100:.2f}" == pct


def test_politics_leaves_46_78_on_953_22():
    one = found("0.04", "0.72")
    assert (one.legs[0].cost.notional, one.legs[0].cost.fee) == (650, D("9.1"))
    assert (one.legs[1].cost.notional, one.legs[1].cost.cash) == (280, D("294.12"))
    assert (one.outlay, one.net_profit) == (D("953.22"), D("46.78"))


def test_a_year_is_60_per_cent_at_30_days_and_4_9_at_365():
    assert f"{found('0.04', '0.72').annualised:.0%}" == "60%"
    assert f"{found('0.04', '0.72', days=365).annualised:.1%}" == "4.9%"


def test_the_specification_s_own_figure_is_none_of_the_possible_ones():
    assert {f"{D('0.07') / D(base):.4f}" for base in ("0.65", "0.72", "0.93")} == {
        "0.1077",
        "0.0972",
        "0.0753",
    }


# --- the page


def waterfall_lines(days: int) -> list[str]:
    one = found("0.04", "0.72", days)
    falls = expected.of(one, D("0.002"), CHARGES)
    return [_line(step) for step in expected.steps(one, falls)]


def _line(step: Step) -> str:
    return f"| {step.name.replace('_', ' ')} | {step.dollars:.2f} | {step.per_dollar * 100:.3f} |"


def category_lines() -> list[str]:
    rows = []
    for category, rate in RATES.items():
        cells = []
        for bid in ("0.72", "0.70"):
            one = found(rate, bid)
            cells.append(f"{one.net_profit:.2f} | {one.profit_pct * 100:.2f} %")
        rows.append(f"| {category} | {rate} | {' | '.join(cells)} |")
    return rows


@pytest.mark.parametrize("lines", [category_lines(), waterfall_lines(30), waterfall_lines(365)])
def test_the_page_shows_what_the_code_computes(lines):
    assert "\n".join(lines) in PAGE.read_text()


def test_the_page_s_unwind_loss_and_hurdle():
    one = found("0.04", "0.72")
    falls = expected.of(one, D("0.002"), CHARGES)
    text = PAGE.read_text()
    assert f"u = {falls.unwind_loss:.4f}" in text
    assert f"{edge.leg_cost([falls.unwind_loss, D(0)], D('0.9')):.4f}" in text
    assert falls.fill_rate == D("0.90")
