"""Money: reservations, netting, fees, settlement; the sums of what users have and what the exchange took."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from markets.sandbox.clock import ManualClock
from tests.markets.sandbox.kalshi.rig import Client, Rig, rig

START = 1_795_000_000_000
RICH = Decimal(10_000)


@pytest.fixture
def place() -> Iterator[Rig]:
    with rig(clock=ManualClock(START)) as made:
        yield made


def balance(client: Client) -> Decimal:
    """Free money in dollars."""
    return Decimal(client.get("/portfolio/balance")["balance_dollars"])


def test_resting_orders_hold_back_their_cost(place: Rig) -> None:
    alice, ticker = place.client(), place.empty_market()
    made = alice.placed(ticker, "bid", "0.30", "10")["order_id"]
    assert balance(alice) == RICH - 3
    alice.placed(ticker, "ask", "0.80", "10")  # buys NO at 0.20
    assert balance(alice) == RICH - 5
    alice.ask("DELETE", f"/portfolio/events/orders/{made}", market_ticker=ticker)
    assert balance(alice) == RICH - 2
    alice.ask("DELETE", "/portfolio/events/orders")
    assert balance(alice) == RICH


def test_yes_and_no_net_to_a_dollar_at_once(place: Rig) -> None:
    alice, bob, ticker = place.client(), place.bob(), place.empty_market()
    bob.placed(ticker, "ask", "0.40", "10")
    alice.placed(ticker, "bid", "0.40", "10")
    fee_in = Decimal("0.1680")  # 0.07 * 10 * 0.4 * 0.6
    assert balance(alice) == RICH - 4 - fee_in
    bob.placed(ticker, "bid", "0.70", "10")
    alice.placed(ticker, "ask", "0.70", "10")
    fee_out = Decimal("0.1470")  # 0.07 * 10 * 0.7 * 0.3
    assert balance(alice) == RICH + 3 - fee_in - fee_out
    [position] = alice.get("/portfolio/positions", ticker=ticker)["market_positions"]
    assert position["position_fp"] == "0.00"
    assert Decimal(position["realized_pnl_dollars"]) == 3
    assert Decimal(position["fees_paid_dollars"]) == fee_in + fee_out
    # The maker paid no fee in a series without maker fees: what one lost the other won
    assert balance(bob) == RICH - 3


@pytest.mark.parametrize(("value", "result"), [(1_000_000, "yes"), (0, "no"), (420_000, "scalar")])
def test_settlement_pays_the_value_per_yes(place: Rig, value: int, result: str) -> None:
    alice, bob, ticker = place.client(), place.bob(), place.empty_market()
    bob.placed(ticker, "ask", "0.40", "10")
    alice.placed(ticker, "bid", "0.40", "10")
    rests = alice.placed(ticker, "bid", "0.10", "1")
    place.world("determine", ticker, value)
    market = alice.get(f"/markets/{ticker}")["market"]
    assert (market["status"], market["result"]) == ("determined", result)
    assert balance(alice) == RICH - 4 - Decimal("0.168")  # nothing is paid yet, the resting order is gone
    assert alice.get(f"/portfolio/orders/{rests['order_id']}")["order"]["status"] == "canceled"
    place.world("settle", ticker)
    yes = Decimal(value).scaleb(-6)
    assert balance(alice) == RICH - 4 - Decimal("0.168") + 10 * yes
    assert balance(bob) == RICH - 6 + 10 * (1 - yes)
    [row] = alice.get("/portfolio/settlements")["settlements"]
    assert (row["market_result"], row["yes_count_fp"], row["no_count_fp"]) == (result, "10.00", "0.00")
    assert (row["revenue"], row["value"]) == (int(1000 * yes), int(100 * yes))
    assert Decimal(row["fee_cost"]) == Decimal("0.168") and Decimal(row["yes_total_cost_dollars"]) == 4
    [other] = bob.get("/portfolio/settlements")["settlements"]
    assert other["revenue"] == int(1000 * (1 - yes)) and other["no_count_fp"] == "10.00"
    assert alice.get("/portfolio/positions")["market_positions"] == []
    [settled] = alice.get("/portfolio/positions", settlement_status="settled")["market_positions"]
    assert Decimal(settled["realized_pnl_dollars"]) == 10 * yes - 4


def test_a_dispute_changes_what_is_paid(place: Rig) -> None:
    alice, bob, ticker = place.client(), place.bob(), place.empty_market()
    bob.placed(ticker, "ask", "0.40", "10")
    alice.placed(ticker, "bid", "0.40", "10")
    place.world("determine", ticker, 1_000_000)
    place.world("dispute", ticker)
    assert alice.get(f"/markets/{ticker}")["market"]["status"] == "disputed"
    place.world("determine", ticker, 0)
    assert alice.get(f"/markets/{ticker}")["market"]["status"] == "amended"
    place.world("settle", ticker)
    assert alice.get(f"/markets/{ticker}")["market"]["status"] == "finalized"
    assert alice.get("/portfolio/settlements")["settlements"][0]["revenue"] == 0
    assert balance(bob) == RICH + 4


def test_the_public_tape(place: Rig) -> None:
    alice, bob, ticker = place.client(), place.bob(), place.empty_market()
    bob.placed(ticker, "ask", "0.40", "10")
    alice.placed(ticker, "bid", "0.45", "4")
    alice.placed(ticker, "bid", "0.40", "2.5")
    trades = alice.get("/markets/trades", ticker=ticker)["trades"]
    assert [trade["count_fp"] for trade in trades] == ["2.50", "4.00"]
    assert trades[0]["taker_outcome_side"] == "yes" and trades[0]["yes_price_dollars"] == "0.4000"
    market = alice.get(f"/markets/{ticker}")["market"]
    assert (market["volume_fp"], market["volume_24h_fp"], market["open_interest_fp"]) == ("6.50",) * 3
    assert (market["last_price_dollars"], market["no_bid_dollars"], market["yes_ask_size_fp"]) == (
        "0.4000", "0.6000", "3.50",
    )  # fmt: skip
    assert (market["yes_bid_dollars"], market["no_ask_dollars"]) == ("0.0000", "1.0000")
    page = alice.get("/markets/trades", ticker=ticker, limit=1)
    assert alice.get("/markets/trades", ticker=ticker, limit=1, cursor=page["cursor"])["trades"] == trades[1:]


def test_market_filters(place: Rig) -> None:
    alice = place.client()
    tickers = [market.id for market in place.markets]
    place.world("close", tickers[0])

    def found(**query: object) -> list[str]:
        return [market["ticker"] for market in alice.get("/markets", **query)["markets"]]

    assert found(status="closed") == [tickers[0]]
    assert tickers[0] not in found(status="open")
    assert found(tickers=",".join(tickers[1:3])) == tickers[1:3]
    market = place.exchange.catalog.market(tickers[1])
    assert tickers[1] in found(series_ticker=market.k.series_ticker)
    assert found(event_ticker=market.event_id) == [tickers[1]]
    assert found(max_close_ts=1) == [] and found(mve_filter="only") == []
    assert found(min_close_ts=market.close_ms // 1000, max_close_ts=market.close_ms // 1000 + 1)
    for bad in (
        {"status": "active"}, {"limit": 1001}, {"min_close_ts": 1, "min_created_ts": 1},
        {"min_settled_ts": 1, "status": "open"},
    ):  # fmt: skip
        answer = alice.ask("GET", "/markets", **bad)
        assert answer.status_code == 400 and "msg" in answer.json(), bad
    assert alice.ask("GET", "/markets/NONE").json()["error"]["code"] == "market_not_found"
    everything = alice.get("/events", status="closed", with_nested_markets=True)["events"]
    assert [m["ticker"] for event in everything for m in event["markets"]] == [tickers[0]]
