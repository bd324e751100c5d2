"""Charts as SVG text: drawn without a display, with nothing that a reader would have to load.

Floats are good enough for ink; no figure that is printed beside a chart passes through one.
"""

import io
import os
import tempfile
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

# A cache of fonts, which matplotlib would put into a home folder that a service may not have
os.environ.setdefault("MPLCONFIGDIR", str(Path(tempfile.gettempdir()) / "arbsite-matplotlib"))

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

INK, QUIET, GRID = "#1d2733", "#5b6876", "#e3e8ee"
UP, DOWN, SECOND = "#1b7f5a", "#b3372f", "#3566a8"
WIDTH = 5.2  # inches: on a phone the letters are still large enough
STYLE: Any = {
    "svg.hashsalt": "arbsite", "font.size": 11, "text.color": INK, "axes.edgecolor": GRID, "axes.labelcolor": QUIET,
    "xtick.color": QUIET, "ytick.color": QUIET, "axes.spines.top": False, "axes.spines.right": False,
}  # fmt: skip


def curve(points: Sequence[tuple[datetime, Decimal]]) -> str:
    """A line of dollars over time."""
    with mpl.rc_context(STYLE):
        figure, axes = _figure(2.9)
        times: Any = [at for at, _ in points]
        values = [float(value) for _, value in points]
        colour = UP if values[-1] >= values[0] else DOWN
        axes.plot(times, values, color=colour, linewidth=1.8)
        axes.fill_between(times, values, min(values), color=colour, alpha=0.10, linewidth=0)
        locator = AutoDateLocator(minticks=3, maxticks=7)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
        axes.yaxis.set_major_formatter(_scale(values))
        axes.grid(axis="y", color=GRID)
        axes.margins(x=0.01)
        return _svg(figure)


def bars(amounts: Sequence[tuple[str, Decimal]], *, money: bool = True) -> str:
    """Horizontal bars, the first on top, each with its figure behind it."""
    with mpl.rc_context(STYLE):
        figure, axes = _figure(0.3 + 0.34 * len(amounts))
        names = [_short(name) for name, _ in amounts]
        values = [float(value) for _, value in amounts]
        drawn = axes.barh(
            range(len(names)), values, color=[SECOND if one >= 0 else DOWN for one in values], height=0.62
        )
        words = [_dollars(one) if money else f"{one:,.0f}" for one in values]
        axes.bar_label(drawn, labels=words, padding=5, color=INK)
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.xaxis.set_visible(False)
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.margins(x=0.18)
        return _svg(figure)


def days(rows: Sequence[tuple[str, Decimal, Decimal]]) -> str:
    """For each day, what is sure to come and what is locked until then."""
    with mpl.rc_context(STYLE):
        figure, axes = _figure(2.9)
        places = range(len(rows))
        for shift, column, colour, name in ((-0.2, 1, UP, "sure to come"), (0.2, 2, SECOND, "locked (cost)")):
            values = [float(row[column]) for row in rows]
            axes.bar([place + shift for place in places], values, width=0.38, color=colour, label=name)
        axes.set_xlim(-0.6, max(len(rows), 5) - 0.4)
        turned = len(rows) > 6
        axes.set_xticks(
            list(places),
            [row[0] for row in rows],
            rotation=45 if turned else 0,
            ha="right" if turned else "center",
        )
        axes.yaxis.set_major_formatter(_scale([float(row[1] + row[2]) for row in rows]))
        axes.grid(axis="y", color=GRID)
        axes.set_axisbelow(True)
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(0, 1.18), ncols=2)
        return _svg(figure)


def heat(labels: Sequence[str], rows: Sequence[Sequence[float | None]]) -> str:
    """A square of correlations, -1 (red) to 1 (blue), each with its figure; grey where nothing is known."""
    with mpl.rc_context(STYLE):
        size = len(labels)
        figure, axes = _figure(1.2 + 0.42 * size)
        axes.set_facecolor(GRID)
        cells: Any = [[float("nan") if cell is None else cell for cell in row] for row in rows]
        axes.pcolormesh(cells, cmap="RdBu", vmin=-1, vmax=1, edgecolors="white", linewidth=1)
        for down, row in enumerate(rows):
            for across, cell in enumerate(row):
                if cell is not None:
                    ink = "white" if abs(cell) > 0.6 else INK
                    axes.text(
                        across + 0.5,
                        down + 0.5,
                        f"{cell:.1f}",
                        ha="center",
                        va="center",
                        color=ink,
                        fontsize=8,
                    )
        places = [place + 0.5 for place in range(size)]
        axes.set_yticks(places, [_short(label, 24) for label in labels], fontsize=8)
        axes.set_xticks(places, [str(number + 1) for number in range(size)], fontsize=8)
        axes.invert_yaxis()
        axes.tick_params(length=0)
        return _svg(figure)


def _figure(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.add_subplot()


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return text.getvalue()


def _scale(values: Sequence[float]) -> FuncFormatter:
    """Dollars along an axis: with cents where little lies between its ends."""
    cents = max(values) - min(values) < 20
    return FuncFormatter(lambda value, _: _dollars(value, 2 if cents else 0))


def _dollars(value: float, decimals: int | None = None) -> str:
    if decimals is None:
        decimals = 2 if abs(value) < 10 else 0
    return f"{'−' if value < 0 else ''}${abs(value):,.{decimals}f}"


def _short(name: str, most: int = 26) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
