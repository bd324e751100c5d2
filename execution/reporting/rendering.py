"""Reports as text, HTML, CSV and JSON. The HTML stands alone: no script, no font, no picture from elsewhere."""

import base64
import csv
import html
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from arbsite.exact_json import encode
from execution.portfolio import exposure
from execution.reporting import charts, reports
from execution.reporting.reports import Section

MOST_BARS = 10
NUMBER = re.compile(r"[−-]?\$?[\d,.]+%?(?: \([\d.]+%\))?|–")
LONG = 24  # characters from which a cell may be broken into lines

STYLE = """
:root{color-scheme:light}*{box-sizing:border-box}
body{margin:0 auto;max-width:60rem;padding:1rem;font:16px/1.45 system-ui,sans-serif;color:#1d2733;background:#fff}
h1{font-size:1.5rem;margin:.2rem 0}h2{font-size:1.1rem;margin:2rem 0 .4rem}
p{margin:.4rem 0}.quiet{color:#5b6876}.verdict{font-size:1.1rem;border-left:4px solid #3566a8;padding-left:.7rem}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.6rem;margin:1rem 0}
.card{border:1px solid #e3e8ee;border-radius:.5rem;padding:.6rem .8rem}.card b{display:block;font-size:1.25rem}
.card span{color:#5b6876;font-size:.85rem}.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.92rem}th,td{padding:.35rem .5rem;text-align:left;vertical-align:top}
th{color:#5b6876;font-weight:600;border-bottom:2px solid #e3e8ee;white-space:nowrap}td{border-bottom:1px solid #eef1f5}
td{white-space:nowrap}td.t{white-space:normal;min-width:13rem;overflow-wrap:anywhere}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
td.loss{color:#b3372f}tr.total td{font-weight:600;border-top:2px solid #e3e8ee}
img{display:block;width:100%;max-width:38rem;height:auto}
""".strip()


def text(title: str, verdict: str, sections: Sequence[Section]) -> str:
    """Tables for a terminal."""
    blocks = [title, verdict] if verdict else [title]
    for section in sections:
        lines = ["", section.title.upper()]
        if section.rows:
            lines += _aligned(
                [section.columns, *section.rows] if any(section.columns) else list(section.rows)
            )
        if section.note:
            lines.append(section.note)
        blocks.append("\n".join(lines))
    return "\n".join(blocks) + "\n"


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    right = [_numeric([row[place] for row in rows[1:]]) for place in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in rows
    ]


def _numeric(cells: Sequence[str]) -> bool:
    """Whether a column holds figures: then it is aligned to the right."""
    return bool(cells) and all(NUMBER.fullmatch(cell) for cell in cells if cell)


def daily_html(found: dict[str, Any]) -> str:
    """The report of a period as a page."""
    totals = found["portfolio"]
    cards = [
        ("profit of the period", reports.dollars(found["profit"])), ("equity", reports.dollars(totals["equity"])),
        ("locked", reports.dollars(totals["margin"]["total"])), ("trades", str(found["trades"]["count"])),
        ("fees", reports.dollars(found["trades"]["fees"])),
        ("below the peak", f"{totals['drawdown_pct']:.1%}"),
    ]  # fmt: skip
    pictures = {}
    if len(found["equity"]) > 1:
        points = [(one["at"], one["profit"]) for one in found["equity"]]
        pictures["Portfolio"] = ("Profit since the beginning, deposits left out", charts.curve(points))
    reasons = found["refusals"]["by_code"]
    if reasons:
        amounts = [(one["code"].replace("_", " "), one["count"]) for one in reasons[:MOST_BARS]]
        pictures["Left alone, by reason"] = (
            "How often each reason came up",
            charts.bars(amounts, money=False),
        )
    comings = [
        (f"{one['day']:%d %b}" if one["day"] else "unknown", one["sure"], one["cost"]) for one in found["calendar"]["days"]
    ]  # fmt: skip
    if comings:
        pictures["Coming free"] = ("What is sure to come, beside what is locked", charts.days(comings[:14]))
    return page(report_title(found), found["verdict"], cards, reports.sections(found), pictures)


def report_title(found: dict[str, Any]) -> str:
    """What a report of a period is called."""
    name = {1: "Daily report", 7: "Weekly report"}.get(found["days"], f"Report of {found['days']} days")
    return f"{name}, {found['mode']} trading, {found['since']:%Y-%m-%d %H:%M} to {found['until']:%Y-%m-%d %H:%M} UTC"


def exposure_html(
    seen: exposure.Exposure,
    more: Sequence[Section] = (),
    more_pictures: Mapping[str, tuple[str, str]] | None = None,
) -> str:
    """The exposure report as a page; `more` sections follow, with their own pictures."""
    total = seen.total
    cards = [
        ("paid", reports.dollars(total.paid)), ("with fees", reports.dollars(total.cost)),
        ("worth at best bids", reports.dollars(total.worth)), ("unrealised", reports.dollars(total.unrealised)),
        ("positions", str(total.positions)),
    ]  # fmt: skip
    sections = reports.exposure_sections(seen)
    titles = dict(zip(seen.views, (section.title for section in sections), strict=True))
    pictures = {
        titles[view]: ("Paid with fees", charts.bars([(line.label, line.cost) for line in lines[:MOST_BARS]]))
        for view, lines in seen.views.items()
        if lines
    }
    return page(exposure_title(seen), "", cards, [*sections, *more], {**pictures, **(more_pictures or {})})


def exposure_title(seen: exposure.Exposure) -> str:
    """What the exposure report is called."""
    return f"Exposure, {seen.mode} trading, {seen.as_of:%Y-%m-%d %H:%M} UTC"


def exposure_csv(seen: exposure.Exposure) -> str:
    """Every line of every view, and the total; dollars in whole cents."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["view", "name", "label", "positions", "paid", "cost", "worth", "unrealized_pnl"])
    for view, lines in [*seen.views.items(), ("total", [seen.total])]:
        for line in lines:
            rows.writerow(
                [view, _safe(line.name), _safe(line.label), line.positions, line.paid, line.cost, line.worth,
                 line.unrealised]
            )  # fmt: skip
    return out.getvalue()


def _safe(cell: str) -> str:
    """A platform's text that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def as_json(document: Any) -> str:
    """A document with every digit; times as ISO 8601."""
    return encode(document).decode() + "\n"


def page(
    title: str,
    verdict: str,
    cards: Sequence[tuple[str, str]],
    sections: Sequence[Section],
    pictures: dict[str, tuple[str, str]],
) -> str:
    """A page that stands alone: cards of figures, then each section with the picture of its title."""
    parts = [
        f"<h1>{html.escape(title.split(',')[0])}</h1>",
        f'<p class="quiet">{html.escape(title.partition(",")[2])}</p>',
    ]
    if verdict:
        parts.append(f'<p class="verdict">{html.escape(verdict)}</p>')
    parts.append('<div class="cards">')
    parts += [
        f'<div class="card"><b>{html.escape(value)}</b><span>{html.escape(name)}</span></div>'
        for name, value in cards
    ]
    parts.append("</div>")
    for section in sections:
        parts.append(f"<h2>{html.escape(section.title)}</h2>")
        if section.title in pictures:
            parts.append(_image(*pictures[section.title]))
        if section.rows:
            parts.append(_table(section))
        if section.note:
            parts.append(f'<p class="quiet">{html.escape(section.note)}</p>')
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _table(section: Section) -> str:
    right = [_numeric([row[place] for row in section.rows]) for place in range(len(section.columns))]
    head = "".join(
        f"<th{' class=n' if number else ''}>{html.escape(name)}</th>"
        for name, number in zip(section.columns, right, strict=True)
    )
    body = "".join(
        f"<tr{' class=total' if row[0] in ('Total', 'together') else ''}>"
        + "".join(_cell(cell, number) for cell, number in zip(row, right, strict=True))
        + "</tr>\n"
        for row in section.rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>'


def _cell(cell: str, number: bool) -> str:
    kinds = [
        name
        for name, wanted in (("n", number), ("loss", cell.startswith("−")), ("t", len(cell) > LONG))
        if wanted
    ]
    return f"<td{' class=' + chr(34) + ' '.join(kinds) + chr(34) if kinds else ''}>{html.escape(cell)}</td>"


def _image(words: str, svg: str) -> str:
    data = base64.b64encode(svg.encode()).decode()
    return f'<img alt="{html.escape(words)}" src="data:image/svg+xml;base64,{data}">'
