"""What the tests of the Polymarket face share: a standing sandbox, a wallet that signs for itself, a listener.

Orders are signed here with eth_account, not with the sandbox's own digests, so that the two check each other.
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests
import websocket
from eth_account import Account

from markets.sandbox.context import PolymarketAccount, SandboxConfig
from markets.sandbox.market import SandboxMarket, WorldSpec
from markets.sandbox.server import Running, running_sandbox
from markets.sandbox.traders import CONTROL_ACCOUNT, TraderSpec

DEADLINE_S = 60  # a busy machine is slow, not wrong
MICRO = 1_000_000
ZERO = "0x" + "00" * 32
NO_KALSHI: dict[str, Any] = {"kalshi": lambda _: []}
STANDING = TraderSpec(rate=0, gap_every_s=0, taker_every_s=0)
WORLD = WorldSpec(pairs=3, short_lived=0, extra_kalshi=0, extra_polymarket=3)
EXCHANGES = {
    ("v1", False): ("2", "0xE111180000d2663C0091e4f400237545B87B996B"),
    ("v1", True): ("2", "0xe2222d279d744050d28e00520010520000310F59"),
    ("v2", False): ("3", "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa"),
}
AUTH_TYPE = {
    "ClobAuth": [
        {"name": "address", "type": "address"}, {"name": "timestamp", "type": "string"},
        {"name": "nonce", "type": "uint256"}, {"name": "message", "type": "string"},
    ]
}  # fmt: skip
ORDER_TYPE = {
    "Order": [
        {"name": name, "type": kind}
        for name, kind in (
            ("salt", "uint256"), ("maker", "address"), ("signer", "address"), ("tokenId", "uint256"),
            ("makerAmount", "uint256"), ("takerAmount", "uint256"), ("side", "uint8"),
            ("signatureType", "uint8"), ("timestamp", "uint256"), ("metadata", "bytes32"),
            ("builder", "bytes32"),
        )
    ]
}  # fmt: skip


@contextmanager
def standing(**options: Any) -> Iterator[Running]:
    """A sandbox in which nothing moves by itself."""
    options = {"spec": WORLD, "traders": STANDING, "faces": NO_KALSHI} | options
    options.setdefault(
        "config",
        SandboxConfig(polymarket_rate_limits=False, polymarket_mined_ms=30, polymarket_confirmed_ms=60),
    )
    with running_sandbox(options.pop("spec"), **options) as running:
        yield running


def until(done: Callable[[], Any], what: str = "it", seconds: float = DEADLINE_S) -> Any:
    """Wait for `done`; what it returns first that is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := done():
            return found
        time.sleep(0.01)
    raise AssertionError(f"waited {seconds} s for {what}")


def markets(running: Running) -> list[SandboxMarket]:
    """Polymarket's markets in order of listing."""
    return running.call(lambda: list(running.sandbox.world.on("polymarket")))


def book(running: Running, market: SandboxMarket, bids: dict[int, int], asks: dict[int, int]) -> None:
    """Make a market's YES book exactly this: cents to shares."""

    def make() -> None:
        engine, now = running.sandbox.engine, running.sandbox.now_ms()
        engine.cancel_all(at_ms=now, market_id=market.id)
        for side, levels in (("BUY", bids), ("SELL", asks)):
            for cents, shares in levels.items():
                engine.submit(
                    market.id,
                    CONTROL_ACCOUNT,
                    side,
                    cents * 10_000,
                    shares * MICRO,
                    at_ms=running.sandbox.now_ms(),
                )

    running.call(make)


def hit(running: Running, market: SandboxMarket, side: str, cents: int, shares: int) -> None:
    """Somebody else trades."""
    running.call(
        lambda: running.sandbox.engine.submit(
            market.id,
            CONTROL_ACCOUNT,
            side,
            cents * 10_000,
            shares * MICRO,
            at_ms=running.sandbox.now_ms(),
            tif="IOC",
        )
    )


@dataclass
class User:
    """A wallet at the CLOB."""

    running: Running
    private_key: str
    creds: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, running: Running) -> "User":
        """The sandbox's own user, signed in."""
        user = cls(running, running.keys.polymarket_private_key)
        user.sign_in()
        return user

    @property
    def address(self) -> str:
        return str(Account.from_key(self.private_key).address)

    def url(self, path: str) -> str:
        return f"{self.running.urls['clob']}{path}"

    def l1(self, method: str, path: str, **changes: Any) -> requests.Response:
        nonce, stamp = changes.pop("nonce", 0), changes.pop("stamp", str(int(time.time())))
        text = "This message attests that I control the given wallet"
        proof = Account.sign_typed_data(
            self.private_key,
            {"name": "ClobAuthDomain", "version": "1", "chainId": 137},
            AUTH_TYPE,
            {"address": self.address, "timestamp": stamp, "nonce": nonce, "message": text},
        )
        head = {
            "POLY_ADDRESS": self.address, "POLY_SIGNATURE": "0x" + proof.signature.hex().removeprefix("0x"),
            "POLY_TIMESTAMP": stamp, "POLY_NONCE": str(nonce),
        } | changes  # fmt: skip
        return requests.request(method, self.url(path), headers=head, timeout=60)

    def sign_in(self) -> None:
        made = self.l1("POST", "/auth/api-key")
        self.creds = (made if made.status_code == 200 else self.l1("GET", "/auth/derive-api-key")).json()

    def headers(self, method: str, path: str, body: str = "", at: int | None = None) -> dict[str, str]:
        c, stamp = self.creds, str(int(time.time()) if at is None else at)
        secret = base64.urlsafe_b64decode(c["secret"])
        proof = hmac.new(secret, f"{stamp}{method}{path}{body}".encode(), hashlib.sha256).digest()
        return {
            "POLY_ADDRESS": self.address, "POLY_SIGNATURE": base64.urlsafe_b64encode(proof).decode(),
            "POLY_TIMESTAMP": stamp, "POLY_API_KEY": c["apiKey"], "POLY_PASSPHRASE": c["passphrase"],
        }  # fmt: skip

    def send(self, method: str, path: str, body: Any = None, **query: Any) -> requests.Response:
        """A signed request."""
        text = "" if body is None else json.dumps(body, separators=(",", ":"))
        return requests.request(
            method,
            self.url(path),
            params=query,
            data=text or None,
            headers=self.headers(method, path, text),
            timeout=60,
        )

    def signed(
        self, market: SandboxMarket, place: int, side: str, price: str, size: str, **changes: Any
    ) -> dict[str, Any]:
        """A posted order: `size` shares at `price`; a FAK or FOK that buys spends their product."""
        kind = changes.pop("orderType", "GTC")
        post = {name: changes.pop(name) for name in ("postOnly", "owner") if name in changes}
        version, contract = changes.pop("exchange", EXCHANGES[market.p.version, market.p.neg_risk])
        shares = _micro(size)
        cash = shares * _micro(price) // MICRO
        amounts = (cash, shares) if side == "BUY" else (shares, cash)
        message = {
            "salt": secrets.randbelow(2**40), "maker": self.address, "signer": self.address,
            "tokenId": int(market.p.token_ids[place]), "makerAmount": amounts[0], "takerAmount": amounts[1],
            "side": 0 if side == "BUY" else 1, "signatureType": 0, "timestamp": int(time.time() * 1000),
            "metadata": ZERO, "builder": ZERO,
        } | {k: v for k, v in changes.items() if k != "expiration"}  # fmt: skip
        domain = {
            "name": "Polymarket CTF Exchange", "version": version, "chainId": 137, "verifyingContract": contract,
        }  # fmt: skip
        proof = Account.sign_typed_data(self.private_key, domain, ORDER_TYPE, message)
        texts = {name: str(message[name]) for name in ("tokenId", "makerAmount", "takerAmount", "timestamp")}
        order = message | texts | {"side": side, "expiration": str(changes.get("expiration", 0))}
        order["signature"] = "0x" + proof.signature.hex().removeprefix("0x")
        return {"deferExec": False, "order": order, "orderType": kind, "owner": self.creds["apiKey"], **post}

    def place(
        self, market: SandboxMarket, place: int, side: str, price: str, size: str, **changes: Any
    ) -> requests.Response:
        """Sign and post."""
        return self.send("POST", "/order", self.signed(market, place, side, price, size, **changes))

    def take(self, market: SandboxMarket, place: int, cash: str, limit: str) -> dict[str, Any]:
        """Buy for `cash` at once, and wait until the tokens are there."""
        shares = str(_micro(cash) * MICRO // _micro(limit) // 10_000 / 100)
        answer = self.place(market, place, "BUY", limit, shares, orderType="FAK").json()
        assert answer.get("status") == "matched", answer
        for trade_id in answer["tradeIDs"]:
            until(
                lambda trade_id=trade_id: self.trade(trade_id)["status"] == "TRADE_STATUS_CONFIRMED",
                "settlement",
            )
        return answer

    def trade(self, trade_id: str) -> dict[str, Any]:
        return self.send("GET", "/data/trades", id=trade_id).json()["data"][0]

    def balance(self, token: str = "") -> int:
        """Base units on the chain."""
        kind = {"asset_type": "CONDITIONAL", "token_id": token} if token else {"asset_type": "COLLATERAL"}
        return int(self.send("GET", "/balance-allowance", signature_type=0, **kind).json()["balance"])


def stranger(running: Running, balance: int = 0) -> User:
    """A wallet made just now, with some money."""
    user = User(running, f"0x{secrets.token_hex(32)}")
    user.sign_in()
    from markets.sandbox.polymarket.face import face_of

    def give() -> None:
        face = face_of(running.sandbox)
        face.ledger.account(user.address.lower()).cash = balance

    running.call(give)
    return user


class Listener:
    """A WebSocket client that keeps what it hears."""

    def __init__(self, url: str, first: dict[str, Any] | None = None) -> None:
        self.socket = websocket.create_connection(url, timeout=0.05)
        self.heard: list[Any] = []
        self.raw: list[str] = []
        self.ended = False
        if first is not None:
            self.say(first)

    @classmethod
    def market(cls, running: Running, *tokens: str, **more: Any) -> "Listener":
        return cls(running.urls["clob_ws"], {"assets_ids": list(tokens), "type": "market", **more})

    @classmethod
    def user(cls, user: User, **more: Any) -> "Listener":
        return cls(user.running.urls["clob_ws_user"], {"type": "user", "auth": user.creds, **more})

    def say(self, frame: dict[str, Any] | str) -> None:
        self.socket.send(frame if isinstance(frame, str) else json.dumps(frame))

    def listen(self) -> None:
        """Take what has arrived."""
        while not self.ended:
            try:
                text = self.socket.recv()
            except websocket.WebSocketTimeoutException:
                return
            except (websocket.WebSocketException, OSError):
                self.ended = True
                return
            if text == "":
                self.ended = True
                return
            self.raw.append(text)
            self.heard.append(json.loads(text) if text[:1] in "[{" else text)

    def sync(self) -> None:
        """Everything sent so far has arrived once PONG is here: one connection keeps its order."""
        self.listen()
        before = self.raw.count("PONG")
        self.say("PING")
        self.until(lambda: self.raw.count("PONG") > before, "PONG")

    def until(self, done: Callable[[], Any], what: str = "a frame") -> Any:
        def look() -> Any:
            self.listen()
            return done()

        return until(look, what)

    def kind(self, name: str) -> list[Any]:
        return [one for one in self.heard if isinstance(one, dict) and one.get("event_type") == name]

    def until_kind(self, name: str, count: int = 1) -> list[Any]:
        self.until(lambda: len(self.kind(name)) >= count, f"{count} x {name}")
        return self.kind(name)

    def close(self) -> None:
        self.socket.close()


def account(user_key: str, name: str, balance: int) -> PolymarketAccount:
    """An announced wallet."""
    return PolymarketAccount(name, str(Account.from_key(user_key).address), balance)


def _micro(text: str) -> int:
    whole, _, part = text.partition(".")
    return int(whole or 0) * MICRO + int(part.ljust(6, "0")[:6])
