"""Whale Alert: the socket of the personal plan, REST v2 of the enterprise plan, and the shape of v1.

The socket tells an alert in one of two forms, by turns: the older without type and transaction (owners only), the newer
with both. REST v2 pages by block height and gives no dollars, v1 by time and cursor.
"""

from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import msgspec
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from markets.books import MICRO
from markets.sandbox.context import Sandbox
from markets.sandbox.sources.archive import CHAINS, PACE, archive_of
from markets.sandbox.sources.handler import Page, SourceHandler, json_page, quirks_of
from markets.sandbox.sources.values import BURN, COINS, KEY, MINT, WHALE_ALERT, Movement, Wallet

LEAST_USD = 100_000
TYPES = ("transfer", "mint", "burn", "freeze", "unfreeze", "lock", "unlock")
KNOWN_CHAINS = (*CHAINS, "solana", "tron", "ripple", "dogecoin")  # those beyond CHAINS are on a larger plan
FILTERS = ("blockchains", "symbols", "tx_types", "min_value_usd")
MOST_LISTED, MOST_ROWS_V1 = 256, 100
WINDOW_BLOCKS = 220_000  # a month of Ethereum
_encode = msgspec.json.Encoder(decimal_format="number").encode


def tokens(movement: Movement) -> Decimal:
    """How much, in whole tokens."""
    return Decimal(movement.units).scaleb(-movement.coin.decimals).normalize() + 0


def dollars(movement: Movement) -> Decimal:
    """What it is worth, to the cent."""
    return (Decimal(movement.value) / MICRO).quantize(Decimal("0.01"))


def label(wallet: Wallet) -> str:
    """The name an alert gives to a wallet."""
    return wallet.owner.capitalize() if wallet.owner else "unknown wallet"


def alert(movement: Movement, channel: str, *, newer: bool) -> dict[str, Any]:
    """An alert in the older or the newer form."""
    verb = {MINT: "minted", BURN: "burned"}.get(movement.type, "transferred")
    said: dict[str, Any] = {
        "channel_id": channel, "timestamp": movement.at_ms // 1000, "blockchain": movement.coin.chain,
        "transaction_type": movement.type, "from": label(movement.sender), "to": label(movement.receiver),
        "amounts": [
            {"symbol": movement.coin.symbol, "amount": _plain(tokens(movement)), "value_usd": dollars(movement)}
        ],
        "text": f"{_plain(tokens(movement)):,} {movement.coin.symbol} {verb}",
    }  # fmt: skip
    return {"type": "alert", **said, "transaction": transaction(movement)} if newer else said


def transaction(movement: Movement) -> dict[str, Any]:
    """A transaction of v2: amounts are text, and only the price of one token is given."""
    amount = f"{tokens(movement):f}"
    return {
        "height": movement.height, "index_in_block": movement.index, "timestamp": movement.at_ms // 1000,
        "hash": movement.hash, "fee": "0.000436038733996662", "fee_symbol": "ETH", "fee_symbol_price": Decimal("2700.5"),
        "sub_transactions": [
            {
                "symbol": movement.coin.symbol, "unit_price_usd": Decimal(movement.coin.price) / MICRO,
                "transaction_type": movement.type,
                "inputs": [] if movement.type == MINT else [_leg(movement.sender, amount)],
                "outputs": [] if movement.type == BURN else [_leg(movement.receiver, amount)],
            }
        ],
    }  # fmt: skip


def _leg(wallet: Wallet, amount: str) -> dict[str, Any]:
    leg: dict[str, Any] = {"amount": amount, "address": wallet.address, "balance": "0"}
    return leg | ({"owner": wallet.owner, "owner_type": wallet.kind} if wallet.owner else {})


def row_v1(movement: Movement) -> dict[str, Any]:
    """A transaction of v1: no 0x anywhere, an owner only where it is known, symbols in either case."""
    symbol = movement.coin.symbol
    return {
        "blockchain": movement.coin.chain, "symbol": symbol.lower() if movement.number % 2 else symbol,
        "id": str(650_000_000 + movement.number), "transaction_type": movement.type,
        "hash": movement.hash.removeprefix("0x"), "from": _owner_v1(movement.sender), "to": _owner_v1(movement.receiver),
        "timestamp": movement.at_ms // 1000, "amount": _plain(tokens(movement)), "amount_usd": dollars(movement),
        "transaction_count": 1,
    }  # fmt: skip


def _owner_v1(wallet: Wallet) -> dict[str, str]:
    said = {"address": wallet.address.removeprefix("0x"), "owner_type": wallet.kind}
    return said | ({"owner": wallet.owner} if wallet.owner else {})


def _plain(number: Decimal) -> Decimal:
    """Without an exponent, as JSON of these services has it."""
    return Decimal(f"{number:f}")


class Subscription:
    """What one subscription wants. Raises ValueError with the service's sentence for one that it refuses."""

    def __init__(self, message: dict[str, Any]) -> None:
        name = message.get("id")
        if not isinstance(name, str) or not name:
            raise ValueError("Missing id")
        self.id = name
        given = {name: message[name] for name in FILTERS if name in message}
        if not given:
            raise ValueError("At least one filter is required")
        self.echo = {"id": self.id, "type": "subscribed_alerts", **given}
        self.chains = self._words(given, "blockchains")
        self.symbols = self._words(given, "symbols")
        self.types = self._words(given, "tx_types")
        self.least = given.get("min_value_usd", LEAST_USD)
        for chain in self.chains:
            if chain not in KNOWN_CHAINS:
                raise ValueError(f"Unknown blockchain {chain}")
            if chain not in CHAINS:
                raise ValueError(f"Blockchain {chain} is not included in your plan")
        if any(symbol != symbol.lower() for symbol in self.symbols):
            raise ValueError("Symbols must be lower case")
        if any(each not in TYPES for each in self.types):
            raise ValueError("Unknown transaction type")
        if isinstance(self.least, bool) or not isinstance(self.least, int | float) or self.least < LEAST_USD:
            raise ValueError(f"min_value_usd must be at least {LEAST_USD}")

    @staticmethod
    def _words(given: dict[str, Any], name: str) -> tuple[str, ...]:
        words = given.get(name)
        if words is None:
            return ()
        if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
            raise ValueError(f"{name} must be a non-empty list of strings")
        return tuple(words)

    def wants(self, movement: Movement) -> bool:
        """Whether an alert on this movement is for it."""
        return (
            (not self.chains or movement.coin.chain in self.chains)
            and (not self.symbols or movement.coin.symbol.lower() in self.symbols)
            and (not self.types or movement.type in self.types)
            and movement.value >= int(self.least * MICRO)
        )


class Socket(WebSocketHandler):
    """One connection, a `Connection` of the faults."""

    platform, channel = WHALE_ALERT, "ws"

    def initialize(self, sandbox: Sandbox) -> None:
        """Tornado's hook for the arguments of a route."""
        self.sandbox = sandbox
        self.archive = archive_of(sandbox)
        self.subscriptions: list[Subscription] = []

    async def get(self, *args: Any, **kwargs: Any) -> None:
        """The handshake, unless a fault forbids it."""
        status = self.sandbox.faults.refuse_connect(WHALE_ALERT, self.channel)
        if status:
            self.set_status(status)
            self.finish("<html><body>Bad gateway</body></html>")
            return
        await super().get(*args, **kwargs)

    def check_origin(self, origin: str) -> bool:
        """No page of a browser: a web site must not reach through it to this machine."""
        return False

    def open(self, *_: str, **__: str) -> None:
        """A bad key is told so, then the line is closed."""
        self.set_nodelay(True)
        if self.get_query_argument("api_key", "") != KEY:
            self.write_message({"error": "Invalid API key"})
            self.close()
            return
        self.sandbox.faults.connect(self)
        self.archive.listeners.append(self._hear)

    def on_message(self, message: str | bytes) -> None:
        """A subscription, or what is none."""
        try:
            said = msgspec.json.decode(message)
            if not isinstance(said, dict):
                raise ValueError("A message is a JSON object")
            if said.get("type") == "subscribe_socials":
                self.write_message({"id": said.get("id"), "type": "subscribed_socials"})
                return
            if said.get("type") != "subscribe_alerts":
                raise ValueError("Unknown message type")
            subscription = Subscription(said)
        except ValueError as error:
            self.write_message({"error": str(error)})
            return
        self.subscriptions.append(subscription)
        self.write_message(subscription.echo)

    def on_close(self) -> None:
        """Nobody listens any more."""
        self.sandbox.faults.disconnect(self)
        if self._hear in self.archive.listeners:
            self.archive.listeners.remove(self._hear)

    def send_raw(self, data: str | bytes) -> None:
        """Anything, for a fault."""
        self._write(data)

    def drop(self, *, close_frame: bool) -> None:
        """End the connection, for a fault or the end of the server."""
        if close_frame:
            self.close()
        elif self.ws_connection is not None and self.ws_connection.stream is not None:
            self.ws_connection.stream.close()

    def _hear(self, movement: Movement) -> None:
        faults = self.sandbox.faults
        for subscription in self.subscriptions:
            if not subscription.wants(movement):
                continue
            quirks = quirks_of(faults.source(WHALE_ALERT, "ws"))
            for each in quirks.movements([movement], movement.coin.chain, self.sandbox.now_ms()):
                said = alert(each, subscription.id, newer=bool(each.number % 2))
                for frame in faults.outgoing(self, _encode(said).decode()):
                    self._write(frame)

    def _write(self, data: str | bytes) -> None:
        try:
            self.write_message(data, binary=isinstance(data, bytes))
        except WebSocketClosedError:
            self.on_close()


class Rest(SourceHandler):
    """What all REST addresses share: the key, and the words of an error."""

    source = WHALE_ALERT

    def keyed(self) -> Page | None:
        """The refusal of a bad key."""
        key = self.arg("api_key") or self.request.headers.get("X-WA-API-KEY", "")
        return None if key == KEY else json_page({"error": "invalid api key"}, 401)

    def chain_refused(self, chain: str) -> Page | None:
        """The refusal of a key or of a chain."""
        refused = self.keyed()
        if refused is None and chain not in CHAINS:
            known = chain in KNOWN_CHAINS
            said = f"{chain} is not included in your plan" if known else "blockchain not found"
            return json_page({"error": said}, 403 if known else 404)
        return refused


class Status(Rest):
    """GET /status: public."""

    def answer(self, **_: str) -> Page:
        """Every chain with its symbols."""
        return json_page(
            [{"name": chain, "symbols": sorted(s for c, s in COINS if c == chain)} for chain in CHAINS]
        )


class ChainStatus(Rest):
    """GET /{chain}/status"""

    def answer(self, chain: str = "", **_: str) -> Page:
        """From which block to which there is data."""
        refused = self.chain_refused(chain)
        if refused is not None:
            return refused
        end = self.archive.height(chain, self.now_ms)
        count = WINDOW_BLOCKS * PACE["ethereum"] // PACE[chain]
        return json_page({"start_height": end - count + 1, "end_height": end, "block_count": count})


class Transactions(Rest):
    """GET /{chain}/transactions?start_height&end_height&min_value&limit"""

    def answer(self, chain: str = "", **_: str) -> Page:
        """A page by height with the address of the next; whole blocks, unless one alone is larger than a page."""
        refused = self.chain_refused(chain)
        if refused is not None:
            return refused
        newest = self.archive.height(chain, self.now_ms)
        start, end = self.number("start_height", newest, 10**12), self.number("end_height", newest, 10**12)
        if not self.arg("start_height").isdecimal() or start > end:
            return json_page({"error": "start_height is required and not above end_height"}, 422)
        skip, limit = (
            self.number("start_index", 0, 10**6),
            max(1, self.number("limit", MOST_LISTED, MOST_LISTED)),
        )
        least = self.number("min_value", 0, 10**12) * MICRO
        within = sorted(
            (m for m in self.archive.movements[chain] if start <= m.height <= end and m.value >= least),
            key=lambda m: (m.height, m.index, m.number),
        )
        found = within[skip:]
        page = found[:limit]
        onward = {"start_height": start, "end_height": end, "start_index": skip + limit, "limit": limit}
        if self.quirks.stuck:
            onward["start_index"] = skip
        more = len(found) > limit or self.quirks.stuck
        query = urlencode(onward | ({"min_value": least // MICRO} if least else {}))
        shown = self.quirks.movements(page, chain, self.now_ms)
        return json_page(
            {
                "transactions": [transaction(movement) for movement in shown],
                "next": f"{self.request.path}?{query}" if more else "",
            }
        )


class OneTransaction(Rest):
    """GET /{chain}/transaction/{hash}"""

    def answer(self, chain: str = "", hash: str = "", **_: str) -> Page:
        """It, or 404."""
        refused = self.chain_refused(chain)
        if refused is not None:
            return refused
        wanted = hash.lower().removeprefix("0x")
        for movement in self.archive.movements[chain]:
            if movement.hash.removeprefix("0x") == wanted:
                return json_page(transaction(movement))
        return json_page({"error": "transaction not found"}, 404)


class Block(Rest):
    """GET /{chain}/block/{height}"""

    def answer(self, chain: str = "", height: str = "0", **_: str) -> Page:
        """The block with its hash, which is another one once the block was replaced."""
        refused = self.chain_refused(chain)
        if refused is not None:
            return refused
        number = int(height)
        if number > self.archive.height(chain, self.now_ms):
            return json_page({"error": "block not found"}, 404)
        inside = [m for m in self.archive.movements[chain] if m.height == number]
        stamp = inside[0].at_ms if inside else self.now_ms
        return json_page(
            {
                "timestamp": stamp // 1000, "hash": self.archive.block_hash(chain, number),
                "transactions": [transaction(movement) for movement in inside], "next": "",
            }
        )  # fmt: skip


class TransactionsV1(Rest):
    """GET /v1/transactions?start&end&cursor&min_value&limit&currency"""

    def answer(self, **_: str) -> Page:
        """A page by time; an empty one has a cursor and no list."""
        if self.keyed() is not None:
            return json_page({"result": "error", "message": "invalid api_key"}, 401)
        now_s = self.now_ms // 1000
        start, end = self.number("start", now_s - 3600, 10**12), self.number("end", now_s, 10**12)
        if start > end:
            return json_page({"result": "error", "message": "start must be before end"}, 400)
        after, currency = self.number("cursor", 0, 10**18), self.arg("currency").lower()
        found = sorted(
            (
                m
                for moved in self.archive.movements.values()
                for m in moved
                if start <= m.at_ms // 1000 <= end
                and m.number > after
                and m.value >= self.number("min_value", 500_000, 10**12) * MICRO
                and currency in ("", m.coin.symbol.lower())
            ),
            key=lambda m: m.number,
        )[: self.number("limit", MOST_ROWS_V1, MOST_ROWS_V1)]
        last = found[-1].number if found and not self.quirks.stuck else after
        said: dict[str, Any] = {"result": "success", "cursor": str(last), "count": len(found)}
        shown = self.quirks.movements(found, "ethereum", self.now_ms)
        return json_page(said | ({"transactions": [row_v1(m) for m in shown]} if shown else {}))


def routes(sandbox: Sandbox) -> list[Any]:
    """Below /whale-alert."""
    made, base, chain = {"sandbox": sandbox}, "/whale-alert", r"(?P<chain>[a-z]+)"
    return [
        (f"{base}/ws", Socket, made),
        (f"{base}/status", Status, made),
        (f"{base}/v1/status", Status, made),
        (f"{base}/v1/transactions", TransactionsV1, made),
        (f"{base}/{chain}/status", ChainStatus, made),
        (f"{base}/{chain}/transactions", Transactions, made),
        (rf"{base}/{chain}/transaction/(?P<hash>[0-9a-zA-Z]+)", OneTransaction, made),
        (rf"{base}/{chain}/block/(?P<height>\d+)", Block, made),
    ]
