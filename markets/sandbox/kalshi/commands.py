"""The WebSocket's commands: subscribe, unsubscribe, update_subscription, list_subscriptions, and their refusals."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from markets.sandbox.kalshi.hub import BOOK, BY_MARKET, CHANNELS, TICKER, Hub, Line, Sub

# Numbers and words of the error frames
ERRORS = {
    1: "Unable to process message", 2: "Params required", 3: "Channels required", 4: "Subscription IDs required",
    5: "Unknown command", 7: "Unknown subscription ID", 8: "Unknown channel name",
    11: "Invalid parameter", 12: "Exactly one subscription ID is required", 13: "Unsupported action",
    14: "Market Ticker required", 15: "Action required", 25: "Subscription buffer overflow",
}  # fmt: skip
ACTIONS = ("add_markets", "delete_markets", "get_snapshot")


class Refused(Exception):
    """A command that is answered with an error frame."""

    def __init__(self, code: int, sub: Sub | None = None, sid: int | None = None) -> None:
        super().__init__(ERRORS[code])
        self.code, self.sub = code, sub
        self.sid = sub.sid if sub is not None else sid


class Commands:
    """The subscriptions of one connection. `reply` sends a control frame."""

    def __init__(self, hub: Hub, line: Line, reply: Callable[[dict[str, Any]], None]) -> None:
        self.hub, self.line, self.reply = hub, line, reply
        self.subs: dict[int, Sub] = {}
        self._last_sid = 0

    def receive(self, raw: str | bytes) -> None:
        """One message from the client."""
        number: Any = None
        try:
            message = _object(raw)
            number = message.get("id")
            if isinstance(number, bool) or not isinstance(number, int):
                number = None
                raise Refused(1)
            do = self._verbs().get(message.get("cmd"))
            if do is None:
                raise Refused(5)
            do(number, message)
        except Refused as refusal:
            self.reply(error(refusal, number))

    def close(self) -> None:
        """The connection is gone."""
        for sub in list(self.subs.values()):
            self.end(sub)

    def end(self, sub: Sub) -> None:
        """Forget a subscription."""
        self.hub.drop(sub, sub.markets)
        self.subs.pop(sub.sid, None)

    def _verbs(self) -> dict[Any, Callable[[int, dict[str, Any]], None]]:
        return {
            "subscribe": self._subscribe, "unsubscribe": self._unsubscribe,
            "update_subscription": self._update, "list_subscriptions": self._list,
        }  # fmt: skip

    # --- subscribe

    def _subscribe(self, number: int, message: dict[str, Any]) -> None:
        params = _params(message)
        channels = params.get("channels")
        if not channels or not isinstance(channels, list):
            raise Refused(3)
        tickers = self._tickers(params)
        for channel in channels:
            self._one_channel(number, channel, tickers, params)

    def _one_channel(
        self, number: int, channel: Any, tickers: list[str] | None, params: dict[str, Any]
    ) -> None:
        if channel not in CHANNELS:
            self.reply(error(Refused(8), number))
            return
        if channel == BOOK and not tickers:
            self.reply(error(Refused(14), number))
            return
        if channel not in BY_MARKET:
            tickers = None
        old = next((sub for sub in self.subs.values() if sub.channel == channel), None)
        if old is not None:
            added = self._join(old, tickers)
            self._ok(number, old)
            self._begin(old, added, params)
            return
        self._last_sid += 1
        markets = None if tickers is None else dict.fromkeys(tickers)
        sub = Sub(
            self._last_sid, channel, self.line, markets,
            yes_price=_flag(params, "use_yes_price"), short_acks=_flag(params, "skip_ticker_ack"),
        )  # fmt: skip
        self.subs[sub.sid] = sub
        self.hub.add(sub, markets)
        self.reply({"id": number, "type": "subscribed", "msg": {"channel": channel, "sid": sub.sid}})
        self._begin(sub, list(markets or ()), params)

    def _join(self, sub: Sub, tickers: list[str] | None) -> list[str]:
        """Add markets to a subscription; returns those that are new in it."""
        if sub.markets is None:
            return []
        if tickers is None:
            self.hub.drop(sub, sub.markets)
            sub.markets = None
            self.hub.add(sub, None)
            return []
        added = [ticker for ticker in dict.fromkeys(tickers) if ticker not in sub.markets]
        sub.markets.update(dict.fromkeys(added))
        self.hub.add(sub, added)
        return added

    def _begin(self, sub: Sub, added: Iterable[str], params: dict[str, Any]) -> None:
        """What a market's first frames are."""
        if sub.channel == BOOK:
            for ticker in added:
                self.hub.snapshot(sub, ticker)
        elif sub.channel == TICKER and _flag(params, "send_initial_snapshot"):
            catalog = self.hub.exchange.catalog.refresh()
            every = (market.id for market in catalog.by_uuid.values()) if sub.markets is None else added
            for ticker in list(every):
                self.hub.show_ticker(sub, ticker)

    # --- the other commands

    def _unsubscribe(self, number: int, message: dict[str, Any]) -> None:
        sids = _params(message).get("sids")
        if not sids or not isinstance(sids, list):
            raise Refused(4)
        for sid in sids:
            sub = self.subs.get(sid) if isinstance(sid, int) else None
            if sub is None:
                self.reply(error(Refused(7, sid=sid if isinstance(sid, int) else None), number))
                continue
            self.end(sub)
            self.reply({"id": number, "type": "unsubscribed", "sid": sub.sid, "seq": sub.next()})

    def _update(self, number: int, message: dict[str, Any]) -> None:
        params = _params(message)
        sub = self._only_sub(params)
        action = params.get("action")
        if not action:
            raise Refused(15, sub)
        if action not in ACTIONS or sub.channel not in BY_MARKET:
            raise Refused(13, sub)
        tickers = self._tickers(params)
        if not tickers:
            raise Refused(14, sub)
        if action == "get_snapshot":
            if sub.channel != BOOK:
                raise Refused(13, sub)
            for ticker in dict.fromkeys(tickers):
                self.hub.snapshot(sub, ticker, command=number)
        elif action == "add_markets":
            added = self._join(sub, tickers)
            self._ok(number, sub)
            self._begin(sub, added, params)
        else:
            self._leave(sub, tickers)
            self._ok(number, sub)

    def _leave(self, sub: Sub, tickers: list[str]) -> None:
        if sub.markets is None:
            raise Refused(11, sub)
        self.hub.drop(sub, tickers)
        for ticker in tickers:
            sub.markets.pop(ticker, None)

    def _list(self, number: int, _: dict[str, Any]) -> None:
        rows = [{"channel": sub.channel, "sid": sub.sid} for sub in self.subs.values()]
        self.reply({"id": number, "type": "ok", "msg": rows})

    # --- parts

    def _ok(self, number: int, sub: Sub) -> None:
        answer: dict[str, Any] = {"id": number, "type": "ok", "sid": sub.sid}
        if sub.sequenced:
            answer["seq"] = sub.next()
        if sub.markets is not None and not sub.short_acks:
            answer["msg"] = {"market_tickers": list(sub.markets)}
        self.reply(answer)

    def _only_sub(self, params: dict[str, Any]) -> Sub:
        sids = params.get("sids", [params["sid"]] if "sid" in params else [])
        if not isinstance(sids, list) or len(sids) != 1 or not isinstance(sids[0], int):
            raise Refused(12)
        sub = self.subs.get(sids[0])
        if sub is None:
            raise Refused(7, sid=sids[0])
        return sub

    def _tickers(self, params: dict[str, Any]) -> list[str] | None:
        """Market tickers of a command in any of its four spellings; None where it names none."""
        found = [*_texts(params, "market_ticker"), *_texts(params, "market_tickers")]
        uuids = [*_texts(params, "market_id"), *_texts(params, "market_ids")]
        if uuids:
            known = self.hub.exchange.catalog.refresh().by_uuid
            found += [known[uuid].id for uuid in uuids if uuid in known]
        return found if found or uuids else None


def error(refusal: Refused, number: int | None) -> dict[str, Any]:
    """An error frame; scoped to a sequenced subscription it uses up a number."""
    answer: dict[str, Any] = {"type": "error", "msg": {"code": refusal.code, "msg": ERRORS[refusal.code]}}
    if number is not None:
        answer["id"] = number
    if refusal.sid is not None:
        answer["sid"] = refusal.sid
    if refusal.sub is not None and refusal.sub.sequenced:
        answer["seq"] = refusal.sub.next()
    return answer


def _object(raw: str | bytes) -> dict[str, Any]:
    try:
        message = msgspec.json.decode(raw)
    except msgspec.DecodeError as broken:
        raise Refused(1) from broken
    if not isinstance(message, dict):
        raise Refused(1)
    return message


def _params(message: dict[str, Any]) -> dict[str, Any]:
    params = message.get("params")
    if not isinstance(params, dict):
        raise Refused(2)
    return params


def _flag(params: dict[str, Any], name: str) -> bool:
    value = params.get(name, False)
    if not isinstance(value, bool):
        raise Refused(11)
    return value


def _texts(params: dict[str, Any], name: str) -> list[str]:
    value = params.get(name)
    if value is None:
        return []
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) for one in values):
        raise Refused(11)
    return values
