"""A reliability chart as SVG: what was said against what came true. Made of numbers alone, and loads nothing."""

from collections.abc import Sequence
from math import sqrt

from signals.scoring.brier import Bin

SIDE, EDGE = 260, 34  # of the square, and of its frame, in pixels
INK, QUIET, GRID, LINE = "#1d2733", "#5b6876", "#e3e8ee", "#3566a8"


def reliability(found: Sequence[Bin]) -> str:
    """The chart of these bins: the diagonal is perfect, a dot's area is how many forecasts it stands for."""
    most = max((one.count for one in found), default=1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIDE + 2 * EDGE}" height="{SIDE + 2 * EDGE}" role="img" '
        f'viewBox="0 0 {SIDE + 2 * EDGE} {SIDE + 2 * EDGE}" font-family="sans-serif" font-size="11">',
        f"<title>Reliability of {sum(one.count for one in found)} forecasts</title>",
        f'<rect x="{EDGE}" y="{EDGE}" width="{SIDE}" height="{SIDE}" fill="none" stroke="{GRID}"/>',
        f'<line x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}" stroke="{QUIET}" stroke-dasharray="4 4"/>',
    ]
    for tick in (0, 0.25, 0.5, 0.75, 1):
        parts.append(
            f'<text x="{_x(tick)}" y="{_y(0) + 16}" text-anchor="middle" fill="{QUIET}">{tick:.0%}</text>'
        )
        parts.append(
            f'<text x="{EDGE - 6}" y="{_y(tick) + 4}" text-anchor="end" fill="{QUIET}">{tick:.0%}</text>'
        )
    points = " ".join(f"{_x(one.said)},{_y(one.came)}" for one in found)
    parts.append(f'<polyline points="{points}" fill="none" stroke="{LINE}" stroke-width="1.5"/>')
    parts += [
        f'<circle cx="{_x(one.said)}" cy="{_y(one.came)}" r="{2 + 6 * sqrt(one.count / most):.1f}" fill="{LINE}" '
        f'fill-opacity="0.6"><title>{one.count}: said {one.said:.1%}, came {one.came:.1%}</title></circle>'
        for one in found
    ]
    parts.append(
        f'<text x="{EDGE}" y="{EDGE - 10}" fill="{INK}">came true, of what was said (below)</text></svg>'
    )
    return "".join(parts)


def _x(share: float) -> float:
    return round(EDGE + SIDE * share, 1)


def _y(share: float) -> float:
    return round(EDGE + SIDE * (1 - share), 1)
