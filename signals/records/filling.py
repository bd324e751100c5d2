"""A finding's figures into the columns and the document of its row, and what evidence makes of them."""

from datetime import datetime
from decimal import Decimal

from django.conf import settings

from signals import catalogue, expected
from signals.deciding import decision
from signals.deciding.decision import BetRisk
from signals.deciding.joining import Joined
from signals.edge import Charges
from signals.findings import Finding
from signals.models import Signal
from signals.records import storing
from signals.times import unix_ms

# The columns that evidence changes, with their types
BORNE = {"metadata": "jsonb", "sources": "jsonb", "confidence": "numeric", "expected_edge": "numeric"}
CONFIDENCE_STEP = Decimal("0.0001")


def fill_in(
    row: Signal,
    finding: Finding,
    known: catalogue.Catalogue,
    charges: Charges,
    now: datetime,
    joined: Joined | None = None,
) -> Signal:
    """Every figure of a finding. What evidence did to the row before stands until it is judged again."""
    risk = known.risk(finding.bet_id)
    joined = storing.joined_of(row.metadata) if joined is None else joined
    row.profit_pct = fits(finding.profit_pct, 4)
    row.size, row.outlay, row.net_profit = finding.size, finding.outlay, finding.net_profit
    row.edge, row.half_profit = finding.edge, finding.half_profit
    row.annualised = None if finding.annualised is None else fits(finding.annualised, 8)
    row.metadata = {
        **storing.as_json(finding),
        "label": risk.label,
        "settlement": risk.settlement,
        "recommended_action": decision.recommended_action(finding),
    }
    bear(row, finding, risk, joined, charges, unix_ms(now))
    row.refreshed_at = now
    return row


def bear(row: Signal, finding: Finding, risk: BetRisk, joined: Joined, charges: Charges, now_ms: int) -> None:
    """What evidence makes of a row that has its finding's figures: expected edge, confidence, sources, and why."""
    falls = expected.of(finding, risk.m0, charges, joined.hurdle)
    max_age_ms = int(settings.ARBSITE.signals.max_book_age_seconds * 1_000)
    unsure = max(risk.m0, risk.m0_upper)
    row.expected_edge = fits(falls.expected_edge, 4)
    row.confidence = decision.confidence(finding, unsure, now_ms, max_age_ms, joined).quantize(
        CONFIDENCE_STEP
    )
    row.sources = list(joined.sources)
    kept = {name: value for name, value in row.metadata.items() if name not in storing.JOINED}
    row.metadata = {**kept, "expected": storing.expected_json(falls), **storing.joined_json(joined)}


def fits(ratio: Decimal, digits: int) -> Decimal:
    """A ratio cut to what its column holds before the point: 9999 times the outlay is not a signal, but no crash."""
    most = decision.ONE.scaleb(digits) - 1
    return max(-most, min(ratio, most))
