"""What a token is: by its contract alone. Names and symbols on a chain are free text that anybody may choose.

Only sources that curate their symbols (Whale Alert, our own senders) may name an asset without a contract.
"""

from dataclasses import dataclass

STABLECOIN, BTC, ETH, OTHER = "stablecoin", "btc", "eth", "other"
STABLECOINS = frozenset({"USDT", "USDC", "DAI", "FDUSD", "PYUSD", "TUSD", "USDE", "USDS", "BUSD"})
ALIASES = {"WETH": "ETH", "WBTC": "BTC", "CBBTC": "BTC", "XBT": "BTC", "USDC.E": "USDC", "USDT.E": "USDT"}
CHAIN_IDS = {
    1: "ethereum", 10: "optimism", 56: "bsc", 137: "polygon", 8453: "base", 42161: "arbitrum", 43114: "avalanche",
}  # fmt: skip
CURATED = frozenset(
    {"whale_alert", "whale_alert_rest", "webhook"}
)  # sources whose symbols were checked by somebody

# The evidence on stablecoins is about the prices of these (docs/whales.md); other assets concern themselves
CONCERNS = {STABLECOIN: ("BTC", "ETH")}


@dataclass(frozen=True, slots=True)
class Token:
    """A contract that we know. `decimals` are those of its smallest unit."""

    asset: str
    decimals: int


TOKENS: dict[tuple[str, str], Token] = {
    ("ethereum", "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"): Token("USDC", 6),
    ("ethereum", "0xdac17f958d2ee523a2206206994597c13d831ec7"): Token("USDT", 6),
    ("ethereum", "0x6b175474e89094c44da98b954eedeac495271d0f"): Token("DAI", 18),
    ("ethereum", "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"): Token("ETH", 18),
    ("ethereum", "0x2260fac5e5542a773aa44fbcfedf7c193bc2c599"): Token("BTC", 8),
    ("polygon", "0x3c499c542cef5e3811e1192ce70d8cc03d5c3359"): Token("USDC", 6),
    ("polygon", "0x2791bca1f2de4661ed88a30c99a7a9449aa84174"): Token("USDC", 6),
    ("polygon", "0xc2132d05d31c914a87c6611c10748aeb04b58e8f"): Token("USDT", 6),
    ("arbitrum", "0xaf88d065e77c8cc2239327c5edb3a432268e5831"): Token("USDC", 6),
    ("base", "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913"): Token("USDC", 6),
    ("optimism", "0x0b2c639c533813f4aa9d7837caf62653d097ff85"): Token("USDC", 6),
}


def asset_of(source: str, chain: str, contract: str, symbol: str) -> str:
    """What was moved: USDC, BTC, …; empty where nobody trustworthy says it."""
    if contract:
        token = TOKENS.get((chain, contract))
        return token.asset if token else ""
    if source not in CURATED:
        return ""
    name = symbol.strip().upper()
    return ALIASES.get(name, name)[:32]


def class_of(asset: str) -> str:
    """The asset class that a sign is given for."""
    if asset in STABLECOINS:
        return STABLECOIN
    return {"BTC": BTC, "ETH": ETH}.get(asset, OTHER)


def is_stable(asset: str) -> bool:
    """Whether it is a stablecoin."""
    return class_of(asset) == STABLECOIN


def concerned(asset: str) -> tuple[str, ...]:
    """The assets whose price markets a flow of this asset may say something about."""
    return CONCERNS.get(class_of(asset), (asset,)) if asset else ()
