"""Dates and windows in a question: `by June 30` is `before Jul 1`; `2025-26` is the season that ends in 2026.

Every window is written as its last day that counts; what the text does not say (mostly the year) stays None.
"""

import calendar
import re
from dataclasses import dataclass, field

MONTHS = {
    name: number
    for number in range(1, 13)
    for name in (calendar.month_name[number].lower(), calendar.month_abbr[number].lower())
} | {"sept": 9}
_MONTH = "(" + "|".join(sorted(MONTHS, key=len, reverse=True)) + r")\.?"
_YEAR = r"(20[1-6]\d)"
_LEAD = (
    r"(?P<lead>(?<![a-z])(?:(?:by|before|until|till|prior to|through|on|in|during|after|since|as of|at|from) )?"
    r"(?:the )?(?:end of |year[- ]end |start of )?(?:the )?|)"
)
_ISO = re.compile(_LEAD + _YEAR + r"-(\d\d)-(\d\d)")
_MONTH_DAY = re.compile(
    _LEAD + _MONTH + r" (\d{1,2})(?:st|nd|rd|th)?(?:,? " + _YEAR + r")?(?![\d:%])(?! ?(?:am|pm)\b)"
)
_DAY_MONTH = re.compile(_LEAD + r"(\d{1,2})(?:st|nd|rd|th)? (?:of )?" + _MONTH + r"(?:,? " + _YEAR + r")?\b")
_MONTH_YEAR = re.compile(_LEAD + r"\b" + _MONTH + r",? " + _YEAR + r"\b")
_MONTH_ONLY = re.compile(_LEAD + r"\b" + _MONTH + r"(?=\W|$)")
_QUARTER = re.compile(_LEAD + r"(?:\bq([1-4]),?(?: of)?(?: " + _YEAR + r")?|" + _YEAR + r" q([1-4]))\b")
_SEASON = re.compile(r"\b(20[1-6]\d)[-/](?:20)?([1-6]\d)\b")
_YEAR_ONLY = re.compile(_LEAD + r"\b" + _YEAR + r"\b(?!\.\d)(?!,\d{3})")
_RELATIVE = re.compile(r"\b(?:today|tonight|tomorrow|this (?:week|weekend|month|year|season))\b")
_TIME = re.compile(
    r"(?:\bat )?\b(\d{1,2})(?::(\d\d))?(?::(\d\d))? ?(am|pm)\b(?:[ (]*(et|est|edt|utc|gmt|pt|ct)\b\)?)?"
    r"|\b(\d{1,2}):(\d\d)(?::(\d\d))? ?\(?(et|est|edt|utc|gmt|pt|ct|eastern|new york)?\b\)?"
    r"|\b(noon|midnight)\b(?: (et|est|edt|utc|gmt))?"
)
ZONES = {"est": "ET", "edt": "ET", "et": "ET", "eastern": "ET", "new york": "ET", "gmt": "UTC", "utc": "UTC",
         "pt": "PT", "ct": "CT"}  # fmt: skip
_MAY_AS_VERB = re.compile(r"\bmay (?=[a-z])")

_MEETING = re.compile(r"\b(?:after|following) (?:the |their |its )?(?=[a-z0-9, ]{3,30}? meeting)")

DEADLINE, DAY, MONTH, QUARTER, YEAR, AFTER = "deadline", "day", "month", "quarter", "year", "after"


@dataclass(frozen=True, slots=True)
class Window:
    """A period or deadline: the last day that counts. `year` is None where the text does not say it."""

    kind: str
    year: int | None
    month: int
    day: int

    def __str__(self) -> str:
        when = f"{self.year or '????'}-{self.month:02}-{self.day:02}"
        return {DEADLINE: f"until {when}", DAY: f"on {when}", AFTER: f"after {when}"}.get(
            self.kind, f"{self.kind} that ends {when}"
        )


@dataclass(slots=True)
class Dates:
    """What a text says about time. `years` holds bare years and seasons (the year a season ends in)."""

    windows: list[Window] = field(default_factory=list)
    years: set[int] = field(default_factory=set)
    seasons: set[int] = field(default_factory=set)  # those of `years` that were written as seasons
    relative: bool = False  # `this week`
    impossible: str = ""  # a day that no calendar has
    hours: set[tuple[int, str]] = field(default_factory=set)  # (second of the day, zone or "")

    @property
    def all_years(self) -> set[int]:
        """Every year that the text names."""
        return self.years | {window.year for window in self.windows if window.year is not None}


def last_day(year: int | None, month: int) -> int:
    """The month's last day; February of an unknown year has 28."""
    return calendar.monthrange(year or 2027, month)[1]


def _window(lead: str, kind: str, year: int | None, month: int, day: int) -> Window | None:
    """A window from its last day and the words before it; None for a day that no calendar has."""
    if (
        not 1 <= month <= 12
        or not 1 <= day <= 31
        or day > max(last_day(year, month), 29 if month == 2 else 0)
    ):
        return None
    if lead.startswith(("before", "prior to")) and "end of" in lead:
        return Window(DEADLINE, year, month, day)
    if lead.startswith(("before", "prior to")):
        year, month, day = _first_of(kind, year, month, day)
        return _day_before(year, month, day)
    if re.match(r"(?:at |on |as of )?(?:the )?end of", lead):
        return Window(DAY, year, month, day)
    if lead.startswith(("by", "until", "till", "through")) or "end of" in lead or "year" in lead:
        return Window(DEADLINE, year, month, day)
    if lead.startswith(("after", "since")):
        return Window(AFTER, year, month, day)
    return Window(kind, year, month, day)


def _first_of(kind: str, year: int | None, month: int, day: int) -> tuple[int | None, int, int]:
    if kind == YEAR:
        return year, 1, 1
    if kind == QUARTER:
        return year, month - 2, 1
    return (year, month, 1) if kind == MONTH else (year, month, day)


def _day_before(year: int | None, month: int, day: int) -> Window:
    if day > 1:
        return Window(DEADLINE, year, month, day - 1)
    if month > 1:
        return Window(DEADLINE, year, month - 1, last_day(year, month - 1))
    return Window(DEADLINE, None if year is None else year - 1, 12, 31)


def _year(text: str | None) -> int | None:
    return int(text) if text else None


def read(text: str) -> tuple[Dates, str]:
    """The dates of a folded text, and the text without them."""
    found = Dates()
    if not any(map(str.isdigit, text)) and not _MONTH_ONLY.search(text) and not _RELATIVE.search(text):
        return found, text
    text = _hours(_MEETING.sub("in ", text), found)
    text = _SEASON.sub(lambda match: _season(match, found), text)
    text = _ISO.sub(lambda m: _add(found, m, DAY, int(m[2]), int(m[3]), int(m[4])), text)
    text = _MONTH_DAY.sub(lambda m: _add(found, m, DAY, _year(m[4]), MONTHS[m[2]], int(m[3])), text)
    text = _DAY_MONTH.sub(lambda m: _add(found, m, DAY, _year(m[4]), MONTHS[m[3]], int(m[2])), text)
    text = _MONTH_YEAR.sub(lambda m: _month(found, m, _year(m[3])), text)
    text = _QUARTER.sub(lambda m: _quarter(found, m), text)
    text = _YEAR_ONLY.sub(lambda m: _bare_year(found, m), text)
    text = _MONTH_ONLY.sub(lambda m: _month(found, m, None), text)
    if _RELATIVE.search(text):
        found.relative = True
        text = _RELATIVE.sub(" ", text)
    return found, text


def _add(found: Dates, match: re.Match[str], kind: str, year: int | None, month: int, day: int) -> str:
    window = _window(match["lead"].strip(), kind, year, month, day)
    if window is None:
        found.impossible = match.group().strip()
        return " "
    if window not in found.windows:
        found.windows.append(window)
    return " "


def _month(found: Dates, match: re.Match[str], year: int | None) -> str:
    if match[2] == "may" and year is None and not match["lead"].strip():
        return match.group()  # the verb
    month = MONTHS[match[2]]
    return _add(found, match, MONTH, year, month, last_day(year, month))


def _quarter(found: Dates, match: re.Match[str]) -> str:
    month, year = 3 * int(match[2] or match[5]), _year(match[3] or match[4])
    return _add(found, match, QUARTER, year, month, last_day(year, month))


def _bare_year(found: Dates, match: re.Match[str]) -> str:
    """`in 2026` and `before 2027` are windows; `2026 Finals` names a cycle."""
    lead, year = match["lead"].strip(), int(match[2])
    if not lead or lead in ("the", "at", "at the", "from", "on", "of"):
        found.years.add(year)
        return " "
    rest = match.string[match.end() :]
    if lead.endswith("the") and re.match(r" [a-z]", rest) and "end of" not in lead:
        found.years.add(year)  # `before the 2026 election`: an event, not a day
        return " ord__before " if lead.startswith(("before", "by", "prior", "until")) else " "
    if lead.startswith(("in", "during")):
        found.years.add(year)
        if not re.match(r"\W*(?:\w+__\w+|[a-z]+)", rest) or rest.strip(" ?.!") == "":
            found.windows.append(Window(YEAR, year, 12, 31))
        return " "
    return _add(found, match, YEAR, year, 12, 31)


def _season(match: re.Match[str], found: Dates) -> str:
    start, end = int(match[1]), int(match[2])
    if (start + 1) % 100 != end:
        return match.group()
    found.years.add(start + 1)
    found.seasons.add(start + 1)
    return " "


def _hours(text: str, found: Dates) -> str:
    def take(match: re.Match[str]) -> str:
        hour, minute, second, half, zone, hour24, minute24, second24, zone24, word, word_zone = match.groups()
        if word:
            seconds = 43_200 if word == "noon" else 0
        elif half:
            hours = int(hour) % 12 + (12 if half == "pm" else 0)
            seconds = hours * 3_600 + int(minute or 0) * 60 + int(second or 0)
        else:
            seconds = int(hour24) * 3_600 + int(minute24) * 60 + int(second24 or 0)
        if seconds >= 86_400:
            return match.group()
        found.hours.add((seconds, ZONES.get(zone or zone24 or word_zone or "", "")))
        return " "

    return _TIME.sub(take, text)
