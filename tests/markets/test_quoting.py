"""`manage.py quote`: the exact figures, and one sentence for whatever makes no sense."""

import json
import re
import shlex
import subprocess
import sys
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from markets import quoting, store
from markets.books import Level
from markets.platforms.base import KALSHI, POLYMARKET
from markets.platforms.kalshi.fees import KalshiFees
from markets.quoting import QuoteError, fills_of, schedule_of
from tests import factories

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = re.compile(r"^\| `(--platform [^`]+)` \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", re.MULTILINE)
EXAMPLES = EXAMPLE.findall((ROOT / "docs" / "fees.md").read_text())
KAL = "--platform kalshi --side buy"
POLY = "--platform polymarket --side buy"


def run(arguments: str) -> str:
    out = StringIO()
    call_command("quote", *shlex.split(arguments), stdout=out)
    return out.getvalue()


def quote(arguments: str) -> dict:
    return json.loads(run(arguments + " --json"))


def test_the_page_has_its_examples():
    assert len(EXAMPLES) >= 30


@pytest.mark.parametrize(("arguments", "notional", "fee", "cash"), EXAMPLES)
def test_every_worked_example_of_the_page(arguments, notional, fee, cash):
    found = quote(arguments)
    assert (found["notional"], found["fee"], found["cash"]) == (notional, fee, cash)


def test_the_json_says_what_was_asked_and_every_step():
    found = quote(f"{KAL} --price 0.001 --count 227.27")
    assert found == {
        "platform": "kalshi", "side": "buy", "price": "0.001", "count": "227.27", "notional": "0.22727",
        "fee": "0.01593", "cash": "0.2432", "maker": False, "fills": [{"price": "0.001", "count": "227.27"}],
        "steps": [
            {"what": "0.07 x 227.27 x 0.001 x (1 - 0.001)", "value": "0.0158929911"},
            {"what": "trade fee, rounded up to 0.0001", "value": "0.0159"},
            {"what": "balance rounding, down to 0.0001", "value": "0.00003"},
            {"what": "rebate of rounding overpaid by this order", "value": "0"},
        ],
        "schedule": {
            "platform": "kalshi", "fee_type": "quadratic", "multiplier": "1", "waived_until": None,
            "balance_grid": "0.0001",
        },
    }  # fmt: skip
    found = quote(f"{POLY} --fills 0.40:10,0.43:5.000001 --fee-rate 0.05")
    assert (found["count"], found["price"]) == ("15.000001", "0.41")
    assert [step["value"] for step in found["steps"]] == [
        "0.12", "0.12", "0.061275012255", "0.06128", "0.18128", "6.33128043",
    ]  # fmt: skip


def test_for_people_the_steps_come_first_and_the_cash_last():
    lines = run(f"{KAL} --price 0.27 --count 10").splitlines()
    assert lines[0].split() == ["0.13797", "0.07", "x", "10", "x", "0.27", "x", "(1", "-", "0.27)"]
    assert lines[-3:] == ["notional  $2.7", "fee       $0.138", "cash      $2.838"]


BAD = [
    ("--side buy --price 0.5 --count 1", "no platform"),
    ("--platform betfair --side buy --price 0.5 --count 1", "no platform 'betfair'"),
    ("--platform kalshi --price 0.5 --count 1", "Give --side"),
    ("--platform kalshi --side hold --price 0.5 --count 1", "neither buy nor sell"),
    (f"{KAL} --price 0 --count 1", "not between 0 and 1"),
    (f"{KAL} --price 1 --count 1", "not between 0 and 1"),
    (f"{KAL} --price -0.5 --count 1", "not between 0 and 1"),
    (f"{KAL} --price 1.01 --count 1", "not between 0 and 1"),
    (f"{KAL} --price NaN --count 1", "not a number"),
    (f"{KAL} --price=-inf --count 1", "not a number"),
    (f"{KAL} --price '' --count 1", "not a number"),
    (f"{KAL} --price 0,5 --count 1", "not a number"),
    (f"{KAL} --price 0.12345 --count 1", "finest grid"),
    (f"{POLY} --fee-rate 0.05 --price 0.12345 --count 1", "finest grid"),
    (f"{KAL} --price 1e-400 --count 1", "out of range"),
    (f"{KAL} --price 0.5 --count 0", "not above 0"),
    (f"{KAL} --price 0.5 --count -3", "not above 0"),
    (f"{KAL} --price 0.5 --count NaN", "not a number"),
    (f"{KAL} --price 0.5 --count 1.005", "more than 2 decimals"),
    (f"{KAL} --price 0.5 --count 1e13", "beyond"),
    (f"{KAL} --price 0.5 --count 1e999999", "out of range"),
    (f"{KAL} --price 0.5", "Give --price and --count"),
    (f"{KAL} --price 0.5 --count 1 --fills 0.5:1", "not both"),
    (f"{KAL} --fills 0.5", "not a price and a count"),
    (f"{KAL} --fills 0.5:1,", "not a price and a count"),
    (f"{KAL} --fills 0.5:1.001", "more than 2 decimals"),
    (f"{KAL} --price 0.5 --count 1 --fee-multiplier -1", "not between 0 and"),
    (f"{KAL} --price 0.5 --count 1 --fee-multiplier NaN", "not a number"),
    (f"{KAL} --price 0.5 --count 1 --fee-type flat", "not traded"),
    (f"{KAL} --price 0.5 --count 1 --balance-grid cent", "neither direct nor broker"),
    (f"{KAL} --price 0.5 --count 1 --fee-rate 0.05", "does not exist on kalshi"),
    (f"{POLY} --price 0.5 --count 1 --fee-rate 0.05 --fee-multiplier 1", "does not exist on polymarket"),
    (f"{POLY} --price 0.5 --count 1", "give --fee-rate as read from the market"),
    (f"{POLY} --price 0.5 --count 1 --fee-rate 7", "not between 0 and 1"),
    (f"{POLY} --price 0.5 --count 1 --fee-rate 0.05 --fee-exponent -1", "not between 0 and"),
    (f"{KAL} --price 0.5 --count 1 --market KX-1 --fee-multiplier 1", "leave the fee options away"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "words"), BAD)
def test_what_makes_no_sense_is_one_sentence(arguments, words):
    with pytest.raises(CommandError) as refused:
        run(arguments)
    said = str(refused.value)
    assert words in said
    assert "\n" not in said
    assert len(said) < 250


def test_from_the_shell_bad_input_is_exit_status_one_without_a_traceback():
    for arguments in (f"{KAL} --price NaN --count 1", f"{KAL} --price -inf --count 1", "--nonsense"):
        done = subprocess.run(
            [sys.executable, "manage.py", "quote", *shlex.split(arguments)], cwd=ROOT, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 1, done.stderr
        assert done.stdout == ""
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr


anything = st.text(max_size=12) | st.sampled_from(
    ["NaN", "sNaN", "-Infinity", "1e30", "1e-30", "0.5", "٣", "1_0"]
)


@given(st.sampled_from([KALSHI, POLYMARKET]), anything, anything, anything)
def test_no_text_is_answered_with_anything_but_a_quote_or_a_sentence(platform, price, count, number):
    try:
        fills = fills_of(platform, price, count, None)
        name = "fee_multiplier" if platform == KALSHI else "fee_rate"
        fees = schedule_of(platform, {name: number})
        found = quoting.quote(platform, "sell", fills, fees).as_json()
    except QuoteError as error:
        assert str(error).endswith(".")
        return
    assert Decimal(found["cash"]) == Decimal(found["notional"]) - Decimal(found["fee"])


@given(
    st.lists(
        st.builds(
            Level,
            st.integers(1, 9_999).map(lambda n: Decimal(n).scaleb(-4)),
            st.integers(1, 10**8).map(lambda n: Decimal(n) / 100),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_the_steps_add_up_to_the_fee(fills):
    made = quoting.quote(KALSHI, "buy", fills, KalshiFees("quadratic", Decimal(1)))
    rounded = [step.value for at, step in enumerate(made.steps) if at % 4]
    assert sum(rounded) == made.cost.fee


@pytest.mark.django_db
def test_a_stored_market_brings_its_own_schedule():
    half = KalshiFees("quadratic", Decimal("0.5"))
    store.upsert(
        [factories.info(KALSHI, "KX-1", fees=half), factories.info(KALSHI, "KX-2", fees=None)],
        now=factories.NOW,
    )
    assert quote(f"{KAL} --price 0.27 --count 10 --market KX-1")["fee"] == "0.069"
    for market, words in (("KX-2", "not known, so it is not traded"), ("KX-3", "No market 'KX-3'")):
        with pytest.raises(CommandError, match=words):
            run(f"{KAL} --price 0.27 --count 10 --market {market}")
    with pytest.raises(CommandError, match="No market 'KX-1' of polymarket"):
        run(f"{POLY} --price 0.27 --count 10 --market KX-1")
