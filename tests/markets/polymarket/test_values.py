"""Numbers, ids, hashes, fees and order amounts of the platform."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from markets.books import Level
from markets.platforms.polymarket import amounts, fees
from markets.platforms.polymarket.bookhash import Members, book_hash, padded
from markets.platforms.polymarket.fees import PolymarketFees
from markets.platforms.polymarket.units import (
    condition_id,
    micro_text,
    moment,
    plain,
    to_micro,
    token_id,
    v2_condition_of,
)
from tests.markets.polymarket.values import MARKET, YES_TOKEN, Venue, recorded


class TestUnits:
    @given(st.integers(0, 10**18))
    def test_numbers_survive_the_way_out_and_back(self, micro):
        assert to_micro(micro_text(micro)) == micro
        assert Decimal(micro_text(micro)).scaleb(6) == micro

    @pytest.mark.parametrize(
        "text",
        [
            "",
            ".",
            "-1",
            "+1",
            "1.",
            ".5",
            "1e3",
            "NaN",
            "inf",
            "0.1234567",
            "1 ",
            "１",
            "1_0",
            "0x1",
            "9" * 30,
        ],
    )
    def test_what_is_no_plain_number_is_refused(self, text):
        with pytest.raises(ValueError):
            to_micro(text)

    def test_trailing_zeros_do_no_harm(self):
        assert to_micro("0.5000000000") == 500_000

    def test_a_v2_condition_id_is_padded_and_found_from_its_position(self):
        position = "663574927012476832975694178961957910328055987427402067619466963999000625152"
        condition = v2_condition_of(position)
        assert condition.startswith("0x017791f201d5a788e0039e511fc1900e5f")
        assert len(condition) == 66
        assert condition_id(condition[:64]) == condition

    @pytest.mark.parametrize("text", ["", "0x12", "5a" * 32, "0x" + "zz" * 32, MARKET + "0"])
    def test_what_is_no_condition_id_is_refused(self, text):
        with pytest.raises(ValueError):
            condition_id(text)

    def test_token_ids_are_decimal(self):
        assert token_id(YES_TOKEN) == YES_TOKEN
        for text in ("", "0x1", "1" * 79, "-1"):
            with pytest.raises(ValueError):
                token_id(text)

    def test_both_spellings_of_time(self):
        assert moment("2026-01-09T01:00:00Z") == moment("2026-01-09 01:00:00+00")
        assert moment("") is None

    def test_plain_decimals(self):
        assert [plain(Decimal(text)) for text in ("0.010", "5", "1E-3", "10")] == ["0.01", "5", "0.001", "10"]


class TestHash:
    @given(st.booleans(), st.sampled_from(["", "v2"]), st.sampled_from(["", "0.500", "0.491"]))
    def test_it_is_that_of_the_documented_text(self, neg_risk, version, last):
        venue = Venue(neg_risk=neg_risk, version=version, last=last)
        members = Members("5", "0.01", neg_risk, last, version)
        ours = book_hash(MARKET, YES_TOKEN, str(venue.now), venue.bids, venue.asks, members)
        assert ours == venue.whole(YES_TOKEN)["hash"]

    def test_last_prices_have_three_decimals(self):
        assert [padded(text) for text in ("0.5", "0.49", "0.0025", "")] == ["0.500", "0.490", "0.0025", ""]


class TestFees:
    @pytest.mark.parametrize(
        ("rate", "price", "size", "fee"),
        [
            ("0.07", "0.50", "100", "1.75"),  # 1.75 cents a share
            ("0.07", "0.95", "100", "0.3325"),  # 0.33 cents a share
            ("0.05", "0.50", "100", "1.25"),
            ("0.04", "0.30", "10", "0.084"),
            ("0", "0.50", "100", "0"),
            ("0.05", "0.001", "0.01", "0.00001"),  # never less than the smallest unit
            ("0.07", "0.33", "1", "0.01548"),  # 0.015477, to five decimals
        ],
    )
    def test_the_published_formula(self, rate, price, size, fee):
        schedule = PolymarketFees(Decimal(rate))
        assert schedule.match_fee(Decimal(price), Decimal(size)) == Decimal(fee)

    def test_a_buy_pays_on_top_and_a_sale_out_of_its_proceeds(self):
        schedule = PolymarketFees(Decimal("0.07"))
        fills = [Level(Decimal("0.50"), Decimal(100)), Level(Decimal("0.51"), Decimal(50))]
        buy, sale = schedule.order_cost("BUY", fills), schedule.order_cost("SELL", fills)
        assert buy.notional == sale.notional == Decimal("75.5")
        assert buy.fee == sale.fee == Decimal("1.75") + Decimal("0.87465")
        assert buy.cash == buy.notional + buy.fee
        assert sale.cash == sale.notional - sale.fee
        assert schedule.order_cost("BUY", fills, maker=True).fee == 0
        with pytest.raises(ValueError):
            schedule.order_cost("HOLD", fills)

    @given(st.decimals("0.001", "0.999", places=3), st.decimals("0", "0.1", places=4))
    def test_the_fee_is_the_same_on_both_sides_of_a_half(self, price, rate):
        schedule = PolymarketFees(rate)
        assert schedule.marginal_fee(price) == schedule.marginal_fee(1 - price)

    def test_json_there_and_back(self):
        schedule = PolymarketFees(Decimal("0.07"), Decimal(2), False)
        assert fees.from_json(json.loads(json.dumps(schedule.as_json()))) == schedule
        for broken in (
            {},
            {"rate": "x", "exponent": "1"},
            {"rate": "NaN", "exponent": "1"},
            {"rate": "-1", "exponent": "1"},
        ):
            with pytest.raises((KeyError, ValueError)):
                fees.from_json(broken)

    @pytest.mark.parametrize("rate", ["NaN", "-0.01", "Infinity"])
    def test_a_rate_that_is_none_is_refused(self, rate):
        with pytest.raises(ValueError):
            PolymarketFees(Decimal(rate))


class TestAmounts:
    def test_every_case_of_the_platforms_own_client(self):
        rows = [json.loads(line) for line in recorded("signing/order_amounts.jsonl").read_text().splitlines()]
        assert len(rows) > 400
        for row in rows:
            price, tick = Decimal(row["price"]), Decimal(row["tick"])
            if row["kind"] == "limit":
                found = amounts.limit_amounts(row["side"], price, Decimal(row["size"]), tick)
            else:
                found = amounts.market_amounts(
                    row["side"], price, Decimal(row.get("amount") or row["size"]), tick
                )
            assert (str(found.maker), str(found.taker)) == (row["makerAmount"], row["takerAmount"]), row

    def test_a_price_off_the_grid_and_an_unknown_tick_are_refused(self):
        for price, tick in (("0.505", "0.01"), ("0", "0.01"), ("1", "0.01"), ("0.5", "0.02")):
            with pytest.raises(ValueError):
                amounts.limit_amounts("BUY", Decimal(price), Decimal(5), Decimal(tick))

    def test_whole_cents(self):
        assert amounts.whole_cents(Decimal("0.29"), Decimal(100))
        assert not amounts.whole_cents(Decimal("0.29"), Decimal("0.5"))
