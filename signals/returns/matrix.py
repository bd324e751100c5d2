"""A square of correlations for a heat map: which series, in which order, and what is known of each two."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from signals.returns.estimating import Together


@dataclass(frozen=True, slots=True)
class Matrix:
    """`rho[i][j]` of series i and j: symmetric, 1 on the diagonal, None where nothing is known. `sure`: 0 is excluded."""

    names: tuple[str, ...]
    rho: tuple[tuple[float | None, ...], ...]
    sure: tuple[tuple[bool, ...], ...]


def of(found: Iterable[Together], *, most: int = 20, only: Sequence[str] | None = None) -> Matrix:
    """The series that are tied most, at most `most`, or `only` these; what moves together stands side by side.

    Ordered greedily: the most tied one first, then always the one that goes best along with the last.
    """
    pairs = {(pair.one, pair.two): pair for pair in found}
    ties: dict[str, float] = {}
    for (one, two), pair in pairs.items():
        for name in (one, two):
            ties[name] = ties.get(name, 0.0) + pair.strength
    wanted = [name for name in (only if only is not None else ties) if name in ties]
    chosen = sorted(dict.fromkeys(wanted), key=lambda name: (-ties[name], name))[:most]

    def known(one: str, two: str) -> Together | None:
        return pairs.get((one, two)) or pairs.get((two, one))

    def near(name: str, last: str) -> float:
        pair = known(name, last)
        return pair.rho if pair is not None else -2.0

    order = chosen[:1]
    rest = chosen[1:]
    while rest:
        best = max(rest, key=lambda name: (near(name, order[-1]), ties[name], name))
        order.append(best)
        rest.remove(best)
    rows, sures = [], []
    for one in order:
        cells = [known(one, two) for two in order]
        rows.append(
            tuple(
                1.0 if one == two else (cell.rho if cell else None)
                for two, cell in zip(order, cells, strict=True)
            )
        )
        sures.append(
            tuple(
                one == two or (cell is not None and cell.sure) for two, cell in zip(order, cells, strict=True)
            )
        )
    return Matrix(tuple(order), tuple(rows), tuple(sures))
