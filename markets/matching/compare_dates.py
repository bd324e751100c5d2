"""Dates against dates: deadlines, days, periods, and the year, which is often told by the ticker only."""

from datetime import date
from typing import TYPE_CHECKING

from markets.matching.dates import DAY, DEADLINE, MONTH, QUARTER, YEAR, Window
from markets.matching.facts import Facts

if TYPE_CHECKING:
    from markets.matching.gate import Findings


def compare(found: "Findings", a: Facts, b: Facts) -> None:
    """Windows first, then the years."""
    relative = [facts.when.relative for facts in (a, b)]
    if any(relative) and not (all(relative) and a.when.windows and b.when.windows):
        found.doubt("date", "one of them speaks of `this week`, `this year` or `today`")
    for facts in (a, b):
        if facts.when.impossible:
            found.doubt("date", f"{facts.when.impossible!r} is no day of the calendar")
    one, two = _windows(a, b), _windows(b, a)
    if one and two:
        _both(found, a, b, one, two)
    elif one or two:
        _one_sided(found, one or two, b if one else a)
    _years(found, a, b)
    _event_dates(found, a, b)


def _windows(facts: Facts, other: Facts) -> list[Window]:
    """Windows of a title; a price question may have its day in the ticker only."""
    if facts.when.windows:
        return facts.when.windows
    ticker = facts.ticker
    if facts.is_price and ticker.year and ticker.month and ticker.day and ticker.hour is not None:
        return [Window(DAY, ticker.year, ticker.month, ticker.day)]
    return []


def _both(found: "Findings", a: Facts, b: Facts, one: list[Window], two: list[Window]) -> None:
    left = [window for window in one if not any(_equal(window, other) for other in two)]
    right = [window for window in two if not any(_equal(window, other) for other in one)]
    if not left and not right:
        found.agree("date", ", ".join(map(str, one)))
        return
    if not left or not right:
        extra = left or right
        found.doubt("date", f"{', '.join(map(str, extra))} is said by one platform only")
    elif (
        len(left) == len(right) == 1
        and _same_end(left[0], right[0])
        and _running(left[0], right[0], found.this_year)
    ):
        found.agree("date", f"{left[0]}, {right[0]}: that year has begun, so both count from now to its end")
    elif len(left) == len(right) == 1 and _same_end(left[0], right[0]):
        found.doubt("window", f"{left[0]} against {right[0]}", "timing")
    elif len(left) == len(right) == 1 and _meeting(left[0], right[0], a, b):
        found.agree("date", f"the meeting of {left[0]}")
    else:
        found.veto("date", f"{', '.join(map(str, left))} against {', '.join(map(str, right))}")
        found.flags.add("timing")


def _years_fit(one: Window, two: Window) -> bool:
    return one.year is None or two.year is None or one.year == two.year


def _equal(one: Window, two: Window) -> bool:
    return (one.kind, one.month, one.day) == (two.kind, two.month, two.day) and _years_fit(one, two)


def _same_end(one: Window, two: Window) -> bool:
    """A deadline and a period that end on one day: the same only if nothing can happen before the period."""
    return (one.month, one.day) == (two.month, two.day) and _years_fit(one, two)


def _running(one: Window, two: Window, this_year: int | None) -> bool:
    """`in 2026` and `before 2027` once 2026 has begun: what is left of both is the same."""
    year = one.year or two.year
    known = year is not None and this_year is not None
    return {one.kind, two.kind} == {YEAR, DEADLINE} and known and year <= this_year  # type: ignore[operator]


def _meeting(one: Window, two: Window, a: Facts, b: Facts) -> bool:
    """`the Apr 29 meeting` is `the April meeting`."""
    meets = all(
        "fed_rate" in facts.kinds.get("measure", ()) or "fed" in facts.kinds.get("actor", ())
        for facts in (a, b)
    )
    return meets and {one.kind, two.kind} == {DAY, MONTH} and one.month == two.month and _years_fit(one, two)


def _one_sided(found: "Findings", windows: list[Window], silent: Facts) -> None:
    """Whether ticker or fixture date of the silent side supply the date."""
    if all(window.kind == YEAR for window in windows):
        return  # `in 2026` beside a title of 2026: compared as years
    ticker = silent.ticker
    for window in windows:
        if ticker.month is not None:
            same = ticker.month == window.month and (ticker.day or window.day) == window.day
            before = window.kind == DEADLINE and _is_day_before(window, ticker.month, ticker.day or 1)
            if (same and window.kind in (DAY, MONTH)) or before:
                found.agree("date", f"{window}, by the ticker of the other")
                continue
        if window.kind == QUARTER and "earnings" in silent.words:
            continue  # the call after the quarter, which the other side names by its ticker or not at all
        found.doubt("date", f"{window} is said by one platform only")


def _is_day_before(window: Window, month: int, day: int) -> bool:
    return day == 1 and window.month == (month - 2) % 12 + 1 and window.day >= 28


def _years(found: "Findings", a: Facts, b: Facts) -> None:
    one, two = _cycle(a), _cycle(b)
    if one and two:
        if one & two:
            found.agree("year", ", ".join(map(str, sorted(one & two))))
        elif not _other_name_of_season(a, b, one, two):
            found.veto("date", f"{_say(one)} against {_say(two)}")
        else:
            found.doubt("season", f"{_say(one)} against {_say(two)}: which year names the season is unclear")
    elif one or two:
        _year_by_hint(found, a if one else b, b if one else a)
    elif a.hints and b.hints and a.hints.isdisjoint(b.hints):
        found.doubt(
            "date", f"neither title names a year; the hints are {_say(set(a.hints))} and {_say(set(b.hints))}"
        )


def _cycle(facts: Facts) -> set[int]:
    """The year a title speaks of; windows count only where no year stands alone."""
    return facts.when.years or {window.year for window in facts.when.windows if window.year is not None}


def _other_name_of_season(a: Facts, b: Facts, one: set[int], two: set[int]) -> bool:
    """American football names a season by the year it begins in."""
    football = any("nfl" in f.kinds.get("league", ()) or "ncaaf" in f.kinds.get("league", ()) for f in (a, b))
    seasons = a.when.seasons | b.when.seasons
    return football and bool(seasons) and any(abs(x - y) == 1 for x in one for y in two)


def _year_by_hint(found: "Findings", told: Facts, silent: Facts) -> None:
    years, hints = _cycle(told), silent.hints
    football = told.kinds.get("league", set()) & {"nfl", "ncaaf"} or told.kinds.get("title", set()) & {
        "nfl",
        "ncaaf",
    }
    if football:  # `2026-27`, by a ticker of 2026
        years = years | {year - 1 for year in told.when.seasons}
    if years & hints:
        found.agree("year", f"{_say(years & hints)}, by the other's ticker, closing time or rules")
    elif hints:
        found.doubt(
            "year", f"{_say(years)} is said by one platform only, the other hints at {_say(set(hints))}"
        )
    elif any(window.kind == YEAR for window in told.when.windows):
        found.doubt("date", f"{told.when.windows[0]} is said by one platform only")
    else:
        found.agree("year", f"{_say(years)} on one side; the other carries no date at all")


def _event_dates(found: "Findings", a: Facts, b: Facts) -> None:
    """Days of games: two teams meet on several days in a row."""
    if a.fixture is None or b.fixture is None:
        return
    one, two = _game_day(a), _game_day(b)
    if one and two:
        if one == two:
            found.agree("date", f"game on {one}")
        else:
            found.veto("date", f"game on {one} against {two}")
    elif not any("series" in facts.kinds.get("game", ()) for facts in (a, b)):
        _near_close(found, one or two, b if one or a.question.close_time[:10] == "" else a)


def _near_close(found: "Findings", day: str, silent: Facts) -> None:
    """The other side's closing time, within two days of the game, says which game it is."""
    closing = silent.question.close_time[:10]
    if not day and not closing and not silent.hints:
        found.agree("date", "neither side names the day of the game")
        return
    try:
        apart = abs((date.fromisoformat(closing) - date.fromisoformat(day)).days) if day and closing else None
    except ValueError:
        apart = None
    if apart is None:
        found.doubt("date", "the day of the game is not known on both platforms")
    elif apart <= 2:
        found.agree("date", f"game on {day}, trading of the other stops on {closing}")
    else:
        found.doubt("date", f"game on {day}, trading of the other stops on {closing}")


def _game_day(facts: Facts) -> str:
    """The day of a game in New York: from the ticker, the platform's field, or the title."""
    ticker = facts.ticker
    if ticker.year and ticker.month and ticker.day:
        return f"{ticker.year}-{ticker.month:02}-{ticker.day:02}"
    if facts.question.event_date:
        return facts.question.event_date
    days = [w for w in facts.when.windows if w.kind == DAY and w.year]
    return f"{days[0].year}-{days[0].month:02}-{days[0].day:02}" if days else ""


def _say(years: set[int]) -> str:
    return ", ".join(map(str, sorted(years)))
