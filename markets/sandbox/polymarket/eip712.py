"""The exchange's side of Polymarket signatures: digests of orders and wallet proofs, and who signed them.

Written apart from the signing code on purpose: two implementations that agree are a check on both. The structs
and domains are those of CLOB V2 (see the platform's `Order` and `ClobAuth` types).
"""

import string
from dataclasses import dataclass

from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature, ValidationError
from eth_utils.crypto import keccak

CHAIN_ID = 137
DOMAIN_NAME = "Polymarket CTF Exchange"
EXCHANGE = "0xE111180000d2663C0091e4f400237545B87B996B"
NEG_RISK_EXCHANGE = "0xe2222d279d744050d28e00520010520000310F59"
EXCHANGE_V3 = "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa"
EOA, PROXY, SAFE, DEPOSIT_WALLET = 0, 1, 2, 3
AUTH_MESSAGE = "This message attests that I control the given wallet"

_ORDER = (
    b"Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,"
    b"uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
)
_ORDER_HASH = keccak(_ORDER)
_DOMAIN_HASH = keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_AUTH_DOMAIN_HASH = keccak(b"EIP712Domain(string name,string version,uint256 chainId)")
_AUTH_HASH = keccak(b"ClobAuth(address address,string timestamp,uint256 nonce,string message)")
_TYPED_DATA_SIGN_HASH = keccak(
    b"TypedDataSign(Order contents,string name,string version,uint256 chainId,address verifyingContract,"
    b"bytes32 salt)" + _ORDER
)


class BadSigning(Exception):
    """A signature or a signed value that cannot be read."""


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """The signed part of an order. `maker_amount` and `taker_amount` are 1e-6 units; BUY pays cash for shares."""

    salt: int
    maker: str
    signer: str
    token_id: str
    maker_amount: int
    taker_amount: int
    side: str
    signature_type: int
    timestamp: int
    metadata: str
    builder: str
    signature: str


def exchange_of(*, neg_risk: bool, version: str) -> tuple[str, str]:
    """The domain version and contract that orders of such a market are signed for."""
    if version == "v2":
        return "3", EXCHANGE_V3
    return "2", NEG_RISK_EXCHANGE if neg_risk else EXCHANGE


def order_digest(order: SignedOrder, domain_version: str, contract: str) -> bytes:
    """The EIP-712 digest of an order: its id, and what signature types 0 to 2 sign."""
    return _typed(_separator(DOMAIN_NAME, domain_version, contract), _contents(order))


def order_signer(order: SignedOrder, domain_version: str, contract: str) -> str:
    """The address (lower case) whose key made the order's signature. Raises BadSigning."""
    if order.signature_type != DEPOSIT_WALLET:
        return recovered(order_digest(order, domain_version, contract), _bytes(order.signature))
    raw, separator, contents = (
        _bytes(order.signature), _separator(DOMAIN_NAME, domain_version, contract), _contents(order),
    )  # fmt: skip
    trailer = separator + contents + _ORDER + len(_ORDER).to_bytes(2)
    if raw[65:] != trailer:
        raise BadSigning("the wallet signature does not wrap this order")
    struct = keccak(
        _TYPED_DATA_SIGN_HASH
        + contents
        + keccak(b"DepositWallet")
        + keccak(b"1")
        + _word(CHAIN_ID)
        + _address(order.signer)
        + bytes(32)
    )
    return recovered(_typed(separator, struct), raw[:65])


def auth_signer(address: str, timestamp: str, nonce: int, signature: str) -> str:
    """The address (lower case) that signed this wallet proof (L1). Raises BadSigning."""
    separator = keccak(_AUTH_DOMAIN_HASH + keccak(b"ClobAuthDomain") + keccak(b"1") + _word(CHAIN_ID))
    struct = keccak(
        _AUTH_HASH
        + _address(address)
        + keccak(timestamp.encode())
        + _word(nonce)
        + keccak(AUTH_MESSAGE.encode())
    )
    return recovered(_typed(separator, struct), _bytes(signature))


def recovered(digest: bytes, signature: bytes) -> str:
    """The address (lower case) that made a 65-byte signature over a digest. Raises BadSigning."""
    if len(signature) != 65:
        raise BadSigning(f"a signature has 65 bytes, not {len(signature)}")
    parity = signature[64] - 27 if signature[64] >= 27 else signature[64]
    try:
        key = Signature(signature[:64] + bytes([parity])).recover_public_key_from_msg_hash(digest)
    except (BadSignature, ValidationError, ValueError) as error:
        raise BadSigning("the signature is not valid") from error
    return str(key.to_address())


def _separator(name: str, version: str, contract: str) -> bytes:
    return keccak(
        _DOMAIN_HASH + keccak(name.encode()) + keccak(version.encode()) + _word(CHAIN_ID) + _address(contract)
    )


def _contents(order: SignedOrder) -> bytes:
    return keccak(
        _ORDER_HASH
        + _word(order.salt)
        + _address(order.maker)
        + _address(order.signer)
        + _word(int(order.token_id))
        + _word(order.maker_amount)
        + _word(order.taker_amount)
        + _word(0 if order.side == "BUY" else 1)
        + _word(order.signature_type)
        + _word(order.timestamp)
        + _bytes32(order.metadata)
        + _bytes32(order.builder)
    )


def _typed(separator: bytes, struct: bytes) -> bytes:
    return keccak(b"\x19\x01" + separator + struct)


def _word(value: int) -> bytes:
    try:
        return value.to_bytes(32)
    except OverflowError as error:
        raise BadSigning(f"{value} does not fit an unsigned word") from error


def _bytes(text: str) -> bytes:
    if not text.startswith("0x") or set(text[2:]) - set(string.hexdigits) or len(text) % 2:
        raise BadSigning("not a hex text")
    return bytes.fromhex(text[2:])


def _address(text: str) -> bytes:
    raw = _bytes(text)
    if len(raw) != 20:
        raise BadSigning("an address has 20 bytes")
    return bytes(12) + raw


def _bytes32(text: str) -> bytes:
    raw = _bytes(text)
    if len(raw) != 32:
        raise BadSigning("expected 32 bytes")
    return raw
