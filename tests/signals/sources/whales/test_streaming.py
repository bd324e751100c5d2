"""Whale Alert's stream: gaps are written down, a refused key is not tried again in a loop, and nobody sees the key."""

import copy
import itertools
import json
import logging
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import websocket
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import OperationalError

from arbsite.lease import Lease
from arbsite.models import Component, Notice
from signals.models import Source, WhaleAlert
from signals.sources.base import Kept
from signals.sources.whales import stream_health, streaming
from signals.sources.whales.streaming import Follower, Options

KEY = "top-secret-key"
OPTIONS = Options("wss://w.example/ws", KEY, ("ethereum",), (), Decimal(500_000))
SUBSCRIBED = json.dumps({"type": "subscribed_alerts", "id": "a"})
ALERT = json.dumps({
    "channel_id": "c", "timestamp": int(datetime.now(UTC).timestamp()) - 5, "blockchain": "ethereum",
    "transaction_type": "transfer", "from": "unknown wallet", "to": "Binance",
    "amounts": [{"symbol": "USDC", "amount": 6000000, "value_usd": 6000000}],
})  # fmt: skip
TEXT, CLOSE, PONG = websocket.ABNF.OPCODE_TEXT, websocket.ABNF.OPCODE_CLOSE, websocket.ABNF.OPCODE_PONG


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self):
        self.at = 0.0
        self.waits = []

    def __call__(self):
        return self.at


class Stop(threading.Event):
    """Waiting moves the clock on; after so many waits the process is told to end."""

    def __init__(self, clock, after):
        super().__init__()
        self._clock, self._left = clock, after

    def wait(self, timeout=None):
        self._clock.at += timeout
        self._clock.waits.append(timeout)
        self._left -= 1
        if self._left <= 0:
            self.set()
        return self.is_set()


class Socket:
    """Gives these frames; a number lets so many seconds pass in silence; at the end it closes."""

    def __init__(self, clock, *frames):
        self._clock, self._frames = clock, list(frames)
        self.sent, self.pings = [], 0

    def settimeout(self, seconds):
        pass

    def send(self, text):
        self.sent.append(json.loads(text))

    def ping(self):
        self.pings += 1

    def shutdown(self):
        pass

    def recv_data(self, control_frame=False):
        if not self._frames:
            return CLOSE, b""
        frame = self._frames.pop(0)
        if isinstance(frame, float):
            self._clock.at += frame
            raise websocket.WebSocketTimeoutException("nothing")
        if isinstance(frame, Exception):
            raise frame
        return frame if isinstance(frame, tuple) else (TEXT, frame.encode())


class World:
    """A follower, the sockets it will be given one after the other, and what it kept."""

    def __init__(self, monkeypatch, after=30, **kwargs):
        self.clock = Clock()
        self.sockets, self.addresses, self.kept = [], [], []
        self.follower = Follower(
            OPTIONS, Stop(self.clock, after), clock=self.clock, **{"keep": self._keep, **kwargs}
        )
        monkeypatch.setattr(websocket, "create_connection", self._connect)

    def give(self, *frames):
        self.sockets.append(Socket(self.clock, *frames))
        return self.sockets[-1]

    def run(self):
        self._left = list(self.sockets)
        self.follower.run()

    def _connect(self, address, **_):
        self.addresses.append((self.clock.at, address))
        if not self._left:
            raise ConnectionRefusedError(f"cannot reach {address}")
        return self._left.pop(0)

    def _keep(self, transfers, now):
        self.kept += transfers
        return Kept(new=len(transfers))


@pytest.fixture
def world(monkeypatch, db, redis):
    return World(monkeypatch)


def notices():
    return [row.kind for row in Notice.objects.order_by("pk")]


def test_it_subscribes_and_keeps_what_comes(world):
    socket = world.give(SUBSCRIBED, ALERT, "nonsense", '{"urls": []}', ALERT.replace("6000000", "7000000"))
    world.run()
    assert socket.sent[0]["type"] == "subscribe_alerts" and socket.sent[0]["blockchains"] == ["ethereum"]
    assert [one.usd for one in world.kept] == [6_000_000, 7_000_000]
    row = Source.objects.get(pk="whale_alert")
    assert (row.items, row.dropped, row.kind) == (2, 1, "whales")


def test_a_gap_is_written_down(world):
    world.give(SUBSCRIBED)
    world.give(SUBSCRIBED, 1.0)
    world.run()
    assert notices()[:3] == ["source_stale", "source_gap", "source_stale"]
    gap = Notice.objects.get(kind="source_gap")
    assert "missed for good" in gap.message and gap.data["since"]
    row = Source.objects.get(pk="whale_alert")
    assert row.state == Source.STALE and row.answered_at is not None


def test_up_is_up(world):
    seen = []
    world.give(SUBSCRIBED, (PONG, b""))
    world.follower._read = lambda socket, read=world.follower._read: (
        read(socket), seen.append(Source.objects.get(pk="whale_alert").state),
    )  # fmt: skip
    world.run()
    assert seen == [Source.OK]
    assert Component.objects.get(name="source-whale_alert").state == Component.DEGRADED


def test_it_asks_for_a_sign_of_life_and_believes_none_without(world):
    alive = world.give(SUBSCRIBED, *([19.0, (PONG, b"")] * 6))
    dead = world.give(SUBSCRIBED, *([21.0] * 4), ALERT)
    world.run()
    assert alive.pings == 3 and dead.pings >= 2
    assert world.kept == []  # after a minute of silence it was left, whatever lay behind


def test_pauses_grow_and_begin_again_after_a_success(monkeypatch, db, redis):
    world = World(monkeypatch, after=400)
    world.run()
    starts = [at for at, _ in world.addresses]
    pauses = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert pauses[:7] == [1, 2, 4, 8, 16, 32, 60]


@pytest.mark.parametrize("why", ["Invalid API key", "min_value_usd must be at least 100000"])
def test_a_refusal_is_not_tried_again_in_a_loop(monkeypatch, db, redis, why):
    world = World(monkeypatch, after=7_199)  # just under an hour, in half seconds
    world.give(json.dumps({"error": f"{why} {KEY}"}))
    world.run()
    assert len(world.addresses) == 1
    row = Source.objects.get(pk="whale_alert")
    assert notices() == ["source_broken"] and Notice.objects.get().severity == "HIGH"
    assert why in Notice.objects.get().message and KEY not in Notice.objects.get().message
    assert KEY not in row.why


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_handshake_is_a_refusal(monkeypatch, db, redis, status):
    world = World(monkeypatch, after=100)
    error = websocket.WebSocketBadStatusException(f"Handshake status {status} {KEY}", status)
    monkeypatch.setattr(websocket, "create_connection", lambda *_, **__: (_ for _ in ()).throw(error))
    world.run()
    assert notices() == ["source_broken"] and KEY not in Notice.objects.get().message


def test_the_key_is_in_the_address_and_nowhere_else(world, caplog):
    world.give(SUBSCRIBED, ConnectionResetError(f"lost {OPTIONS.address}"))
    with caplog.at_level(logging.DEBUG):
        world.run()
    assert world.addresses[0][1] == f"wss://w.example/ws?api_key={KEY}"
    told = caplog.text + "".join(str(vars(record)) for record in caplog.records)
    told += json.dumps([*Notice.objects.values("message", "data"), *Source.objects.values("why"),
                        *Component.objects.values("detail")])  # fmt: skip
    assert KEY not in told and KEY not in repr(OPTIONS)


def test_nobody_leads_us_to_another_address(monkeypatch, db, redis):
    asked = {}

    def connect(address, **options):
        asked.update(options)
        raise ConnectionRefusedError

    world = World(monkeypatch, after=2)
    monkeypatch.setattr(websocket, "create_connection", connect)
    world.follower.run()
    assert asked["redirect_limit"] == 0 and asked["http_no_proxy"] == ["*"]


def test_a_frame_too_large_and_a_name_no_column_takes_stop_nothing(monkeypatch, db, redis):
    world = World(monkeypatch, after=3, keep=stream_health.keep)
    hostile = json.dumps({**json.loads(ALERT), "channel_id": "\ud800\u0000"})
    world.give(SUBSCRIBED, "x" * (streaming.LARGEST + 1), hostile)
    world.run()
    assert WhaleAlert.objects.count() == 1
    assert Source.objects.get(pk="whale_alert").dropped == 1


def alert(number, **fields):
    return json.dumps({**json.loads(ALERT), "channel_id": str(number), **fields})


def test_a_flood_is_cut_off_marked_told_once_and_over_after_a_while(world, monkeypatch):
    config = copy.copy(settings.ARBSITE)
    config.sources = config.sources.model_copy(update={"flood_per_minute": 3})
    monkeypatch.setattr(settings, "ARBSITE", config)
    world.give(SUBSCRIBED, *(alert(number) for number in range(5)))
    world.give(SUBSCRIBED, alert(9))
    world.run()
    row = Source.objects.get(pk="whale_alert")
    assert (len(world.kept), row.dropped) == (3, 3)  # a new connection does not make room
    assert row.state == Source.SUSPECT and "floods" in row.why
    assert notices().count("source_suspect") == 1


def test_a_time_that_cannot_be_makes_it_suspect_and_honest_ones_bring_it_back(db, redis):
    at = datetime(2026, 11, 24, 12, tzinfo=UTC)
    health = stream_health.Health(at)
    health.up(at)
    health.count(Kept(lies=1), at)
    health.tell(at)
    assert Source.objects.get().state == Source.SUSPECT and "cannot be" in Source.objects.get().why
    health.lost("closed", at)
    health.up(at + timedelta(seconds=5))
    assert Source.objects.get().state == Source.SUSPECT
    health.count(Kept(new=1), at + timedelta(minutes=4))
    health.tell(at + timedelta(minutes=4))
    assert Source.objects.get().state == Source.OK and notices().count("source_suspect") == 1


def test_a_minute_makes_room_again(db, settings):
    at = datetime(2026, 11, 24, 12, tzinfo=UTC)
    health = stream_health.Health(at)
    most = settings.ARBSITE.sources.flood_per_minute
    assert health.room(most - 1, at) == most - 1 and health.room(5, at + timedelta(seconds=30)) == 1
    assert health.room(5, at + timedelta(seconds=59)) == 0
    assert health.room(most, at + timedelta(seconds=60)) == most - 1


def test_alerts_wait_while_the_database_is_away(monkeypatch, db, redis):
    kept, broken = [], [True, True]

    def keep(transfers, now):
        if broken:
            broken.pop()
            raise OperationalError("away")
        kept.extend(transfers)
        return Kept(new=len(transfers))

    monkeypatch.setattr("signals.sources.whales.stream_health.close_database", lambda: None)
    world = World(monkeypatch, keep=keep)
    world.give(SUBSCRIBED, ALERT, ALERT.replace("Binance", "Kraken"), 1.0)
    world.run()
    assert sorted(one.to_owner for one in kept) == ["binance", "kraken"]


def test_whoever_loses_the_lease_ends(monkeypatch, db, redis):
    lease, other = Lease("stream:whale_alert", 30), Lease("stream:whale_alert", 30)
    assert other.acquire()
    world = World(monkeypatch, lease=lease)
    world.give(SUBSCRIBED, ALERT)
    world.run()
    assert world.follower.stop.is_set() and world.kept == []


def test_the_command_needs_a_key(db):
    with pytest.raises(CommandError, match="WHALE_ALERT_API_KEY"):
        call_command("stream", "whale_alert")


def test_a_second_process_is_told_so(monkeypatch, db, redis, capsys):
    monkeypatch.setattr(streaming, "stop_event", threading.Event)
    config = streaming.settings.ARBSITE.whale_alert
    assert Lease("stream:whale_alert", 30).acquire()

    class Keyed:
        whale_alert = config.model_copy(update={"api_key": type(config.api_key)(KEY)})

    monkeypatch.setattr(streaming.settings, "ARBSITE", Keyed)
    with pytest.raises(SystemExit) as caught:
        streaming.run()
    assert caught.value.code == 3 and "already" in capsys.readouterr().err
