"""Invents the sandbox's markets from a seed: the same seed and day give the same texts and ids."""

import hashlib
from datetime import UTC, datetime

from markets.books import MICRO
from markets.platforms.base import KALSHI, POLYMARKET
from markets.sandbox.market import (
    KALSHI_GRIDS,
    POLYMARKET_TICKS,
    KalshiSide,
    Pair,
    PolymarketSide,
    SandboxEvent,
    SandboxMarket,
    WorldSpec,
)
from markets.sandbox.orders import Band
from markets.sandbox.topics import TOPICS, Topic

DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS
SCALES = {"thousand": 1_000, "million": 1_000_000}
MONDAY_MS = 4 * DAY_MS  # 1970-01-05, a Monday

Made = tuple[SandboxEvent, list[SandboxMarket]]


def digest(*parts: object) -> int:
    """256 bits that depend on nothing but the parts."""
    return int.from_bytes(hashlib.sha256("|".join(map(str, parts)).encode()).digest())


def uuid_text(*parts: object) -> str:
    """A UUID-shaped id made of the parts."""
    h = f"{digest(*parts):064x}"
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-b{h[17:20]}-{h[20:32]}"


def week_end(after_ms: int, weeks: int) -> int:
    """The end of the `weeks`-th calendar week (Sunday midnight UTC) that is at least a day away."""
    first = after_ms + DAY_MS - MONDAY_MS
    return (first // WEEK_MS + 1) * WEEK_MS + MONDAY_MS + (weeks - 1) * WEEK_MS


def stamp(at_ms: int, *, seconds: bool = False) -> str:
    """A date the way Kalshi writes it in tickers: 26NOV29, or 26NOV29142230 for short-lived markets."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return moment.strftime("%y%b%d%H%M%S" if seconds else "%y%b%d").upper()


class Generator:
    """Makes markets of one specification; what it makes depends on nothing but the arguments."""

    def __init__(self, spec: WorldSpec) -> None:
        self.spec = spec

    def make_pair(self, number: int, generation: int, now_ms: int) -> tuple[Pair, Made, Made]:
        """The pair of slot `number`: its Kalshi event and its Polymarket event, one market each.

        Slots below `spec.short_lived` are short-lived; `generation` counts their successors.
        """
        spec, short = self.spec, number < self.spec.short_lived
        topic = TOPICS[number % len(TOPICS)]
        draw = digest(spec.seed, "pair", number)
        close_ms = self._close(draw + 7 * generation, short, now_ms)
        inverted = draw % 1000 < spec.inverted_share * 1000
        key = stamp(now_ms if short else close_ms, seconds=short)
        ticker_tail = f"{key}-T{number}"
        threshold = topic.threshold(number // len(TOPICS) * 5 + draw % 5)  # no two pairs ask the same
        truth = MICRO if digest(spec.seed, "truth", number, generation) % 2 else 0
        day = day_text(close_ms, exact=short)
        pair_id = self.pair_id(number, key)
        kalshi = self.kalshi_market(topic, ticker_tail, draw, now_ms, close_ms, truth, threshold, day, short)
        polymarket = self.polymarket_market(
            topic,
            f"{pair_id}",
            draw,
            now_ms,
            close_ms,
            MICRO - truth if inverted else truth,
            question_text(topic, threshold, day, below=inverted),
            rules_text(topic, threshold, day, below=inverted),
            short,
            v2=number >= spec.pairs - spec.protocol_v2,
        )
        kalshi[1][0].pair_id = polymarket[1][0].pair_id = pair_id
        pair = Pair(
            pair_id, polymarket[1][0].id, kalshi[1][0].id, inverted, short, kalshi[1][0].question, number, generation
        )  # fmt: skip
        return pair, kalshi, polymarket

    @staticmethod
    def pair_id(number: int, key: str) -> str:
        """The id of a slot's pair; `key` is the stamp of its close, for short-lived ones of its listing."""
        return f"sbx-{number}-{key.lower()}"

    def make_extra(self, platform: str, number: int, size: int, now_ms: int) -> Made:
        """An unpaired event of `size` markets of which exactly one pays."""
        topic = TOPICS[(number * 5 + 1) % len(TOPICS)]
        draw = digest(self.spec.seed, "extra", platform, number)
        close_ms = self._close(draw, False, now_ms)
        day, winner = day_text(close_ms), draw // 11 % size
        made: list[Made] = []
        for place in range(size):
            low = topic.threshold(number * 3 + 2 * place)
            high = topic.threshold(number * 3 + 2 * place + 1)
            band = f"{low} to {high}"
            truth = MICRO if place == winner else 0
            if platform == KALSHI:
                tail = f"{stamp(close_ms)}X{number}-B{place}"
                one = self.kalshi_market(topic, tail, draw + place, now_ms, close_ms, truth, band, day, False)
                one[1][0].question = f"Will {topic.subject} be {band} on {day}?"
                one[1][0].rules = bracket_rules(topic, band, day)
                one[1][0].k.strike_type = "custom"
            else:
                one = self.polymarket_market(
                    topic,
                    f"sbx-x{number}-{place}-{stamp(close_ms).lower()}",
                    draw + place,
                    now_ms,
                    close_ms,
                    truth,
                    f"Will {topic.subject} be {band} on {day}?",
                    bracket_rules(topic, band, day),
                    False,
                )
                one[1][0].p.neg_risk, one[1][0].p.group_item = True, band
            made.append(one)
        event, markets = made[0][0], [one[1][0] for one in made]
        event.title, event.mutually_exclusive = f"{capital(topic.subject)} on {day}", True
        for market in markets:
            market.event_id = event.id
            if platform == POLYMARKET:
                market.p.event_id = event.id
        event.market_ids = [market.id for market in markets]
        return event, markets

    def _close(self, draw: int, short: bool, now_ms: int) -> int:
        spec = self.spec
        if short:
            low, high = spec.short_seconds
            return now_ms + 1000 * (low + draw // 1000 % (high - low + 1))
        low, high = spec.long_weeks
        return week_end(now_ms, low + draw // 1000 % (high - low + 1))

    def _timers(self, short: bool) -> tuple[int, int]:
        scale = 1000 if short else 4000
        return self.spec.determine_seconds * scale, self.spec.settle_seconds * scale

    def kalshi_market(
        self,
        topic: Topic,
        tail: str,
        draw: int,
        now_ms: int,
        close_ms: int,
        truth: int,
        threshold: str,
        day: str,
        short: bool,
    ) -> Made:
        """One market and its event on Kalshi; `tail` is its ticker without the series."""
        grid = ("linear_cent", "linear_cent", "linear_cent", "tapered_deci_cent", "deci_cent")[draw // 17 % 5]
        event_ticker = f"{topic.series}-{tail.rsplit('-', 1)[0]}"
        ticker = f"{topic.series}-{tail}"
        if tail.rsplit("-", 1)[1].startswith(
            "T"
        ):  # a pair's event holds one market, so it needs a name of its own
            event_ticker = f"{event_ticker}{tail.rsplit('-', 1)[1]}"
        determine, settle = self._timers(short)
        event = SandboxEvent(
            KALSHI,
            event_ticker,
            "",
            topic.series,
            f"{capital(topic.subject)} on {day}",
            topic.category,
            False,
            [ticker],
            close_ms,
            now_ms,
        )
        market = SandboxMarket(
            platform=KALSHI,
            id=ticker,
            event_id=event_ticker,
            question=question_text(topic, threshold, day),
            rules=rules_text(topic, threshold, day),
            rules_secondary=_secondary(topic),
            source=topic.source,
            category=topic.category,
            outcomes=("Yes", "No"),
            bands=KALSHI_GRIDS[grid],
            min_size=10_000,
            created_ms=now_ms,
            open_ms=now_ms,
            close_ms=close_ms,
            truth=truth,
            determine_after_ms=determine,
            settle_after_ms=settle,
            kalshi=KalshiSide(
                event_ticker=event_ticker,
                series_ticker=topic.series,
                market_id=uuid_text(self.spec.seed, ticker),
                fee_type=topic.fee_type,
                fee_multiplier=topic.fee_multiplier,
                grid=grid,
                strike_type="greater",
                floor_strike=strike_of(threshold),
                yes_sub_title=f"Above {threshold}",
                settlement_timer_s=settle // 1000,
            ),
        )
        return event, [market]

    def polymarket_market(
        self,
        topic: Topic,
        slug: str,
        draw: int,
        now_ms: int,
        close_ms: int,
        truth: int,
        question: str,
        rules: str,
        short: bool,
        *,
        v2: bool = False,
    ) -> Made:
        """One market and its event on Polymarket."""
        seed = self.spec.seed
        tick = ("0.01", "0.01", "0.01", "0.001")[draw // 19 % 4]
        condition = f"0x{digest(seed, 'condition', slug):064x}"
        tokens = (str(digest(seed, "yes", slug)), str(digest(seed, "no", slug)))
        if v2:
            condition, tokens = protocol_v2_ids(digest(seed, "position", slug))
        determine, settle = self._timers(short)
        event_id = str(100_000 + digest(seed, "event", slug) % 10**12)
        event = SandboxEvent(
            POLYMARKET, event_id, slug, "", question, topic.category, False, [condition], close_ms, now_ms
        )
        market = SandboxMarket(
            platform=POLYMARKET,
            id=condition,
            event_id=event_id,
            question=question,
            rules=rules,
            rules_secondary="",
            source=topic.source,
            category=topic.category,
            outcomes=("Yes", "No"),
            bands=(Band(0, MICRO, POLYMARKET_TICKS[tick]),),
            min_size=5 * MICRO,
            created_ms=now_ms,
            open_ms=now_ms,
            close_ms=close_ms,
            truth=truth,
            determine_after_ms=determine,
            settle_after_ms=settle,
            polymarket=PolymarketSide(
                gamma_id=str(500_000 + digest(seed, "gamma", slug) % 10**12),
                question_id=f"0x{digest(seed, 'question', slug):064x}",
                event_id=event_id,
                slug=slug,
                token_ids=tokens,
                tick=tick,
                neg_risk=False,
                fee_rate=topic.fee_rate,
                fee_exponent=1,
                fee_label=topic.fee_label,
                version="v2" if v2 else "v1",
            ),
        )
        return event, [market]


def protocol_v2_ids(drawn: int) -> tuple[str, tuple[str, str]]:
    """Condition id (64 digits) and position ids of a binary market of Protocol V2, as the platform packs them.

    From the top: module 8 bits, hash 128, arity 16, reserved 64 (zero), chain 16, condition index 16, outcome 8.
    """
    condition = 1 << 240 | drawn % 2**128 << 112 | 2 << 96 | 137 << 16
    return f"0x{condition:062x}00", (str(condition << 8), str(condition << 8 | 1))


def day_text(at_ms: int, *, exact: bool = False) -> str:
    """The day that ends at `at_ms`, as people write it; with `exact` its time, too."""
    moment = datetime.fromtimestamp((at_ms - 1) / 1000, UTC)
    day = f"{moment:%B} {moment.day}, {moment.year}"
    return f"{day} at {moment:%H:%M:%S} UTC" if exact else day


def question_text(topic: Topic, threshold: str, day: str, *, below: bool = False) -> str:
    """A market's title."""
    return f"Will {topic.subject} be {f'{threshold} or lower' if below else f'above {threshold}'} on {day}?"


def rules_text(topic: Topic, threshold: str, day: str, *, below: bool = False) -> str:
    """A market's rules."""
    test = f"at or below {threshold}" if below else f"strictly greater than {threshold}"
    return resolves(f"{topic.subject} is {test} on {day}", topic)


def bracket_rules(topic: Topic, band: str, day: str) -> str:
    """The rules of a market that pays where a value lies in a band."""
    return resolves(f"{topic.subject} lies in {band} on {day}", topic)


def resolves(condition: str, topic: Topic, *, yes: str = "Yes", source: str = "") -> str:
    """Rules that make the market resolve to `yes` (else to the other word) where the condition holds."""
    no = "No" if yes == "Yes" else "Yes"
    return (
        f'If {condition}, according to {source or topic.source}, this market resolves to "{yes}". '
        f'Otherwise it resolves to "{no}".'
    )


def _secondary(topic: Topic) -> str:
    return f"An invented market of the sandbox exchange. Only {topic.source} counts; revisions do not."


def strike_of(threshold: str) -> int | None:
    """The number of a threshold, of a band its lower one: thousands and millions written out, as strikes are."""
    low = threshold.split(" to ")[0]
    digits = "".join(c for c in low if c.isdigit())
    scale = next((scale for word, scale in SCALES.items() if word in threshold), 1)
    return int(digits) * scale if digits else None


def capital(text: str) -> str:
    """With a capital at the front."""
    return text[0].upper() + text[1:]
