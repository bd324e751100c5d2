"""The newsroom: the same seed tells the same, what is true moves prices when it says so, and the truth is for judges."""

from collections import Counter

import pytest

from markets.platforms.base import KALSHI
from markets.sandbox.actions import act
from markets.sandbox.clock import ManualClock
from markets.sandbox.context import Sandbox
from markets.sandbox.headlines import NOUNS
from markets.sandbox.market import WorldSpec
from markets.sandbox.newsroom import Newsroom
from markets.sandbox.script import (
    COPY,
    FLOW,
    FLOW_NOISE,
    HIT,
    KINDS,
    LATE,
    LIE,
    LIE_TIME,
    NOISE,
    NOTICE,
    OCCASION,
    TRUE,
    Act,
    Push,
    Script,
    Subject,
    Told,
)
from markets.sandbox.server import build
from markets.sandbox.sources.archive import archive_of
from markets.sandbox.sources.values import OUTLETS
from markets.sandbox.topics import TOPICS
from markets.sandbox.traders import TraderSpec

START = 1_790_000_000_000
CENT = 10_000
SUBJECTS = [Subject(series, "$80,500", "December 20, 2026", 500_000) for series in NOUNS]


def made(every_s: float = 2.0, pairs: int = 24) -> tuple[Sandbox, ManualClock, Newsroom]:
    clock = ManualClock(START)
    spec = WorldSpec(pairs=pairs, short_lived=0, extra_kalshi=0, extra_polymarket=0, inverted_share=0.5)
    still = TraderSpec(rate=0, gap_every_s=0, taker_every_s=0)
    sandbox = build(spec, traders=still, clock=clock)
    return sandbox, clock, Newsroom(sandbox, every_s=every_s, seed=1)


def run(sandbox: Sandbox, clock: ManualClock, newsroom: Newsroom, seconds: float) -> None:
    for _ in range(round(seconds * 2)):
        now_ms = clock.advance(500)
        sandbox.traders.step(now_ms)
        newsroom.step(now_ms)


def fair(sandbox: Sandbox, market_id: str) -> int:
    quoter = sandbox.traders.quoter(market_id)
    return 1_000_000 - quoter.fair.price if quoter.inverted else quoter.fair.price


def test_every_topic_has_words() -> None:
    assert set(NOUNS) == {topic.series for topic in TOPICS}


def test_the_same_seed_draws_the_same_and_another_one_does_not() -> None:
    draws = [
        [script.draw(SUBJECTS, START) for _ in range(50)] for script in (Script(3), Script(3), Script(4))
    ]
    assert draws[0] == draws[1] != draws[2]


def test_all_kinds_are_drawn_and_each_keeps_its_word() -> None:
    script = Script(5)
    acts = [script.draw(SUBJECTS, START) for _ in range(3_000)]
    by_kind: dict[str, list[Act]] = {kind: [a for a in acts if a.kind == kind] for kind in KINDS}
    assert all(len(found) > 40 for found in by_kind.values())
    for kind in (NOISE, LATE, LIE_TIME, NOTICE, COPY, FLOW_NOISE):
        assert not any(a.pushes for a in by_kind[kind]), kind
    right = Counter(bool(a.pushes) for a in by_kind[TRUE])
    assert HIT - 0.06 < right[True] / len(by_kind[TRUE]) < HIT + 0.06
    assert all(
        p.cents * a.says > 0 for a in by_kind[TRUE] + by_kind[FLOW] + by_kind[OCCASION] for p in a.pushes
    )
    assert all(p.cents * a.says < 0 for a in by_kind[LIE] for p in a.pushes)
    assert all(a.told[0].age_ms >= 40 * 60_000 for a in by_kind[LATE])
    assert all(a.told[0].age_ms < 0 for a in by_kind[LIE_TIME])
    assert {a.told[0].outlet for a in by_kind[COPY]} == {"echo"}
    assert all(a.sent for a in by_kind[FLOW] + by_kind[FLOW_NOISE])
    # Stablecoins to an exchange before a rise, ether before a fall
    for a in by_kind[FLOW]:
        inflow = a.sent[0].to_address in {s.to_address for s in a.sent} and a.sent[0].from_address not in (
            "0x28c6c06298d514db089934071355e5743bf21d60", "0x21a31ee1afc51d94c2efccaa2092ad1028285549",
            "0xdfd5293d8e347dfe59e90efd55b2956a1343963d", "0x71660c4005ba85c37ccec55d0c4493e66fe775d3",
            "0x2910543af39aba0cd09dbb2d50200b3e800a63d2",
        )  # fmt: skip
        assert (a.says == 1) == (inflow != (a.sent[0].symbol == "ETH"))


def test_occasions_start_on_a_full_minute_and_the_agency_tells_after_it() -> None:
    script = Script(6)
    acts = [a for a in (script.draw(SUBJECTS, START) for _ in range(800)) if a.kind == OCCASION]
    assert acts
    for a in acts:
        assert a.planned is not None
        assert (START + a.planned.ahead_ms) % 60_000 == 0
        assert a.told[0].delay_ms > a.planned.ahead_ms and a.pushes[0].delay_ms > a.planned.ahead_ms


def test_prices_push_away_from_their_ends() -> None:
    script = Script(7)
    high = [Subject("KXSBXBTC", "$1", "May 1, 2027", 950_000)]
    says = [a.says for a in (script.draw(high, START) for _ in range(400)) if a.kind in (TRUE, NOISE)]
    assert sum(1 for one in says if one < 0) > 0.85 * len(says)


def test_a_true_act_moves_both_markets_the_way_it_says_when_it_says() -> None:
    sandbox, clock, newsroom = made(every_s=0)
    subject = newsroom.subjects()[0]
    told = Told("wire", "It rises", "", age_ms=1_000)
    act_ = Act(TRUE, subject.series, 1, (told,), pushes=(Push(subject.series, 6, 10_000),))
    record = newsroom.carry_out(act_, clock.now_ms())
    assert record.moves
    before = {m["pair"]: (fair(sandbox, m["kalshi"]), fair(sandbox, m["polymarket"])) for m in record.moves}
    run(sandbox, clock, newsroom, 9)
    for m in record.moves:
        assert (fair(sandbox, m["kalshi"]), fair(sandbox, m["polymarket"])) == before[m["pair"]]
    run(sandbox, clock, newsroom, 2)
    first = record.moves[0]
    assert fair(sandbox, first["kalshi"]) - before[first["pair"]][0] in (CENT, 2 * CENT), "by the cent"
    run(sandbox, clock, newsroom, 5)
    assert clock.now_ms() >= first["until_ms"] == first["at_ms"] + 5_000
    seen = set()
    for m in record.moves:
        pair = sandbox.world.pairs[m["pair"]]
        seen.add(pair.inverted)
        kalshi, polymarket = before[m["pair"]]
        assert fair(sandbox, m["kalshi"]) - kalshi == 6 * CENT == m["kalshi_cents"] * CENT
        assert fair(sandbox, m["polymarket"]) - polymarket == (-6 if pair.inverted else 6) * CENT
        book = sandbox.engine.book(m["kalshi"])
        middle = (book.best_bid + book.best_ask) // 2
        assert abs(middle - fair(sandbox, m["kalshi"])) < 3 * CENT


def test_an_hour_of_news_fills_every_source_and_the_truth_knows_all_of_it() -> None:
    sandbox, clock, newsroom = made(every_s=2)
    run(sandbox, clock, newsroom, 1_200)
    facts = newsroom.facts()
    assert sum(facts["acts"].values()) == len(facts["records"]) > 500
    archive = archive_of(sandbox)
    told = {story.outlet for story in archive.stories()}
    assert told >= {"wire", "ledger", "courier", "echo", "gazette", "rumour", "okx", "binance"}
    assert archive.movements["ethereum"] and archive.occasions
    outlets = facts["outlets"]
    good, bad = outlets["wire"], outlets["courier"]
    assert good["right"] > 0.7 * good["items"] and good["wrong"] == 0
    assert bad["right"] == 0
    assert outlets["rumour"]["right"] == 0 < outlets["rumour"]["wrong"]
    known = {story["number"] for record in facts["records"] for story in record["stories"]}
    assert {story.number for story in archive.stories()} <= known
    prices = [
        sandbox.traders.quoters[m.id].fair.price
        for m in sandbox.world.on(KALSHI)
        if m.id in sandbox.traders.quoters
    ]
    assert all(20_000 <= price <= 980_000 for price in prices)


def test_copies_follow_a_true_story_and_lies_are_marked() -> None:
    sandbox, clock, newsroom = made(every_s=1)
    run(sandbox, clock, newsroom, 400)
    records = newsroom.facts()["records"]
    titles = {s["title"].lower() for r in records if r["kind"] == TRUE for s in r["stories"]}
    for record in (r for r in records if r["kind"] == COPY):
        words = set(record["stories"][0]["title"].lower().replace(" ,", ",").split())
        assert any(len(words & set(title.split())) >= 0.8 * len(title.split()) for title in titles)
    assert not any(r["truthful"] for r in records if r["kind"] in (LIE, LIE_TIME, NOISE, LATE, NOTICE))
    for record in (r for r in records if r["kind"] == LIE_TIME):
        assert record["stories"][0]["published_ms"] > record["at_ms"] + 3_000_000


def test_without_markets_nothing_is_told() -> None:
    sandbox, clock, newsroom = made(pairs=0)
    run(sandbox, clock, newsroom, 20)
    assert not newsroom.records


def test_by_hand_and_by_script_share_one_archive() -> None:
    sandbox, _, newsroom = made(every_s=0)
    said = act(sandbox, "story", {"title": "By hand", "outlet": "ledger"})
    assert [story.number for story in archive_of(sandbox).stories()] == [said["number"]]
    assert newsroom.archive is archive_of(sandbox)


@pytest.mark.parametrize("name", sorted(OUTLETS))
def test_every_outlet_has_an_address_of_its_own(name: str) -> None:
    assert OUTLETS[name].domain.endswith(".sandbox.example")
