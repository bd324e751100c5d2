"""What DeFi Llama said last, from its row: the regime of stablecoins, and unit prices."""

from datetime import datetime
from typing import Any

from django.conf import settings

from signals.models import Source
from signals.sources.whales import defillama


def place() -> dict[str, Any]:
    """The source's place; empty where it was never read."""
    row = Source.objects.filter(pk=defillama.SOURCE).values_list("cursor", flat=True).first()
    return row or {}


def regime(now: datetime) -> defillama.Regime | None:
    """How the supply of stablecoins changed in a day; None where nobody knows."""
    return defillama.regime(place(), now)


def supply(now: datetime) -> str:
    """Expanding, contracting or flat; empty where nobody knows, or DeFi Llama is switched off."""
    config = settings.ARBSITE.defillama
    found = regime(now) if config.enabled else None
    return "" if found is None else found.word(config.flat_change)
