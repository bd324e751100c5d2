"""The screen: follows books and bets, and never drops what detection would accept."""

from dataclasses import replace
from random import Random

import pytest

from markets import bets
from markets.books import MICRO, BookView
from markets.platforms.base import KALSHI, POLYMARKET
from signals.detection.certificates import needs_of, prove
from signals.detection.detector import Certificates, Rules, find
from signals.detection.screen import Screen
from signals.detection.wide import best_asks
from tests.signals.values import NOW, A, B, book, listing, plain
from tests.signals.wide_values import random_world

PAIR = bets.pair("pair", A, B)
P, Q, R = [(POLYMARKET, name) for name in "pqr"]
EVENT = bets.one_of("event", bets.NEG_RISK, [P, Q, R], exhaustive=True)


def told(screen: Screen, *views: BookView) -> list[str]:
    for view in views:
        screen.update((view.platform, view.market_id), view)
    return screen.survivors()


def test_only_bets_whose_best_asks_cost_less_than_a_dollar_survive():
    screen = Screen([PAIR, bets.yes_no("own", *A)])
    assert screen.survivors() == []
    assert told(screen, book(A, [("0.44", 5)], [("0.45", 5)]), book(B, [("0.45", 5)], [("0.47", 5)])) == []
    assert told(screen, book(B, [("0.56", 5)], [("0.58", 5)])) == ["pair"]
    assert told(screen, book(A, [("0.46", 5)], [("0.45", 5)])) == ["pair", "own"]
    screen.update(A, None)
    assert screen.survivors() == []


def test_books_that_came_before_a_bet_are_known_to_it():
    screen = Screen()
    told(screen, book(A, [("0.38", 5)], [("0.40", 5)]), book(B, [("0.55", 5)], [("0.57", 5)]))
    screen.add(PAIR)
    assert screen.survivors() == ["pair"]
    screen.remove("pair")
    screen.remove("pair")
    assert screen.survivors() == []
    screen.add(bets.pair("other", A, B, inverted=True))
    assert screen.survivors() == ["other"]  # 0.40 and 0.57: YES of both
    screen.add(bets.pair("other", A, B))
    assert screen.survivors() == ["other"]


def test_a_wide_bet_survives_until_something_is_proved_and_again_when_an_ask_falls():
    screen = Screen([EVENT])
    assert screen.survivors() == ["event"]
    views = {m: book(m, [("0.32", 50)], [("0.35", 50)]) for m in EVENT.markets}
    known = {m: listing(m, plain()) for m in EVENT.markets}
    assert told(screen, *views.values()) == ["event"]
    assert not find(EVENT, views, known, Rules(), NOW, certificates=screen.certificates).findings
    assert screen.survivors() == []
    assert told(screen, book(P, [("0.32", 50)], [("0.36", 50)])) == []
    views[P] = book(P, [("0.28", 50)], [("0.29", 50)])
    assert told(screen, views[P]) == ["event"]
    assert find(EVENT, views, known, Rules(), NOW, certificates=screen.certificates).findings
    assert screen.survivors() == ["event"]
    screen.remove("event")
    assert screen.survivors() == []
    screen.add(EVENT)
    assert screen.survivors() == ["event"]


def test_bets_with_faults_survive_so_that_they_are_refused_by_name():
    assert Screen([replace(PAIR, exhaustive=False)]).survivors() == ["pair"]


def test_proofs_of_another_bet_of_the_same_name_count_for_nothing():
    certificates = Certificates()
    asks = best_asks(EVENT, {m: book(m, [("0.32", 50)], [("0.35", 50)]) for m in EVENT.markets})
    certificates.keep(EVENT, prove(EVENT, asks))
    assert certificates.proves(EVENT, asks)
    assert certificates.proves(replace(EVENT), asks)
    assert not certificates.proves(replace(EVENT, kind=bets.EXCLUSIVE, states=(*EVENT.states, "x")), asks)
    assert not certificates.proves(EVENT, [ask - 200_000 for ask in asks])


@pytest.mark.parametrize(
    "weights", [{"polymarket:p": 1}, {"polymarket:p": 3, "polymarket:q": 3, "polymarket:r": 1}]
)
def test_needs_are_the_weight_of_the_paying_states_rounded_up(weights):
    whole = sum(weights.values())
    for claim, need in zip(EVENT.covers[0], needs_of(EVENT.covers[0], weights), strict=True):
        exact = MICRO * sum(weight for state, weight in weights.items() if state in claim.pays_in)
        assert (need - 1) * whole < exact <= need * whole


def test_the_screen_never_drops_what_the_exact_detector_accepts():
    """Many bets on few markets, books that come, move and go, bets that are added and removed."""
    accepted = dropped = 0
    for seed in range(12):
        rng = Random(seed)
        worlds = [random_world(rng, markets=rng.choice([2, 3, 4]), levels=2) for _ in range(8)]
        known = {market: rule for w in worlds for market, rule in w.known.items()}
        books = {market: view for w in worlds for market, view in w.books.items()}
        now_bets = {f"w{i}": replace(w.bet, id=f"w{i}") for i, w in enumerate(worlds)}
        for i in range(6):
            a, b = rng.sample(sorted(known), 2)
            now_bets[f"p{i}"] = bets.pair(f"p{i}", a, b, rng.random() < 0.5)
            now_bets[f"y{i}"] = bets.yes_no(f"y{i}", *rng.choice(sorted(known)))
        screen = Screen(now_bets.values())
        for market, view in books.items():
            screen.update(market, view)
        for _ in range(20):
            touched = rng.sample(sorted(known), 2)
            for market in touched:
                books[market] = changed(rng, market)
                screen.update(market, books[market])
            views = {market: view for market, view in books.items() if view is not None}
            survivors = set(screen.survivors())
            for bet in [bet for bet in now_bets.values() if set(bet.markets) & set(touched)]:
                found = find(bet, views, known, Rules(), NOW).findings
                if bet.id in survivors:
                    find(bet, views, known, Rules(), NOW, certificates=screen.certificates)
                    accepted += bool(found)
                else:
                    assert not found, (seed, bet)
                    dropped += 1
            gone = rng.choice(sorted(now_bets))
            screen.remove(gone)
            back = now_bets.pop(gone)
            if rng.random() < 0.7:
                now_bets[gone] = back
                screen.add(back)
    assert accepted > 50
    assert dropped > 200


def changed(rng: Random, market) -> BookView | None:
    if rng.random() < 0.1:
        return None
    ask = rng.randint(3, 97)
    bids = ((rng.randint(1, ask - 1) * 10_000, 5 * MICRO),) if rng.random() < 0.9 else ()
    return BookView(*market, bids, ((ask * 10_000, 5 * MICRO),), NOW, NOW)


def test_rows_that_came_free_are_used_again():
    screen = Screen()
    for i in range(50):
        screen.add(bets.pair(f"pair{i}", A, B))
        screen.add(bets.one_of(f"event{i}", bets.EXCLUSIVE, [P, Q, (KALSHI, "Z")], exhaustive=False))
        screen.remove(f"pair{i}")
        screen.remove(f"event{i}")
    assert screen.rows == (2, 6)
