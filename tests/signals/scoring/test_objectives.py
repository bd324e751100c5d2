"""The four objectives: measured, and said honestly."""

import pytest

from signals.scoring import objectives
from signals.scoring.objectives import Alive, Counted, Latency


def test_opportunities_are_counted_twice_and_met_by_the_executable_ones():
    found = objectives.opportunities(Counted(600, 4, 2.0, {"hurdle": 300, "stale": 20}))
    assert (found["shown_a_day"], found["executable_a_day"], found["met"]) == (300, 2, False)
    assert "the target is missed" in found["sentence"] and "hurdle (300)" in found["sentence"]
    assert "counted as shown it would be met" in found["sentence"]
    assert objectives.opportunities(Counted(600, 102, 2.0, {}))["met"] is True
    assert objectives.opportunities(Counted(5, 5, 0.0, {}))["met"] is None


@pytest.mark.parametrize(
    ("hits", "total", "met", "word"),
    [
        (900, 1_000, True, "were right"),
        (8, 10, None, "not proven"),
        (3, 3, None, "not proven"),
        (500, 1_000, False, "missed"),
        (0, 0, None, "No whale"),
    ],
)
def test_accuracy_is_met_by_its_lower_bound(hits, total, met, word):
    found = objectives.accuracy({"whale": (hits, total), "news": (9, 10)}, level=0.99)
    assert found["met"] is met and word in found["sentence"] and found["by_kind"]["news"]["accuracy"] == 0.9


def test_latency_is_met_by_every_source():
    quick, slow = Latency(10, 2, 30, 0.1, 0.5, 31), Latency(10, 600, 86_400, None, None, 86_400)
    found = objectives.latency({"wire": quick, "delayed": slow})
    assert (
        found["met"] is False
        and "1 of 2 sources miss it" in found["sentence"]
        and "delayed 24.0 h" in found["sentence"]
    )
    assert found["sources"]["wire"]["met"] and found["sources"]["delayed"]["seen_to_prediction_p50"] is None
    assert objectives.latency({"wire": quick})["met"] is True
    assert objectives.latency({})["value"] is None


def test_uptime_is_that_of_the_weakest():
    found = objectives.uptime({"beat": Alive(2_000, 2_000), "worker": Alive(1_990, 2_000)})
    assert found["value"] == 0.995 and found["met"] is False and "worker was up least" in found["sentence"]
    short = objectives.uptime({"beat": Alive(5, 5)})
    assert short["met"] is None and "too short to prove three nines" in short["sentence"]
    assert objectives.uptime({"beat": Alive(3, 6)})["met"] is None
    assert objectives.uptime({"beat": Alive(2_000, 2_000), "worker": Alive(3, 6)})["met"] is None
    assert objectives.uptime({"beat": Alive(2_000, 2_000), "worker": Alive(6, 6)})["met"] is True
    assert objectives.uptime({})["met"] is None
    assert Alive(0, 0).share == 0


def test_a_few_minutes_say_nothing_of_a_day():
    found = objectives.opportunities(objectives.Counted(days=0.002, shown=50, executable=50, refused={}))
    assert found["met"] is None and "a day has not been seen yet" in found["sentence"]


def test_missed_is_said_only_of_what_is_proven():
    few, many = {"whale": (3, 3)}, {"whale": (500, 1_000)}
    assert objectives.word(objectives.accuracy(few, level=0.99)) == "not proven yet"
    assert objectives.word(objectives.accuracy(many, level=0.99)) == "MISSED"
    assert objectives.word(objectives.accuracy({}, level=0.99)) == "not measured"
    assert objectives.word(objectives.uptime({"beat": Alive(5, 6)})) == "not proven yet"
    assert objectives.word(objectives.uptime({"beat": Alive(1_990, 2_000)})) == "MISSED"
