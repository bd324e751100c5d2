"""The figures of a heat map, from stored correlations, with the words that people know the series by."""

from collections.abc import Sequence
from typing import Any

from markets.models import Market
from signals.models import MarketCorrelation
from signals.returns import hedging, matrix, stored

STEP = 6  # decimals of a correlation


def document(kind: str, most: int, *, beside: Sequence[str] = ()) -> dict[str, Any]:
    """The matrix of one kind of series, with the words that people know them by; `beside` some of them where given.

    Then what is tied to these is shown with them, as far as there is room.
    """
    rows = MarketCorrelation.objects.filter(one__startswith=f"{kind}:", two__startswith=f"{kind}:")
    pairs = [stored.value_of(row) for row in rows]
    if beside:
        pairs = [pair for pair in pairs if {pair.one, pair.two} & set(beside)]
        near = [name for pair in pairs if pair.sure for name in (pair.one, pair.two)]
        found = matrix.of([stored.value_of(row) for row in rows], most=most, only=[*beside, *near])
    else:
        found = matrix.of(pairs, most=most)
    return {
        "of": kind,
        "names": list(found.names),
        "labels": labels(found.names),
        "rho": [[None if cell is None else round(cell, STEP) for cell in line] for line in found.rho],
        "sure": [list(line) for line in found.sure],
    }


def labels(names: tuple[str, ...]) -> list[str]:
    """What people call these series: a market's question, or the name without its kind."""
    keys = {name: hedging.key_of(name) for name in names}
    questions = dict(
        Market.objects.filter(id__in=[key[1] for key in keys.values() if key is not None]).values_list(
            "id", "question"
        )
    )
    return [
        (questions.get(key[1]) or key[1]) if (key := keys[name]) is not None else name.partition(":")[2]
        for name in names
    ]
