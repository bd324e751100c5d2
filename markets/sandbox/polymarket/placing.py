"""From a posted order to the engine: every check the platform makes, with its own sentence for each refusal."""

from dataclasses import dataclass
from decimal import Decimal

import msgspec

from markets.books import MICRO, NO, YES
from markets.platforms.base import OPEN, PAUSED, POLYMARKET, UNOPENED
from markets.platforms.polymarket.amounts import DECIMALS
from markets.sandbox import orders as o
from markets.sandbox import rushing
from markets.sandbox.market import SandboxMarket
from markets.sandbox.orders import BUY, OPPOSITE, SELL, Rejected
from markets.sandbox.polymarket import lifecycle, records
from markets.sandbox.polymarket.answers import Refusal, text
from markets.sandbox.polymarket.eip712 import (
    DEPOSIT_WALLET,
    EOA,
    EXCHANGE,
    EXCHANGE_V3,
    NEG_RISK_EXCHANGE,
    PROXY,
    SAFE,
    BadSigning,
    SignedOrder,
    exchange_of,
    order_digest,
    order_signer,
)
from markets.sandbox.polymarket.face import Delayed, Face, Wallet
from markets.sandbox.polymarket.money import taker_fee
from markets.sandbox.polymarket.records import CENT, DELAYED, FAK, FOK, GTC, GTD, UNMATCHED, Note

GTD_AHEAD_MS = 175_000  # three minutes, and some seconds for the way
GTD_EARLY_S = 60  # takes effect so much before the expiration
MIN_MARKETABLE = MICRO  # one dollar
VERSION_MISMATCH = "order_version_mismatch"
NOT_READY = "the market is not yet ready to process new orders"
POST_ONLY_MODE = "post-only mode: only post-only orders and cancels are allowed"
CANCEL_ONLY = "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed."
DISABLED = "trading is disabled"
RESTRICTED = "Trading restricted in your region, please refer to available regions"
CLOSED_ONLY = "address in closed only mode"
TIFS = {GTC: o.GTC, GTD: o.GTD, FOK: o.FOK, FAK: o.IOC}


class WireOrder(msgspec.Struct, frozen=True, rename="camel"):
    """The `order` of a posted order. `expiration` is not signed."""

    salt: int
    maker: str
    signer: str
    token_id: str
    maker_amount: str
    taker_amount: str
    side: str
    signature_type: int
    timestamp: str
    metadata: str
    builder: str
    signature: str
    expiration: str = "0"


class WirePost(msgspec.Struct, frozen=True, rename="camel"):
    """One posted order."""

    order: WireOrder
    owner: str
    order_type: str = GTC
    post_only: bool = False
    defer_exec: bool = False


@dataclass(frozen=True, slots=True)
class Amounts:
    """What an order asks for, in its own token's terms: micro-dollars and micro-shares."""

    price: int
    cash: int
    shares: int


def check_mode(face: Face, *, cancel: bool = False, post_only: bool = False) -> None:
    """Refuse what the platform's trading mode does not allow. Raises Refusal."""
    mode = face.sandbox.faults.mode(POLYMARKET)
    wait = face.sandbox.faults.retry_after(POLYMARKET)
    if mode == "restarting":
        raise Refusal(
            425, "the matching engine is restarting", headers={"Retry-After": str(wait)} if wait else {}
        )
    if mode == "disabled":
        raise Refusal(503, DISABLED)
    if cancel or mode == "normal":
        return
    if mode == "post_only" and not post_only:
        raise Refusal(503, POST_ONLY_MODE, code="post_only_mode", retry_after_seconds=wait)
    if mode == "cancel_only":
        raise Refusal(503, CANCEL_ONLY)
    if mode == "paused":
        raise Refusal(503, DISABLED)


def decoded(raw: bytes) -> WirePost:
    """A posted order from its JSON. Raises Refusal(400); orders of the old exchange are told apart."""
    try:
        return msgspec.json.decode(raw, type=WirePost)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if b'"feeRateBps"' in raw or b'"nonce"' in raw:
            raise Refusal(400, VERSION_MISMATCH) from error
        raise Refusal(400, "Invalid order payload") from error


def place(face: Face, wallet: Wallet, key: str, post: WirePost) -> Note:
    """Take an order; the note tells what became of it. Raises Refusal and changes nothing."""
    check_mode(face, post_only=post.post_only)
    _check_place(face, post)
    if post.owner != key:
        raise Refusal(400, "the order owner has to be the owner of the API KEY")
    market, place_ = _market(face, post.order.token_id)
    signed = _signed(post.order)
    order_id = _checked_signature(wallet, market, signed)
    if order_id in face.notes or order_id in face.sandbox.engine.orders:
        raise Refusal(400, f"order {order_id} is invalid. Duplicated.")
    _check_type(face, post)
    amounts = _amounts(order_id, market, post, signed)
    note = Note(
        order_id, market, place_, signed.side, amounts.price, 0, post.order_type,
        int(post.order.expiration), post.post_only, key, wallet.name, signed.maker, face.now_ms,
    )  # fmt: skip
    note.asked = amounts.cash if note.by_cash else amounts.shares
    crossing = _crosses(face, note)
    if post.post_only and crossing:
        raise Refusal(400, "invalid post-only order: order crosses book")
    if crossing and note.action == BUY and amounts.cash < MIN_MARKETABLE:
        raise Refusal(400, f"invalid amount for a marketable BUY order (${text(amounts.cash)}), min size: $1")
    _check_funds(face, note, amounts, crossing=crossing)
    wait_ms = max(face.sandbox.faults.match_delay(POLYMARKET, market.id), market.p.seconds_delay * 1000)
    if crossing and wait_ms:
        _delay(face, wallet, note, amounts, wait_ms)
    else:
        _submit(face, note, amounts)
    return note


# --- checks


def _check_place(face: Face, post: WirePost) -> None:
    """Where the caller is, and what its account may do."""
    if face.sandbox.config.polymarket_blocked:
        raise Refusal(403, RESTRICTED)
    if face.sandbox.config.polymarket_closed_only and post.order.side == BUY:
        raise Refusal(400, CLOSED_ONLY)


def _market(face: Face, token_id: str) -> tuple[SandboxMarket, int]:
    found = face.token(token_id)
    if found is None or found[0].state not in (OPEN, PAUSED, UNOPENED):
        raise Refusal(400, f"the orderbook {token_id} does not exist")
    if found[0].state != OPEN:
        raise Refusal(400, NOT_READY)
    return found


def _signed(wire: WireOrder) -> SignedOrder:
    try:
        amounts = int(wire.maker_amount), int(wire.taker_amount)
        stamp, expiration = int(wire.timestamp), int(wire.expiration)
    except ValueError as error:
        raise Refusal(400, "Invalid order payload") from error
    if min(*amounts, stamp, expiration, wire.salt) < 0 or 0 in amounts or wire.side not in OPPOSITE:
        raise Refusal(400, "Invalid order payload")
    return SignedOrder(
        wire.salt, wire.maker, wire.signer, wire.token_id, *amounts, wire.side, wire.signature_type, stamp,
        wire.metadata, wire.builder, wire.signature,
    )  # fmt: skip


def _checked_signature(wallet: Wallet, market: SandboxMarket, order: SignedOrder) -> str:
    """The order's id, once its signature is the wallet's. Raises Refusal(400)."""
    owner, maker, signer = wallet.address, order.maker.lower(), order.signer.lower()
    allowed = {
        EOA: maker == signer == owner,
        PROXY: maker == wallet.funder and signer == owner,
        SAFE: maker == wallet.funder and signer == owner,
        DEPOSIT_WALLET: maker == signer == wallet.funder,
    }
    if order.signature_type not in allowed:
        raise Refusal(400, "invalid signature type")
    if not allowed[order.signature_type]:
        raise Refusal(400, "the order signer address has to be the address of the API KEY")
    domain, contract = exchange_of(neg_risk=market.p.neg_risk, version=market.p.version)
    if contract in wallet.unapproved:
        raise Refusal(400, "not enough balance / allowance: the allowance is not enough -> allowance: 0")
    if _recovered(order, domain, contract) != owner:
        others = (("2", EXCHANGE), ("2", NEG_RISK_EXCHANGE), ("3", EXCHANGE_V3), ("1", contract))
        for other, address in others:
            if other != domain and _recovered(order, other, address) == owner:
                raise Refusal(400, VERSION_MISMATCH)
        raise Refusal(400, "invalid signature")
    return f"0x{order_digest(order, domain, contract).hex()}"


def _recovered(order: SignedOrder, domain: str, contract: str) -> str:
    try:
        return order_signer(order, domain, contract)
    except (BadSigning, ValueError):
        return ""


def _check_type(face: Face, post: WirePost) -> None:
    expiration = int(post.order.expiration)
    if post.order_type not in TIFS:
        raise Refusal(400, f"invalid order type: {post.order_type}")
    if post.post_only and post.order_type not in (GTC, GTD):
        raise Refusal(400, "invalid post-only order: only GTC and GTD order types are allowed")
    if post.order_type != GTD:
        if expiration:
            raise Refusal(400, "invalid expiration")
    elif expiration * 1000 < face.now_ms + GTD_AHEAD_MS:
        raise Refusal(400, "invalid expiration")


def _amounts(order_id: str, market: SandboxMarket, post: WirePost, order: SignedOrder) -> Amounts:
    """The price that the two amounts mean. There is no price field: rounding must be seen through, no more."""
    buying, by_market = order.side == BUY, post.order_type in (FOK, FAK)
    cash, shares = order.maker_amount, order.taker_amount
    if not buying:
        cash, shares = shares, cash
    tick = market.bands[0].step
    _, decimals = DECIMALS[Decimal(market.p.tick)]
    unit = 10 ** (6 - decimals)
    given, other = (cash, shares) if buying and by_market else (shares, cash)
    if given % CENT or other % unit:
        raise Refusal(
            400,
            f"order {order_id} is invalid. invalid amounts, the {'market ' if by_market else ''}"
            f"{'buy' if buying else 'sell'} orders maker amount supports a max accuracy of "
            f"{2 if by_market or not buying else decimals} decimals, taker amount a max of "
            f"{decimals if by_market or not buying else 2} decimals",
        )
    exact = cash * MICRO / Decimal(shares)
    price = int((exact / tick).to_integral_value()) * tick
    if abs(cash * MICRO - price * shares) > unit * MICRO:
        raise Refusal(
            400,
            f"order {order_id} is invalid. Price ({(exact / MICRO).normalize():f}) breaks minimum tick size"
            f" rule: {market.p.tick}",
        )
    if not tick <= price <= MICRO - tick:
        raise Refusal(400, f"invalid price ({text(price)}), min: {text(tick)} - max: {text(MICRO - tick)}")
    if not by_market and shares < market.min_size:
        raise Refusal(
            400,
            f"order {order_id} is invalid. Size ({text(shares)}) lower than the minimum:"
            f" {text(market.min_size)}",
        )
    return Amounts(price, cash, shares)


def _check_funds(face: Face, note: Note, amounts: Amounts, *, crossing: bool) -> None:
    """Cash for what is bought and its fee, settled shares for what is sold; what open orders may spend is taken."""
    if note.action == SELL:
        needed, free = amounts.shares, lifecycle.free_tokens(face, note.wallet, note.token)
    else:
        fee = _worst_fee(note, amounts) if crossing else 0
        needed, free = amounts.cash + fee, lifecycle.free_cash(face, note.wallet)
    if needed > free:
        raise Refusal(
            400,
            "not enough balance / allowance: the balance is not enough -> "
            f"balance: {max(free, 0)}, order amount: {needed}",
        )


def _worst_fee(note: Note, amounts: Amounts) -> int:
    """The fee of a sweep at its limit; the fee is largest at fifty cents."""
    p = note.market.p
    rate = int(Decimal(p.fee_rate) * MICRO)
    return taker_fee(amounts.shares, min(note.price, MICRO // 2), rate, p.fee_exponent)


# --- into the engine


def _yes_terms(note: Note) -> tuple[str, int]:
    """Side and price on the YES book."""
    if note.place == 0:
        return note.action, note.price
    return OPPOSITE[note.action], MICRO - note.price


def _crosses(face: Face, note: Note) -> bool:
    side, price = _yes_terms(note)
    return face.sandbox.engine.book(note.market.id).would_cross(side, price)


def _submit(face: Face, note: Note, amounts: Amounts) -> None:
    side, price = _yes_terms(note)
    rushing.front_run(face.sandbox, note.market, side, price)
    size, budget = amounts.shares, None
    if note.by_cash:  # cheaper levels give more shares for the same cash
        budget = note.asked
        size = note.asked * MICRO // _cheapest(face, note) + 1
    face.notes[note.order_id] = note
    try:
        face.sandbox.engine.submit(
            note.market.id, note.wallet, side, price, size, at_ms=face.now_ms, tif=TIFS[note.order_type],
            expires_ms=max(note.expiration - GTD_EARLY_S, 0) * 1000 if note.order_type == GTD else 0,
            post_only=note.post_only, budget=budget, outcome=NO if note.place else YES, action=note.action,
            order_id=note.order_id,
        )  # fmt: skip
    except Rejected as error:
        del face.notes[note.order_id]
        raise Refusal(400, _sentence(error, note)) from error


def _cheapest(face: Face, note: Note) -> int:
    """The lowest price at which the order's token is offered, or its limit."""
    book = face.sandbox.engine.book(note.market.id)
    offered = MICRO - book.best_bid if note.place else book.best_ask
    return min(offered, note.price)


def _sentence(error: Rejected, note: Note) -> str:
    return {
        "market_closed": f"the orderbook {note.token} does not exist",
        "market_not_open": NOT_READY,
        "post_only_cross": "invalid post-only order: order crosses book",
        "duplicate_order": f"order {note.order_id} is invalid. Duplicated.",
        "already_expired": "invalid expiration",
    }.get(error.code, f"order {note.order_id} is invalid. {error}")


def _delay(face: Face, wallet: Wallet, note: Note, amounts: Amounts, wait_ms: int) -> None:
    """Hold a marketable order back; when its time comes it matches, rests, or comes to nothing."""
    note.status = DELAYED

    def submit() -> None:
        del face.delayed[note.order_id]
        try:
            _submit(face, note, amounts)
        except Refusal:
            note.status = UNMATCHED
            face.notes[note.order_id] = note
            face.tell_user(wallet, note.market.id, records.order_event(note, "CANCELLATION", face.now_ms))

    face.notes[note.order_id] = note
    face.delayed[note.order_id] = Delayed(note.order_id, wallet, note, submit)
    face.tell_user(wallet, note.market.id, records.order_event(note, "PLACEMENT", face.now_ms))
    face.sandbox.later(wait_ms, submit)
