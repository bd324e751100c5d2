"""A scenario: what happens to the sandbox, and when, from a YAML or JSON file.

    repeat_after: 120          # seconds; left out: once
    steps:
      - at: 5                  # seconds after the start
        fault: {kind: ws_silence, platform: kalshi, seconds: 10}
      - at: 20
        gap: {pair: 0, cents: 8, size: 50, cheap: kalshi}
      - at: 30
        pause: {pair: 1, platform: polymarket}
      - at: 60
        clear: {}

Every step holds one action of `actions.ACTIONS` with its fields. Names, fields and faults are checked when the file
is read; what the world refuses at its time (a market that has closed meanwhile) is noted in `problems`, and the
scenario goes on.
"""

import logging
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from markets.sandbox import actions
from markets.sandbox.context import Sandbox
from markets.sandbox.faultkinds import check_rule
from markets.sandbox.orders import SandboxError

log = logging.getLogger(__name__)

LONGEST_S = 7 * 86_400
KEPT_PROBLEMS = 100


class ScenarioError(SandboxError):
    """A scenario that cannot be used; the message names the step."""


@dataclass(frozen=True, slots=True)
class Step:
    """One action, `at_ms` after the start of its round."""

    at_ms: int
    action: str
    args: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """A checked scenario. `repeat_ms` 0: it ends after its last step."""

    steps: tuple[Step, ...]
    repeat_ms: int = 0


class Scenario:
    """A plan being carried out; the heart calls `step`."""

    def __init__(self, plan: Plan, sandbox: Sandbox, *, start_ms: int) -> None:
        self.plan = plan
        self.sandbox = sandbox
        self.round_ms = start_ms
        self.rounds = 0
        self.done = 0
        self.problems: deque[str] = deque(maxlen=KEPT_PROBLEMS)
        self._next = 0

    @property
    def finished(self) -> bool:
        """True when nothing is left to do."""
        return self._next >= len(self.plan.steps) and not self.plan.repeat_ms

    def step(self, now_ms: int) -> None:
        """Do what is due by `now_ms`, in order. A round that was slept through is done once, not several times."""
        steps, plan = self.plan.steps, self.plan
        while self._next < len(steps) and self.round_ms + steps[self._next].at_ms <= now_ms:
            self._do(steps[self._next])
            self._next += 1
        if plan.repeat_ms and self._next >= len(steps) and now_ms >= self.round_ms + plan.repeat_ms:
            self.round_ms += (now_ms - self.round_ms) // plan.repeat_ms * plan.repeat_ms
            self.rounds += 1
            self._next = 0

    def facts(self) -> dict[str, Any]:
        """For the state page."""
        return {
            "steps": len(self.plan.steps), "next": self._next, "rounds": self.rounds, "done": self.done,
            "finished": self.finished, "problems": list(self.problems),
        }  # fmt: skip

    def _do(self, step: Step) -> None:
        try:
            actions.act(self.sandbox, step.action, dict(step.args))
            self.done += 1
        except SandboxError as error:
            self.problems.append(f"{step.action} at {step.at_ms / 1000:g} s: {error}")
            log.warning("a scenario step was refused", extra={"action": step.action, "error": str(error)})


def load(path: Path) -> Plan:
    """Read and check a scenario file, YAML or JSON. Raises ScenarioError."""
    try:
        data = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ScenarioError(f"{path} cannot be read: {error}") from error
    return parse(data)


def parse(data: Any) -> Plan:
    """Check a scenario given as plain data; steps may come in any order. Raises ScenarioError."""
    if not isinstance(data, dict) or not isinstance(data.get("steps"), list):
        raise ScenarioError("a scenario is an object with a list of 'steps'")
    for name in sorted(map(str, data.keys() - {"steps", "repeat_after", "name"})):
        raise ScenarioError(f"a scenario has no field {name!r}; it has steps, repeat_after and name")
    steps = tuple(sorted((_step(raw, n) for n, raw in enumerate(data["steps"], 1)), key=lambda s: s.at_ms))
    repeat_ms = _milliseconds(data["repeat_after"], "'repeat_after'") if "repeat_after" in data else 0
    if "repeat_after" in data and repeat_ms <= (steps[-1].at_ms if steps else 0):
        raise ScenarioError("'repeat_after' must be later than the last step")
    return Plan(steps, repeat_ms)


def _step(raw: Any, number: int) -> Step:
    if not isinstance(raw, dict) or "at" not in raw or len(raw) != 2:
        raise ScenarioError(f"step {number} needs 'at' and one action, as in {{at: 5, gap: {{cents: 5}}}}")
    at_ms = _milliseconds(raw["at"], f"'at' of step {number}")
    name, args = next((key, value) for key, value in raw.items() if key != "at")
    args = {} if args is None else args
    try:
        actions.check(str(name), args)
        if name == "fault":
            check_rule(args, 0, 0)
    except (SandboxError, ValueError) as error:
        raise ScenarioError(f"step {number}: {error}") from error
    return Step(at_ms, str(name), args)


def _milliseconds(value: Any, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST_S:
        raise ScenarioError(f"{what} must be seconds from 0 to {LONGEST_S}, not {value!r}")
    return round(value * 1000)
