"""What the newsroom will do next, drawn from a seed: plain, without a clock, the same draws for the same questions.

true        an outlet that knows something tells it; what it is about moves within a minute and a half (mostly)
noise       worded like a true one; nothing happens
copy        another outlet retells a true story in disguise
late        a story from an hour ago or more, long in the price
lie         says the contrary of what is about to happen
lie_time    claims to be published hours from now
notice      an exchange's announcement that moves nothing
flow        coins move to or from an exchange, and crypto prices follow within two minutes (mostly)
flow_noise  large transfers that mean nothing
occasion    a release is put on the calendars; at its time the price jumps, and the agency says which way
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from markets.sandbox import headlines
from markets.sandbox.headlines import DOWN, NOUNS, UP
from markets.sandbox.sources.archive import stranger
from markets.sandbox.sources.values import (
    BEA,
    BINANCE,
    BLS,
    BURN,
    FED,
    MINT,
    OKX,
    OUTLETS,
    TRANSFER,
    UNKNOWN,
    WALLETS,
)

TRUE, NOISE, COPY, LATE, LIE, LIE_TIME = "true", "noise", "copy", "late", "lie", "lie_time"
NOTICE, FLOW, FLOW_NOISE, OCCASION = "notice", "flow", "flow_noise", "occasion"
WEIGHTS = {
    TRUE: 28, NOISE: 18, COPY: 12, LATE: 7, LIE: 6, LIE_TIME: 3, NOTICE: 4, FLOW: 12, FLOW_NOISE: 6, OCCASION: 4,
}  # fmt: skip
KINDS = tuple(WEIGHTS)
HIT = 0.85  # how often what a true story or flow says comes true
CENTS = (4, 9)  # how far a price moves
LAG_MS = (5_000, 90_000)  # from the story's appearance to the move
FLOW_LAG_MS = (20_000, 120_000)
AHEAD_MS = (150_000, 420_000)  # from an occasion's announcement to its time
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
CRYPTO = ("KXSBXBTC", "KXSBXETH")
# Releases that markets here are about: agency, name, its word for the kind, FRED's release
RELEASES = {
    "KXSBXFED": (FED, "FOMC Meeting", "FOMC", 0), "KXSBXCPI": (BLS, "Consumer Price Index", "Stat", 10),
    "KXSBXSPX": (BEA, "Gross Domestic Product", "Stat", 53),
}  # fmt: skip
EXCHANGE_WALLETS = tuple(
    w.address for w in WALLETS.values() if w.kind != UNKNOWN and w.address.startswith("0x")
)[:5]
BITCOIN_EXCHANGE = next(address for address in WALLETS if address.startswith("bc1"))


@dataclass(frozen=True, slots=True)
class Subject:
    """A question that can be written about. `price` is what YES of "above" costs, micro-dollars."""

    series: str
    threshold: str
    day: str
    price: int


@dataclass(frozen=True, slots=True)
class Told:
    """A story that is to appear after `delay_ms`; `age_ms` is how long before that it says it was published."""

    outlet: str
    title: str
    summary: str
    delay_ms: int = 0
    age_ms: int = 0
    tags: tuple[str, ...] = ()
    junk: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """A transfer that is to happen after `delay_ms`, worth so many dollars."""

    chain: str
    symbol: str
    dollars: int
    from_address: str
    to_address: str
    delay_ms: int = 0
    type: str = TRANSFER


@dataclass(frozen=True, slots=True)
class Planned:
    """A release that goes onto the calendars now and happens after `ahead_ms`."""

    agency: str
    name: str
    kind: str
    release_id: int
    ahead_ms: int


@dataclass(frozen=True, slots=True)
class Push:
    """All questions of a series move: YES of "above" gains `cents` (or loses them) after `delay_ms`."""

    series: str
    cents: int
    delay_ms: int


@dataclass(frozen=True, slots=True)
class Act:
    """One draw: what is told, and what truly happens. `says` is what it claims of YES of "above": 1, -1, or 0."""

    kind: str
    series: str
    says: int
    told: tuple[Told, ...] = ()
    sent: tuple[Sent, ...] = ()
    planned: Planned | None = None
    pushes: tuple[Push, ...] = ()


class Script:
    """Draws one act after the other."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(f"newsroom-{seed}")
        self._seed = seed
        self._count = 0
        self._last: Act | None = None  # the last true one, for those who copy

    def draw(self, subjects: Sequence[Subject], now_ms: int) -> Act:
        """The next act; one of `subjects`, of which there must be any, is what it is about."""
        self._count += 1
        rng = self._rng
        kind = rng.choices(KINDS, weights=list(WEIGHTS.values()))[0]
        if kind == COPY and self._last is not None:
            return self._copy(self._last)
        choose = {FLOW: CRYPTO, FLOW_NOISE: CRYPTO, NOTICE: CRYPTO, OCCASION: tuple(RELEASES)}.get(kind, ())
        fitting = [one for one in subjects if not choose or one.series in choose]
        if not fitting or kind == COPY:
            kind, fitting = NOISE, list(subjects)
        subject = rng.choice(fitting)
        # Where there is more room, so that prices do not stick to an end
        direction = UP if rng.random() > subject.price / 1_000_000 else DOWN
        if kind in (FLOW, FLOW_NOISE):
            return self._flow(kind, subject, direction)
        if kind == OCCASION:
            return self._occasion(subject, direction, now_ms)
        return self._story(kind, subject, direction)

    def _story(self, kind: str, subject: Subject, direction: int) -> Act:
        rng, tags = self._rng, NOUNS[subject.series].tags
        says = -direction if kind == LIE else direction
        title, summary = headlines.headline(subject.series, says, subject.threshold, subject.day, rng)
        if kind == NOTICE:
            title, summary, says = headlines.announcement(subject.series, subject.day, rng), "", 0
        outlet = {
            TRUE: rng.choice(("wire", "wire", "ledger")), NOISE: "courier", LATE: "gazette", LIE: "rumour",
            LIE_TIME: "rumour", NOTICE: rng.choice((OKX, BINANCE)),
        }[kind]  # fmt: skip
        age = {LATE: rng.randint(40, 180) * MINUTE_MS, LIE_TIME: -rng.randint(1, 6) * HOUR_MS}
        told = Told(outlet, title, summary, age_ms=age.get(kind, rng.randint(200, 4_000)), tags=tags)
        pushes = (
            (self._push(subject, direction, LAG_MS),) if kind in (TRUE, LIE) and rng.random() < HIT else ()
        )
        act = Act(kind, subject.series, says, (told,), pushes=pushes)
        if kind == TRUE:
            self._last = act
        return act

    def _push(self, subject: Subject, direction: int, lag: tuple[int, int]) -> Push:
        return Push(subject.series, direction * self._rng.randint(*CENTS), self._rng.randint(*lag))

    def _copy(self, of: Act) -> Act:
        """The echo's version of a true story; what it is about moves (or not) for the first one's sake."""
        rng, first = self._rng, of.told[0]
        outlet = "echo"
        told = Told(
            outlet, headlines.disguised(first.title, OUTLETS[outlet].title, rng), first.summary,
            delay_ms=rng.randint(500, 20_000), age_ms=rng.randint(500, 10_000), tags=first.tags,
            junk="?utm_source=echo&utm_medium=rss",
        )  # fmt: skip
        return Act(COPY, of.series, of.says, (told,))

    def _flow(self, kind: str, subject: Subject, direction: int) -> Act:
        """Stablecoins to an exchange go before a rise, ether to an exchange before a fall; the rest says nothing."""
        rng, who = self._rng, stranger(self._seed, self._count)
        where = rng.choice(EXCHANGE_WALLETS)
        if kind == FLOW_NOISE:
            return Act(kind, subject.series, 0, sent=(self._idle(who, where),))
        parts = rng.choice((1, 1, 2, 3))
        to_exchange = direction == UP
        symbol = rng.choice(("USDC", "USDT"))
        if rng.random() < 0.4:
            symbol, to_exchange = "ETH", direction == DOWN
        ends = (who, where) if to_exchange else (where, who)
        sent = tuple(
            Sent(
                "ethereum",
                symbol,
                rng.randint(5, 60) * 1_000_000 + rng.randint(1, 999_999),
                *ends,
                delay_ms=4_000 * part,
            )
            for part in range(parts)
        )
        pushes = tuple(
            self._push(Subject(series, "", "", 0), direction, FLOW_LAG_MS) for series in CRYPTO
        ) if rng.random() < HIT else ()  # fmt: skip
        return Act(kind, subject.series, direction, sent=sent, pushes=pushes)

    def _idle(self, who: str, where: str) -> Sent:
        rng, dollars = self._rng, self._rng.randint(1, 40) * 1_000_000 + self._rng.randint(1, 999_999)
        other = stranger(self._seed, self._count, "other")
        return rng.choice(
            (
                Sent("ethereum", "USDT", dollars, who, other),
                Sent("ethereum", "USDC", dollars, EXCHANGE_WALLETS[0], EXCHANGE_WALLETS[1]),
                Sent("ethereum", "USDC", dollars, who, other, type=MINT),
                Sent("ethereum", "USDC", dollars, who, other, type=BURN),
                Sent("polygon", "USDC", dollars, who, where),
                Sent(
                    "bitcoin",
                    "BTC",
                    dollars,
                    stranger(self._seed, self._count, chain="bitcoin"),
                    BITCOIN_EXCHANGE,
                ),
            )
        )

    def _occasion(self, subject: Subject, direction: int, now_ms: int) -> Act:
        agency, name, kind, release_id = RELEASES[subject.series]
        # On a full minute, as all of them are
        starts = (now_ms + self._rng.randint(*AHEAD_MS)) // MINUTE_MS * MINUTE_MS
        ahead = starts - now_ms
        title, summary = headlines.headline(
            subject.series, direction, subject.threshold, subject.day, self._rng
        )
        told = Told("bls" if agency != FED else "fed", title, summary, delay_ms=ahead + 1_000, age_ms=1_000)
        push = Push(
            subject.series, direction * self._rng.randint(*CENTS), ahead + self._rng.randint(2_000, 15_000)
        )
        return Act(
            OCCASION,
            subject.series,
            direction,
            (told,),
            planned=Planned(agency, name, kind, release_id, ahead),
            pushes=(push,),
        )
