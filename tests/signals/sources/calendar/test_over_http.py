"""The calendars through the whole floor: a local server, conditional requests, refusals, and no key where it could leak."""

import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from arbsite.models import Component
from signals.models import CalendarEvent, Source
from signals.sources import polling
from tests.signals.sources.calendar.test_asking import FRED_KEY, fred_page, having
from tests.signals.sources.calendar.test_reading import BOM, JOBS, calendar, fed_body, fed_row

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
HOURS = timedelta(hours=6)


class Agency(BaseHTTPRequestHandler):
    """The Fed with an ETag, BLS that wants to know whom to write to, and FRED with one good key."""

    def do_GET(self):
        parts = urlsplit(self.path)
        self.server.asked.append((parts.path, dict(self.headers)))
        if parts.path == "/json/calendar.json":
            if self.headers.get("If-None-Match") == '"one"':
                self._answer(304, b"")
            else:
                self._answer(200, BOM + fed_body(fed_row(), {}), {"ETag": '"one"'})
        elif parts.path == "/bls.ics":
            known = "@" in self.headers.get("User-Agent", "")
            self._answer(200 if known else 403, calendar(JOBS) if known else b"<HTML>Access Denied</HTML>")
        elif parts.path == "/fred/releases/dates" and parse_qs(parts.query)["api_key"] == [FRED_KEY]:
            self._answer(200, fred_page(1, "2026-12-10"))
        else:
            self._answer(
                400, b'{"error_code":400,"error_message":"The value for variable api_key is not registered."}'
            )

    def _answer(self, status, body, headers=None):
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextmanager
def serving():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Agency)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.fixture
def agency(settings):
    with serving() as server:
        base = f"http://127.0.0.1:{server.server_port}"
        having(settings, "calendars", fed_url=f"{base}/json/calendar.json", bls_url=f"{base}/bls.ics")
        having(settings, "fred", url=f"{base}/fred", api_key=SecretStr(FRED_KEY))
        yield server


def test_the_fed_is_asked_again_only_for_what_changed(agency):
    assert polling.poll("fed", now=NOW).kept.new == 1
    again = polling.poll("fed", now=NOW + HOURS)
    assert (again.state, again.kept.new) == (Source.OK, 0)
    assert agency.asked[1][1]["If-None-Match"] == '"one"'
    assert CalendarEvent.objects.get().starts_at == datetime(2026, 12, 9, 19, tzinfo=UTC)
    assert Component.objects.get(name="source-fed").state == Component.RUNNING


def test_bls_refuses_until_a_contact_is_set(agency, settings):
    refused = polling.poll("bls", now=NOW)
    assert refused.state == Source.BROKEN and "SOURCES_CONTACT" in refused.why
    having(settings, "sources", contact="ops@example.org")
    assert polling.poll("bls", now=NOW + HOURS).kept.new == 1


def test_freds_key_is_in_no_message_and_no_row(agency, settings, caplog):
    assert polling.poll("fred", now=NOW).kept.new == 1
    having(settings, "fred", api_key=SecretStr("wrong" * 6))
    refused = polling.poll("fred", now=NOW + HOURS)
    row = Source.objects.get(pk="fred")
    assert refused.state == Source.BROKEN and "FRED_API_KEY" in row.why
    told = f"{row.why} {row.cursor} {caplog.text} {[vars(one) for one in CalendarEvent.objects.all()]}"
    assert FRED_KEY not in told and "wrong" not in told


def test_a_silent_agency_is_broken_and_cancels_nothing(agency, settings):
    polling.poll("fed", now=NOW)
    having(settings, "calendars", fed_url="http://127.0.0.1:1/json/calendar.json")
    for number in range(1, 4):
        assert polling.poll("fed", now=NOW + number * HOURS, force=True).state == Source.BROKEN
    assert CalendarEvent.objects.get().cancelled_at is None
