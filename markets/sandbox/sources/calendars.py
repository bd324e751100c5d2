"""Calendars in their agencies' formats: the Fed's JSON (a BOM, New York times, trailing empty rows), iCal of BLS and
BEA, and FRED's release dates, which have no time.
"""

from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from markets.sandbox.context import Sandbox
from markets.sandbox.sources.handler import HTML, Page, SourceHandler, json_page, moment_of
from markets.sandbox.sources.values import BEA, BLS, FED, FRED, KEY, Occasion

NEW_YORK = ZoneInfo("America/New_York")
STRANGERS = ("python-requests", "curl", "Wget")  # who does not say who they are is not served
VTIMEZONE = (
    "BEGIN:VTIMEZONE\r\nTZID:US-Eastern\r\nBEGIN:STANDARD\r\nDTSTART:20071104T020000\r\nRRULE:FREQ=YEARLY;BYDAY=1SU;"
    "BYMONTH=11\r\nTZOFFSETFROM:-0400\r\nTZOFFSETTO:-0500\r\nTZNAME:EST\r\nEND:STANDARD\r\nBEGIN:DAYLIGHT\r\n"
    "DTSTART:20070311T020000\r\nRRULE:FREQ=YEARLY;BYDAY=2SU;BYMONTH=3\r\nTZOFFSETFROM:-0500\r\nTZOFFSETTO:-0400\r\n"
    "TZNAME:EDT\r\nEND:DAYLIGHT\r\nEND:VTIMEZONE\r\n"
)


class Calendar(SourceHandler):
    """What the agencies' pages share."""

    def occasions(self, agency: str) -> list[Occasion]:
        """An agency's occasions in order, as the faults would have them."""
        shift = self.quirks.shift_ms
        found = sorted(
            (one for one in self.archive.occasions if one.agency == agency), key=lambda one: one.starts_ms
        )
        return [
            Occasion(one.number, one.agency, one.name, one.starts_ms + shift, one.kind, one.release_id)
            for one in found
            for _ in range(self.quirks.times)
        ]

    def stranger(self) -> Page | None:
        """The refusal of a client that does not say who it is."""
        agent = self.request.headers.get("User-Agent", "")
        if not agent or agent.startswith(STRANGERS):
            return Page(b"<html><body>Access Denied</body></html>", 403, HTML)
        return None


class FedCalendar(Calendar):
    """GET /fed/json/calendar.json"""

    source = FED

    def answer(self, **_: str) -> Page:
        """Events of a month with the days in a text, times of New York, and empty rows at the end."""
        rows: list[dict[str, str]] = []
        for one in self.occasions(FED):
            there = moment_of(one.starts_ms).astimezone(NEW_YORK)
            clock = f"{there.hour % 12 or 12}:{there:%M} {'a.m.' if there.hour < 12 else 'p.m.'}"
            rows.append(
                {
                    "title": f" {one.name}", "time": clock, "month": f"{there:%Y-%m}", "days": str(there.day),
                    "type": one.kind,
                }
            )  # fmt: skip
        body = msgspec.json.encode({"events": [*rows, {}, {}]})
        return Page(
            b"\xef\xbb\xbf" + body, content_type="application/json", conditional=True,
            changed_ms=1000 * len(rows),
        )  # fmt: skip


class Ics(Calendar):
    """GET …/bls.ics and the BEA's subscription: iCalendar with times of New York."""

    def initialize(self, sandbox: Sandbox, agency: str = BLS) -> None:
        """Tornado's hook for the arguments of a route."""
        super().initialize(sandbox)
        self.source = agency

    def answer(self, **_: str) -> Page:
        """Every release of the agency."""
        refused = self.stranger() if self.source == BLS else None
        if refused is not None:
            return refused
        events = "".join(self._event(one) for one in self.occasions(self.source))
        text = (
            f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Sandbox//{self.source.upper()}//EN\r\n{VTIMEZONE}{events}"
            "END:VCALENDAR\r\n"
        )
        return Page(
            text.encode(), content_type="text/calendar; charset=utf-8", conditional=True, changed_ms=len(text) * 1000
        )  # fmt: skip

    def _event(self, one: Occasion) -> str:
        there = moment_of(one.starts_ms).astimezone(NEW_YORK)
        return (
            f"BEGIN:VEVENT\r\nUID:{self.source}-{one.number}@sandbox.example\r\nDTSTAMP:{moment_of(self.now_ms):%Y%m%d}T000000Z"
            f"\r\nDTSTART;TZID=US-Eastern:{there:%Y%m%dT%H%M%S}\r\nSUMMARY:{_escaped(one.name)}\r\nEND:VEVENT\r\n"
        )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", " ")


class FredDates(Calendar):
    """GET /fred/releases/dates?file_type=json&include_release_dates_with_no_data=true&api_key="""

    source = FRED

    def refusal(self, status: int) -> Page:
        """Errors have a code and a sentence."""
        return self._error(status, "Too Many Requests.  Exceeded Rate Limit")

    @staticmethod
    def _error(status: int, message: str) -> Page:
        return json_page({"error_code": status, "error_message": message}, status)

    def answer(self, **_: str) -> Page:
        """Dates without a time, newest first; those to come only where they are asked for."""
        key = self.arg("api_key")
        if not key:
            return self._error(400, "Bad Request.  Variable api_key is not set.")
        if key != KEY:
            return self._error(400, "Bad Request.  The value for variable api_key is not registered.")
        if self.arg("file_type") != "json":
            return Page(b'<?xml version="1.0" encoding="utf-8" ?><release_dates/>', content_type="text/xml")
        future = self.arg("include_release_dates_with_no_data") == "true"
        limit, offset = max(1, self.number("limit", 1000, 1000)), self.number("offset", 0, 10**6)
        start, end = self.arg("realtime_start", "1776-07-04"), self.arg("realtime_end", "9999-12-31")
        rows = []
        for one in (one for agency in (BLS, BEA, FED) for one in self.occasions(agency) if one.release_id):
            there = f"{moment_of(one.starts_ms).astimezone(NEW_YORK):%Y-%m-%d}"
            if start <= there <= end and (future or one.starts_ms <= self.now_ms):
                rows.append({"release_id": one.release_id, "release_name": one.name, "date": there})
        rows.sort(key=lambda row: str(row["date"]), reverse=self.arg("sort_order", "desc") == "desc")
        return json_page(
            {
                "realtime_start": start, "realtime_end": end, "order_by": "release_date",
                "sort_order": self.arg("sort_order", "desc"), "count": len(rows), "offset": offset, "limit": limit,
                "release_dates": rows[0 if self.quirks.stuck else offset :][:limit],
            }
        )  # fmt: skip


def routes(sandbox: Sandbox) -> list[Any]:
    """The four calendars."""
    made = {"sandbox": sandbox}
    return [
        ("/fed/json/calendar.json", FedCalendar, made),
        ("/bls/schedule/news_release/bls.ics", Ics, {**made, "agency": BLS}),
        ("/bea/news/schedule/ics/online-calendar-subscription.ics", Ics, {**made, "agency": BEA}),
        ("/fred/releases/dates", FredDates, made),
    ]
