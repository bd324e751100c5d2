"""Judging findings: hurdles, quarantine, confidence and rank.

`m0` is the chance that the bet pays nothing although every state is covered: the two markets turn out not to
be the same bet, an oracle errs, one market is cancelled. It is an input, measured or set per class of bet;
nothing here invents it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from markets.books import YES
from signals.edge import unix_ms
from signals.findings import BOOK_STALE, CROSSED, Finding

ACTIONABLE, REFUSED, QUARANTINED = "ACTIONABLE", "REFUSED", "QUARANTINED"

# Reasons for a verdict. Stable codes: they are stored and counted.
BELOW_MIN_PROFIT, BELOW_MIN_NET, SUSPICIOUS_EDGE, CROSSED_BOOK, ALREADY_SETTLED = (
    "below_min_profit", "below_min_net", "suspicious_edge", "crossed_book", "already_settled",
)  # fmt: skip

BUY_A_SELL_B, BUY_B_SELL_A, BUY_BOTH = "BUY_A_SELL_B", "BUY_B_SELL_A", "BUY_BOTH"

ZERO, ONE = Decimal(0), Decimal(1)


@dataclass(frozen=True, slots=True)
class Hurdles:
    """What a finding must pass to be acted on. Ratios are fractions, money dollars."""

    min_profit_pct: Decimal = Decimal("0.02")  # net profit over outlay
    min_net_profit: Decimal = ZERO  # dollars
    suspicious_edge: Decimal = Decimal("0.10")  # net dollars per $1 of payoff; above it: quarantine
    max_book_age_ms: int = 2_000
    quarantine_crossed: bool = True


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


def decide(finding: Finding, hurdles: Hurdles, now_ms: int) -> Verdict:
    """Whether a finding may be acted on at `now_ms`. A refusal outweighs a quarantine: it needs no second
    look.
    """
    refused = tuple(_below(finding, hurdles, now_ms))
    if refused:
        return Verdict(REFUSED, refused)
    doubted = tuple(_doubtful(finding, hurdles))
    if doubted:
        return Verdict(QUARANTINED, doubted)
    return Verdict(ACTIONABLE)


def _below(finding: Finding, hurdles: Hurdles, now_ms: int) -> Iterable[Reason]:
    age = now_ms - min(leg.confirmed_ms for leg in finding.legs)
    if age > hurdles.max_book_age_ms:
        yield Reason(BOOK_STALE, f"the older book is {age} ms old, limit {hurdles.max_book_age_ms}")
    if finding.frees_at is not None and not finding.frees_now and unix_ms(finding.frees_at) <= now_ms:
        yield Reason(ALREADY_SETTLED, "both markets should have settled by now")
    if finding.profit_pct < hurdles.min_profit_pct:
        yield Reason(
            BELOW_MIN_PROFIT,
            f"net profit is {finding.profit_pct:.4%} of the outlay, the minimum {hurdles.min_profit_pct:.2%}",
        )
    if finding.net_profit < hurdles.min_net_profit:
        yield Reason(
            BELOW_MIN_NET, f"net profit is ${finding.net_profit:.4f}, the minimum ${hurdles.min_net_profit}"
        )


def _doubtful(finding: Finding, hurdles: Hurdles) -> Iterable[Reason]:
    # The bigger the edge on the screen, the likelier it is stale or the markets are not the same bet.
    if finding.edge > hurdles.suspicious_edge:
        yield Reason(
            SUSPICIOUS_EDGE,
            f"an edge of {finding.edge:.4f} per $1 is above {hurdles.suspicious_edge}: too good to be true",
        )
    if hurdles.quarantine_crossed and CROSSED in finding.cautions:
        yield Reason(CROSSED_BOOK, "the book is crossed, which is normal for milliseconds only")


def confidence(finding: Finding, m0: Decimal, now_ms: int, max_book_age_ms: int) -> Decimal:
    """How far a finding can be relied on, 0 to 1: `(1 - m0) * freshness of the older book`.

    Freshness falls in a straight line from 1 (just confirmed) to 0 (at the greatest age allowed). Both inputs
    are provisional: they say what is known before a fill rate has been measured for such findings.
    """
    age = max(0, now_ms - min(leg.confirmed_ms for leg in finding.legs))
    freshness = max(ZERO, ONE - Decimal(age) / max_book_age_ms) if max_book_age_ms > 0 else ZERO
    return max(ZERO, min(ONE, ONE - m0)) * freshness


def expected_return(finding: Finding, m0: Decimal) -> Decimal:
    """Expected profit over outlay, a fraction, when the bet pays nothing with chance `m0`."""
    return ((ONE - m0) * finding.payoff - finding.outlay) / finding.outlay


def rank(findings: Iterable[Finding], m0: Mapping[str, Decimal] | None = None) -> list[Finding]:
    """Best expected return first; `m0` by bet id, 0 where it is not given. Ties go to the larger profit, then
    by name.
    """
    risk = m0 or {}

    def order(finding: Finding) -> tuple[Decimal, Decimal, str, str]:
        expected = expected_return(finding, risk.get(finding.bet_id, ZERO))
        return -expected, -finding.net_profit, finding.bet_id, finding.direction

    return sorted(findings, key=order)


def recommended_action(finding: Finding) -> str:
    """The specification's words; market A is the first leg's, B the second's.

    Nothing is sold: "selling" a market is done by buying its opposite outcome. So with two markets, buying
    YES on A and the completing outcome on B is BUY_A_SELL_B, buying NO on A is BUY_B_SELL_A. Both outcomes of
    one market are BUY_BOTH.
    """
    one, two = finding.legs[0], finding.legs[1]
    if (one.platform, one.market_id) == (two.platform, two.market_id):
        return BUY_BOTH
    return BUY_A_SELL_B if one.outcome == YES else BUY_B_SELL_A
