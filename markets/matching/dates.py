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
_CITY = "london|hong kong|tokyo|los angeles|chicago|washington"
_ZONED = (  # `12:00 PM ET`, `noon, New York time`, `17:00 (UTC)`, `12pm Eastern Standard Time`, `noon in London`
    r"[ ,]{{0,2}}(?:in )?\(?(?P<{0}>(?:eastern|pacific|central|mountain)(?! (?:conf|div|bank|europe))|coordinated universal"
    rf"|greenwich mean|new york|(?:{_CITY})(?= time)|(?<=in )(?:{_CITY})"
    r"|utc|gmt|est|edt|et|pst|pdt|pt|cst|cdt|ct|mst|mdt|mt|bst|cest|cet|hkt|jst|zulu|z)\b"
    r"(?:(?: (?:standard|daylight))? time\b|/(?:edt|est|dt)\b|/new york\b)?\)?"
)
_TIME = re.compile(
    r"(?:\bat )?\b(?P<h12>\d{1,2})(?:[:.](?P<m12>\d\d))?(?::(?P<s12>\d\d))? ?(?P<half>[ap])\.?m\b\.?(?:"
    + _ZONED.format("z12")
    + ")?"
    r"|\b(?P<h24>\d{1,2}):(?P<m24>\d\d)(?::(?P<s24>\d\d))?(?: (?:noon|hours|hrs))?(?:"
    + _ZONED.format("z24")
    + ")?"
    r"|\bat (?P<h4>[01]\d|2[0-3])(?P<m4>[0-5]\d)(?: (?:hours|hrs))?"
    + _ZONED.format("z4")
    + r"|\b(?:(?P<zw0>new york|eastern|utc|london) )?(?:12 )?(?P<word>noon|midday|midnight)\b(?:"
    + _ZONED.format("zw")
    + ")?"
)
ZONES = {"est": "ET", "edt": "ET", "et": "ET", "eastern": "ET", "new york": "ET", "washington": "ET", "gmt": "UTC",
         "utc": "UTC", "zulu": "UTC", "z": "UTC", "coordinated universal": "UTC", "greenwich mean": "UTC", "pt": "PT",
         "pst": "PT", "pdt": "PT", "pacific": "PT", "los angeles": "PT", "ct": "CT", "cst": "CT", "cdt": "CT",
         "central": "CT", "chicago": "CT", "mt": "MT", "mst": "MT", "mdt": "MT", "mountain": "MT", "london": "London",
         "bst": "London", "cet": "CET", "cest": "CET", "hkt": "HKT", "hong kong": "HKT", "jst": "JST",
         "tokyo": "JST"}  # fmt: skip
AREAS = {"ET": "America/New_York", "UTC": "UTC", "PT": "America/Los_Angeles", "CT": "America/Chicago",
         "MT": "America/Denver", "London": "Europe/London", "CET": "Europe/Berlin", "HKT": "Asia/Hong_Kong",
         "JST": "Asia/Tokyo"}  # fmt: skip
_MAY_AS_VERB = re.compile(r"\bmay (?=[a-z])")

_OCCASION = re.compile(
    r" (?:us |nba |nfl |mlb |nhl )?(?:midterm|election|finals|playoffs|draft|olympic|world cup)"
)
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
    if lead.startswith(("after", "before", "by", "until")) and _OCCASION.match(rest):
        found.years.add(year)
        return " ord__before " if not lead.startswith("after") else " "
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


def clock(text: str) -> tuple[tuple[int, str, int], ...]:
    """(second of the day, zone or empty, place) of every clock time in a folded text."""
    found = [
        (time, match.start()) for match in _TIME.finditer(text) if (time := _clock_time(match)) is not None
    ]
    return tuple((second, zone, place) for (second, zone), place in found)


def _clock_time(match: re.Match[str]) -> tuple[int, str] | None:
    part = match.groupdict()
    if part["word"]:
        seconds = 0 if part["word"] == "midnight" else 43_200
    elif part["half"]:
        hours = int(part["h12"]) % 12 + (12 if part["half"] == "p" else 0)
        seconds = hours * 3_600 + int(part["m12"] or 0) * 60 + int(part["s12"] or 0)
    elif part["h4"]:
        seconds = int(part["h4"]) * 3_600 + int(part["m4"]) * 60
    else:
        seconds = int(part["h24"]) * 3_600 + int(part["m24"]) * 60 + int(part["s24"] or 0)
    if seconds >= 86_400:
        return None
    zone = part["z12"] or part["z24"] or part["z4"] or part["zw"] or part["zw0"] or ""
    return seconds, ZONES.get(zone, "")


def _hours(text: str, found: Dates) -> str:
    def take(match: re.Match[str]) -> str:
        time = _clock_time(match)
        if time is None:
            return match.group()
        found.hours.add(time)
        return " "

    return _TIME.sub(take, text)
