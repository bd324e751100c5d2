"""Etherscan V2: answers of `tokentx`, `getLogs` and `eth_blockNumber`.

Everything comes with HTTP 200. `status` "0" is both an error and "no rows": the type of `result` tells them apart. Texts
of errors are never passed on, some repeat the key.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from signals.sources.base import KeyRefused, LimitReached, Malformed, SourceError, Transfer, Unavailable
from signals.sources.whales import wire
from signals.sources.whales.assets import TOKENS
from signals.sources.whales.identity import positioned

SOURCE = "etherscan"
TRANSFER_TOPIC = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
Prices = Mapping[tuple[str, str], Decimal]  # (chain, contract) → dollars for one token


class ChainRefused(KeyRefused):
    """This chain is not for this key or plan; others may be."""


def rows(raw: bytes) -> list[Any]:
    """The rows of an answer, empty where there are none. Raises what the documented texts mean."""
    body = wire.decode(raw, SOURCE)
    if not isinstance(body, dict) or "result" not in body:
        raise Malformed(f"{SOURCE}: the answer has no result")
    result = body["result"]
    if isinstance(result, list):
        return result
    raise refusal(result)


def height(raw: bytes) -> int:
    """The newest block, of `eth_blockNumber`. Raises what the documented texts mean."""
    body = wire.decode(raw, SOURCE)
    result = body.get("result") if isinstance(body, dict) else None
    found = wire.hexadecimal(result)
    if found is None:
        raise refusal(result)
    return found


def refusal(text: object) -> SourceError:
    """What an error's text means."""
    said = text.lower() if isinstance(text, str) else ""
    if "too many invalid" in said:
        return KeyRefused(
            f"{SOURCE}: our address is blocked for a while after wrong keys; check ETHERSCAN_API_KEY"
        )
    if "rate limit" in said:
        daily = "daily" in said
        return LimitReached(
            f"{SOURCE}: its {'daily' if daily else 'rate'} limit is reached", 3_600.0 if daily else 5.0
        )
    if "chainid" in said or "chain" in said or "free" in said or "plan" in said or "upgrade" in said:
        return ChainRefused(f"{SOURCE}: a chain of ETHERSCAN_CHAINS is not offered for this key's plan")
    if "api key" in said or "apikey" in said:
        return KeyRefused(f"{SOURCE}: the key is refused; check ETHERSCAN_API_KEY")
    if "timeout" in said or "busy" in said or "unavailable" in said or "temporar" in said:
        return Unavailable(f"{SOURCE}: it cannot answer at the moment")
    if "window" in said:
        return Malformed(f"{SOURCE}: more rows were asked for than it gives")
    return Malformed(f"{SOURCE}: it answers with an error that its documentation does not list")


# --- rows


def token_transfers(chain: str, told: list[Any], prices: Prices) -> tuple[list[Transfer], int]:
    """The transfers of `tokentx` rows, and how many rows could not be read. All numbers are decimal strings."""
    found, dropped = [], 0
    for row in map(wire.mapping, told):
        contract = wire.address(row.get("contractAddress"), chain)
        transfer = _transfer(
            chain, contract, row.get("hash"), wire.whole(row.get("blockNumber")), wire.whole(row.get("timeStamp")),
            wire.number(row.get("value")), wire.whole(row.get("tokenDecimal")), row.get("from"), row.get("to"), prices,
        )  # fmt: skip
        if transfer is None:
            dropped += 1
        else:
            found.append(transfer)
    return positioned(found), dropped


def log_transfers(chain: str, told: list[Any], prices: Prices) -> tuple[list[Transfer], int]:
    """The transfers of `getLogs` rows, and how many rows could not be read. All numbers are hex strings, zero may be `0x`.

    Exactly three topics: a fourth is an ERC-721's, whose first topic is the same.
    """
    found, dropped = [], 0
    for row in map(wire.mapping, told):
        topics = [
            topic.lower() if isinstance(topic, str) else "" for topic in wire.sequence(row.get("topics"))
        ]
        if len(topics) != 3 or topics[0] != TRANSFER_TOPIC:
            dropped += 1
            continue
        value = wire.hexadecimal(row.get("data"))
        transfer = _transfer(
            chain, wire.address(row.get("address"), chain), row.get("transactionHash"),
            wire.hexadecimal(row.get("blockNumber")), wire.hexadecimal(row.get("timeStamp")),
            None if value is None else Decimal(value), None, f"0x{topics[1][-40:]}", f"0x{topics[2][-40:]}", prices,
        )  # fmt: skip
        if transfer is None:
            dropped += 1
        else:
            found.append(transfer)
    return positioned(found), dropped


def topic(address: str) -> str:
    """An address as a log's topic: left-padded to 32 bytes."""
    return "0x" + address.removeprefix("0x").rjust(64, "0")


def _transfer(
    chain: str, contract: str, name: object, block: int | None, seconds: int | None, value: Decimal | None,
    decimals: int | None, giver: object, taker: object, prices: Prices,
) -> Transfer | None:  # fmt: skip
    token = TOKENS.get((chain, contract))
    # Of a token that we know, our own table says how many decimals it has; the answer's word is the token's own
    places = token.decimals if token else decimals
    at, hashed = wire.moment(seconds), wire.transaction_hash(name)
    sender, receiver = wire.address(giver, chain), wire.address(taker, chain)
    if at is None or not hashed or block is None or value is None or value < 0 or not contract or not sender:
        return None
    if places is None or places > 77 or not receiver:
        return None
    units, price = value.scaleb(-places), prices.get((chain, contract))
    return Transfer(
        source=SOURCE, chain=chain, transaction_hash=hashed, position=0, block=block, happened_at=at,
        symbol=token.asset if token else "", contract=contract, units=units,
        usd=units * price if price is not None else None, from_address=sender, to_address=receiver,
        transaction_type="mint" if sender == wire.ZERO else "burn" if receiver == wire.ZERO else "transfer",
    )  # fmt: skip
