"""Kalshi's private channels as a machine without socket or clock: our orders, fills and positions, as they happen.

Frames may come twice and in any order: a fill is told once by its trade id, an order never goes back to a state before one
that was told. Nothing is replayed after a reconnect, so whoever listens asks over REST then.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from markets.platforms.base import KALSHI
from markets.platforms.kalshi import account_wire as wire
from markets.platforms.kalshi import reports
from markets.platforms.kalshi import wire as frames
from markets.platforms.kalshi.errors import UNREADABLE
from markets.platforms.trading import CANCELLED, FILLED, OrderReport, PrivateEvents

FILLS, ORDERS, POSITIONS, GROUPS = "fill", "user_orders", "market_positions", "order_group_updates"
CHANNELS = (FILLS, ORDERS, POSITIONS, GROUPS)

PROBE_MS = 15_000  # after so much silence ask for the list of subscriptions, whose answer ends it
STALL_MS = 30_000  # nothing heard for so long: the connection is dead
REPLY_MS = 10_000  # a subscription that is not confirmed by then never will be
REMEMBERED = 10_000  # fills and orders that a repetition is recognised by
KEPT_BAD = 100

OVERFLOW, CHANNEL_ERROR, UNKNOWN_SID, LOGIN_NEEDED = 25, 10, 7, 9
TRIGGERED = "triggered"  # what became of an order group
DONE = frozenset({FILLED, CANCELLED})

_envelope = msgspec.json.Decoder(frames.Envelope).decode
_error = msgspec.json.Decoder(frames.ErrorMsg).decode
_subscribed = msgspec.json.Decoder(frames.SubscribedMsg).decode
_listed = msgspec.json.Decoder(list[frames.SubscribedMsg]).decode
_fill = msgspec.json.Decoder(wire.FillMsg).decode
_order = msgspec.json.Decoder(wire.OrderMsg).decode
_position = msgspec.json.Decoder(wire.PositionMsg).decode
_group = msgspec.json.Decoder(wire.GroupMsg).decode


class KalshiPrivateFeed:
    """Implements `trading.PrivateFeed` for one subaccount. `sign()` returns the headers of the handshake.

    `events.reconnected` is set when every subscription of a new connection stands: what REST says from then on, together
    with the stream, has no hole. `repeated` and `outdated` count frames that told nothing new.
    """

    platform = KALSHI

    def __init__(self, url: str, *, sign: Callable[[], Iterable[str]], subaccount: int = 0) -> None:
        self.url = url
        self.outbox: list[str] = []
        self.events = PrivateEvents()
        self.reconnect_wanted = ""
        self.repeated = self.outdated = 0
        self._sign = sign
        self._subaccount = subaccount
        self._next_id = 1
        self._fills: OrderedDict[str, None] = OrderedDict()
        self._orders: OrderedDict[str, OrderReport] = OrderedDict()
        self._clear()

    def _clear(self) -> None:
        self._asked: dict[int, str] = {}  # command id -> channel, not confirmed yet
        self._sids: dict[int, str] = {}
        self._seq: dict[int, int] = {}
        self._open = False
        self._opened_ms = self._heard_ms = self._probed_ms = 0

    # --- driven by the owner

    def handshake(self) -> list[str]:
        """Headers of the WebSocket handshake, `Name: value`. Raises PlatformError where the signer does not sign."""
        return list(self._sign())

    def opened(self, at_ms: int) -> None:
        """A fresh socket is up: subscribe, each channel by itself, so that one refusal does not cost the others."""
        self._clear()
        self.outbox.clear()
        self.reconnect_wanted = ""
        self._open = True
        self._opened_ms = self._heard_ms = self._probed_ms = at_ms
        for channel in CHANNELS:
            self._asked[self._send("subscribe", params={"channels": [channel]})] = channel

    def closed(self, at_ms: int) -> None:
        """The socket is gone, and every subscription with it."""
        self._clear()
        self.outbox.clear()

    def tick(self, at_ms: int) -> None:
        """Probe a silent connection; give up one that stays silent or does not confirm its subscriptions."""
        if not self._open or self.reconnect_wanted:
            return
        silence = at_ms - self._heard_ms
        if silence > STALL_MS:
            self.reconnect_wanted = f"nothing heard for {silence // 1000} s"
        elif self._asked and at_ms - self._opened_ms > REPLY_MS:
            self.reconnect_wanted = (
                f"no reply to the subscription of {', '.join(sorted(self._asked.values()))}"
            )
        elif silence > PROBE_MS and self._probed_ms < self._heard_ms + PROBE_MS:
            self._probed_ms = at_ms
            self._send("list_subscriptions")

    def receive(self, raw: bytes, at_ms: int) -> None:
        """Apply one frame. What cannot be used is kept in `events.bad`."""
        self._heard_ms = max(self._heard_ms, at_ms)
        try:
            frame = _envelope(raw)
            self._follow_seq(frame)
            self._apply(frame)
        except (*UNREADABLE, ValueError) as error:
            self._keep(str(error)[:200], raw)

    # --- frames

    def _apply(self, frame: frames.Envelope) -> None:
        kinds: dict[str, Callable[[frames.Envelope], None]] = {
            "fill": self._read_fill, "user_order": self._read_order, "market_position": self._read_position,
            "order_group_updates": self._read_group, "subscribed": self._read_subscribed, "ok": self._read_ok,
            "unsubscribed": self._read_unsubscribed, "error": self._read_error,
        }  # fmt: skip
        kind = kinds.get(frame.type)
        if kind is None:
            raise ValueError(f"a frame of type {frame.type[:40]!r}")
        kind(frame)

    def _follow_seq(self, frame: frames.Envelope) -> None:
        """Only some channels are numbered; a hole in one means that news of it were lost."""
        if frame.sid is None or frame.seq is None:
            return
        last = self._seq.get(frame.sid)
        if last is not None and frame.seq <= last:
            return  # a repetition, or overtaken
        if last is not None and frame.seq > last + 1:
            channel = self._sids.get(frame.sid, "a channel")
            self.reconnect_wanted = f"{channel} lost {frame.seq - last - 1} frames"
        self._seq[frame.sid] = frame.seq

    def _read_fill(self, frame: frames.Envelope) -> None:
        msg = _fill(frame.msg)
        if self._foreign(msg.subaccount):
            return
        report = reports.streamed_fill(msg)
        key = f"{report.platform_order_id}:{report.fill_id}"
        if key in self._fills:
            self.repeated += 1
            return
        _remember(self._fills, key, None)
        self.events.fills.append(report)

    def _read_order(self, frame: frames.Envelope) -> None:
        msg = _order(frame.msg)
        if self._foreign(msg.subaccount_number):
            return
        report = reports.streamed_order(msg)
        before = self._orders.get(report.platform_order_id)
        if before is not None and _outdated(report, before):
            self.outdated += 1
            return
        _remember(self._orders, report.platform_order_id, report)
        self.events.orders.append(report)

    def _read_position(self, frame: frames.Envelope) -> None:
        msg = _position(frame.msg)
        if not self._foreign(msg.subaccount):
            self.events.positions.append(reports.holding(msg.market_ticker, msg.position_fp))

    def _read_group(self, frame: frames.Envelope) -> None:
        msg = _group(frame.msg)
        limit = f", limit {msg.contracts_limit_fp}" if msg.contracts_limit_fp else ""
        said = f"order group {msg.order_group_id} {msg.event_type}{limit}"
        self.events.notes.append(said)
        if msg.event_type == TRIGGERED:
            self.events.stopped.append(f"{said}: Kalshi has cancelled its orders and takes no more")

    def _read_subscribed(self, frame: frames.Envelope) -> None:
        msg = _subscribed(frame.msg)
        self._confirm(frame.id, msg.sid, msg.channel)

    def _read_ok(self, frame: frames.Envelope) -> None:
        """A subscription that was there already, or the list of subscriptions."""
        if frame.id in self._asked and frame.sid is not None:
            self._confirm(frame.id, frame.sid, self._asked[frame.id])
        elif frame.msg and frame.sid is None:
            alive = {one.sid for one in _listed(frame.msg)}
            lost = [channel for sid, channel in self._sids.items() if sid not in alive]
            if lost:
                self.reconnect_wanted = f"not subscribed any more: {', '.join(sorted(lost))}"

    def _read_unsubscribed(self, frame: frames.Envelope) -> None:
        if frame.sid in self._sids:
            self.reconnect_wanted = f"{self._sids[frame.sid]} was unsubscribed"

    def _read_error(self, frame: frames.Envelope) -> None:
        msg = _error(frame.msg)
        channel = self._asked.get(frame.id or 0) or self._sids.get(frame.sid or 0) or "the connection"
        text = f"error {msg.code} on {channel}: {msg.msg[:100]}"
        self.events.notes.append(text)
        if frame.id in self._asked or msg.code in (OVERFLOW, CHANNEL_ERROR, UNKNOWN_SID, LOGIN_NEEDED):
            self.reconnect_wanted = text

    # --- how

    def _confirm(self, command: int | None, sid: int, channel: str) -> None:
        if channel not in CHANNELS:
            raise ValueError(f"a subscription of {channel[:40]!r}, which was not asked for")
        waiting = bool(self._asked)
        self._asked = {key: name for key, name in self._asked.items() if key != command and name != channel}
        self._sids[sid] = channel
        if waiting and not self._asked:
            self.events.reconnected = True

    def _foreign(self, subaccount: int | None) -> bool:
        """Whether something is about another subaccount of ours."""
        return subaccount is not None and subaccount != self._subaccount

    def _send(self, cmd: str, **more: Any) -> int:
        number, self._next_id = self._next_id, self._next_id + 1
        self.outbox.append(msgspec.json.encode({"id": number, "cmd": cmd, **more}).decode())
        return number

    def _keep(self, why: str, raw: bytes) -> None:
        if len(self.events.bad) < KEPT_BAD:
            self.events.bad.append((why, raw))


def _outdated(report: OrderReport, before: OrderReport) -> bool:
    """Whether this tells of a time before what was told already, or the very same."""
    if report.matched != before.matched:
        return report.matched < before.matched
    if before.status in DONE:
        return True
    if report.status in DONE:
        return False
    if report.at is not None and before.at is not None and report.at != before.at:
        return report.at < before.at
    return report == before


def _remember(memory: OrderedDict[str, Any], key: str, value: Any) -> None:
    memory[key] = value
    memory.move_to_end(key)
    while len(memory) > REMEMBERED:
        memory.popitem(last=False)
