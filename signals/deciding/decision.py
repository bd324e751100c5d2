"""Judging findings: hurdles, quarantine, confidence and rank.

`m0` is the chance that the bet pays nothing although every state is covered: the two markets turn out not to
be the same bet, an oracle errs, one market is cancelled. It is an input, measured or set per class of bet;
nothing here invents it.

A finding is REFUSED for what cannot be healed by looking again, QUARANTINED for what is too good to be true. Doubts
about a *book* end when the book is read again over REST (`REST_CLEARS`); doubts about the *match* end only with a
person, see `clearable`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from markets.books import YES
from signals import expected
from signals.deciding import doubts
from signals.deciding.doubts import Evidence
from signals.deciding.joining import EVENT_NEAR, EVIDENCE_VETO, NEUTRAL, Joined
from signals.edge import Charges, unix_ms
from signals.findings import BELOW_MINIMUM, BOOK_STALE, BOOKS_APART, CROSSED, Finding

ACTIONABLE, REFUSED, QUARANTINED = "ACTIONABLE", "REFUSED", "QUARANTINED"

# Reasons of a refusal. Stable codes: they are stored and counted.
BELOW_HURDLE, BELOW_MIN_PROFIT, BELOW_MIN_NET, ALREADY_SETTLED, NOT_CLEAN = (
    "below_hurdle", "below_min_profit", "below_min_net", "already_settled", "not_clean",
)  # fmt: skip
BELOW_EVIDENCE_HURDLE = "below_evidence_hurdle"
REFUSALS = frozenset(
    {BELOW_HURDLE, BELOW_MIN_PROFIT, BELOW_MIN_NET, ALREADY_SETTLED, NOT_CLEAN, EVIDENCE_VETO, EVENT_NEAR,
     BELOW_EVIDENCE_HURDLE}
)  # fmt: skip
# Reasons of a quarantine.
SUSPICIOUS_EDGE, CROSSED_BOOK, CROSSED_FOR_LONG, GAP_UNREAD, MIDS_APART, ONE_SIDED_MOVE, WAS_DOUBTED = (
    "suspicious_edge", "crossed_book", "crossed_for_long", "gap_unread", "mids_apart", "one_sided_move", "was_doubted",
)  # fmt: skip
DOUBTS = frozenset(
    {SUSPICIOUS_EDGE, CROSSED_BOOK, CROSSED_FOR_LONG, GAP_UNREAD, MIDS_APART, ONE_SIDED_MOVE, WAS_DOUBTED}
)
# A fresh book over REST answers these: the price is really there, or it is not.
REST_CLEARS = frozenset({SUSPICIOUS_EDGE, CROSSED_BOOK, ONE_SIDED_MOVE, WAS_DOUBTED})

BUY_A_SELL_B, BUY_B_SELL_A, BUY_BOTH, BUY_ALL = "BUY_A_SELL_B", "BUY_B_SELL_A", "BUY_BOTH", "BUY_ALL"

# How the markets of a bet settle; only the first may be called an arbitrage.
CLEAN = "clean"
SANDBOX = "sandbox"  # the origin of the local exchange's own pairs
ARBITRAGE, SPREAD = "arbitrage", "spread"  # what a signal is called

ZERO, ONE = Decimal(0), Decimal(1)
WOBBLE = Decimal("0.02")  # by which an edge may pass what a second look has seen: a tick of each leg


@dataclass(frozen=True, slots=True)
class Hurdles:
    """What a finding must pass to be acted on. Ratios are fractions, money dollars."""

    min_profit_pct: Decimal = Decimal("0.02")  # net profit over outlay
    min_net_profit: Decimal = ZERO  # dollars
    suspicious_edge: Decimal = Decimal("0.10")  # net dollars per $1 of payoff; above it: quarantine
    max_book_age_ms: int = 2_000
    quarantine_crossed: bool = True
    max_skew_ms: int = 1_000
    charges: Charges = field(default_factory=Charges)
    crossed_long_ms: int = 5_000
    gap_unread: Decimal = Decimal("0.10")  # dollars between the mids of a bet that nobody has read
    max_drift: Decimal = Decimal("0.10")  # dollars by which the mids' gap may leave its old level
    one_sided_move: Decimal = Decimal("0.10")  # dollars that one platform alone may move
    recent_ms: int = 60_000  # what "recently" means for both


@dataclass(frozen=True, slots=True)
class BetRisk:
    """What is known of a bet itself."""

    m0: Decimal = ZERO
    m0_upper: Decimal = ZERO  # upper bound of m0
    settlement: str = CLEAN  # clean, correlated, timing, unknown
    read_by_person: bool = True  # somebody read all its rules and approved
    origin: str = ""

    @property
    def trusted(self) -> bool:
        """Whether the match itself is beyond doubt: a person read it, or the local sandbox made it."""
        return self.read_by_person or self.origin == SANDBOX

    @property
    def label(self) -> str:
        """What its signals are called: without a clean settlement it is a spread, never an arbitrage."""
        return ARBITRAGE if self.settlement == CLEAN else SPREAD


@dataclass(frozen=True, slots=True)
class Context(BetRisk):
    """Everything a verdict depends on besides the finding."""

    evidence: Evidence = field(default_factory=Evidence)
    alive_ms: int = 0  # how long the signal has stood
    cleared: frozenset[str] = frozenset()  # doubts that a fresh look over REST, or a person, has answered
    answered_edge: Decimal | None = (
        None  # up to which a second look answers for a suspicious edge; None: for any
    )
    doubted: frozenset[str] = frozenset()  # doubts it is held for since it was judged last
    joined: Joined = NEUTRAL  # what whales, news, calendar and scored price moves do to it


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason of a verdict: a stable code and a sentence."""

    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """ACTIONABLE without reasons; REFUSED or QUARANTINED with every reason that applies."""

    state: str
    reasons: tuple[Reason, ...] = ()


CALM = Context()


def decide(finding: Finding, hurdles: Hurdles, now_ms: int, context: Context = CALM) -> Verdict:
    """Whether a finding may be acted on at `now_ms`. A refusal outweighs a quarantine: it needs no second
    look.
    """
    refused = tuple(_below(finding, hurdles, now_ms, context))
    if refused:
        return Verdict(REFUSED, refused)
    doubted = [
        reason
        for reason in _doubtful(finding, hurdles, now_ms, context)
        if reason.code not in context.cleared or _outgrown(reason.code, finding, context)
    ]
    if not doubted and context.doubted and WAS_DOUBTED not in context.cleared:
        sentence = f"it was held for {', '.join(sorted(context.doubted))}: the books are read again first"
        doubted = [Reason(WAS_DOUBTED, sentence)]
    return Verdict(QUARANTINED, tuple(doubted)) if doubted else Verdict(ACTIONABLE)


def _outgrown(code: str, finding: Finding, context: Context) -> bool:
    seen = context.answered_edge
    return code == SUSPICIOUS_EDGE and seen is not None and finding.edge > seen + WOBBLE


def second_thoughts(
    finding: Finding, hurdles: Hurdles, now_ms: int, context: Context, seen: Evidence
) -> tuple[Reason, ...]:
    """The doubts that the past of the prices adds to a finding which passed without it."""
    return tuple(
        reason for reason in _unlike(finding, hurdles, now_ms, seen) if reason.code not in context.cleared
    )


def clearable(verdict: Verdict, finding: Finding, risk: BetRisk) -> bool:
    """Whether fresh books over REST can end this quarantine, or only a person.

    Books prove prices, not that two markets are the same bet: across platforms a suspicious edge on a bet that nobody
    has read stays with a person, as do a gap on such a bet, mids that parted and a book that stays crossed.
    """
    codes = {reason.code for reason in verdict.reasons}
    if not codes <= REST_CLEARS:
        return False
    return risk.trusted or not doubts.across(finding) or SUSPICIOUS_EDGE not in codes


def _below(finding: Finding, hurdles: Hurdles, now_ms: int, risk: Context) -> Iterable[Reason]:
    confirmed = [leg.confirmed_ms for leg in finding.legs]
    age, apart = now_ms - min(confirmed), max(confirmed) - min(confirmed)
    if age > hurdles.max_book_age_ms:
        yield Reason(BOOK_STALE, f"the older book is {age} ms old, limit {hurdles.max_book_age_ms}")
    if apart > hurdles.max_skew_ms:
        yield Reason(BOOKS_APART, f"the books are {apart} ms apart, limit {hurdles.max_skew_ms}")
    if finding.frees_at is not None and not finding.frees_now and unix_ms(finding.frees_at) <= now_ms:
        yield Reason(ALREADY_SETTLED, "both markets should have settled by now")
    if any(leg.size <= 0 for leg in finding.legs):
        yield Reason(BELOW_MINIMUM, "a leg has no contracts")
    if risk.settlement != CLEAN:
        yield Reason(
            NOT_CLEAN, f"the markets' settlement is {risk.settlement}, not clean: a spread, not an arbitrage"
        )
    if finding.profit_pct < hurdles.min_profit_pct:
        yield Reason(
            BELOW_MIN_PROFIT,
            f"net profit is {finding.profit_pct:.4%} of the outlay, the minimum {hurdles.min_profit_pct:.2%}",
        )
    if finding.net_profit < hurdles.min_net_profit:
        yield Reason(
            BELOW_MIN_NET, f"net profit is ${finding.net_profit:.4f}, the minimum ${hurdles.min_net_profit}"
        )
    falls = expected.of(finding, risk.m0, hurdles.charges, risk.joined.hurdle)
    if falls.expected <= 0:
        alone = falls.expected + falls.evidence <= 0  # the bet's own hurdle is not passed either
        besides = f" + ${falls.evidence:.4f} evidence" if falls.evidence else ""
        yield Reason(
            BELOW_HURDLE if alone else BELOW_EVIDENCE_HURDLE,
            f"a net profit of ${falls.net:.4f} does not exceed its hurdle: ${falls.leg_risk:.4f} leg risk"
            f" + ${falls.rule_risk:.4f} rule risk + ${falls.capital:.4f} capital{besides}",
        )
    for veto in risk.joined.vetoes:
        yield Reason(veto.code, veto.sentence)


def _doubtful(finding: Finding, hurdles: Hurdles, now_ms: int, context: Context) -> Iterable[Reason]:
    # The bigger the edge on the screen, the likelier it is stale or the markets are not the same bet.
    if finding.edge > hurdles.suspicious_edge:
        yield Reason(
            SUSPICIOUS_EDGE,
            f"an edge of {finding.edge:.4f} per $1 is above {hurdles.suspicious_edge}: too good to be true",
        )
    if hurdles.quarantine_crossed and CROSSED in finding.cautions:
        if context.alive_ms > hurdles.crossed_long_ms:
            yield Reason(
                CROSSED_FOR_LONG,
                f"the book has been crossed for {context.alive_ms} ms: an error, not a price",
            )
        else:
            yield Reason(CROSSED_BOOK, "the book is crossed, which is normal for milliseconds only")
    if not doubts.across(finding):
        return
    gap = doubts.gap_of_mids(finding)
    if not context.trusted and gap > hurdles.gap_unread:
        yield Reason(
            GAP_UNREAD,
            f"the mids are {gap:.4f} apart on a bet that nobody has read: rather two bets than one",
        )
    if context.evidence.tracks:
        yield from _unlike(finding, hurdles, now_ms, context.evidence)


def _unlike(finding: Finding, hurdles: Hurdles, now_ms: int, seen: Evidence) -> Iterable[Reason]:
    """Signs that the platforms' markets are not the same bet, or that one of them has not heard yet."""
    samples = doubts.samples(finding, seen)
    drift = doubts.drift(finding, samples, now_ms, hurdles.recent_ms)
    together = doubts.together(finding, samples)
    if drift is not None and abs(drift) > hurdles.max_drift:
        yield Reason(MIDS_APART, f"the gap of the mids has left its old level by {abs(drift):.4f}")
    elif together is not None and together < 0:
        yield Reason(MIDS_APART, f"the mids move against each other (rank correlation {together:.2f})")
    alone = doubts.one_sided(finding, seen, now_ms, hurdles.recent_ms, hurdles.one_sided_move)
    if alone:
        yield Reason(ONE_SIDED_MOVE, f"only {alone} has moved to this price: news, or one wrong book")


def confidence(
    finding: Finding, m0: Decimal, now_ms: int, max_book_age_ms: int, joined: Joined = NEUTRAL
) -> Decimal:
    """How far a finding can be relied on, 0 to 1: `(1 - m0) * freshness of the older book * what evidence leaves`.

    Freshness falls in a straight line from 1 (just confirmed) to 0 (at the greatest age allowed). Give the upper
    bound of m0: confidence is about what is not known, the waterfall about what is expected.
    """
    age = max(0, now_ms - min(leg.confirmed_ms for leg in finding.legs))
    freshness = max(ZERO, ONE - Decimal(age) / max_book_age_ms) if max_book_age_ms > 0 else ZERO
    return max(ZERO, min(ONE, ONE - m0)) * freshness * joined.sure


def recommended_action(finding: Finding) -> str:
    """The specification's words; market A is the first leg's, B the second's.

    Nothing is sold: "selling" a market is done by buying its opposite outcome. So with two markets, buying
    YES on A and the completing outcome on B is BUY_A_SELL_B, buying NO on A is BUY_B_SELL_A. Both outcomes of
    one market are BUY_BOTH, a basket of more than two legs is BUY_ALL.
    """
    if len(finding.legs) > 2:
        return BUY_ALL
    one, two = finding.legs[0], finding.legs[1]
    if (one.platform, one.market_id) == (two.platform, two.market_id):
        return BUY_BOTH
    return BUY_A_SELL_B if one.outcome == YES else BUY_B_SELL_A
