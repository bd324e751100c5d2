"""Backtests: a planted gap earns what its books say, latency and chance cost what they must, digests repeat."""

import io
import json
import re
from decimal import ROUND_CEILING
from decimal import Decimal as D
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from execution.backtesting import assuming
from tests.execution.backtesting.recordings import KAL, POLY, Tape

BETS = f"""
bets:
  - {{name: both, kind: pair, a: "polymarket:{POLY}", b: "kalshi:{KAL}"}}
markets:
  "polymarket:{POLY}": {{ticks: [["0", "1", "0.01"]], min_size: 1, settles: "2026-10-11T00:00:00Z"PAYS}}
  "kalshi:{KAL}": {{ticks: [["0", "1", "0.01"]], min_size: 1, settles: "2026-10-11T00:00:00Z"PAYS}}
"""
# YES costs 0.40 on Polymarket, NO 0.52 on Kalshi (a bid of 0.48 for YES): 8 cents, of which fees take about 3
FLAT_P = ([("0.44", "500")], [("0.46", "500")])
GAP_P = ([("0.38", "500")], [("0.40", "100")])
BOOK_K = ([("0.48", "500")], [("0.50", "500")])
WITHDRAWN_K = ([("0.42", "500")], [("0.56", "500")])


def tapes(folder: Path, *, kalshi_until=None, polymarket_until=None, rounds=1) -> list[Path]:
    """A gap that opens every 30 s and stands for 3 s, or until one of the two books moves away."""
    poly, kal = Tape(), Tape()
    for number in range(rounds):
        begin = number * 30_000
        for at in range(begin, begin + 30_000, 500):
            within = at - begin
            gap = 1_000 <= within < 4_000
            poly_gap = gap and (polymarket_until is None or within < 1_000 + polymarket_until)
            left = gap and kalshi_until is not None and within >= 1_000 + kalshi_until
            poly.polymarket(at + number % 3, *(GAP_P if poly_gap else FLAT_P))
            kal.kalshi(at + 20, *(WITHDRAWN_K if left else BOOK_K))
    return [poly.write(folder / "poly.jsonl"), kal.write(folder / "kal.jsonl")]


def bets_file(folder: Path, pays: str | None = None) -> Path:
    path = folder / "bets.yaml"
    path.write_text(BETS.replace("PAYS", f', pays: "{pays}"' if pays is not None else ""))
    return path


def backtest(*arguments: object) -> dict:
    out = io.StringIO()
    call_command("backtest", *map(str, arguments), "--json", stdout=out, stderr=io.StringIO())
    return json.loads(out.getvalue(), parse_float=D)


@pytest.fixture
def assume(monkeypatch):
    """Assumptions of a test's own, beside those of the tests' settings: no latency, every order finds its book."""

    def change(**values):
        trading = settings.ARBSITE.trading.model_copy(update=values)
        monkeypatch.setattr(settings.ARBSITE, "trading", trading)

    return change


@pytest.mark.parametrize("pays", ["0", "1"])
def test_a_planted_gap_earns_exactly_what_was_planned_whatever_happens(tmp_path, pays):
    found = backtest(*tapes(tmp_path), "--bets", bets_file(tmp_path, pays))
    profit = found["profit"]
    assert found["plans_by_end"] == {"FILLED": 1} and found["signals"] == 1
    assert profit["planned"] > 0
    assert profit["after_costs"] == profit["planned"] == profit["held_to_settlement"]
    assert found["equity"]["end"] - found["equity"]["start"] == profit["planned"]
    assert profit["before_costs"] == profit["after_costs"] + profit["fees"] and profit["fees"] > 0
    assert found["fills"]["first"]["whole"] == found["fills"]["further"]["whole"] == 1
    assert found["one_legged"] == {"plans": 0, "share": 0} and found["equity"]["still_held"] == 0


def test_the_planned_profit_is_that_of_the_books_by_hand(tmp_path):
    """100 YES at 0.40 with Polymarket's fee, 100 NO at 0.52 with Kalshi's, by their formulas."""
    profit = backtest(*tapes(tmp_path), "--bets", bets_file(tmp_path, "1"))["profit"]
    fees = D("0.05") * 100 * D("0.40") * D("0.60") + (D("0.07") * 100 * D("0.52") * D("0.48")).quantize(
        D("0.0001"), ROUND_CEILING
    )
    assert (profit["before_costs"], profit["fees"], profit["planned"]) == (D(8), fees, D(8) - fees)


def test_without_a_known_end_what_is_covered_is_locked_and_the_rest_marked_at_bids(tmp_path):
    found = backtest(*tapes(tmp_path), "--bets", bets_file(tmp_path))
    profit, equity = found["profit"], found["equity"]
    assert profit["held_to_settlement"] == profit["planned"] > 0
    assert equity["still_held"] == 2 and equity["end"] - equity["start"] == profit["after_costs"]
    assert equity["max_drawdown"] > 0  # bought at asks, worth bids: seen, not hidden


def test_the_second_leg_that_comes_late_is_taken_back_at_the_books_of_then(tmp_path, assume):
    # The thinner leg (Polymarket) goes first and fills; by the time the second arrives, Kalshi has moved away
    assume(paper_polymarket_ms=800, paper_kalshi_ms=800)
    found = backtest(*tapes(tmp_path, kalshi_until=1_000), "--bets", bets_file(tmp_path, "1"))
    assert found["one_legged"]["plans"] == 1 and found["fills"]["further"]["nothing"] == 1
    assert set(found["plans_by_end"]) <= {"UNWOUND", "PARTIAL", "FILLED"}
    assert found["profit"]["after_costs"] != found["profit"]["planned"]


def test_an_order_that_comes_too_late_buys_nothing(tmp_path, assume):
    assume(paper_polymarket_ms=3_500, paper_kalshi_ms=3_500)
    found = backtest(*tapes(tmp_path), "--bets", bets_file(tmp_path, "1"))
    assert found["plans_by_end"] == {"ABANDONED": 1}
    assert found["profit"]["after_costs"] == 0 and found["fills"]["first"]["nothing"] == 1
    assert found["equity"]["end"] == found["equity"]["start"]


def test_chance_is_drawn_from_the_seed_and_the_same_seed_gives_the_same_digest(tmp_path, assume):
    assume(paper_fill_rates="0:0.5")
    files = tapes(tmp_path, rounds=12)
    bets = bets_file(tmp_path, "1")
    one, again, other = (backtest(*files, "--bets", bets, "--seed", seed) for seed in (1, 1, 2))
    assert one == again and one["digest"] != other["digest"]
    assert one["signals"] == other["signals"] == 12
    for found in (one, other):
        assert 0 < found["fills"]["first"]["whole"] < 12


def test_no_chance_no_trade(tmp_path, assume):
    assume(paper_fill_rates="0:0.0001")
    found = backtest(*tapes(tmp_path, rounds=3), "--bets", bets_file(tmp_path, "1"))
    assert found["plans_by_end"] == {"ABANDONED": 3} and found["profit"]["fees"] == 0


def test_limits_and_cash_bind_and_are_counted(tmp_path, assume, monkeypatch):
    free = backtest(*tapes(tmp_path, rounds=4), "--bets", bets_file(tmp_path, "1"))
    tight = assuming.default_limits()
    tight = type(tight)(
        **{name: getattr(tight, name) for name in tight.__slots__} | {"max_bet_notional": D(92)}
    )
    monkeypatch.setattr(assuming, "default_limits", lambda: tight)
    bound = backtest(*tapes(tmp_path, rounds=4), "--bets", bets_file(tmp_path, "1"))
    assert 0 < bound["profit"]["planned"] < free["profit"]["planned"]
    assert bound["refusals"]["plan"]["max_bet_notional"] > 0
    monkeypatch.undo()
    assume(paper_cash=D(20))
    poor = backtest(*tapes(tmp_path, rounds=4), "--bets", bets_file(tmp_path, "1"))
    assert 0 < poor["profit"]["planned"] < free["profit"]["planned"]


def test_what_was_taken_is_gone_for_a_while(tmp_path):
    """The gap closes for a moment and comes back within ten seconds: the same contracts are not bought twice."""
    poly, kal = Tape(), Tape()
    for at in range(0, 9_000, 500):
        poly.polymarket(at, *(FLAT_P if at in (0, 500, 4_000) else GAP_P))
        kal.kalshi(at + 20, *BOOK_K)
    files = [poly.write(tmp_path / "p.jsonl"), kal.write(tmp_path / "k.jsonl")]
    found = backtest(*files, "--bets", bets_file(tmp_path, "1"))
    assert found["signals"] == 2
    assert found["fills"]["first"]["whole"] < found["fills"]["first"]["sent"]


def test_a_basket_of_three_earns_what_was_planned_and_an_unseen_market_does_not_disturb(tmp_path):
    names = ("KX-A", "KX-B", "KX-C")
    tape = Tape()
    for at in range(0, 9_000, 250):
        for shift, name in enumerate(names):
            ask = "0.71" if at >= 3_000 else "0.62"  # a bid for NO: YES asks 0.29, all three 0.87
            tape.kalshi(at + shift, [("0.28", "500")], [(ask, "200")], name)
    members = ", ".join(f'"kalshi:{name}"' for name in names)
    bets = tmp_path / "basket.yaml"
    bets.write_text(
        f"bets:\n  - {{name: basket, kind: neg_risk, exhaustive: true, members: [{members}]}}\n"
        f"  - {{name: unseen, kind: neg_risk, exhaustive: true, members: [{members}, 'kalshi:KX-D']}}\nmarkets:\n"
        + "".join(
            f'  "kalshi:{name}": {{settles: "2026-10-11T00:00:00Z", pays: "{int(name == "KX-B")}"}}\n'
            for name in names
        )
    )
    found = backtest(tape.write(tmp_path / "basket.jsonl"), "--bets", bets)
    assert found["plans_by_end"] == {"FILLED": 1} and list(found["by_kind"]) == ["neg_risk"]
    assert found["fills"]["further"]["whole"] == 2
    assert found["profit"]["after_costs"] == found["profit"]["planned"] > 0


def test_a_page_stands_alone_with_its_curves(tmp_path):
    page = tmp_path / "page.html"
    call_command(
        "backtest", *map(str, tapes(tmp_path, rounds=3)), "--bets", str(bets_file(tmp_path)), "--html", str(page),
        stdout=(out := io.StringIO()), stderr=io.StringIO(),
    )  # fmt: skip
    text = page.read_text()
    assert text.count("data:image/svg+xml;base64,") == 3 and "<script" not in text
    curves = re.findall(r'<h2>([^<]+)</h2>\n<img alt="([^"]+)"', text)
    assert curves[:2] == [("Equity", "Equity"), ("Drawdown", "Below the highest equity so far")]
    assert "3 plans from 3 signals" in out.getvalue()


def test_a_real_recording_runs_twice_alike(recorded):
    path = recorded / "kalshi/ws/mlb12/ws_orderbook_stream.jsonl"
    one = backtest(path)
    assert one == backtest(path) and one["signals"] == 0 and one["seconds"] > 50


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "one of the two"), (["x.jsonl", "--since", "2026-11-01"], "one of the two"),
        (["--since", "yesterday"], "write 90m, 24h, 7d"),
        (["--since", "2026-11-02", "--until", "2026-11-01"], "before --until"),
        (["nowhere.jsonl"], "nowhere.jsonl"), (["--since", "2026-11-01", "--pair", "a=b"], "go with files"),
        (["x.jsonl", "--until", "2026-11-01"], "goes with --since"),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_sentence(arguments, words):
    with pytest.raises(CommandError, match=words):
        backtest(*arguments)


def test_what_a_market_paid_must_be_possible(tmp_path):
    with pytest.raises(CommandError, match=r"pays: what one YES pays"):
        backtest(*tapes(tmp_path), "--bets", bets_file(tmp_path, "1.5"))


def test_files_hold_no_evidence_and_the_report_says_so(tmp_path):
    found = backtest(*tapes(tmp_path), "--bets", bets_file(tmp_path))
    assert found["evidence"] is None and "hold no claims and no calendar" in found["cannot_say"]
    out = io.StringIO()
    call_command("backtest", *map(str, tapes(tmp_path)), "--bets", str(bets_file(tmp_path)), stdout=out)
    assert "evidence has no say in this backtest" in out.getvalue()
