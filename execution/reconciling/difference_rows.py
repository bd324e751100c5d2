"""Differences as rows: written, seen again, closed; and while one is open, no new order goes to its market."""

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from arbsite.models import HIGH, LOW, Notice
from execution.limits import Refusal
from execution.models import Difference
from execution.reconciling import comparing
from execution.reconciling.comparing import Finding
from markets.models import ID_LENGTH, Market

BLOCKED = "halted"  # the same word as a halt's: whoever asks may not go on, and may ask again later
OURSELVES = "reconciliation"
LOOKED = {
    comparing.ORDER_STATE: "orders", comparing.FILL_MISSING: "fills", comparing.POSITION: "positions",
    comparing.CASH: "cash",
}  # fmt: skip


def open_ones(mode: str, platform: str = "") -> list[Difference]:
    """Every open difference, the oldest first; of one platform where asked."""
    rows = Difference.objects.filter(mode=mode, closed_at__isnull=True).order_by("id")
    return list(rows.filter(platform=platform) if platform else rows)


def blocking(platform: str, market_id: str, *, mode: str = "") -> Refusal | None:
    """The open difference that forbids a new order on this market; None where there is none. One short query."""
    place = Q(market_id=market_id) | Q(market__isnull=True)
    row = (
        Difference.objects.filter(
            place, mode=mode or settings.ARBSITE.trading.mode, platform=platform, closed_at__isnull=True
        )
        .order_by("id")
        .first()
    )
    if row is None:
        return None
    return Refusal(
        BLOCKED,
        f"{platform} and we differ ({row.kind}, difference {row.pk}): {row.sentence} Look there, then accept the"
        " difference.",
    )


def keep(
    findings: Sequence[Finding], repaired: Sequence[Finding], *, mode: str, platform: str, kinds: Collection[str],
    now: datetime,
) -> list[Difference]:  # fmt: skip
    """Write what one comparison found and what was repaired, and close what is gone of the `kinds` looked at.

    Each new one is told: HIGH where it is left, LOW where it was repaired. Returns the open ones of the platform.
    """
    markets = _known_markets([*findings, *repaired])
    with transaction.atomic():
        before = {(row.kind, row.subject): row for row in _locked(mode, platform)}
        for finding in repaired:
            _write_repaired(finding, before.pop(_key(finding), None), mode, platform, markets, now)
        for finding in findings:
            _write_left(finding, before.pop(_key(finding), None), mode, platform, markets, now)
        for row in before.values():
            if row.kind in kinds:
                _close(row, "It is not seen any more.", OURSELVES, now)
    return open_ones(mode, platform)


def _locked(mode: str, platform: str) -> list[Difference]:
    rows = Difference.objects.select_for_update().filter(mode=mode, platform=platform, closed_at__isnull=True)
    return list(rows.order_by("id"))


def _key(finding: Finding) -> tuple[str, str]:
    return finding.kind, finding.subject[:ID_LENGTH]


def _known_markets(findings: Sequence[Finding]) -> set[str]:
    ids = {finding.market_id for finding in findings if finding.market_id}
    return set(Market.objects.filter(id__in=ids).values_list("id", flat=True))


def _write_left(
    finding: Finding, row: Difference | None, mode: str, platform: str, markets: set[str], now: datetime
) -> None:
    if row is not None:
        row.ours, row.theirs, row.sentence, row.seen_at = finding.ours, finding.theirs, finding.sentence, now
        row.save(update_fields=["ours", "theirs", "sentence", "seen_at"])
        return
    row = _new(finding, mode, platform, markets, now)
    row.save()
    Notice.objects.record(
        "difference_found", f"{platform}:{finding.subject}",
        f"{finding.sentence} No new orders go {'to this market' if row.market_id else f'to {platform}'} until it is gone.",
        severity=HIGH, at=now, difference=row.pk, about=finding.kind,
    )  # fmt: skip


def _write_repaired(
    finding: Finding, row: Difference | None, mode: str, platform: str, markets: set[str], now: datetime
) -> None:
    row = row or _new(finding, mode, platform, markets, now)
    row.sentence, row.repair, row.seen_at = finding.sentence, finding.repair, now
    row.closed_at, row.closed_by = now, OURSELVES
    row.save()
    Notice.objects.record(
        "difference_repaired", f"{platform}:{finding.subject}", f"{finding.sentence} Repaired: {finding.repair}",
        severity=HIGH if finding.loud else LOW, at=now, difference=row.pk, about=finding.kind,
    )  # fmt: skip


def _new(finding: Finding, mode: str, platform: str, markets: set[str], now: datetime) -> Difference:
    return Difference(
        mode=mode, platform=platform, market_id=finding.market_id if finding.market_id in markets else None,
        kind=finding.kind, subject=finding.subject[:ID_LENGTH], ours=finding.ours, theirs=finding.theirs,
        sentence=finding.sentence, found_at=now, seen_at=now,
    )  # fmt: skip


def _close(row: Difference, how: str, by: str, now: datetime) -> None:
    row.repair, row.closed_at, row.closed_by = row.repair or how, now, by
    row.save(update_fields=["repair", "closed_at", "closed_by"])
    Notice.objects.record(
        "difference_closed", f"{row.platform}:{row.subject}", f"{row.sentence} Closed by {by}: {row.repair}",
        severity=LOW, at=now, difference=row.pk, about=row.kind,
    )  # fmt: skip


def close(row: Difference, how: str, by: str, *, now: datetime) -> bool:
    """Close one, once; False where somebody did already."""
    with transaction.atomic():
        fresh = Difference.objects.select_for_update().filter(pk=row.pk, closed_at__isnull=True).first()
        if fresh is None:
            return False
        _close(fresh, how, by, now)
    return True


def gap(row: Difference) -> Decimal | None:
    """Theirs less ours, of a difference in figures; None where it is in words or not exact."""
    try:
        return Decimal(row.theirs) - Decimal(row.ours)
    except InvalidOperation:
        return None
