"""docs/orders.md and docs/signer.md name every code there is, and none that is not."""

import re
from pathlib import Path

from execution import limits
from execution.by_hand import asking
from execution.halting import halts, live_checks
from execution.risk import gates
from markets.platforms import trading
from markets.signer import bounds

DOCS = Path(__file__).resolve().parents[3] / "docs"
CODE = re.compile(r"`([a-z]+(?:_[a-z]+)*)`")


def table_codes(name, heading, column=0):
    """The codes in one column of the table that follows a heading."""
    text = (DOCS / name).read_text().split(heading)[1]
    rows = [
        line.split("|")[1 + column]
        for line in text.split("\n| --- ")[1].splitlines()[1:]
        if line.startswith("|")
    ]
    return {code for row in rows for code in CODE.findall(row)}


def constants(module):
    """The codes that a module spells: its text constants in capitals that look like one."""
    found = {value for name, value in vars(module).items() if name.isupper() and isinstance(value, str)}
    return {value for value in found if re.fullmatch(r"[a-z]+(_[a-z]+)*", value)}


def limit_codes():
    source = Path(limits.__file__).read_text()
    refusing = re.findall(r'(?:Refusal|_within)\(\s*"([a-z_]+)"', source)
    assert len(limits.ALL) <= len(set(refusing)) <= len(limits.ALL) + 1  # every limit, and the collar
    return set(refusing)


def test_every_code_of_an_order_is_in_the_table():
    known = set(asking.CODES) | constants(gates) | limit_codes() | {halts.HALTED}
    assert table_codes("orders.md", "## Why something is refused") == known


def test_what_platforms_refuse_is_told_too():
    declined = (DOCS / "orders.md").read_text().split("Executing refuses with")[1]
    codes = {
        trading.INSUFFICIENT_BALANCE, trading.OFF_TICK, trading.BELOW_MINIMUM, trading.NOT_FILLABLE,
        trading.POST_ONLY_WOULD_CROSS, trading.MARKET_CLOSED, trading.TRADING_PAUSED, trading.DUPLICATE,
        trading.RATE_LIMITED, trading.UNAUTHORISED, trading.FORBIDDEN, trading.INVALID, trading.SIGNER_REFUSED,
        trading.UNREACHABLE,
    }  # fmt: skip
    assert codes <= set(CODE.findall(declined))


def test_every_code_of_the_signer_and_of_going_live_is_told():
    kinds = {bounds.READ, bounds.CANCEL, bounds.ORDER}
    assert table_codes("signer.md", "reading nor trading keeps") == constants(bounds) - kinds | {"no_signer"}
    own = {name for name in live_checks.CODES if name != live_checks.HALTED}  # a note, no problem
    assert table_codes("signer.md", "## Before real orders") == own
