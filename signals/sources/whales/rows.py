"""From a transfer to the row of an alert: value, asset, flow, freshness and score. No query is made here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Context, Decimal, localcontext

from signals.language.base import Link
from signals.models import WhaleAlert
from signals.sources.base import Transfer
from signals.sources.whales import assets, flows, identity, sizes, wire

CENT = Decimal("0.01")
UNIT = Decimal("1e-18")
MOST_USD = Decimal(10) ** 15  # more than all money: such a value is a mistake, and counts as unknown
MOST_UNITS = Decimal(10) ** 42  # that the column holds
MOST_LINKS = 20  # markets that one alert is about, the surest first
_WIDE = Context(prec=100)


@dataclass(frozen=True, slots=True)
class Judged:
    """A transfer and what it is. `usd` is None where nobody trustworthy values it."""

    transfer: Transfer
    key: str
    asset: str
    usd: Decimal | None
    flow: flows.Flow


def judge(transfer: Transfer, wallets: flows.Wallets) -> Judged:
    """What a transfer is. Its value is the source's own; a stablecoin is never taken to be worth its peg."""
    asset = assets.asset_of(transfer.source, transfer.chain, transfer.contract, transfer.symbol)
    usd = transfer.usd if asset and transfer.usd is not None and 0 <= transfer.usd < MOST_USD else None
    if usd is not None:
        usd = usd.quantize(CENT)
    return Judged(transfer, identity.key(transfer), asset, usd, flows.flow(transfer, usd, wallets))


def counts(judged: Judged, least: Decimal) -> bool:
    """Whether it is large enough to be kept. Without a value only a stablecoin whose units would make it so."""
    if judged.usd is not None:
        return judged.usd >= least
    return judged.asset in assets.STABLECOINS and judged.transfer.units >= least


def size(judged: Judged, usual: Mapping[str, sizes.Usual]) -> Decimal:
    """How unusual it is for its asset, 0 to 1; nothing where its value is unknown."""
    return sizes.share(judged.usd, usual.get(judged.asset)) if judged.usd is not None else Decimal(0)


def row(
    judged: Judged, *, now: datetime, fresh_for: timedelta, half_life: timedelta, usual: Mapping[str, sizes.Usual],
    signs: Mapping[tuple[str, str], int], links: Sequence[Link],
) -> WhaleAlert:  # fmt: skip
    """The row, not stored yet."""
    told, flow = judged.transfer, judged.flow
    sign = sizes.sign_of(signs, assets.class_of(judged.asset), flow.direction) if judged.asset else 0
    age = now - told.happened_at
    with localcontext(_WIDE):
        units = told.units.quantize(UNIT) if told.units < MOST_UNITS else None
    return WhaleAlert(
        key=judged.key, chain=told.chain, transaction_hash=shown_hash(told.chain, told.transaction_hash) or None,
        position=told.position, block_number=told.block, from_address=told.from_address or None,
        to_address=told.to_address or None, token_symbol=(told.symbol or judged.asset)[:16], amount=judged.usd,
        direction=flow.direction, exchange=flow.exchange or flows.UNKNOWN, category=flow.category,
        sentiment_score=sizes.sentiment(sign, size(judged, usual), age, half_life),
        related_markets=list(dict.fromkeys(link.market_id for link in links)), source=told.source,
        transaction_type=told.transaction_type[:32], contract=told.contract, asset=judged.asset, units=units,
        from_owner=flow.sender.name[:64], to_owner=flow.receiver.name[:64], happened_at=told.happened_at, seen_at=now,
        fresh=age <= fresh_for, created_at=now,
    )  # fmt: skip


def shown_hash(chain: str, name: str) -> str:
    """A hash as people and the specification write it: with `0x` on the chains that do."""
    return f"0x{name}" if name and chain in wire.EVM_CHAINS else name
