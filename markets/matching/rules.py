"""What rule texts say beside the question: sources, stations, hours, cut-offs, void rules, unfilled placeholders."""

import re

from markets.matching import tables
from markets.matching.dates import ZONES, Dates
from markets.matching.dates import read as read_dates
from markets.matching.text import flat, fold

_PLACEHOLDER = re.compile(
    r"\|\|[^|]{0,60}\|\||\{\{[^}]{0,60}\}\}|\[\[[^\]]{0,60}\]\]|<[A-Z_ ]{3,40}>|\$\{[^}]{1,40}\}",
    re.IGNORECASE,
)
_CUTOFF = re.compile(
    r"(?:11:59(?::59)? ?pm|23:59(?::59)?|12:00 ?am|12 ?am|midnight|00:00(?::00)?)[ ,(]*(et|est|edt|utc|gmt|eastern|pt)\b"
    r"|\b(et|est|edt|utc|gmt|eastern)\)? midnight"
)
_VOID = re.compile(
    r"cancel|walk ?over|postpone|abandon|forfeit|not played|no contest|void|unable to (?:play|compete)"
)
_FIFTY = re.compile(r"50 ?[-/] ?50")
_FAIR = re.compile(r"fair (?:market )?(?:price|value)|last (?:traded|fair) price")
_RESOLVES_NO = re.compile(r"= ?\"?no\b|resolves? (?:to )?\"?no\b|counts as (?:a )?(?:no|loss)")
_REFUND = re.compile(r"(?<!no )refund")
_FIRST_OUTCOME = re.compile(
    r"outcomes? ?[:=]?\s*\[?\s*[\"']?([^,\]\"'\[]{2,60})[\"']?\s*,\s*[\"']?([^\]\"',]{2,60})"
)
_START_AFTER = re.compile(
    r"after (?:issuance|this market|the market|market creation|listing|creation|launch of this)"
)
_CALENDAR = re.compile(r"calendar year|between jan(?:uary)? 1")
# Terms that rule texts settle and titles leave open: for each the ways to settle it
_TERMS = (
    ("comparator", "the boundary itself does not count", re.compile(
        r"strictly (?:above|greater|more|below|less|higher|lower)|must exceed|does not count as above")),
    ("comparator", "the boundary itself counts", re.compile(
        r"\b\d[\d.,]*%? counts|(?:exactly|equal to)[^.]{0,40}(?:resolves? (?:to )?\"?yes|counts)")),
    ("announcement", "an announcement is enough", re.compile(
        r"announce\w* (?:\w+ ){0,4}(?:is enough|is sufficient|suffices?|will count|counts|qualif)")),
    ("announcement", "the thing itself must happen", re.compile(
        r"must (?:have )?(?:actually |officially )?(?:left|leave|vacate|take effect|taken effect|depart|step)"
        r"|announce\w* (?:\w+ ){0,4}(?:is not|isnt|alone|does not|will not|not enough)"
        r"|must have (?:left|occurred|happened)")),
    ("release", "the advance estimate", re.compile(
        r"(?:advance|first|initial|preliminary|flash) (?:estimate|release|reading)")),
    ("release", "a later estimate", re.compile(
        r"(?:second|third|final|revised) (?:estimate|release|reading)")),
)  # fmt: skip


def placeholder(text: str) -> str:
    """An unfilled template field of a rule text; empty if there is none."""
    match = _PLACEHOLDER.search(text)
    return match.group() if match else ""


_OPEN = re.compile(r"\b(?:by|before|above|below|on|in)[ _]*(?:\.\.\.|…|_{2,})|_{2,}", re.IGNORECASE)


def open_blank(title: str) -> str:
    """A blank that a title leaves for its markets (`by…?`, `above ___`); empty if there is none."""
    match = _OPEN.search(title)
    return match.group() if match else ""


_STATED = re.compile(
    r"(?:according to|as (?:published|reported) by|resolution source (?:is|will be)) ([^,.;\n]{3,60})"
)


def stated(text: str) -> str:
    """Whom a rule text names as the one who says how it ended, in its own words; empty if nobody."""
    match = _STATED.search(fold(text))
    return match[1].strip() if match else ""


def sources(text: str) -> dict[str, frozenset[str]]:
    """Class of source (price, weather, statistics, …) → the sources that a text names."""
    words = flat(text)
    found: dict[str, set[str]] = {}
    for kind, name, alias in tables.sources():
        if alias in words:
            found.setdefault(kind, set()).add(name)
    return {kind: frozenset(names) for kind, names in found.items()}


def stations(text: str) -> frozenset[str]:
    """Weather stations that a text names."""
    words = flat(text)
    return frozenset(name for name, alias in tables.stations() if alias in words)


def hours(text: str) -> frozenset[tuple[int, str]]:
    """(second of the day, zone or empty) of every clock time in a text; end-of-day cut-offs are no hours."""
    found, _ = read_dates(fold(text))
    return frozenset((second, zone) for second, zone in found.hours if second not in (0, 86_340, 86_399))


def cutoffs(text: str) -> frozenset[str]:
    """Time zones in which a text ends the last day."""
    return frozenset(ZONES[one or two] for one, two in _CUTOFF.findall(fold(text)))


def voids(text: str) -> frozenset[str]:
    """What happens to a cancelled or postponed game: `fifty`, `fair`, `refund`, `no`."""
    folded = fold(text)
    if not _VOID.search(folded):
        return frozenset()
    found = set()
    for sentence in re.split(r"[.\n;]", folded):
        if _VOID.search(sentence):
            for name, pattern in (
                ("fifty", _FIFTY),
                ("fair", _FAIR),
                ("refund", _REFUND),
                ("no", _RESOLVES_NO),
            ):
                if pattern.search(sentence):
                    found.add(name)
    return frozenset(found)


def outcome_names(text: str) -> tuple[str, str]:
    """The two outcomes where a rule text lists them, in their order; empty where it does not."""
    match = _FIRST_OUTCOME.search(text)
    return (match[1].strip(), match[2].strip()) if match else ("", "")


def start_rule(text: str) -> str:
    """When counting begins, where the text makes a point of it."""
    folded = fold(text)
    if _START_AFTER.search(folded):
        return "after the market was issued"
    return "in the calendar year" if _CALENDAR.search(folded) else ""


def terms(text: str) -> dict[str, frozenset[str]]:
    """Term → how a rule text settles it (boundary, announcement, which release)."""
    folded = fold(text)
    found: dict[str, set[str]] = {}
    for term, how, pattern in _TERMS:
        if pattern.search(folded):
            found.setdefault(term, set()).add(how)
    return {term: frozenset(ways) for term, ways in found.items()}


def years(text: str) -> frozenset[int]:
    """Years a rule text names."""
    found: Dates = read_dates(fold(text))[0]
    return frozenset(found.all_years)
