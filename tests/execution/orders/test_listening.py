"""A platform's private channels: what is away for a while, or does not answer, never makes us deaf for good."""

import queue
import threading
import time

import pytest
from django.db import OperationalError

from execution.models import Halt
from execution.orders import facts, listening
from execution.orders.listening import Listener
from execution.reconciling import reconcile
from markets import clients
from markets.platforms.base import KALSHI, PlatformError
from markets.platforms.trading import PrivateEvents
from markets.streaming.connection import Arrival, Connection
from tests.factories import NOW


class AFeed:
    """A private feed that keeps what it is told."""

    url = "ws://127.0.0.1:1"

    def __init__(self):
        self.outbox, self.events, self.reconnect_wanted = [], PrivateEvents(), ""
        self.heard, self.ticks, self.fails = [], [], None

    def handshake(self):
        return []

    def opened(self, at_ms):
        self._happens("opened")

    def closed(self, at_ms):
        self._happens("closed")

    def receive(self, raw, at_ms):
        self._happens(raw)

    def tick(self, at_ms):
        self.ticks.append((at_ms, list(self.heard)))

    def _happens(self, what):
        if self.fails is not None:
            error, self.fails = self.fails, None
            raise error
        self.heard.append(what)


class ALink(threading.Thread):
    """A connection that only counts how often it was dropped."""

    def __init__(self, *_):
        super().__init__(daemon=True)
        self.dropped, self.error, self.over = 0, "", threading.Event()

    def run(self):
        self.over.wait()

    def send(self, text):
        return True

    def reconnect(self):
        self.dropped += 1

    def stop(self):
        self.over.set()


@pytest.fixture
def ears(monkeypatch):
    feed = AFeed()
    monkeypatch.setattr(clients, "private_feed", lambda platform: feed)
    monkeypatch.setattr(listening, "Connection", ALink)
    monkeypatch.setattr(listening, "PAUSE_SECONDS", 0.01)
    made = Listener(KALSHI, "sandbox")
    made.feed = feed
    yield made
    made.stop()


def tell(ears, kind, raw=b"", at_ms=0):
    ears._inbox.put(Arrival("private", kind, at_ms, raw))


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.005)


@pytest.mark.parametrize("error", [OperationalError("gone"), PlatformError("the signer is away")])
def test_what_is_away_for_a_while_costs_a_comparison_and_not_the_ears(ears, monkeypatch, error):
    compared = []
    monkeypatch.setattr(reconcile, "run", lambda *args, **more: compared.append(args))
    ears.feed.fails = error
    ears.start()
    tell(ears, "frame", b"lost")
    until(lambda: compared)
    tell(ears, "frame", b"next")
    until(lambda: ears.feed.heard == [b"next"])
    assert compared[0][:2] == (KALSHI, "RECONNECT")


def test_the_channel_is_kept_alive_while_the_platform_is_asked(ears, monkeypatch):
    answer, asked = threading.Event(), threading.Event()

    def slow(*_, **__):
        asked.set()
        assert answer.wait(60)

    monkeypatch.setattr(reconcile, "run", slow)
    ears.feed.events.reconnected = True
    ears.start()
    assert asked.wait(60)
    tell(ears, "frame", b"meanwhile")
    until(lambda: ears.feed.heard == [b"meanwhile"])
    answer.set()


def test_what_waits_is_heard_before_the_clock_is_looked_at(ears, monkeypatch):
    for number in range(3):
        tell(ears, "frame", b"%d" % number)
    ears._turn()
    assert [heard for _, heard in ears.feed.ticks] == [[b"0", b"1", b"2"]]


def test_a_connection_that_cannot_be_logged_into_is_made_anew(ears):
    ears.feed.fails = PlatformError("no credentials")
    tell(ears, "opened")
    with pytest.raises(PlatformError):
        ears._turn()
    assert ears._link.dropped == 1


def test_a_dead_thread_is_deaf(ears, monkeypatch):
    ears.start()
    tell(ears, "opened")
    until(ears.healthy)
    ears._link.over.set()
    until(lambda: not ears.healthy())


def test_a_handshake_that_fails_is_tried_again():
    inbox = queue.SimpleQueue()

    def headers():
        raise PlatformError("the signer does not answer")

    link = Connection("private", "ws://127.0.0.1:1", inbox, headers)
    link.start()
    try:
        assert [inbox.get(timeout=60).kind for _ in range(2)] == ["closed", "closed"]
    finally:
        link.stop()


@pytest.mark.django_db
def test_the_platform_s_own_switch_halts_it_once_and_not_when_it_was_ours(ears):
    ears.feed.events.stopped.append("order group g triggered")
    ears._apply()
    halt = Halt.objects.get()
    assert (halt.code, halt.platform) == ("order_group", KALSHI) and "order group g" in halt.why
    Halt.objects.all().delete()
    Halt.objects.create(code="manual", platform="", why="drill", by="anna", created_at=NOW)
    ears.feed.events.stopped.append("order group g triggered")
    ears._apply()
    assert Halt.objects.count() == 1


def test_news_go_to_the_facts_once(ears, monkeypatch):
    told = []
    monkeypatch.setattr(facts, "orders_told", lambda rows, **_: told.append(rows))
    ears.feed.events.orders.append("report")
    ears._apply()
    ears._apply()
    assert told == [["report"]]
