"""Events of several markets, with what will turn out to be true: contests on Polymarket, brackets and ladders on Kalshi.

neg_risk    Polymarket, whole: exactly one of four wins
augmented   Polymarket: three are named and "Other" stands for everybody who may still be named
exclusive   Kalshi, mutually exclusive: three brackets with room beside them, so perhaps none pays
ladder      Kalshi, four thresholds with structured strikes: above the higher implies above the lower
"""

from dataclasses import replace

from markets.books import MICRO
from markets.sandbox.generate import (
    Generator,
    Made,
    bracket_rules,
    capital,
    day_text,
    digest,
    stamp,
    week_end,
)
from markets.sandbox.market import Opinion, SandboxEvent, SandboxMarket
from markets.sandbox.quotes import CENT
from markets.sandbox.topics import BRACKETS, CONTESTS, LADDERS, Topic

NEG_RISK, AUGMENTED, EXCLUSIVE, LADDER = "neg_risk", "augmented", "exclusive", "ladder"
KINDS = (NEG_RISK, AUGMENTED, EXCLUSIVE, LADDER)
OTHER_NAME = "Other"
VOLATILITY = 250  # so calm that the prices of an event fit together unless a gap is planted
# Fair values in cents, in the order of the markets; brackets leave twelve cents for a value outside of them.
ANCHORS = {
    NEG_RISK: (35, 28, 22, 15),
    AUGMENTED: (38, 27, 20, 15),
    EXCLUSIVE: (34, 30, 24),
    LADDER: (78, 60, 40, 22),
}


def make_wide(generator: Generator, kind: str, number: int, now_ms: int) -> Made:
    """Event `number` of a kind, with its markets."""
    make = _contest if kind in (NEG_RISK, AUGMENTED) else _steps
    event, markets = make(generator, kind, number, now_ms)
    event.kind, event.mutually_exclusive = kind, kind != LADDER
    event.augmented = kind == AUGMENTED
    event.market_ids = [market.id for market in markets]
    for market, cents in zip(markets, ANCHORS[kind], strict=True):
        market.event_id = event.id
        market.opinion = Opinion(f"{event.id}:{market.id}", cents * CENT, VOLATILITY)
        if market.polymarket is not None:
            market.polymarket.event_id = event.id
        else:
            market.k.event_ticker = event.id
    return event, markets


def _draw(generator: Generator, kind: str, number: int, now_ms: int) -> tuple[int, int, str]:
    """A number to choose with, the close and the day of an event."""
    draw = digest(generator.spec.seed, "wide", kind, number)
    close_ms = week_end(now_ms, 4 + draw % 5)
    return draw, close_ms, day_text(close_ms)


def _contest(
    generator: Generator, kind: str, number: int, now_ms: int
) -> tuple[SandboxEvent, list[SandboxMarket]]:
    draw, close_ms, day = _draw(generator, kind, number, now_ms)
    # Whole and augmented events are about different contests, and so is each number
    name, category, source, names = CONTESTS[(2 * number + (kind == AUGMENTED)) % len(CONTESTS)]
    contest = f"{name} number {2 * number + 1 + (kind == AUGMENTED)}"
    topic = Topic("", category, contest, "{x}", 0, 1, source)
    given = (*names[:3], OTHER_NAME) if kind == AUGMENTED else names
    winner = draw // 11 % len(given)
    made = []
    for place, who in enumerate(given):
        person = "somebody not named in this event" if who == OTHER_NAME else who
        slug = f"sbx-{kind.replace('_', '-')}{number}-{place}-{stamp(close_ms).lower()}"
        rules = (
            f'If {person} is named the winner of {contest} by {day}, according to {source}, this market resolves to '
            '"Yes". Otherwise it resolves to "No".'
        )  # fmt: skip
        one = generator.polymarket_market(
            topic, slug, draw + place, now_ms, close_ms, MICRO if place == winner else 0,
            f"Will {who} win {contest}?", rules, False,
        )  # fmt: skip
        side = one[1][0].p
        side.neg_risk, side.group_item, side.neg_risk_other = True, who, who == OTHER_NAME
        made.append(one)
    event = made[0][0]
    event.title = f"Winner of {contest}"
    return event, [one[1][0] for one in made]


def _steps(
    generator: Generator, kind: str, number: int, now_ms: int
) -> tuple[SandboxEvent, list[SandboxMarket]]:
    """Kalshi's brackets or thresholds of one value, which is drawn: it may lie beside all of them."""
    draw, close_ms, day = _draw(generator, kind, number, now_ms)
    exclusive = kind == EXCLUSIVE
    size = len(ANCHORS[kind])
    topic = _moved(BRACKETS if exclusive else LADDERS, number * (size + 1))
    outcome = draw // 11 % (size + 1)  # how many thresholds the value passes
    tail = f"{stamp(close_ms)}{'B' if exclusive else 'L'}{number}"
    made = []
    for place in range(size):
        floor, cap = topic.threshold(place), topic.threshold(place + 1)
        truth = outcome == place + 1 if exclusive else outcome > place
        one = generator.kalshi_market(
            topic, f"{tail}-{'B' if exclusive else 'L'}{place}", draw + place, now_ms, close_ms, MICRO * truth, floor,
            day, False,
        )  # fmt: skip
        if exclusive:
            _bracket(one[1][0], topic, floor, cap, day, last=place == size - 1)
        made.append(one)
    event = made[0][0]
    event.title = f"{capital(topic.subject)} on {day}"
    return event, [one[1][0] for one in made]


def _bracket(market: SandboxMarket, topic: Topic, floor: str, cap: str, day: str, *, last: bool) -> None:
    """From `floor` to just below the next bracket's, both ends included as Kalshi's are."""
    low, high = int(floor.split()[0]), int(cap.split()[0])
    band = f"{low} to {high if last else high - 1} mph"
    market.question = f"Will {topic.subject} be {band} on {day}?"
    market.rules = bracket_rules(topic, band, day)
    market.k.strike_type, market.k.cap_strike = "between", high if last else high - 1
    market.k.yes_sub_title = band


def _moved(topic: Topic, steps: int) -> Topic:
    """The topic with higher thresholds, so that no two events ask the same."""
    return replace(topic, low=topic.low + steps * topic.step)
