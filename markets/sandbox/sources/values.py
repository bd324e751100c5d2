"""Values of the sandbox's sources: stories, movements on chains, scheduled occasions, and who tells of them.

Times are Unix milliseconds. Units of a token are whole numbers of its smallest part, prices micro-dollars per token.
"""

from dataclasses import dataclass

# The one key that every source of the sandbox accepts; FRED wants 32 lower-case letters and digits
KEY = "sandbox0sandbox0sandbox0sandbox0"
# A key of a plan that is a day late and small, where the source sells such plans
FREE_KEY = "sandbox0sandbox0sandbox0000free0"

WHALE_ALERT, ETHERSCAN, DEFILLAMA = "whale_alert", "etherscan", "defillama"
FEEDS, OKX, BINANCE = "feeds", "okx", "binance"
CRYPTOPANIC, NEWSAPI, GDELT = "cryptopanic", "newsapi", "gdelt"
FED, BLS, BEA, FRED = "fed", "bls", "bea", "fred"
SOURCES = (
    WHALE_ALERT, ETHERSCAN, DEFILLAMA, FEEDS, OKX, BINANCE, CRYPTOPANIC, NEWSAPI, GDELT, FED, BLS, BEA, FRED,
)  # fmt: skip
AGENCIES = (FED, BLS, BEA)  # that announce occasions

RSS, ATOM = "rss", "atom"
ZERO_ADDRESS = "0x" + "0" * 40
EXCHANGE, TREASURY, UNKNOWN = "exchange", "treasury", "unknown"
TRANSFER, MINT, BURN = "transfer", "mint", "burn"


@dataclass(frozen=True, slots=True)
class Outlet:
    """Who writes. `zoned`: whether its feed's dates carry a zone."""

    name: str
    title: str
    domain: str
    form: str = RSS
    zoned: bool = True


OUTLETS = {
    outlet.name: outlet
    for outlet in (
        Outlet("wire", "Sandbox Wire", "wire.sandbox.example"),
        Outlet("ledger", "The Sandbox Ledger", "ledger.sandbox.example", ATOM),
        Outlet("courier", "Sandbox Courier", "courier.sandbox.example", zoned=False),
        Outlet("echo", "Echo Digest", "echo.sandbox.example"),
        Outlet("gazette", "The Late Gazette", "gazette.sandbox.example", ATOM),
        Outlet("rumour", "Rumour Mill", "rumour.sandbox.example"),
        Outlet("fed", "Sandbox Central Bank", "fed.sandbox.example"),
        Outlet("bls", "Sandbox Statistics Office", "bls.sandbox.example"),
        Outlet(OKX, "OKX", "okx.sandbox.example"),
        Outlet(BINANCE, "Binance", "binance.sandbox.example"),
    )
}
EXCHANGES = (OKX, BINANCE)  # their announcements are JSON, not feeds
FEED_OUTLETS = tuple(name for name in OUTLETS if name not in EXCHANGES)


@dataclass(frozen=True, slots=True)
class Story:
    """One text as one outlet carries it."""

    number: int
    outlet: str
    title: str
    summary: str
    published_ms: int  # as the outlet says; may be long ago, or a lie
    appears_ms: int
    tags: tuple[str, ...] = ()  # BTC, ETH
    url: str = ""  # empty: made of the outlet and the number
    junk: str = ""  # what a copy adds to the address

    @property
    def link(self) -> str:
        """The article's address."""
        domain = OUTLETS[self.outlet].domain
        return (self.url or f"https://{domain}/{slug(self.title)}-{self.number}") + self.junk

    @property
    def guid(self) -> str:
        """The outlet's own id of it."""
        return f"{self.outlet}-{self.number}{self.junk}"


@dataclass(frozen=True, slots=True)
class Coin:
    """Something that moves on a chain. `contract` is empty for the chain's own coin."""

    symbol: str
    chain: str
    contract: str
    decimals: int
    price: int  # micro-dollars
    name: str = ""


COINS = {
    (coin.chain, coin.symbol): coin
    for coin in (
        Coin("USDC", "ethereum", "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48", 6, 999_900, "USD Coin"),
        Coin("USDT", "ethereum", "0xdac17f958d2ee523a2206206994597c13d831ec7", 6, 1_000_200, "Tether USD"),
        Coin("WBTC", "ethereum", "0x2260fac5e5542a773aa44fbcfedf7c193bc2c599", 8, 82_000_000_000, "Wrapped BTC"),
        Coin("USDC", "polygon", "0x3c499c542cef5e3811e1192ce70d8cc03d5c3359", 6, 999_900, "USD Coin"),
        Coin("ETH", "ethereum", "", 18, 2_700_000_000, "Ether"),
        Coin("BTC", "bitcoin", "", 8, 82_000_000_000, "Bitcoin"),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wallet:
    """An address with the name a label set gives it; without one it is nobody's."""

    address: str
    owner: str = ""
    kind: str = UNKNOWN


WALLETS = {
    wallet.address: wallet
    for wallet in (
        Wallet("0x28c6c06298d514db089934071355e5743bf21d60", "binance", EXCHANGE),
        Wallet("0x21a31ee1afc51d94c2efccaa2092ad1028285549", "binance", EXCHANGE),
        Wallet("0xdfd5293d8e347dfe59e90efd55b2956a1343963d", "binance", EXCHANGE),
        Wallet("0x71660c4005ba85c37ccec55d0c4493e66fe775d3", "coinbase", EXCHANGE),
        Wallet("0x2910543af39aba0cd09dbb2d50200b3e800a63d2", "kraken", EXCHANGE),
        Wallet("bc1qsandboxexchangewallet00000000000000000", "binance", EXCHANGE),
        Wallet("0x55fe002aeff02f77364de339a1292923a15844b8", "circle", TREASURY),
    )
}


@dataclass(frozen=True, slots=True)
class Movement:
    """One movement of one coin, in a block. `hash` with 0x on EVM chains."""

    number: int
    coin: Coin
    hash: str
    height: int
    index: int  # of its transaction inside the block
    at_ms: int
    units: int
    from_address: str
    to_address: str
    type: str = TRANSFER

    @property
    def value(self) -> int:
        """Micro-dollars."""
        return self.units * self.coin.price // 10**self.coin.decimals

    @property
    def sender(self) -> Wallet:
        """Whose address it came from."""
        return WALLETS.get(self.from_address, Wallet(self.from_address))

    @property
    def receiver(self) -> Wallet:
        """Whose address it went to."""
        return WALLETS.get(self.to_address, Wallet(self.to_address))


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something that will happen, as an agency announces it."""

    number: int
    agency: str  # fed, bls, bea
    name: str
    starts_ms: int
    kind: str = "Stat"  # the Fed's word: FOMC, Stat, Speech
    release_id: int = 0  # FRED's; 0: FRED does not list it


def slug(text: str) -> str:
    """A title as addresses spell it."""
    words = "".join(sign if sign.isalnum() else " " for sign in text.lower()).split()
    return "-".join(words)[:60].strip("-") or "story"
