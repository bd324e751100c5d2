"""What rule texts say beside the question: sources, stations, hours, cut-offs, void rules, unfilled placeholders."""

import re

from markets.matching import tables
from markets.matching.dates import MONTHS, ZONES, Dates, clock
from markets.matching.dates import read as read_dates
from markets.matching.text import flat, fold

_PLACEHOLDER = re.compile(
    r"\|\|[^|]{0,60}\|\||\{\{[^}]{0,60}\}\}|\[\[[^\]]{0,60}\]\]|<[A-Z_ ]{3,40}>|\$\{[^}]{1,40}\}",
    re.IGNORECASE,
)
_ZONE = rf"(?P<{{0}}>{'|'.join(sorted((re.escape(zone) for zone in ZONES if zone != 'z'), key=len, reverse=True))})"
_CUTOFF = re.compile(
    r"(?:11:59(?::59)? ?p\.?m\.?|23:59(?::59)?|12:00(?::00)? ?a\.?m\.?|12 ?a\.?m\.?|midnight|00:00(?::00)?|24:00"
    r"|(?:end|close) of (?:the |that )?(?:calendar )?day)[ ,(]*(?:in )?" + _ZONE.format("after") + r"\b"
    r"|\b" + _ZONE.format("before") + r"(?: time)?\)? midnight"
)
_VOID = re.compile(
    r"cancel|walk ?over|postpone|abandon|forfeit|not played|no contest|\bvoid|unable to (?:play|compete)|suspended"
    r"|no (?:[a-z]+ )?(?:figure|data|value|price|reading|result|report|winner|release|number|statement|print|fix)s?\b"
    r"[a-z ]{0,20}"
    r"(?:published|released|available|announced|reported|recorded|declared|given|made)"
    r"|(?:figure|data|value|price|reading|result|report|release|number)s? (?:is|are|was|were|has|have|does|do)(?: not|nt) "
    r"(?:been |be )?"
    r"(?:published|released|available|announced|reported|recorded|made|appear)|unavailable"
)
_FIFTY = re.compile(
    r"50(?: ?%)? ?[-/:] ?50|\b50 ?(?:%|percent|cents)|(?<![\d,])\$?0?\.50?\b"
    r"|(?:resolv|pay|settl)\w* (?:[a-z]+ ){0,3}half\b|evenly|equal(?:ly)? (?:split|between)"
)
_FAIR = re.compile(r"fair (?:market )?(?:price|value)|last (?:traded|fair) price")
_PAYS_NO, _PAYS_YES = (
    re.compile(
        rf"= ?\"?{word}\b|counts as (?:an? )?(?:{word}\b|{other})"
        rf"|(?:resolv|settl)\w* (?:to |as |at |in favou?r of )?\"?{word}\b(?! later| more| less| sooner| change)"
    )
    for word, other in (("no", "loss"), ("yes", "win"))
)
_REFUND = re.compile(r"(?<!no )(?<!not )refund|stakes? (?:is|are) returned|money back")
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
    r"(?:according to|as (?:published|reported|measured|determined|recorded|announced|stated|shown|compiled) "
    r"(?:by|on|at)"
    r"|(?:resolution |settlement |data |price )?source"
    r"(?: (?:for|of|in) (?:this|the) (?:market|contract|question))?(?: (?:is|will be)|:)"
    r"|(?:based on|using|by|per) (?:the )?(?:data|figures|numbers|statistics|reports?) (?:of|from|by|published by)"
    r"|(?:published|reported) by|\bper) ([^,;:\n]{3,80})"
)
_NAME_ENDS = re.compile(
    r"\. |\.$|\(|\b(?:for|on|in|at|and|or|this|then|as|from|shows?|is|are|was|were|will|by|before|after|during|with|which"
    r"|that"
    r"|when|if|reports?|data|website|page|official)\b"
)
_DATED = re.compile(rf"\d|\b(?:{'|'.join(MONTHS)})\b")
_NO_NAME = tables.words("no_name")


def stated(text: str) -> frozenset[str]:
    """Whom a rule text names as those who say how it ended, in its own words."""
    found = set()
    for match in _STATED.finditer(fold(text)):
        said = re.sub(
            r"^(?:the |an? |official |data |figures? |information |reports? |published |released |from |of |by )+",
            "",
            match[1],
        )
        name = _NAME_ENDS.split(said, maxsplit=1)[0].strip(" .\"'()")
        if len(name) > 2 and not _DATED.search(name) and set(re.findall(r"[a-z]+", name)) - _NO_NAME:
            found.add(name)
    return frozenset(found)


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


_DAY_ENDS = (0, 86_340, 86_399)
_DEADLINE = re.compile(r"\b(?:by|before|until|till|through|prior to|deadline|ends?|ending|and)\b[^.;]{0,40}$")


def hours(text: str) -> frozenset[tuple[int, str]]:
    """(second of the day, zone or empty) of every clock time in a text; end-of-day cut-offs are no hours."""
    return frozenset((second, zone) for second, zone, _ in clock(fold(text)) if second not in _DAY_ENDS)


def midnights(text: str) -> frozenset[tuple[int, str]]:
    """Midnights that end no period: `the price at 00:00 UTC`."""
    folded = fold(text)
    return frozenset(
        (second, zone)
        for second, zone, place in clock(folded)
        if second == 0 and not _DEADLINE.search(folded[max(0, place - 60) : place])
    )


def cutoffs(text: str) -> frozenset[str]:
    """Time zones in which a text ends the last day."""
    return frozenset(ZONES[match["after"] or match["before"]] for match in _CUTOFF.finditer(fold(text)))


def voids(text: str) -> frozenset[str]:
    """What happens to a cancelled or postponed game, or without a figure: `fifty`, `fair`, `refund`, `no`, `yes`."""
    folded = fold(text)
    if not _VOID.search(folded):
        return frozenset()
    found = set()
    for sentence in re.split(r"\.(?!\d)|[\n;]", folded):
        if _VOID.search(sentence):
            for name, pattern in (
                ("fifty", _FIFTY), ("fair", _FAIR), ("refund", _REFUND), ("no", _PAYS_NO), ("yes", _PAYS_YES),
            ):  # fmt: skip
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
