"""Transfers, answers and fetchers for the tests of the whales."""

import json
from datetime import UTC, datetime
from decimal import Decimal

from signals.language.base import Link
from signals.sources.base import Answer, Transfer

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
BINANCE = "0x28c6c06298d514db089934071355e5743bf21d60"
BINANCE_15 = "0x21a31ee1afc51d94c2efccaa2092ad1028285549"
STRANGER = "0x" + "11" * 20
OTHER = "0x" + "22" * 20
ZERO = "0x" + "00" * 20
USDC = "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
FAKE_USDC = "0x" + "fa" * 20
TOPIC = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"


def transfer(**fields):
    """Six million dollars of USDC from a stranger to Binance, a minute ago."""
    given = {
        "source": "etherscan", "chain": "ethereum", "transaction_hash": "ab" * 32, "position": 0, "block": 100,
        "happened_at": datetime.fromtimestamp(SECONDS - 60, UTC), "symbol": "USDC", "contract": USDC,
        "units": Decimal(6_000_000), "usd": Decimal(6_000_000), "from_address": STRANGER, "to_address": BINANCE,
    }  # fmt: skip
    return Transfer(**{**given, **fields})


def link(market_id="m-btc", direction=1, score="0.9"):
    return Link("kalshi", market_id, Decimal(score), direction, Decimal("0.5"), "names Bitcoin")


class FakeFetch:
    """Answers by a function of the address and its parameters; keeps what was asked."""

    def __init__(self, answer):
        self._answer = answer
        self.asked = []

    def get(self, url, *, params=None, headers=None, budget="all"):
        self.asked.append((url, dict(params or {})))
        body = self._answer(url, dict(params or {}))
        if isinstance(body, Exception):
            raise body
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Answer(200, raw, {}, "application/json")


def raw(path):
    return path.read_bytes()
