"""Bets named in a file: every kind is built, every fault is named with its place, and a replay judges them."""

import json
from decimal import Decimal as D

import pytest
import yaml
from django.core.management import CommandError, call_command

from markets import bets
from markets.clients import fees_from_json
from markets.platforms.base import KALSHI, POLYMARKET
from markets.recorder import Recorder
from signals.replay import betfiles
from signals.replay.betfiles import BetFileError
from signals.replay.files import listing
from tests.signals.replay.test_replay import replay

A, B, C = "polymarket:0xa", "kalshi:KX-B", "kalshi:KX-C"


def parse(text):
    return betfiles.parse(yaml.safe_load(text), fees_from_json)


def one(line):
    return parse(f"bets: [{line}]").bets[0]


def test_every_kind_is_the_builder_s():
    a, b, c = (tuple(name.split(":")) for name in (A, B, C))
    assert one(f"{{name: x, kind: pair, a: '{A}', b: '{B}', inverted: true}}") == bets.pair(
        "x", a, b, inverted=True
    )
    assert one(f"{{kind: yes_no, market: '{B}'}}") == bets.yes_no("bet-0", *b)
    assert one(f"{{name: x, kind: exclusive, members: ['{B}', '{C}']}}") == bets.one_of(
        "x", "exclusive", [b, c], exhaustive=False
    )
    ladder = f"""
      {{name: x, kind: ladder, steps: [
        {{market: '{B}', low: 90000}}, {{market: '{C}', low: '100000', low_inclusive: true}}]}}"""
    steps = [bets.Step(b, D(90_000), False, None, False), bets.Step(c, D(100_000), True, None, False)]
    assert one(ladder) == bets.ladder("x", "ladder", steps)
    dates = (
        f"{{name: x, kind: date_ladder, steps: [{{market: '{B}', high: 2026-12-01, high_inclusive: true}}]}}"
    )
    assert one(dates) == bets.ladder("x", "date_ladder", [bets.Step(b, None, False, D(1_796_083_200), True)])
    custom = f"""
      {{name: x, kind: custom, states: [s, t], exhaustive: true, claims: [
        {{market: '{A}', outcome: YES, pays_in: [s]}}, {{market: '{B}', outcome: "NO", pays_in: [t]}}]}}"""
    assert (
        one(custom).covers == bets.pair("x", a, b).covers[:0] + one(custom).covers
        and len(one(custom).covers) == 1
    )
    mixed = parse(
        f"""
        bets:
          - {{name: p, kind: pair, a: '{A}', b: '{B}'}}
          - {{name: q, kind: exclusive, members: ['{B}', '{C}']}}
          - {{name: m, kind: mixture, of: [p, q], same: [['{B}', '{B}']]}}
        """
    )
    assert mixed.bets[2].kind == "mixture" and set(mixed.bets[2].markets) == {a, b, c}


def test_listing_facts_and_risks():
    found = parse(
        f"""
        bets: [{{name: x, kind: pair, a: '{A}', b: '{B}', m0: 0.002, settlement: timing, read_by_person: false}}]
        markets:
          '{B}': {{fees: {{fee_type: quadratic, multiplier: "0.5"}}, ticks: [["0", "1", "0.001"]], min_size: 5,
                   settles: 2026-12-17T20:00:00Z, status: PAUSED}}
          '{A}': {{fees: null}}
        """
    )
    assert (found.risks["x"].m0, found.risks["x"].settlement, found.risks["x"].trusted) == (
        D("0.002"),
        "timing",
        False,
    )
    known = found.listing(listing(KALSHI, "KX-B"))
    assert (known.min_size, known.status, known.fees.multiplier) == (
        5,
        "PAUSED",
        D("0.5"),
    ) and not known.fault
    assert known.ticks[0].step == D("0.001") and known.settles.isoformat() == "2026-12-17T20:00:00+00:00"
    assert found.listing(listing(POLYMARKET, "0xa")).fees is None
    assert found.listing(listing(KALSHI, "KX-Z")) == listing(KALSHI, "KX-Z")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1]", "the file: an object"), ("{}", "names no bets"), ("bets: 7", "bets: a list"),
        ("moon: 1", "moon is unknown"),
        ("bets: [{kind: moon}]", r"bets\[0\].*moon"), (f"bets: [{{kind: pair, a: '{A}'}}]", r"\.b: None is no market"),
        (f"bets: [{{kind: pair, a: '{A}', b: 'betfair:1'}}]", "betfair"),
        (f"bets: [{{kind: yes_no, market: '{B}', colour: red}}]", "colour is unknown"),
        (f"bets: [{{kind: yes_no, market: '{B}', m0: 2}}]", "chances"),
        (f"bets: [{{kind: yes_no, market: '{B}', m0: many}}]", "m0.*not a number"),
        (f"bets: [{{kind: yes_no, market: '{B}', settlement: maybe}}]", "maybe"),
        (f"bets: [{{kind: pair, a: '{A}', b: '{B}', inverted: 1}}]", "true or false"),
        (f"bets: [{{name: x, kind: yes_no, market: '{B}'}}, {{name: x, kind: yes_no, market: '{B}'}}]", "taken"),
        ("bets: [{kind: mixture, of: [a, b]}]", "named before"),
        (f"bets: [{{kind: ladder, steps: [{{market: '{B}', low: soon}}]}}]", "no time"),
        (f"markets: {{'{B}': {{fees: 7}}}}", "fees: an object"),
        (f"markets: {{'{B}': {{ticks: [[0, 1]]}}}}", "bands"), (f"markets: {{'{B}': {{status: ALIVE}}}}", "ALIVE"),
        (f"markets: {{'{B}': {{settles: '2026-12-17T20:00:00'}}}}", "time zone"), ("markets: {x: {}}", "'x' is no market"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_place(text, words):
    with pytest.raises(BetFileError, match=words):
        parse(text)


# --- in a replay


@pytest.fixture
def recording(tmp_path):
    """One Kalshi market whose book is crossed by six cents for a while: YES at 0.44, NO at 0.50."""
    recorder = Recorder(tmp_path, KALSHI)
    recorder.control("k", "opened", 1_000)
    base = {"market_ticker": "KX-B", "market_id": "m"}
    frames = [
        {"type": "orderbook_snapshot", "sid": 1, "seq": 1,
         "msg": {**base, "yes_dollars_fp": [["0.4000", "100.00"]], "no_dollars_fp": [["0.5000", "100.00"]]}},
        {"type": "orderbook_delta", "sid": 1, "seq": 2,
         "msg": {**base, "price_dollars": "0.5600", "delta_fp": "100.00", "side": "yes"}},
        {"type": "orderbook_delta", "sid": 1, "seq": 3,
         "msg": {**base, "price_dollars": "0.5600", "delta_fp": "-100.00", "side": "yes"}},
        {"type": "orderbook_delta", "sid": 1, "seq": 4,
         "msg": {**base, "price_dollars": "0.3900", "delta_fp": "1.00", "side": "yes"}},
    ]  # fmt: skip
    for number, frame in enumerate(frames):
        recorder.frame("k", json.dumps(frame).encode(), 1_000 + number * 1_000)
    recorder.close()
    return next(tmp_path.glob("*.gz"))


def bets_file(tmp_path, text):
    path = tmp_path / "bets.yaml"
    path.write_text(text)
    return path


def test_a_replay_reports_signals_verdicts_and_lifetimes(recording, tmp_path):
    path = bets_file(tmp_path, f"bets: [{{name: mine, kind: yes_no, market: '{B}'}}]")
    found = replay(recording, "--bets", path)
    assert found["signals_by_kind"] == {"yes_no": 2}, "the named bet, and YES + NO of every market"
    assert found["verdicts"] == {"QUARANTINED": 2} and found["reasons"] == {"crossed_book": 2}
    assert found["best"]["edge"] > 0 and found["best"]["direction"] == "kalshi:YES+kalshi:NO"
    assert found["lifetimes_ms"]["ended"] == 2 and found["lifetimes_ms"]["p50"] == 1_000
    assert replay(recording, "--bets", path) == found


def test_facts_of_the_file_are_used(recording, tmp_path):
    text = f"bets: [{{kind: yes_no, market: '{B}'}}]\nmarkets: {{'{B}': {{fees: null}}}}"
    found = replay(recording, "--bets", bets_file(tmp_path, text))
    assert found["signals"] == 0 and found["refusals"] == {"fees_unknown": 2}


@pytest.mark.parametrize(
    ("text", "words"),
    [("bets: [", "neither JSON nor YAML"), ("bets: []", "names no bets"),
     (f"bets: [{{kind: pair, a: '{A}', b: '{B}'}}]", "polymarket, of which no file")],
)  # fmt: skip
def test_a_bad_file_is_named(recording, tmp_path, text, words):
    with pytest.raises(CommandError, match=words):
        call_command("replay", str(recording), "--bets", str(bets_file(tmp_path, text)))
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("replay", str(recording), "--bets", str(tmp_path / "none.yaml"))
