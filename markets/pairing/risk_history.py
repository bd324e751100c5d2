"""`m0` of pairs and their bets from what settled so far: taken at approval, and again when history grows."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q

from arbsite.models import HIGH, Notice
from markets import catalogue_version
from markets.models import Bet, Market, Pair
from markets.pairing import risk
from markets.platforms.base import SETTLED

SANDBOX_CLASS = "sandbox"


def history() -> dict[str, tuple[int, int]]:
    """Class → (how many parted, how many settled) of the pairs that a person had approved; the sandbox's do not count."""
    found: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for pair in _settled():
        verdict = _parted(pair)
        if verdict is not None:
            bad, total = found[pair.risk_class]
            found[pair.risk_class] = (bad + verdict, total + 1)
    return dict(found)


def _settled() -> Iterable[Pair]:
    """Pairs that somebody approved and nobody rejected afterwards, both settled."""
    rows = Pair.objects.filter(
        approved_at__isnull=False, status__in=(Pair.APPROVED, Pair.SUSPENDED), polymarket__status=SETTLED,
        kalshi__status=SETTLED,
    ).exclude(origin=Pair.SANDBOX)  # fmt: skip
    sides = [
        f"{side}__{name}" for side in ("polymarket", "kalshi") for name in ("result", "settlement_value")
    ]
    return (
        rows.select_related("polymarket", "kalshi")
        .only("risk_class", "inverted", "origin", *sides)
        .iterator(2_000)
    )


def _parted(pair: Pair) -> bool | None:
    one, two = pair.polymarket, pair.kalshi
    return risk.parted(
        (one.result, one.settlement_value), (two.result, two.settlement_value), inverted=pair.inverted
    )


def class_of(pair: Pair) -> str:
    """The class a pair belongs to by its category and settlement."""
    if pair.origin == Pair.SANDBOX:
        return SANDBOX_CLASS
    return risk.risk_class(pair.polymarket.category or pair.kalshi.category, pair.settlement)


def estimate(pair: Pair) -> risk.Estimate:
    """The estimate of the pair's class as of now, or what a person said where that is higher."""
    if pair.origin == Pair.SANDBOX:
        return risk.NOTHING
    parted, settled = history().get(class_of(pair), (0, 0))
    return risk.raised(risk.estimate(pair.settlement, parted=parted, settled=settled), pair.m0_by_hand)


def assess(pair: Pair) -> None:
    """Set class, `m0` and bound on the row; the caller saves it."""
    found = estimate(pair)
    pair.risk_class, pair.m0, pair.m0_upper = class_of(pair), found.m0, found.m0_upper


def grow(market_ids: Iterable[str], *, now: datetime) -> int:
    """Where these markets settled pairs, tell of those that parted and estimate anew; returns how many pairs changed."""
    ids = list(Market.objects.filter(pk__in=list(market_ids), status=SETTLED).values_list("pk", flat=True))
    if not ids:
        return 0
    touched = Pair.objects.filter(
        Q(polymarket_id__in=ids) | Q(kalshi_id__in=ids), approved_at__isnull=False, polymarket__status=SETTLED,
        kalshi__status=SETTLED,
    ).select_related("polymarket", "kalshi")  # fmt: skip
    grown = False
    for pair in touched:
        verdict = _parted(pair)
        grown = grown or (verdict is not None and pair.origin != Pair.SANDBOX)
        if verdict and not Notice.objects.filter(kind="pair_parted", subject=str(pair)[:200]).exists():
            message = (
                f"Polymarket resolved {pair.polymarket.result or pair.polymarket.settlement_value}, Kalshi "
                f"{pair.kalshi.result or pair.kalshi.settlement_value}: the pair was "
                f"{'inverted' if pair.inverted else 'the same bet'} and paid apart."
            )
            Notice.objects.record("pair_parted", str(pair), message, severity=HIGH, at=now, pair=pair.pk)
    return renew(now=now) if grown else 0


def renew(*, now: datetime) -> int:
    """Estimate every approved pair anew from the history of its class; returns how many changed."""
    counts = history()
    changed = []
    rows = Pair.objects.filter(status=Pair.APPROVED, bet__status=Bet.ACTIVE).exclude(origin=Pair.SANDBOX)
    for pair in rows.select_related("polymarket", "kalshi"):
        parted, settled = counts.get(class_of(pair), (0, 0))
        found = risk.raised(risk.estimate(pair.settlement, parted=parted, settled=settled), pair.m0_by_hand)
        if (pair.m0, pair.m0_upper) != (found.m0, found.m0_upper):
            pair.m0, pair.m0_upper, pair.updated_at = found.m0, found.m0_upper, now
            changed.append(pair)
    Pair.objects.bulk_update(changed, ["m0", "m0_upper", "updated_at"], batch_size=500)
    for pair in changed:
        Bet.objects.filter(pk=pair.bet_id).update(m0=pair.m0, m0_upper=pair.m0_upper, updated_at=now)
    _renew_mixtures({pair.pk for pair in changed}, now)
    if changed:
        catalogue_version.changed()
    return len(changed)


def _renew_mixtures(pair_ids: set[int], now: datetime) -> None:
    if not pair_ids:
        return
    for bet in Bet.objects.filter(kind=Bet.MIXTURE, status=Bet.ACTIVE):
        used = bet.parts.get("pairs", [])
        if pair_ids & set(used):
            # The bets it joins count as well: one of them may rest on a reading of texts
            parts = [
                *Bet.objects.filter(pk__in=bet.parts.get("bets", [])).values_list("m0", "m0_upper"),
                *Pair.objects.filter(pk__in=used).values_list("m0", "m0_upper"),
            ]
            m0, upper = risk.together(*parts)
            Bet.objects.filter(pk=bet.pk).update(m0=m0, m0_upper=upper, updated_at=now)
