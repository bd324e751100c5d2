"""Whose transfer it is and which way it goes (sources/whales.md 6): to an exchange, from one, or neither."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from signals.sources.base import Transfer
from signals.sources.clean import plain
from signals.sources.whales.wire import ZERO

INFLOW, OUTFLOW, NEUTRAL = "INFLOW", "OUTFLOW", "NEUTRAL"
EXCHANGE, TREASURY, BRIDGE, DEFI, UNKNOWN = "exchange", "treasury", "bridge", "defi", "unknown"
KINDS = (EXCHANGE, TREASURY, BRIDGE, DEFI)
LARGE_TRANSFER = "large_transfer"
LARGE = Decimal(1_000_000)  # dollars
PLAIN_TYPE = "transfer"  # mint, burn, lock, unlock, freeze and unfreeze bring nothing to an exchange

# Labels that name an exchange where the source tells no kind
EXCHANGES = frozenset(
    ("binance", "coinbase", "kraken", "okx", "okex", "bitfinex", "bitstamp", "huobi", "htx", "kucoin", "bybit", "gemini",
     "gate", "gate.io", "bitget", "upbit", "bithumb", "bittrex", "poloniex", "crypto.com", "deribit", "bitmex", "mexc",
     "bitflyer", "korbit", "coinone", "robinhood", "bullish", "binance.us", "ftx")
)  # fmt: skip
ISSUERS = frozenset(("circle", "tether", "paxos"))  # what they hand out or take back is no flow either
_NOBODY = ("", "unknown", "unknown wallet", "unknown wallets", "multiple addresses", "multiple")
_NUMBER_AT_END = re.compile(r"\s*[#(]?\d+\)?$")


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds an address, and what he is."""

    name: str = ""
    kind: str = UNKNOWN


NOBODY = Owner()
Wallets = Mapping[tuple[str, str], Owner]  # (chain, address) → owner


@dataclass(frozen=True, slots=True)
class Flow:
    """What a transfer is. `exchange` is empty where none is named; the dollars decide only about `large_transfer`."""

    direction: str
    exchange: str
    category: str
    sender: Owner
    receiver: Owner


def owner_name(label: object) -> str:
    """A label as a name: `Binance 14`, `Binance: Hot Wallet` and `binance` are one; empty for nobody."""
    text = plain(label, longest=64).lower().split(":")[0].strip()
    text = _NUMBER_AT_END.sub("", text).strip()
    return "" if text in _NOBODY else text


def kind_of(name: str, told: object = "") -> str:
    """What an owner is: as the source says, else by its name."""
    word = told.strip().lower() if isinstance(told, str) else ""
    if "treasury" in name or name in ISSUERS or word == TREASURY:
        return TREASURY
    if "bridge" in name or word == BRIDGE:
        return BRIDGE
    if word in (EXCHANGE, DEFI):
        return word
    return EXCHANGE if name in EXCHANGES else UNKNOWN


def owners(transfer: Transfer, wallets: Wallets) -> tuple[Owner, Owner]:
    """Sender and receiver: as the source names them, else by the table of wallets."""
    return (
        _owner(transfer.from_owner, transfer.from_kind, transfer.chain, transfer.from_address, wallets),
        _owner(transfer.to_owner, transfer.to_kind, transfer.chain, transfer.to_address, wallets),
    )


def _owner(name: str, kind: str, chain: str, address: str, wallets: Wallets) -> Owner:
    listed = wallets.get((chain, address), NOBODY) if address else NOBODY
    if not name:
        return listed if listed.name else Owner("", kind)
    if kind == UNKNOWN:
        kind = listed.kind if listed.name == name else kind_of(name)
    return Owner(name, kind)


def flow(transfer: Transfer, usd: Decimal | None, wallets: Wallets) -> Flow:
    """Direction, exchange and category of a transfer. `usd` is its value in dollars, None where nobody knows it."""
    sender, receiver = owners(transfer, wallets)
    direction = _direction(transfer, sender, receiver)
    exchange = receiver.name if receiver.kind == EXCHANGE else sender.name if sender.kind == EXCHANGE else ""
    if DEFI in (sender.kind, receiver.kind):
        category = DEFI
    elif EXCHANGE in (sender.kind, receiver.kind):
        category = EXCHANGE
    else:
        category = LARGE_TRANSFER if usd is not None and usd >= LARGE else UNKNOWN
    return Flow(direction, exchange[:32], category, sender, receiver)


def _direction(transfer: Transfer, sender: Owner, receiver: Owner) -> str:
    if transfer.transaction_type != PLAIN_TYPE or ZERO in (transfer.from_address, transfer.to_address):
        return NEUTRAL
    if sender.name and sender.name == receiver.name:
        return NEUTRAL
    kinds = (sender.kind, receiver.kind)
    if TREASURY in kinds or BRIDGE in kinds or kinds == (EXCHANGE, EXCHANGE):
        return NEUTRAL
    if receiver.kind == EXCHANGE:
        return INFLOW
    return OUTFLOW if sender.kind == EXCHANGE else NEUTRAL
