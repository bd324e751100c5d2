"""Scenario files: read, checked before they run, carried out on time."""

import json
from pathlib import Path
from typing import Any

import pytest

from markets.platforms.base import OPEN, PAUSED
from markets.sandbox import scenario
from markets.sandbox.clock import ManualClock
from markets.sandbox.context import Sandbox
from markets.sandbox.market import WorldSpec
from markets.sandbox.scenario import Scenario, ScenarioError
from markets.sandbox.server import build
from markets.sandbox.traders import TraderSpec

START = 1_790_000_000_000
TEXT = """
name: a bad minute
steps:
  - at: 2.5
    gap: {pair: 0, cents: 8, size: 12.5, cheap: kalshi, seconds: 60}
  - at: 1
    fault: {kind: ws_silence, platform: kalshi, seconds: 10}
  - at: 3
    pause: {pair: 1, platform: polymarket}
  - at: 4
    clear:
"""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def sandbox(clock: ManualClock) -> Sandbox:
    return build(WorldSpec(pairs=2, short_lived=0), traders=TraderSpec(rate=0), clock=clock)


def test_steps_happen_on_time_and_in_order(tmp_path: Path, sandbox: Sandbox, clock: ManualClock) -> None:
    (tmp_path / "bad.yml").write_text(TEXT)
    running = Scenario(scenario.load(tmp_path / "bad.yml"), sandbox, start_ms=START)
    paused = sandbox.world.markets[sandbox.world.open_pairs()[1].polymarket_id]
    running.step(clock.advance(999))
    assert sandbox.faults.rules == []
    running.step(clock.advance(1))
    assert [rule.kind for rule in sandbox.faults.rules] == ["ws_silence"]
    running.step(clock.advance(1_500))
    assert sandbox.traders.gaps_opened == 1
    assert paused.state == OPEN
    running.step(clock.advance(1_500))
    assert paused.state == PAUSED
    assert sandbox.faults.rules == []
    assert running.facts() == {
        "steps": 4, "next": 4, "rounds": 0, "done": 4, "finished": True, "problems": [],
    }  # fmt: skip


def test_json_works_too_and_rounds_repeat(tmp_path: Path, sandbox: Sandbox, clock: ManualClock) -> None:
    path = tmp_path / "again.json"
    path.write_text(json.dumps({"repeat_after": 10, "steps": [{"at": 1, "rate": {"rate": 7}}]}))
    running = Scenario(scenario.load(path), sandbox, start_ms=START)
    for _ in range(35):
        running.step(clock.advance(1_000))
    assert (running.done, running.rounds, running.finished) == (4, 3, False)
    running.step(clock.advance(1_000_000))  # asleep for a hundred rounds
    running.step(clock.advance(1_000))
    assert running.done == 5
    assert sandbox.traders.rate == 7


def test_what_the_world_refuses_is_noted_and_the_rest_goes_on(sandbox: Sandbox, clock: ManualClock) -> None:
    plan = scenario.parse(
        {
            "steps": [
                {"at": 0, "resume": {"pair": 0, "platform": "kalshi"}},
                {"at": 0, "gap": {"pair": 99, "cents": 1}},
                {"at": 0, "rate": {"rate": 5}},
            ]
        }
    )
    running = Scenario(plan, sandbox, start_ms=START)
    running.step(clock.at_ms)
    assert running.done == 1
    assert [named in problem for named, problem in zip(["OPEN", "99"], running.problems, strict=True)] == [
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ([], "steps"),
        ({"steps": [], "speed": 3}, "'speed'"),
        ({"steps": ["pause"]}, "step 1"),
        ({"steps": [{"at": 1}]}, "step 1"),
        ({"steps": [{"at": 1, "rate": {"rate": 1}}, {"at": 1, "explode": {}}]}, "step 2.*'explode'"),
        ({"steps": [{"at": -1, "rate": {"rate": 1}}]}, "'at' of step 1"),
        ({"steps": [{"at": True, "rate": {"rate": 1}}]}, "'at' of step 1"),
        ({"steps": [{"at": 1, "rate": {"pace": 1}}]}, "'pace'"),
        ({"steps": [{"at": 1, "rate": {}}]}, "needs 'rate'"),
        ({"steps": [{"at": 1, "fault": {"kind": "latency"}}]}, "step 1.*'ms'"),
        ({"steps": [{"at": 1, "fault": [1]}]}, "step 1"),
        ({"steps": [{"at": 9, "clear": {}}], "repeat_after": 5}, "repeat_after"),
    ],
)
def test_a_wrong_scenario_names_its_step(data: Any, named: str) -> None:
    with pytest.raises(ScenarioError, match=named):
        scenario.parse(data)


@pytest.mark.parametrize("text", ["steps: [", "\x00", "!!python/object/apply:os.getcwd []"])
def test_a_file_that_is_no_scenario_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.yml").write_text(text)
    with pytest.raises(ScenarioError):
        scenario.load(tmp_path / "x.yml")
    with pytest.raises(ScenarioError):
        scenario.load(tmp_path / "missing.yml")
