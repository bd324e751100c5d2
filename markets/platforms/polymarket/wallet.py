"""What only a wallet can do on the chain, prepared: contract, calldata and a sentence. Nothing is sent from here.

An EOA sends a call itself; the other wallets let the platform's relayer do it. Amounts are shares or pUSD, encoded in
units of 1e-6. Markets of Protocol V2 go through the router, older ones through the pUSD adapters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

from eth_abi.abi import encode

from markets.books import NO, YES
from markets.platforms.polymarket.contracts import (
    ADAPTER,
    AUTO_REDEEMER,
    CONDITIONAL_TOKENS,
    EXCHANGE,
    EXCHANGE_V3,
    NAMES,
    NEG_RISK_ADAPTER,
    NEG_RISK_EXCHANGE,
    POSITION_MANAGER,
    PUSD,
    ROUTER,
)
from markets.platforms.polymarket.orders import V1, V2, keccak
from markets.platforms.polymarket.units import condition_id

UNLIMITED = 2**256 - 1
CASH_SPENDERS = (EXCHANGE, NEG_RISK_EXCHANGE, EXCHANGE_V3, ADAPTER, NEG_RISK_ADAPTER, ROUTER)
TOKEN_OPERATORS = (EXCHANGE, NEG_RISK_EXCHANGE, ADAPTER, NEG_RISK_ADAPTER, AUTO_REDEEMER)
POSITION_OPERATORS = (EXCHANGE_V3, ROUTER, AUTO_REDEEMER)
BOTH = [1, 2]  # index sets of a binary market's two outcomes


@dataclass(frozen=True, slots=True)
class Call:
    """One call for a wallet or a relayer to send; `value` in POL's smallest unit."""

    to: str
    data: str
    sentence: str
    value: int = 0


@dataclass(frozen=True, slots=True)
class Target:
    """The market that a call is about. Raises ValueError for a protocol that we do not know."""

    condition_id: str
    neg_risk: bool = False
    version: str = V1
    question: str = ""

    def __post_init__(self) -> None:
        if self.version not in (V1, V2):
            raise ValueError(f"protocol version {self.version[:20]!r} is unknown: nothing is prepared for it")
        condition_id(self.condition_id)

    @property
    def adapter(self) -> str:
        """Which contract splits, merges and redeems it."""
        if self.version == V2:
            return ROUTER
        return NEG_RISK_ADAPTER if self.neg_risk else ADAPTER

    @property
    def words(self) -> str:
        """How a sentence names it."""
        return f"{self.question!r}" if self.question else condition_id(self.condition_id)


def split(target: Target, size: Decimal) -> Call:
    """`size` pUSD into as many YES and NO."""
    sentence = f"Split {size} pUSD into {size} YES and {size} NO of {target.words}."
    return Call(target.adapter, _divide("split", target, size), sentence)


def merge(target: Target, size: Decimal) -> Call:
    """`size` YES and as many NO back into pUSD: frees what both sides of one market lock up."""
    sentence = f"Merge {size} YES and {size} NO of {target.words} into {size} pUSD."
    return Call(target.adapter, _divide("merge", target, size), sentence)


def redeem(target: Target, outcome: str, size: Decimal) -> Call:
    """What settled tokens pay. Older markets redeem everything that is held of both outcomes."""
    if outcome not in (YES, NO):
        raise ValueError(f"outcome {outcome[:20]!r} is neither YES nor NO")
    sentence = f"Redeem {size} {outcome} of {target.words}, which is settled."
    if target.version == V2:
        place = 0 if outcome == YES else 1
        values = [_bytes31(target), place, _base(size)]
        data = _data("redeem(bytes31,uint256,uint256)", ["bytes31", "uint256", "uint256"], values)
        return Call(target.adapter, data, sentence)
    kinds = ["address", "bytes32", "bytes32", "uint256[]"]
    values = [PUSD, bytes(32), _bytes32(target.condition_id), BOTH]
    data = _data("redeemPositions(address,bytes32,bytes32,uint256[])", kinds, values)
    return Call(target.adapter, data, sentence)


def convert(neg_risk_market_id: str, question_ids: Sequence[str], size: Decimal, *, event: str = "") -> Call:
    """NO of these questions of a neg-risk event into YES of all others, and pUSD for each but one of them.

    Raises ValueError for questions of another event, or twice the same. For events of Protocol V1 only.
    """
    market = _bytes32(neg_risk_market_id)
    places = [_place(market, question) for question in question_ids]
    if not places or len(set(places)) != len(places):
        raise ValueError("a conversion needs one or more questions, each once")
    kinds, values = (
        ["bytes32", "uint256", "uint256"],
        [market, sum(1 << place for place in places), _base(size)],
    )
    sentence = (
        f"Convert {size} NO of each of {len(places)} questions of {event or neg_risk_market_id} into {size} YES of"
        f" every other question and {size * (len(places) - 1)} pUSD."
    )
    return Call(NEG_RISK_ADAPTER, _data("convertPositions(bytes32,uint256,uint256)", kinds, values), sentence)


def approvals() -> list[Call]:
    """Every approval that trading on all kinds of markets needs, without limit; each is sent once in a wallet's life."""
    cash = [approve_cash(spender) for spender in CASH_SPENDERS]
    tokens = [_operator(CONDITIONAL_TOKENS, "outcome tokens", one) for one in TOKEN_OPERATORS]
    positions = [_operator(POSITION_MANAGER, "positions of Protocol V2", one) for one in POSITION_OPERATORS]
    return [*cash, *tokens, *positions]


def approve_cash(spender: str, amount: Decimal | None = None) -> Call:
    """Let a contract move pUSD: so much, or without limit."""
    base = UNLIMITED if amount is None else _base(amount)
    words = "without limit" if amount is None else f"up to {amount}"
    name = NAMES.get(spender.lower(), "the contract")
    data = _data("approve(address,uint256)", ["address", "uint256"], [spender, base])
    return Call(PUSD, data, f"Let {name} ({spender}) move pUSD, {words}.")


def _operator(token: str, words: str, operator: str) -> Call:
    data = _data("setApprovalForAll(address,bool)", ["address", "bool"], [operator, True])
    name = NAMES.get(operator.lower(), "the contract")
    return Call(token, data, f"Let {name} ({operator}) move {words}.")


def _divide(name: str, target: Target, size: Decimal) -> str:
    """Calldata of a split or a merge."""
    if target.version == V2:
        return _data(f"{name}(bytes31,uint256)", ["bytes31", "uint256"], [_bytes31(target), _base(size)])
    signature = {"split": "splitPosition", "merge": "mergePositions"}[name]
    kinds = ["address", "bytes32", "bytes32", "uint256[]", "uint256"]
    values = [PUSD, bytes(32), _bytes32(target.condition_id), BOTH, _base(size)]
    return _data(f"{signature}(address,bytes32,bytes32,uint256[],uint256)", kinds, values)


def _data(signature: str, kinds: list[str], values: Sequence[object]) -> str:
    return "0x" + (keccak(signature.encode())[:4] + encode(kinds, values)).hex()


def _base(size: Decimal) -> int:
    """Units of 1e-6. Raises ValueError for what is not positive, or finer than that."""
    with localcontext(prec=60):
        units = size.scaleb(6) if size.is_finite() else Decimal("0.5")
        if units <= 0 or units != units.to_integral_value():
            raise ValueError(f"{size} is no positive amount of at most six decimals")
        return int(units)


def _bytes32(text: str) -> bytes:
    try:
        raw = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise ValueError(f"{text[:80]!r} is not 0x and 64 hex digits")
    return raw


def _bytes31(target: Target) -> bytes:
    """A condition of Protocol V2 without the last byte that pads it."""
    return _bytes32(condition_id(target.condition_id))[:31]


def _place(market: bytes, question_id: str) -> int:
    """A question's number in its neg-risk event: the last byte of its id, whose others are the event's."""
    question = _bytes32(question_id)
    if question[:31] != market[:31]:
        raise ValueError(f"question {question_id[:80]} is not of the event {market.hex()}")
    return question[31]
