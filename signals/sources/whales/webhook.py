"""Transfers that senders of one's own post: the specification's whale alert becomes a transfer like any other."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings

from markets.normalize import Wrong
from signals import normalize
from signals.sources.base import Transfer
from signals.sources.whales import flows, publishing, storing, wire
from signals.sources.whales.identity import positioned

SOURCE = "webhook"
SHAPE = "whale_alert_api"  # of the specification's example; nested sides are read too


def secrets() -> list[str]:
    """The secrets that may sign; empty where signatures are not asked for."""
    text = settings.ARBSITE.whales.webhook_secrets.get_secret_value()
    return [secret.strip() for secret in text.split(",") if secret.strip()]


def accept(payload: Mapping[str, Any], *, sender: str, now: datetime) -> int:
    """Store one transfer of whatever size and tell it; returns its row's id, the same for the same transfer.

    Raises Wrong, naming the fields at fault.
    """
    transfer = transfer_of(payload, sender=sender)
    if transfer.happened_at > now + timedelta(seconds=settings.ARBSITE.sources.future_seconds):
        raise Wrong({"timestamp": "Must not lie in the future."})
    stored = storing.take([transfer], now, least=Decimal(0))
    publishing.publish(now)
    return next(iter(stored.ids.values()))


def transfer_of(payload: Mapping[str, Any], *, sender: str) -> Transfer:
    """The payload as a transfer. What it says of its score is not taken over: ours comes from signs and sizes."""
    event = normalize.whale(SHAPE, payload)
    chain = wire.chain_name(payload.get("blockchain") or payload.get("chain")) or "ethereum"
    exchange, direction = event["exchange"], event["direction"]
    named = "" if exchange == normalize.UNKNOWN else exchange
    units = wire.number(payload.get("units"))
    sides = {"from_kind": flows.UNKNOWN, "to_kind": flows.UNKNOWN, "from_owner": "", "to_owner": ""}
    if direction == normalize.INFLOW:
        sides |= {"to_owner": named, "to_kind": flows.EXCHANGE}
    elif direction == normalize.OUTFLOW:
        sides |= {"from_owner": named, "from_kind": flows.EXCHANGE}
    elif named:  # within one exchange
        sides |= {
            "from_owner": named,
            "to_owner": named,
            "from_kind": flows.EXCHANGE,
            "to_kind": flows.EXCHANGE,
        }
    if event["category"] == flows.DEFI:
        side = "from_kind" if direction == normalize.INFLOW else "to_kind"
        sides[side] = flows.DEFI
    transfer = Transfer(
        source=SOURCE, chain=chain, transaction_hash=wire.transaction_hash(event["transaction_hash"]), position=0,
        block=event["block_number"], happened_at=datetime.fromtimestamp(event["timestamp"] / 1_000, UTC),
        symbol=event["token_symbol"], contract="", units=units if units is not None and units >= 0 else event["amount"],
        usd=event["amount"], from_address=wire.address(event["from_address"], chain),
        to_address=wire.address(event["to_address"], chain), channel=f"webhook:{sender}"[:64], **sides,
    )  # fmt: skip
    return positioned([transfer])[0]
