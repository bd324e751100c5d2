"""What one connection asks Kalshi for: commands, their replies by id, and the snapshots that are still owed.

No socket and no clock: commands go to an outbox, times come as arguments (Unix milliseconds). Kalshi keeps one
subscription (`sid`) per channel and connection; markets are added to it and taken from it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

BOOKS, TRADES, LIFECYCLE = "orderbook_delta", "trade", "market_lifecycle_v2"
CHANNELS = (BOOKS, TRADES, LIFECYCLE)

CHUNK = 500  # tickers in one command
REPLY_MS = 10_000  # a command without a reply is sent again after this
SNAPSHOT_MS = 5_000  # a snapshot is overdue after this, unless snapshots are still pouring in
PATIENT_MS = 60_000  # how often a market is asked for that never answers although others do
TRIES = 3

OVERFLOW, CHANNEL_ERROR, UNKNOWN_SID = 25, 10, 7  # the subscription is dead: subscribe again
LOGIN_NEEDED = 9
TIMED_OUT, BUSY, CANNOT_PROCESS = 18, 27, 1  # the same command may work later
MARKET_LIMIT = 26


@dataclass(slots=True)
class Command:
    """A command that was sent and waits for its reply."""

    cmd: str  # subscribe, or the action of an update_subscription
    channel: str
    tickers: tuple[str, ...] = ()
    sent_ms: int = 0
    tries: int = 1


@dataclass(slots=True)
class Channel:
    """One channel of the connection. `sid` is None until the platform has told it."""

    name: str
    sid: int | None = None
    asked: bool = False
    to_add: list[str] = field(default_factory=list)
    to_remove: list[str] = field(default_factory=list)
    failures: int = 0
    failed_ms: int = 0


@dataclass(slots=True)
class Owed:
    """A snapshot that the platform owes us for a market."""

    since_ms: int
    due_ms: int
    tries: int = 0


class Subscriptions:
    """The state of one connection's subscriptions; `outbox` takes the text frames to send."""

    def __init__(self, outbox: list[str], *, use_yes_price: bool) -> None:
        self._outbox = outbox
        self._use_yes_price = use_yes_price
        self._next_id = 1
        self.refused: set[str] = set()  # markets that the platform would not subscribe
        self.over_limit: set[str] = set()  # markets beyond the platform's limit of one subscription
        self.reconnect = ""  # why only a new connection helps
        self.reset()

    def reset(self) -> None:
        """The connection is gone and everything with it; command ids go on counting."""
        self.connected = False
        self.channels = {name: Channel(name) for name in CHANNELS}
        self.pending: dict[int, Command] = {}
        self.owed: dict[str, Owed] = {}
        self.dead: set[int] = set()  # sids whose frames mean nothing any more
        self._later: list[tuple[int, Command]] = []
        self._arrived_ms = 0
        self.reconnect = ""

    # --- what the feed wants

    def open(self, tickers: Iterable[str], at_ms: int) -> None:
        """A fresh connection: subscribe to everything."""
        self.reset()
        self.refused.clear()
        self.over_limit.clear()
        self.connected = True
        self._send(Command("subscribe", LIFECYCLE), at_ms)
        self.add(tickers, at_ms)

    def add(self, tickers: Iterable[str], at_ms: int) -> None:
        """Follow more markets: their books and trades."""
        new = list(tickers)
        for name in (BOOKS, TRADES):
            channel = self.channels[name]
            channel.to_add.extend(new)
            self._flush(channel, at_ms)

    def remove(self, tickers: Iterable[str], at_ms: int) -> None:
        """Stop following markets; room below the platform's limit is given to those that waited for it."""
        gone = set(tickers)
        for ticker in gone:
            self.owed.pop(ticker, None)
        self.refused -= gone
        self.over_limit -= gone
        for name in (BOOKS, TRADES):
            channel = self.channels[name]
            waiting = set(channel.to_add)
            channel.to_add = [ticker for ticker in channel.to_add if ticker not in gone]
            channel.to_remove.extend(sorted(gone - waiting))
            self._flush(channel, at_ms)
        if self.over_limit and gone:
            again, self.over_limit = sorted(self.over_limit), set()
            self.add(again, at_ms)

    def ask(self, tickers: Iterable[str], at_ms: int) -> None:
        """Ask for the snapshots of these markets, unless they are already owed to us."""
        missing = [ticker for ticker in tickers if ticker not in self.owed]
        for ticker in missing:
            self.owed[ticker] = Owed(at_ms, at_ms + SNAPSHOT_MS)
        self._get_snapshots(missing, at_ms)

    def arrived(self, ticker: str, at_ms: int) -> None:
        """A snapshot came."""
        self.owed.pop(ticker, None)
        self._arrived_ms = at_ms

    def probe(self, at_ms: int) -> None:
        """Ask for the list of subscriptions: an answer proves that the connection and our sids live."""
        self._send(Command("list_subscriptions", ""), at_ms)

    # --- what the platform says

    def subscribed(self, command_id: int | None, name: str, sid: int, at_ms: int) -> bool:
        """A channel got its sid. False where this is a repetition of what we know."""
        answered = self.pending.pop(command_id or 0, None)
        channel = self.channels.get(name)
        if channel is None or channel.sid == sid or (sid in self.dead and answered is None):
            return False
        if channel.sid is not None:
            self.dead.add(channel.sid)
        channel.sid, channel.asked = sid, True
        self.dead.discard(sid)
        self._flush(channel, at_ms)
        return True

    def agreed(self, command_id: int | None, sid: int | None, at_ms: int) -> Command | None:
        """An `ok`: the command it answers, if we know it. A merged `subscribe` tells the sid this way."""
        command = self.pending.pop(command_id or 0, None)
        if command is not None and command.cmd == "subscribe" and sid is not None:
            self.subscribed(None, command.channel, sid, at_ms)
        return command

    def failed(self, command_id: int | None, sid: int | None, code: int, at_ms: int) -> str:
        """An `error`; returns the channel whose subscription died by it, or an empty string."""
        command = self.pending.pop(command_id or 0, None)
        if code in (OVERFLOW, CHANNEL_ERROR, UNKNOWN_SID):
            name = self._channel_of(sid) or (command.channel if command else "")
            return name if name in self.channels else ""
        if code == LOGIN_NEEDED:
            self.reconnect = "the platform asks for a login: the handshake was not signed"
        if command is None:
            return ""
        if code == MARKET_LIMIT:
            self._refuse(command, self.over_limit)
        elif code in (TIMED_OUT, BUSY, CANNOT_PROCESS):
            self._postpone(command, at_ms)
        else:
            self._bisect(command, at_ms)
        return ""

    def channel_of_reply(self, command_id: int | None, sid: int) -> str:
        """The channel that a reply belongs to, by its sid or by the command it answers."""
        command = self.pending.get(command_id or 0)
        return self._channel_of(sid) or (command.channel if command else "")

    def lost(self, name: str, followed: Iterable[str], at_ms: int) -> None:
        """A channel's subscription is dead: subscribe again, more slowly each time it happens within a minute."""
        old = self.channels[name]
        if old.sid is not None:
            self.dead.add(old.sid)
        failures = old.failures + 1 if at_ms - old.failed_ms < PATIENT_MS else 1
        channel = Channel(name, failures=failures, failed_ms=at_ms)
        self.channels[name] = channel
        self.pending = {key: one for key, one in self.pending.items() if one.channel != name}
        self._later = [(due, one) for due, one in self._later if one.channel != name]
        channel.to_add = [] if name == LIFECYCLE else list(followed)
        if name == BOOKS:
            self.owed.clear()
        if failures == 1:
            self._start(channel, at_ms)
        else:
            channel.asked = True  # holds back `add` until the pause is over
            delay = min(30_000, 1_000 * 2 ** (failures - 2))
            self._later.append((at_ms + delay, Command("restart", name)))

    def missing(self, listed: Iterable[tuple[str, int]]) -> list[str]:
        """Channels whose sid the platform does not list any more."""
        alive = set(listed)
        return [
            one.name
            for one in self.channels.values()
            if one.sid is not None and (one.name, one.sid) not in alive
        ]

    def tick(self, at_ms: int, followed: int) -> None:
        """Send what was postponed, repeat what got no reply, ask again for overdue snapshots.

        `followed` is how many markets are followed: when all of them wait in vain, only a new connection helps,
        while a single market that never answers (a wrong ticker, say) must not cost the others their books.
        """
        due = [command for when, command in self._later if when <= at_ms]
        if due:
            self._later = [(when, command) for when, command in self._later if when > at_ms]
            for command in due:
                self._again(command, at_ms)
        for key, command in list(self.pending.items()):
            if at_ms - command.sent_ms > REPLY_MS:
                del self.pending[key]
                self._unanswered(command, at_ms)
        self._overdue(at_ms, followed)

    # --- how

    def _flush(self, channel: Channel, at_ms: int) -> None:
        if not self.connected:
            return
        if channel.sid is None:
            if not channel.asked and channel.to_add:
                self._start(channel, at_ms)
            return
        for part in _chunks(channel.to_remove):
            self._send(Command("delete_markets", channel.name, part), at_ms)
        for part in _chunks(channel.to_add):
            self._send(Command("add_markets", channel.name, part), at_ms)
            self._expect(channel, part, at_ms)
        channel.to_remove, channel.to_add = [], []

    def _start(self, channel: Channel, at_ms: int) -> None:
        """The first command of a channel; the rest of its markets follow once its sid is known."""
        if channel.name == LIFECYCLE:
            self._send(Command("subscribe", LIFECYCLE), at_ms)
            return
        first, channel.to_add = tuple(channel.to_add[:CHUNK]), channel.to_add[CHUNK:]
        if first:
            channel.asked = True
            self._send(Command("subscribe", channel.name, first), at_ms)
            self._expect(channel, first, at_ms)

    def _expect(self, channel: Channel, tickers: Iterable[str], at_ms: int) -> None:
        if channel.name == BOOKS:
            for ticker in tickers:
                self.owed[ticker] = Owed(at_ms, at_ms + SNAPSHOT_MS)

    def _get_snapshots(self, tickers: list[str], at_ms: int) -> None:
        if self.connected and self.channels[BOOKS].sid is not None:
            for part in _chunks(tickers):
                self._send(Command("get_snapshot", BOOKS, part), at_ms)

    def _send(self, command: Command, at_ms: int) -> None:
        number, self._next_id = self._next_id, self._next_id + 1
        command.sent_ms = at_ms
        self.pending[number] = command
        document = {"id": number, **self._body(command)}
        self._outbox.append(msgspec.json.encode(document).decode())

    def _body(self, command: Command) -> dict[str, Any]:
        if command.cmd == "list_subscriptions":
            return {"cmd": command.cmd}
        tickers = {"market_tickers": list(command.tickers)} if command.tickers else {}
        if command.cmd == "subscribe":
            scale = {"use_yes_price": self._use_yes_price} if command.channel == BOOKS else {}
            return {"cmd": "subscribe", "params": {"channels": [command.channel], **tickers, **scale}}
        sid = self.channels[command.channel].sid
        return {"cmd": "update_subscription", "params": {"sid": sid, "action": command.cmd, **tickers}}

    def _again(self, command: Command, at_ms: int) -> None:
        channel = self.channels[command.channel]
        if command.cmd == "restart":
            channel.asked = False
            self._start(channel, at_ms)
        elif command.cmd == "subscribe" or channel.sid is not None:
            self._send(replace(command, tries=command.tries + 1), at_ms)

    def _postpone(self, command: Command, at_ms: int) -> None:
        if not command.channel:
            return
        if command.tries > 2 * TRIES:
            self.reconnect = f"{command.cmd} of {command.channel} was put off {command.tries} times"
        self._later.append((at_ms + min(30_000, 500 * 2**command.tries), command))

    def _unanswered(self, command: Command, at_ms: int) -> None:
        """Snapshots are watched by `owed` and a probe by the stall limit; everything else is sent again."""
        if command.cmd in ("get_snapshot", "list_subscriptions"):
            return
        if command.tries >= TRIES:
            self.reconnect = f"no reply to {command.cmd} of {command.channel} after {command.tries} tries"
            return
        self._again(command, at_ms)

    def _bisect(self, command: Command, at_ms: int) -> None:
        """One bad ticker spoils a whole command: halve it until the bad one stands alone."""
        if len(command.tickers) <= 1 or command.cmd == "get_snapshot":
            self._refuse(command, self.refused)
            if command.cmd == "subscribe" and command.channel != LIFECYCLE:
                self.channels[command.channel].asked = False
                self._flush(self.channels[command.channel], at_ms)
            return
        middle = len(command.tickers) // 2
        halves = command.tickers[:middle], command.tickers[middle:]
        channel = self.channels[command.channel]
        if command.cmd == "subscribe" and channel.sid is None:
            channel.asked = False
            channel.to_add = [*halves[1], *channel.to_add]
            self._send(Command("subscribe", command.channel, halves[0]), at_ms)
            channel.asked = True
            return
        for half in halves:
            self._send(Command(command.cmd, command.channel, half), at_ms)

    def _refuse(self, command: Command, where: set[str]) -> None:
        if command.channel == BOOKS and command.cmd != "get_snapshot":
            where.update(command.tickers)
            for ticker in command.tickers:
                self.owed.pop(ticker, None)

    def _overdue(self, at_ms: int, followed: int) -> None:
        if at_ms - self._arrived_ms < SNAPSHOT_MS // 2:
            return  # a large subscription is still being served
        late = [ticker for ticker, owed in self.owed.items() if owed.due_ms <= at_ms]
        for ticker in late:
            owed = self.owed[ticker]
            owed.tries += 1
            patient = owed.tries >= TRIES
            owed.due_ms = at_ms + (PATIENT_MS if patient else SNAPSHOT_MS)
            if patient and self._arrived_ms < owed.since_ms and len(self.owed) >= followed:
                self.reconnect = f"no snapshot came for {ticker} or any other market"
        if self.channels[BOOKS].sid is not None:
            self._get_snapshots(late, at_ms)

    def _channel_of(self, sid: int | None) -> str:
        return next((one.name for one in self.channels.values() if sid is not None and one.sid == sid), "")


def _chunks(tickers: list[str]) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(tickers), CHUNK):
        yield tuple(tickers[start : start + CHUNK])
