"""How often legs fill and what unwinding costs, measured from what execution reports, and fed back into the hurdles.

The setting SIGNALS_LEG_FILL_RATES is what is believed beforehand; it counts as SIGNALS_FILL_RATE_PRIOR legs in each band
of edges. Only the last SIGNALS_FILL_RATE_DAYS days count: markets change. Looked up at most every few seconds.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import connection
from django.utils import timezone

from signals import edge as edges
from signals import fill_model
from signals.edge import FillBands
from signals.fill_model import AtOnce, Count, blended
from signals.models import LegOutcome

FRESH_SECONDS = 10.0
ENOUGH_UNWINDS = 20  # before their mean loss counts
ENOUGH_LEGS = 50  # of each kind, before both legs may go out at once
ZERO = Decimal(0)

Kind = tuple[str, bool, int]  # platform, whether sent first, number of the band of edges


def record(outcomes: Sequence[LegOutcome]) -> None:
    """Keep what became of orders; the same order told twice counts once."""
    LegOutcome.objects.bulk_create(outcomes, ignore_conflicts=True)


@dataclass(frozen=True, slots=True)
class Measured:
    """What was counted within the last days."""

    prior: FillBands
    weight: int
    counts: dict[Kind, Count] = field(default_factory=dict)
    unwound: int = 0
    unwind_loss: Decimal = ZERO  # dollars a contract, mean; 0 until enough were unwound

    def of(self, *, first: bool, platform: str = "") -> list[Count]:
        """Legs of each band, of one platform or all."""
        found = [Count() for _ in self.prior]
        for (where, was_first, band), count in self.counts.items():
            if was_first == first and platform in ("", where):
                found[band] += count
        return found

    def bands(self, *, first: bool, platform: str = "") -> FillBands:
        """The chance that a leg fills, by edge."""
        return blended(self.prior, self.of(first=first, platform=platform), self.weight)


_kept: dict[tuple[str, FillBands, int], tuple[float, Measured]] = {}


def measured(mode: str, now: datetime) -> Measured:
    """The counts of a mode, at most ten seconds old."""
    config = settings.ARBSITE.signals
    key = (mode, config.fill_bands, config.fill_rate_prior)
    known = _kept.get(key)
    if known is not None and time.monotonic() - known[0] < FRESH_SECONDS:
        return known[1]
    found = measured_by(mode, now)
    _kept[key] = time.monotonic(), found
    return found


def measured_by(mode: str, moment: datetime) -> Measured:
    """What was known at a moment: nothing that came later counts. Not kept: for who looks back."""
    config = settings.ARBSITE.signals
    since = moment - timedelta(days=config.fill_rate_days)
    return _count(mode, config.fill_bands, config.fill_rate_prior, since, moment)


def forget() -> None:
    """Look again at the next call (tests, and who has just recorded much)."""
    _kept.clear()


def bands(mode: str, now: datetime) -> FillBands:
    """The chance that a further leg fills once the first has, by edge: for `edge.Charges`."""
    return measured(mode, now).bands(first=False)


def unwind_loss(mode: str, now: datetime) -> Decimal:
    """Dollars a contract that selling lone legs back has lost on average; 0 until enough of them are known."""
    return measured(mode, now).unwind_loss


def at_once(
    mode: str, platforms: tuple[str, str], edge: Decimal, losses: tuple[Decimal, Decimal], now: datetime
) -> AtOnce | None:
    """Whether to send both legs at once, by what was measured; None while too few legs are known to say.

    `platforms` are those of the first and the next leg, `losses` what selling each back would lose by the books of now.
    How the next leg fills when it need not wait is how first legs fill on its platform.
    """
    known = measured(mode, now)
    one, two = platforms
    needed = (
        known.of(first=True, platform=one),
        known.of(first=False, platform=two),
        known.of(first=True, platform=two),
    )
    if any(sum(count.sent for count in counts) < ENOUGH_LEGS for counts in needed):
        return None
    first, after, at_start = (
        edges.fill_rate(known.bands(first=was_first, platform=platform), edge)
        for was_first, platform in ((True, one), (False, two), (True, two))
    )
    worst = [max(loss, known.unwind_loss) for loss in losses]
    return fill_model.both_at_once(first, after, at_start, edge, worst[0], worst[1])


def both_at_once(first: str, second: str, *, mode: str, edge: Decimal, now: datetime | None = None) -> bool:
    """Whether two legs on these platforms go out together: only where enough was measured, and it brings more.

    Without a book at hand, selling a leg back is taken to lose what it has lost on average, and no less than the edge.
    """
    found = at_once(mode, (first, second), edge, (edge, edge), now or timezone.now())
    return found is not None and found.better


def _count(mode: str, prior: FillBands, weight: int, since: datetime, until: datetime) -> Measured:
    starts = [start for start, _ in prior]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT platform, place = 0, greatest(1, width_bucket(edge, %s::numeric[])), count(*),"
            " sum(least(1, filled / asked)) FROM leg_outcomes"
            " WHERE mode = %s AND at > %s AND at <= %s AND kind = 'LEG' AND asked > 0 GROUP BY 1, 2, 3",
            [starts, mode, since, until],
        )
        counts = {
            (platform, first, band - 1): Count(sent, filled)
            for platform, first, band, sent, filled in cursor.fetchall()
        }
        cursor.execute(
            "SELECT count(*), coalesce(sum(loss), 0), coalesce(sum(filled), 0) FROM leg_outcomes"
            " WHERE mode = %s AND at > %s AND at <= %s AND kind = 'UNWIND' AND filled > 0 AND loss IS NOT NULL",
            [mode, since, until],
        )
        unwound, lost, contracts = cursor.fetchone()
    enough = unwound >= ENOUGH_UNWINDS and contracts > 0
    loss = max(ZERO, (lost / contracts).quantize(Decimal("0.000001"))) if enough else ZERO
    return Measured(prior, weight, counts, unwound, loss)
