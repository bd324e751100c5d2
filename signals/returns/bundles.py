"""Series of many markets at once: an asset, a category, an event; and which pairs of them may be compared.

A member counts with its changes over their own spread, so that a wild market is not the whole asset, and with the sign
that makes it go along: a market on a fall of Bitcoin belongs to `asset:bitcoin` the other way round. Signs are those of
the leading eigenvector of the members' correlations; the member that moves most often stands upright.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np

from signals.returns.series import Floats, Grid, settled

FEWEST_MEMBERS = 2
# Words of a question that say which asset's price it asks for; a word counts as a whole
ASSETS: Mapping[str, tuple[str, ...]] = {
    "bitcoin": ("bitcoin", "btc", "kxbtc", "kxbtcd"),
    "ethereum": ("ethereum", "ether", "eth", "kxeth", "kxethd"),
    "solana": ("solana", "sol", "kxsol"),
    "xrp": ("xrp", "ripple", "kxxrp"),
    "dogecoin": ("dogecoin", "doge", "kxdoge"),
    "gold": ("gold", "xau", "kxgold"),
    "oil": ("wti", "brent", "crude", "kxwti"),
    "stocks": ("nasdaq", "s&p", "sp500", "spx", "dow", "kxinx", "kxnasdaq100"),
    "fed": ("fed", "fomc", "powell", "kxfed", "kxfeddecision"),
    "inflation": ("cpi", "inflation", "pce", "kxcpi", "kxcpiyoy"),
}
_WORD = re.compile(r"[a-z0-9&]+")


def asset_of(question: str, market_id: str = "") -> str:
    """The asset that a question (or the first part of its ticker) names; empty for none, or for more than one."""
    words = {*_WORD.findall(question.lower()), market_id.split("-")[0].lower()}
    named = [name for name, known in ASSETS.items() if words & set(known)]
    return named[0] if len(named) == 1 else ""


def bundled(grid: Grid, members: Mapping[str, Sequence[str]]) -> tuple[Grid, dict[str, frozenset[str]]]:
    """One series for each bundle of at least two series of the grid, by name; and who really is in it."""
    rows = {name: row for row, name in enumerate(grid.names)}
    made, moved, first, inside, names = [], [], [], {}, []
    returns = np.diff(grid.levels, axis=1, prepend=grid.levels[:, :1])
    for name in sorted(members):
        own = sorted({rows[member] for member in members[name] if member in rows})
        if len(own) < FEWEST_MEMBERS:
            continue
        part = returns[own]
        spread = np.sqrt((part * part).mean(axis=1))
        if not (spread > 0.0).all():
            continue
        scaled = part / spread[:, None]
        signs = _signs(scaled, int(np.argmax(grid.moved[own].sum(axis=1))))
        names.append(name)
        made.append(np.cumsum((scaled * signs[:, None]).mean(axis=0)))
        moved.append(grid.moved[own].any(axis=0))
        first.append(int(grid.first[own].min()))
        inside[name] = frozenset(grid.names[row] for row in own)
    if not names:
        return Grid(
            (), np.zeros((0, grid.steps)), np.zeros((0, grid.steps), dtype=bool), np.zeros(0, dtype=np.int64)
        ), {}
    whole = settled(tuple(names), np.array(made), np.array(first, dtype=np.int64))
    # The drift that is taken out must not make a step in which no member moved look like a move
    return Grid(whole.names, whole.levels, np.array(moved), whole.first), inside


def _signs(scaled: Floats, upright: int) -> Floats:
    together = scaled @ scaled.T / scaled.shape[1]
    _, vectors = np.linalg.eigh(together)
    leading = np.where(vectors[:, -1] >= 0.0, 1.0, -1.0)
    return np.asarray(leading * leading[upright])


def apart(names: Sequence[str], inside: Mapping[str, frozenset[str]]) -> list[tuple[int, int]]:
    """Rows of the pairs that share no member: what shares one moves together for no reason worth telling."""
    return [
        (one, two)
        for one, two in combinations(range(len(names)), 2)
        if not inside[names[one]] & inside[names[two]]
    ]


def sorts(facts: Iterable[tuple[str, str, str, str, str]]) -> dict[str, list[str]]:
    """Bundles by name, from (series, platform, question with ticker, category, event) of each market."""
    found: dict[str, list[str]] = {}
    for name, platform, question, category, event in facts:
        asset = asset_of(question, name.rsplit(":", 1)[-1])
        for kind, value in (
            ("asset", asset),
            ("category", category.strip().lower()),
            ("event", event and f"{platform}:{event}"),
        ):
            if value:
                found.setdefault(f"{kind}:{value}"[:160], []).append(name)
    return found
