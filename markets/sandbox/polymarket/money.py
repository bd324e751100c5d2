"""Who owns what on the sandbox's Polymarket side: pUSD, outcome tokens, and what is on its way.

A wallet's balances are those of the chain: they change when a trade is confirmed, not when it is matched. Until
then what a trade gives away is held and what it brings is not there yet. Open orders reserve what they may spend.
All amounts are integers of 1e-6.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from markets.books import MICRO
from markets.sandbox.orders import BUY

FEE_STEP = 10  # fees are rounded to five decimals: ten micro-dollars


@dataclass(slots=True)
class Movement:
    """What one wallet gives and gets in one trade."""

    wallet: str
    token: str
    cash: int  # signed micro-dollars, fee included
    shares: int  # signed micro-shares
    fee: int = 0


@dataclass(slots=True)
class Account:
    """One wallet's money and tokens on the chain, and what unfinished trades hold of it."""

    wallet: str
    cash: int = 0
    tokens: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    held_cash: int = 0
    held_tokens: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    spent: dict[str, int] = field(default_factory=lambda: defaultdict(int))  # cost of what is held, by token
    realized: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    fees: dict[str, int] = field(default_factory=lambda: defaultdict(int))


class Ledger:
    """All wallets. A wallet begins with `grant` micro-dollars, unless it was opened with another sum."""

    def __init__(self, grant: int) -> None:
        self.grant = grant
        self.accounts: dict[str, Account] = {}

    def account(self, wallet: str) -> Account:
        """The wallet's account, opened with the grant when it is new."""
        found = self.accounts.get(wallet)
        if found is None:
            found = self.accounts[wallet] = Account(wallet, cash=self.grant)
        return found

    def hold(self, movements: Iterable[Movement]) -> None:
        """A trade was matched: what each side gives away is no longer theirs to spend."""
        for move in movements:
            account = self.account(move.wallet)
            if move.cash < 0:
                account.held_cash -= move.cash
            if move.shares < 0:
                account.held_tokens[move.token] -= move.shares

    def undo(self, movements: Iterable[Movement]) -> None:
        """A trade failed: what was held is free again and nothing arrives."""
        for move in movements:
            account = self.account(move.wallet)
            if move.cash < 0:
                account.held_cash += move.cash
            if move.shares < 0:
                account.held_tokens[move.token] += move.shares

    def settle(self, movements: Iterable[Movement]) -> None:
        """A trade is on the chain: balances change."""
        moves = list(movements)
        self.undo(moves)
        for move in moves:
            account = self.account(move.wallet)
            account.cash += move.cash
            self._book_cost(account, move)
            account.tokens[move.token] += move.shares
            account.fees[move.token] += move.fee

    def pay_out(self, token: str, value: int) -> list[tuple[str, int]]:
        """A market settled: each token pays `value` micro-dollars and is gone. Returns who was paid what."""
        paid_out = []
        for account in self.accounts.values():
            shares = account.tokens.pop(token, 0)
            if shares:
                paid = shares * value // MICRO
                account.cash += paid
                account.realized[token] += paid - account.spent.pop(token, 0)
                paid_out.append((account.wallet, paid))
        return paid_out

    def split(self, wallet: str, tokens: tuple[str, str], size: int) -> None:
        """Turn `size` micro-dollars into that many of both tokens (a negative size merges them back)."""
        account = self.account(wallet)
        account.cash -= size
        for token in tokens:
            account.tokens[token] += size
            account.spent[token] += size // 2

    @staticmethod
    def _book_cost(account: Account, move: Movement) -> None:
        held, cost = account.tokens[move.token], account.spent[move.token]
        if move.shares >= 0:
            account.spent[move.token] += -move.cash - move.fee
            return
        part = cost * min(-move.shares, held) // held if held else 0
        account.spent[move.token] -= part
        account.realized[move.token] += move.cash - part


def cash_of(size: int, price: int) -> int:
    """Micro-dollars for `size` micro-shares at `price`, to the nearest."""
    return (size * price + MICRO // 2) // MICRO


def taker_fee(size: int, price: int, rate: int, exponent: int) -> int:
    """Polymarket's taker fee in micro-dollars: shares x rate x (p(1-p))^exponent, five decimals.

    `rate` is in 1e-6. At least 0.00001 where the rate is not zero; rounded to the nearest, halves up.
    """
    if not rate or not size:
        return 0
    exact = size * rate * (price * (MICRO - price)) ** exponent  # 1e-6 * 1e-6 * 1e-12^exponent
    unit = MICRO * MICRO ** (2 * exponent) * FEE_STEP
    return max((exact + unit // 2) // unit, 1) * FEE_STEP


def movement(
    wallet: str, token: str, action: str, size: int, price: int, *, rate: int = 0, exponent: int = 1
) -> Movement:
    """What a wallet gives and gets for one match at its own token's `price`; `rate` 0 for the maker."""
    fee = taker_fee(size, price, rate, exponent)
    cash = cash_of(size, price)
    if action == BUY:
        return Movement(wallet, token, -cash - fee, size, fee)
    return Movement(wallet, token, cash - fee, -size, fee)
