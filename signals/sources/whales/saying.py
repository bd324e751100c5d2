"""What an alert says: claims about markets, a sentence for people, and how urgent it is."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal

from signals.language.base import Link
from signals.models import WhaleAlert
from signals.sources.base import Claim
from signals.sources.whales import assets, flows, triggering

QUIET = Decimal("0.25")  # of its size: how strongly a flow without a sign says that prices will move at all
STEP = Decimal("0.0001")
MOST_CLAIMS = 5  # of one alert, about the surest markets: those of one ladder move together anyway
KINDS = {flows.INFLOW: "inflow", flows.OUTFLOW: "outflow"}


def claims(
    alert: WhaleAlert,
    *,
    sign: int,
    size: Decimal,
    links: Iterable[Link],
    horizon: timedelta,
    half_life: timedelta,
    supply: str = "",
) -> list[Claim]:
    """A claim for each market on the price of what the flow concerns.

    Its direction is the sign of the flow times what a rise of the price does to YES. Without a sign only a move is claimed,
    and weakly: alerts go with volatility, not with direction. Neutral transfers claim nothing, unless a protocol is in it.
    `supply` is the regime of stablecoins: it changes nothing here, but their flows are scored apart by it.
    """
    kind = KINDS.get(alert.direction or "") or ("defi" if alert.category == flows.DEFI else "")
    told = f"{kind}:{supply}" if supply and kind != "defi" and assets.is_stable(alert.asset) else kind
    if not kind or not alert.fresh or alert.happened_at is None or alert.seen_at is None:
        return []
    found = []
    for link in list(links)[:MOST_CLAIMS]:
        direction = sign * link.direction if kind != "defi" else 0
        strength = size * link.score * (1 if direction else QUIET)
        found.append(
            Claim(
                source=f"whale:{alert.source}", kind=told, item=f"whale:{alert.pk}", market_id=link.market_id,
                direction=direction, strength=strength.quantize(STEP), happened_at=alert.happened_at,
                seen_at=alert.seen_at, horizon=horizon, half_life=half_life, note=sentence(alert)[:255],
            )
        )  # fmt: skip
    return found


def sentence(alert: WhaleAlert) -> str:
    """The alert for people."""
    value = "an unknown value" if alert.amount is None else f"${alert.amount:,.0f}"
    way = {
        flows.INFLOW: f"to {alert.exchange}",
        flows.OUTFLOW: f"from {alert.exchange}",
    }.get(alert.direction or "", f"from {alert.from_owner or 'unknown'} to {alert.to_owner or 'unknown'}")
    what = alert.asset or "an unknown token"  # never the symbol that the token gives itself
    kind = f" ({alert.transaction_type})" if alert.transaction_type not in ("", "transfer") else ""
    return f"{value} in {what} {way}{kind} on {alert.chain}"


def pulled(alert: WhaleAlert, triggers: Iterable[triggering.Trigger]) -> list[triggering.Trigger]:
    """The triggers an alert pulls, the most urgent first; none where it is old, a link of a chain, or gone."""
    if not alert.fresh or alert.chained_to_id is not None or alert.gone_at is not None:
        return []
    return triggering.pulled(
        triggers,
        usd=alert.amount,
        category=alert.category or "",
        direction=alert.direction or "",
        asset=alert.asset,
    )


def priority(found: Sequence[triggering.Trigger]) -> str:
    """Of a stream entry: that of the most urgent trigger, LOW where none was pulled."""
    return found[0].priority if found else "LOW"


def telling(found: Iterable[triggering.Trigger]) -> list[triggering.Trigger]:
    """Those that tell people (`signals.subagents`), the most urgent first; some only log."""
    return [trigger for trigger in found if trigger.action != triggering.LOG]
