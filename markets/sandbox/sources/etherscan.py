"""Etherscan V2: one address for all chains. Errors come with status 200, numbers as decimal text or as hex, by action."""

from collections.abc import Callable
from typing import Any

from markets.sandbox.context import Sandbox
from markets.sandbox.sources.handler import Page, SourceHandler, json_page
from markets.sandbox.sources.values import BURN, ETHERSCAN, KEY, MINT, ZERO_ADDRESS, Movement

CHAIN_IDS = {"1": "ethereum", "137": "polygon"}
CLOSED = {"56", "43114"}  # not on the free plan
MOST_ROWS, MOST_LOGS = 10_000, 1_000
TRANSFER_TOPIC = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
NEWEST = 99_999_999_999
NO_CHAIN = (
    "Missing or unsupported chainid parameter (required for v2 api), please see chainlist for the list of supported"
    " chainids"
)
PLAN = (
    "Free API access is not supported for this chain. Please upgrade your api plan for full chain coverage."
)


def sides(movement: Movement) -> tuple[str, str]:
    """From and to as a token's log has them: mint comes from the zero address, burn goes to it."""
    sender = ZERO_ADDRESS if movement.type == MINT else movement.from_address
    return sender, ZERO_ADDRESS if movement.type == BURN else movement.to_address


def token_row(movement: Movement, block_hash: str, newest: int) -> dict[str, str]:
    """A row of `tokentx`: every number is decimal text."""
    sender, receiver = sides(movement)
    return {
        "blockNumber": str(movement.height), "timeStamp": str(movement.at_ms // 1000), "hash": movement.hash,
        "nonce": str(movement.number), "blockHash": block_hash, "from": sender,
        "contractAddress": movement.coin.contract, "to": receiver, "value": str(movement.units),
        "tokenName": movement.coin.name, "tokenSymbol": movement.coin.symbol,
        "tokenDecimal": str(movement.coin.decimals), "transactionIndex": str(movement.index), "gas": "90000",
        "gasPrice": "1200000000", "gasUsed": "48513", "cumulativeGasUsed": "2523379", "input": "deprecated",
        "confirmations": str(newest - movement.height),
    }  # fmt: skip


def log_row(movement: Movement, block_hash: str) -> dict[str, Any]:
    """A row of `getLogs`: every number is hex, and zero is `0x`."""
    sender, receiver = sides(movement)
    return {
        "address": movement.coin.contract, "topics": [TRANSFER_TOPIC, _topic(sender), _topic(receiver)],
        "data": f"0x{movement.units:064x}", "blockNumber": hex(movement.height), "blockHash": block_hash,
        "timeStamp": hex(movement.at_ms // 1000), "gasPrice": hex(1_200_000_000), "gasUsed": hex(48_513),
        "logIndex": _hex(movement.index), "transactionHash": movement.hash, "transactionIndex": _hex(movement.index),
    }  # fmt: skip


def _topic(address: str) -> str:
    return f"0x{address.removeprefix('0x').rjust(64, '0')}"


def _hex(number: int) -> str:
    return hex(number) if number else "0x"


def failed(sentence: str) -> Page:
    """How it says no, with status 200."""
    return json_page({"status": "0", "message": "NOTOK", "result": sentence})


class Api(SourceHandler):
    """GET /v2/api?chainid=&module=&action=&apikey="""

    source = ETHERSCAN

    def refusal(self, status: int) -> Page:
        """A limit is a sentence here, too."""
        return failed("Max rate limit reached, please use API Key for higher rate limit")

    def answer(self, **_: str) -> Page:
        """By module and action."""
        if self.arg("apikey") != KEY:
            return failed("Missing/Invalid API Key" if not self.arg("apikey") else "Invalid API Key")
        chain_id = self.arg("chainid")
        if chain_id in CLOSED:
            return failed(PLAN)
        if chain_id not in CHAIN_IDS:
            return failed(NO_CHAIN)
        actions: dict[tuple[str, str], Callable[[str], Page]] = {
            ("account", "tokentx"): self._token_transfers, ("logs", "getLogs"): self._logs,
            ("proxy", "eth_blockNumber"): self._newest, ("block", "getblocknobytime"): self._at_time,
        }  # fmt: skip
        do = actions.get((self.arg("module"), self.arg("action")))
        return do(CHAIN_IDS[chain_id]) if do else failed("Error! Missing Or invalid Action name")

    def _token_transfers(self, chain: str) -> Page:
        address, contract = self.arg("address").lower(), self.arg("contractaddress").lower()
        if not address and not contract:
            return failed("Error! Missing address")
        low, high = self.number("startblock", 0, NEWEST), self.number("endblock", NEWEST, NEWEST)
        found = [
            movement
            for movement in self.archive.movements[chain]
            if movement.coin.contract
            and low <= movement.height <= high
            and contract in ("", movement.coin.contract)
            and (not address or address in sides(movement))
        ]
        found.sort(key=lambda movement: (movement.height, movement.index), reverse=self.arg("sort") == "desc")
        page = self._page(found, MOST_ROWS)
        if not page:
            return json_page({"status": "0", "message": "No transactions found", "result": []})
        newest = self.archive.height(chain, self.now_ms)
        shown = self.quirks.movements(page, chain, self.now_ms)
        rows = [token_row(m, self.archive.block_hash(chain, m.height), newest) for m in shown]
        return json_page({"status": "1", "message": "OK", "result": rows})

    def _logs(self, chain: str) -> Page:
        low, high = self.number("fromBlock", 0, NEWEST), self.number("toBlock", NEWEST, NEWEST)
        contract, wanted = self.arg("address").lower(), [self.arg(f"topic{n}").lower() for n in range(3)]
        either = self.arg("topic1_2_opr") == "or"
        found = []
        for movement in self.archive.movements[chain]:
            if not movement.coin.contract or not low <= movement.height <= high:
                continue
            if contract not in ("", movement.coin.contract) or wanted[0] not in ("", TRANSFER_TOPIC):
                continue
            sender, receiver = (_topic(side) for side in sides(movement))
            fits = [not wanted[1] or wanted[1] == sender, not wanted[2] or wanted[2] == receiver]
            if all(fits) or (either and any(fits)):
                found.append(movement)
        found.sort(key=lambda movement: (movement.height, movement.index))
        page = self._page(found, MOST_LOGS)
        if not page:
            return json_page({"status": "0", "message": "No records found", "result": []})
        shown = self.quirks.movements(page, chain, self.now_ms)
        rows = [log_row(m, self.archive.block_hash(chain, m.height)) for m in shown]
        return json_page({"status": "1", "message": "OK", "result": rows})

    def _page(self, found: list[Movement], most: int) -> list[Movement]:
        page, size = max(1, self.number("page", 1, 10_000)), max(1, self.number("offset", most, most))
        start = 0 if self.quirks.stuck else (page - 1) * size
        return found[start : start + size]

    def _newest(self, chain: str) -> Page:
        return json_page({"jsonrpc": "2.0", "id": 83, "result": hex(self.archive.height(chain, self.now_ms))})

    def _at_time(self, chain: str) -> Page:
        moment = self.number("timestamp", 0, 10**12) * 1000
        if not moment or moment > self.now_ms:
            return failed("Error! Invalid timestamp")
        return json_page(
            {"status": "1", "message": "OK", "result": str(self.archive.height_at(chain, moment))}
        )


def routes(sandbox: Sandbox) -> list[Any]:
    """Below /etherscan."""
    return [("/etherscan/v2/api", Api, {"sandbox": sandbox})]
