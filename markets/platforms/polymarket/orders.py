"""The order that a wallet signs (CLOB V2): its EIP-712 digest, which is its id, and its signature.

Written for speed: type and domain hashes are reckoned once, and the curve is libsecp256k1's (coincurve). Amounts are in
1e-6 of a dollar or a share; there is no price field, the quotient of the two amounts is the price. Only the signer
process calls `sign_order`, for only it holds a key.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from coincurve import PrivateKey
from Crypto.Hash import keccak as _keccak

from markets.platforms.polymarket.contracts import CHAIN_ID, EXCHANGE, EXCHANGE_V3, NEG_RISK_EXCHANGE

BUY, SELL = "BUY", "SELL"
EOA, PROXY, SAFE, DEPOSIT_WALLET = 0, 1, 2, 3  # who holds the funds, and so how a signature is checked
V1, V2 = "v1", "v2"  # a market's protocol
ZERO_32 = "0x" + "00" * 32
SALTS = 2**53  # the salt goes out as a JSON number, and many a JSON reader keeps 53 bits

_ORDER = (
    b"Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,"
    b"uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
)
_DOMAIN = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_WRAPPER = (
    b"TypedDataSign(Order contents,string name,string version,uint256 chainId,address verifyingContract,"
    b"bytes32 salt)"
)
_SIDES = {BUY: bytes(32), SELL: bytes(31) + b"\1"}
_NUMBERS = ("salt", "makerAmount", "takerAmount", "signatureType", "timestamp")
_TEXTS = ("maker", "signer", "tokenId", "side", "metadata", "builder")


def keccak(data: bytes) -> bytes:
    """Ethereum's hash, 32 bytes."""
    return _keccak.new(digest_bits=256, data=data).digest()


_ORDER_HASH, _WRAPPER_HASH = keccak(_ORDER), keccak(_WRAPPER + _ORDER)
_DOMAIN_HASH, _DOMAIN_NAME = keccak(_DOMAIN), keccak(b"Polymarket CTF Exchange")
_WALLET_DOMAIN = keccak(b"DepositWallet") + keccak(b"1") + CHAIN_ID.to_bytes(32)
_TRAILER = _ORDER + len(_ORDER).to_bytes(2)


@dataclass(frozen=True, slots=True)
class Order:
    """The signed part of an order. BUY pays `maker_amount` of cash for `taker_amount` of shares, SELL the reverse."""

    salt: int
    maker: str  # the wallet that holds the funds
    signer: str  # the wallet that signs; the maker itself for a deposit wallet
    token_id: str  # token or position id, decimal
    maker_amount: int
    taker_amount: int
    side: str
    signature_type: int
    timestamp: int  # Unix ms
    metadata: str = ZERO_32
    builder: str = ZERO_32

    def as_json(self) -> dict[str, Any]:
        """As the platform spells it, without signature and expiration; what `order_from` reads back."""
        return {
            "salt": self.salt, "maker": self.maker, "signer": self.signer, "tokenId": self.token_id,
            "makerAmount": str(self.maker_amount), "takerAmount": str(self.taker_amount), "side": self.side,
            "signatureType": self.signature_type, "timestamp": str(self.timestamp), "metadata": self.metadata,
            "builder": self.builder,
        }  # fmt: skip


def order_from(document: Mapping[str, Any]) -> Order:
    """The order of a JSON document, numbers as numbers or texts. Raises ValueError for whatever is no order."""
    try:
        salt, maker_amount, taker_amount, signature_type, timestamp = (
            _whole(document[name]) for name in _NUMBERS
        )
        maker, signer, token_id, side, metadata, builder = (str(document[name]) for name in _TEXTS)
    except KeyError as error:
        raise ValueError(f"the order lacks {error}") from error
    order = Order(
        salt, maker, signer, token_id, maker_amount, taker_amount, side, signature_type, timestamp, metadata, builder
    )  # fmt: skip
    if signature_type not in (EOA, PROXY, SAFE, DEPOSIT_WALLET):
        raise ValueError(f"signature type {signature_type} is none of 0 to 3")
    if not 0 <= salt < SALTS or not maker_amount or not taker_amount:
        raise ValueError("the salt is below 2^53 and no amount is zero")
    _contents(order)
    return order


def exchange_of(version: str, *, neg_risk: bool) -> tuple[str, str]:
    """Domain version and contract that orders of a market are signed for, by the market's protocol version.

    Raises ValueError for a protocol that we do not know: its orders would be refused, or worse, mean something else.
    """
    if version == V2:
        return "3", EXCHANGE_V3
    if version in (V1, ""):  # payloads from before October 2026 do not say it
        return "2", NEG_RISK_EXCHANGE if neg_risk else EXCHANGE
    raise ValueError(f"protocol version {version[:20]!r} is none that we can sign for")


def salt_of(client_order_id: str) -> int:
    """The salt of an order, always the same for the same client id: sent again, it is the same order."""
    return int.from_bytes(hashlib.sha256(client_order_id.encode()).digest()[:8]) % SALTS


def timestamp_of(created_at: datetime) -> int:
    """A moment as Unix ms, exactly (never through a float)."""
    seconds = int(created_at.replace(microsecond=0).timestamp())
    return seconds * 1_000 + created_at.microsecond // 1_000


def order_digest(order: Order, version: str, contract: str) -> bytes:
    """The EIP-712 digest of an order under an exchange's domain: its id, and what types 0 to 2 sign.

    Raises ValueError for a value that does not fit its type.
    """
    return keccak(b"\x19\x01" + _separator(version, contract) + keccak(_contents(order)))


def order_id(order: Order, version: str, contract: str) -> str:
    """The id that the platform will give the order: 0x and 64 hex digits."""
    return "0x" + order_digest(order, version, contract).hex()


def private_key(text: str) -> PrivateKey:
    """A key ready to sign: making it costs more than a signature. Raises ValueError, never with key material."""
    try:
        raw = bytes.fromhex(text.strip().removeprefix("0x"))
        if len(raw) != 32:  # the library would fill up a shorter one
            raise ValueError
        return PrivateKey(raw)
    except (ValueError, TypeError):
        raise ValueError("the Polymarket key is no private key (64 hex digits, 0x in front or not)") from None


def sign_order(key: PrivateKey | str, order: Order, version: str, contract: str) -> str:
    """The signature of an order, 0x and hex. Raises ValueError for what is no key or no order."""
    secret = private_key(key) if isinstance(key, str) else key
    separator, contents = _separator(version, contract), keccak(_contents(order))
    if order.signature_type != DEPOSIT_WALLET:
        return "0x" + _signed(secret, keccak(b"\x19\x01" + separator + contents)).hex()
    # A contract wallet checks a nested signature (ERC-7739): of the order, inside the wallet's own domain
    wrapped = keccak(_WRAPPER_HASH + contents + _WALLET_DOMAIN + _address(order.signer) + bytes(32))
    signature = _signed(secret, keccak(b"\x19\x01" + separator + wrapped))
    return "0x" + (signature + separator + contents + _TRAILER).hex()


def _signed(secret: PrivateKey, digest: bytes) -> bytes:
    raw = secret.sign_recoverable(digest, hasher=None)
    return raw[:64] + bytes([raw[64] + 27])


@lru_cache(maxsize=16)
def _separator(version: str, contract: str) -> bytes:
    words = _DOMAIN_HASH + _DOMAIN_NAME + keccak(version.encode()) + CHAIN_ID.to_bytes(32)
    return keccak(words + _address(contract))


def _contents(order: Order) -> bytes:
    """The words of the struct that is hashed. Raises ValueError for a value that does not fit its type."""
    try:
        return b"".join((
            _ORDER_HASH, order.salt.to_bytes(32), _address(order.maker), _address(order.signer),
            _token(order.token_id), order.maker_amount.to_bytes(32), order.taker_amount.to_bytes(32),
            _SIDES[order.side], order.signature_type.to_bytes(32), order.timestamp.to_bytes(32),
            _bytes32(order.metadata), _bytes32(order.builder),
        ))  # fmt: skip
    except OverflowError as error:
        raise ValueError("a number of the order does not fit an unsigned word") from error
    except KeyError as error:
        raise ValueError(f"side {str(order.side)[:20]!r} is neither BUY nor SELL") from error


@lru_cache(maxsize=64)
def _address(text: str) -> bytes:
    return bytes(12) + _hex(text, 20)


@lru_cache(maxsize=64)
def _bytes32(text: str) -> bytes:
    return _hex(text, 32)


@lru_cache(maxsize=4_096)
def _token(text: str) -> bytes:
    if not (text.isascii() and text.isdigit() and len(text) <= 78):
        raise ValueError(f"{text[:90]!r} is not a token id (a decimal number)")
    return int(text).to_bytes(32)


def _hex(text: str, length: int) -> bytes:
    try:
        raw = bytes.fromhex(text[2:])
    except ValueError:
        raw = b""
    # fromhex forgives blanks, the platform does not
    if len(raw) != length or text[:2] != "0x" or len(text) != 2 + 2 * length:
        raise ValueError(f"{text[:90]!r} is not 0x and {2 * length} hex digits")
    return raw


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"{str(value)[:40]!r} is not a whole number")
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) <= 78):
        raise ValueError(f"{text[:40]!r} is not a whole number of at least 0")
    return int(text)
