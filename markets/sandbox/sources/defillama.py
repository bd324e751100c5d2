"""DeFi Llama: aggregates in the shapes of its free hosts, which all live below one address here."""

from decimal import Decimal
from typing import Any

from markets.books import MICRO
from markets.sandbox.context import Sandbox
from markets.sandbox.generate import DAY_MS
from markets.sandbox.sources.handler import Page, SourceHandler, json_page
from markets.sandbox.sources.values import BURN, COINS, DEFILLAMA, MINT

# Supply in whole dollars before anything is minted or burned here
SUPPLY = {"USDT": 159_510_682_147, "USDC": 74_120_400_310, "EURC": 210_000_000}
NAMES = {"USDT": "Tether", "USDC": "USD Coin", "EURC": "Euro Coin"}
PEGS = {"EURC": "peggedEUR"}
DAYS = 30


class Llama(SourceHandler):
    """What all of its addresses share."""

    source = DEFILLAMA

    def supply(self, symbol: str, at_ms: int) -> int:
        """Whole dollars in circulation at a moment: a slow drift, and what was minted and burned."""
        drift = SUPPLY[symbol] * (at_ms % (90 * DAY_MS)) // (90 * DAY_MS) // 200
        signs = {MINT: 1, BURN: -1}
        made = sum(
            signs[movement.type] * movement.value
            for moved in self.archive.movements.values()
            for movement in moved
            if movement.type in signs and movement.coin.symbol == symbol and movement.at_ms <= at_ms
        )
        return SUPPLY[symbol] + drift + made // MICRO


class Stablecoins(Llama):
    """GET /stablecoins?includePrices=true"""

    def answer(self, **_: str) -> Page:
        """Every stablecoin; the supply lies under the name of its peg, which need not be the dollar."""
        return json_page({"peggedAssets": [self._row(n, symbol) for n, symbol in enumerate(SUPPLY, 1)]})

    def _row(self, number: int, symbol: str) -> dict[str, Any]:
        peg, now_ms = PEGS.get(symbol, "peggedUSD"), self.now_ms
        row: dict[str, Any] = {
            "id": str(number), "name": NAMES[symbol], "symbol": symbol, "gecko_id": NAMES[symbol].lower(),
            "pegType": peg, "pegMechanism": "fiat-backed",
            "circulating": {peg: self.supply(symbol, now_ms)},
            "circulatingPrevDay": {peg: self.supply(symbol, now_ms - DAY_MS)},
            "circulatingPrevWeek": {peg: self.supply(symbol, now_ms - 7 * DAY_MS)},
            "circulatingPrevMonth": {peg: self.supply(symbol, now_ms - 30 * DAY_MS)},
            "chains": ["Ethereum", "Polygon"],
            "chainCirculating": {"Ethereum": {"current": {peg: self.supply(symbol, now_ms) // 2}}},
        }  # fmt: skip
        if self.arg("includePrices") == "true":
            row["price"] = Decimal("1.0001")
        return row


class Charts(Llama):
    """GET /stablecoincharts/{all|chain}"""

    def answer(self, chain: str = "all", **_: str) -> Page:
        """A row a day; on `all` its date is text, on a chain a number, as on the true service."""
        today = self.now_ms // DAY_MS * DAY_MS
        share = 1 if chain == "all" else 2
        rows = []
        for day in range(DAYS, -1, -1):
            at_ms = min(today - day * DAY_MS, self.now_ms)
            total = sum(self.supply(symbol, at_ms) for symbol in ("USDT", "USDC")) // share
            date: int | str = str(at_ms // 1000) if chain == "all" else at_ms // 1000
            rows.append({"date": date, "totalCirculating": {"peggedUSD": total}})
        return json_page(rows)


class Prices(Llama):
    """GET /prices/current/{chain}:{address},…"""

    def answer(self, coins: str = "", **_: str) -> Page:
        """Those that are known; the others are left out."""
        known = {f"{chain}:{coin.contract}": coin for (chain, _), coin in COINS.items() if coin.contract}
        found = {name: known[name.lower()] for name in coins.split(",") if name.lower() in known}
        return json_page(
            {
                "coins": {
                    name: {
                        "decimals": coin.decimals, "price": Decimal(coin.price) / MICRO, "symbol": coin.symbol,
                        "timestamp": self.now_ms // 1000, "confidence": Decimal("0.99"),
                    }
                    for name, coin in found.items()
                }
            }
        )  # fmt: skip


class Chains(Llama):
    """GET /v2/chains"""

    def answer(self, **_: str) -> Page:
        """Value locked, by chain."""
        return json_page(
            [
                {"gecko_id": "ethereum", "tvl": 68_000_000_000, "tokenSymbol": "ETH", "name": "Ethereum", "chainId": 1},
                {"gecko_id": "polygon", "tvl": 1_100_000_000, "tokenSymbol": "POL", "name": "Polygon", "chainId": 137},
            ]
        )  # fmt: skip


def routes(sandbox: Sandbox) -> list[Any]:
    """Below /defillama."""
    made = {"sandbox": sandbox}
    return [
        ("/defillama/stablecoins", Stablecoins, made),
        (r"/defillama/stablecoincharts/(?P<chain>[A-Za-z0-9]+)", Charts, made),
        (r"/defillama/prices/current/(?P<coins>.+)", Prices, made),
        ("/defillama/v2/chains", Chains, made),
    ]
