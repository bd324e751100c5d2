"""Markets and events as Gamma prints them: JSON held in strings, texts beside numbers, two spellings of time."""

import hashlib
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from markets.books import MICRO
from markets.platforms.base import CLOSED, DETERMINED, DISPUTED, OPEN, PAUSED, SETTLED, UNOPENED
from markets.sandbox.ladder import Ladder
from markets.sandbox.market import AMENDED, SandboxEvent, SandboxMarket
from markets.sandbox.polymarket.answers import encoded, number, plain_number, text
from markets.sandbox.polymarket.face import Face

BASE_FEE = 1000  # what the platform shows on fee markets; not a rate to reckon with
REBATE_RATES = {"0.07": "0.2", "0.04": "0.25"}
ENDED = {CLOSED, DETERMINED, AMENDED, SETTLED}  # a disputed market is shown as open, without orders
LAST_STEP = 500  # how near to 0 or 1 a market is displayed while its result is only proposed


def iso(at_ms: int) -> str:
    """2026-06-17T00:00:00Z"""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"


def spaced_time(at_ms: int) -> str:
    """Gamma's other spelling: 2026-01-09 01:00:00+00"""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}+00"


def day(at_ms: int) -> str:
    """2026-06-17"""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d}"


def is_closed(market: SandboxMarket) -> bool:
    """Gamma's `closed`."""
    return market.state in ENDED


def uma_status(market: SandboxMarket) -> str:
    """Where the resolution stands; empty while nobody has proposed."""
    return {
        DETERMINED: "proposed", AMENDED: "proposed", DISPUTED: "disputed", SETTLED: "resolved",
    }.get(market.state, "")  # fmt: skip


def display_price(face: Face, market: SandboxMarket) -> int:
    """What Gamma displays for the first outcome, micro-dollars: final only after settlement."""
    value = market.settlement_value
    if value is not None:
        if market.state == SETTLED:
            return value
        return min(max(value, LAST_STEP), MICRO - LAST_STEP)
    book = face.books.of(market).book
    if book.bids.prices and book.asks.prices:
        return (book.best_bid + book.best_ask) // 2
    return market.last_price if market.last_price is not None else MICRO // 2


def liquidity(face: Face, market: SandboxMarket) -> int:
    """Money and shares' worth that rest in the book, micro-dollars."""
    book = face.books.of(market).book
    return (_worth(book.bids, mirror=False) + _worth(book.asks, mirror=True)) // MICRO


def volume(market: SandboxMarket) -> int:
    """Shares traded, micro."""
    return market.volume


def tag_of(category: str) -> dict[str, Any]:
    """A category as a tag with a stable id."""
    raw = hashlib.sha256(category.encode()).digest()
    slug = category.lower().replace(" ", "-")
    return {"id": str(100_000 + int.from_bytes(raw[:3])), "label": category, "slug": slug}


def market_record(
    face: Face, market: SandboxMarket, *, tags: bool = False, nested: bool = False
) -> dict[str, Any]:
    """One market. `nested` leaves out the event it stands in."""
    p = market.p
    price, liquid, done = display_price(face, market), liquidity(face, market), is_closed(market)
    event = face.sandbox.world.event_of(market)
    record: dict[str, Any] = {
        "id": p.gamma_id,
        "question": market.question,
        "conditionId": market.id if p.version == "v1" else market.id[:-2],  # 31 bytes here, padded elsewhere
        "slug": p.slug,
        "resolutionSource": "",
        "endDate": iso(market.close_ms),
        "liquidity": text(liquid),
        "startDate": iso(market.open_ms),
        "description": market.rules,
        "outcomes": encoded(list(market.outcomes)).decode().replace('","', '", "'),
        "outcomePrices": f'["{text(price)}", "{text(MICRO - price)}"]',
        "volume": text(volume(market)),
        "active": market.state != UNOPENED,
        "closed": done,
        "marketMakerAddress": "",
        "createdAt": iso(market.created_ms),
        "updatedAt": iso(market.updated_ms),
        "new": False,
        "featured": False,
        "archived": False,
        "restricted": True,
        "groupItemThreshold": "0",
        "questionID": p.question_id,
        "enableOrderBook": True,
        "orderPriceMinTickSize": plain_number(p.tick),
        "orderMinSize": number(market.min_size),
        "volumeNum": number(volume(market)),
        "liquidityNum": number(liquid),
        "endDateIso": day(market.close_ms),
        "startDateIso": day(market.open_ms),
        "volume24hr": number(volume(market)),
        "clobTokenIds": f'["{p.token_ids[0]}", "{p.token_ids[1]}"]' if p.version == "v1" else None,
        "umaBond": "500",
        "umaReward": "5",
        "volumeClob": number(volume(market)),
        "liquidityClob": number(liquid),
        "customLiveness": (market.determine_after_ms + market.settle_after_ms) // 1000,
        "acceptingOrders": market.state == OPEN,
        "negRisk": p.neg_risk,
        "ready": False,
        "funded": False,
        "acceptingOrdersTimestamp": iso(market.open_ms),
        "cyom": False,
        "competitive": number(max(MICRO - 2 * abs(price - MICRO // 2), 0)),
        "approved": True,
        "rewardsMinSize": 0,
        "rewardsMaxSpread": 0,
        "automaticallyActive": True,
        "clearBookOnStart": False,
        "negRiskOther": p.neg_risk_other,
        "umaResolutionStatuses": encoded(_history(market)).decode(),
        "pendingDeployment": False,
        "deploying": False,
        "rfqEnabled": False,
        "holdingRewardsEnabled": False,
        "secondsDelay": p.seconds_delay,
        "version": p.version,
        **_fees(market),
        **_prices(face, market),
    }
    if p.version == "v2":
        record["positionIds"] = list(p.token_ids)
    if p.group_item:
        record["groupItemTitle"] = p.group_item
    if p.neg_risk:
        record["negRiskMarketID"] = neg_risk_id(event)
        record["negRiskRequestID"] = p.question_id
    if uma_status(market):
        record["umaResolutionStatus"] = uma_status(market)
    if market.state == SETTLED:
        record["closedTime"] = spaced_time(market.settled_ms)
    if not nested:
        record["events"] = [event_record(face, event, markets=False)]
    if tags:
        record["tags"] = [tag_of(market.category)]
    return record


def event_record(face: Face, event: SandboxEvent, *, markets: bool = True) -> dict[str, Any]:
    """One event; volume and liquidity are numbers here."""
    members = [face.sandbox.world.markets[market_id] for market_id in event.market_ids]
    liquid, traded = sum(liquidity(face, one) for one in members), sum(volume(one) for one in members)
    done = all(is_closed(one) for one in members)
    record: dict[str, Any] = {
        "id": event.id,
        "ticker": event.slug,
        "slug": event.slug,
        "title": event.title,
        "description": members[0].rules if members else "",
        "resolutionSource": "",
        "startDate": iso(event.created_ms),
        "creationDate": iso(event.created_ms),
        "endDate": iso(event.close_ms),
        "active": any(one.state != UNOPENED for one in members),
        "closed": done,
        "archived": False,
        "new": False,
        "featured": False,
        "restricted": True,
        "liquidity": number(liquid),
        "volume": number(traded),
        "volume24hr": number(traded),
        "createdAt": iso(event.created_ms),
        "updatedAt": iso(max((one.updated_ms for one in members), default=event.created_ms)),
        "enableOrderBook": True,
        "liquidityClob": number(liquid),
        "negRisk": event.mutually_exclusive,
        "enableNegRisk": event.mutually_exclusive,
        "negRiskAugmented": event.augmented,
        "cumulativeMarkets": False,
        "cyom": False,
        "live": any(one.state in (OPEN, PAUSED) for one in members),
        "ended": done,
    }
    if event.mutually_exclusive:
        record["negRiskMarketID"] = neg_risk_id(event)
    if markets:
        record["markets"] = [market_record(face, one, nested=True) for one in members]
        record["tags"] = [tag_of(event.category)]
        record["series"] = []
    return record


def neg_risk_id(event: SandboxEvent) -> str:
    """The id that an event's neg-risk markets share."""
    return f"0x{hashlib.sha256(event.id.encode()).hexdigest()[:62]}00"


def _fees(market: SandboxMarket) -> dict[str, Any]:
    p = market.p
    if not Decimal(p.fee_rate):
        return {"feesEnabled": False, "makerBaseFee": 0, "takerBaseFee": 0}
    schedule = {
        "exponent": p.fee_exponent, "rate": plain_number(p.fee_rate), "takerOnly": True,
        "rebateRate": plain_number(REBATE_RATES.get(p.fee_rate, "0.25")),
    }  # fmt: skip
    return {
        "feesEnabled": True, "makerBaseFee": BASE_FEE, "takerBaseFee": BASE_FEE,
        "feeType": p.fee_label or "general_fees", "feeSchedule": schedule,
    }  # fmt: skip


def _prices(face: Face, market: SandboxMarket) -> dict[str, Any]:
    """Best and last prices, as far as there are any."""
    book = face.books.of(market).book
    found: dict[str, Any] = {}
    if book.bids.prices:
        found["bestBid"] = number(book.best_bid)
    if book.asks.prices:
        found["bestAsk"] = number(book.best_ask)
    if len(found) == 2:
        found["spread"] = number(book.best_ask - book.best_bid)
    if market.last_price is not None:
        found["lastTradePrice"] = number(market.last_price)
    return found


def _history(market: SandboxMarket) -> list[str]:
    steps = ["proposed"] if market.settlement_value is not None else []
    if market.disputed_once:
        steps = ["proposed", "disputed"] + (["proposed"] if market.state in (AMENDED, SETTLED) else [])
    return [*steps, "resolved"] if market.state == SETTLED else steps


def _worth(ladder: Ladder, *, mirror: bool) -> int:
    return sum((MICRO - price if mirror else price) * size for price, size in ladder.totals.items())
