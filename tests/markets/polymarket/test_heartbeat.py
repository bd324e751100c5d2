"""The dead man's switch: when it beats, what counts, and how it goes on after a stale id."""

import json
from datetime import UTC, datetime, timedelta

from markets.platforms.base import PlatformError
from markets.platforms.polymarket.heartbeat import Heartbeat
from markets.platforms.polymarket.replies import Reply

START = datetime(2026, 11, 26, 12, tzinfo=UTC)


class Platform:
    """Expects the id that it gave last."""

    def __init__(self) -> None:
        self.expected, self.beats, self.broken = "", [], None

    def __call__(self, body: bytes) -> Reply:
        given = json.loads(body)["heartbeat_id"]
        self.beats.append(given)
        if isinstance(self.broken, Exception):
            raise self.broken
        if self.broken is not None:
            return self.broken
        if given != self.expected:
            raw = {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": self.expected}
            return Reply(400, {}, json.dumps(raw).encode())
        self.expected = f"id-{len(self.beats)}"
        return Reply(200, {}, json.dumps({"heartbeat_id": self.expected}).encode())


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_nothing_is_sent_while_nothing_rests():
    platform = Platform()
    heart = Heartbeat(platform)
    heart.beat(at(0), resting=False)
    assert platform.beats == [] and heart.healthy(at(0)) and not heart.armed


def test_it_beats_every_five_seconds_and_never_stops_once_begun():
    platform = Platform()
    heart = Heartbeat(platform)
    for second in range(21):
        heart.beat(at(second), resting=second == 0)
    assert len(platform.beats) == 5 and platform.beats[0] == "" and platform.beats[1] == "id-1"
    assert heart.armed and heart.healthy(at(20)) and heart.failure == ""


def test_a_stale_id_is_replaced_by_the_expected_one_at_once():
    platform = Platform()
    platform.expected = "of-our-last-life"
    heart = Heartbeat(platform)
    heart.beat(at(0), resting=True)
    assert platform.beats == ["", "of-our-last-life"] and heart.armed and heart.failure == ""


def test_an_expired_switch_begins_anew():
    platform = Platform()
    heart = Heartbeat(platform)
    heart.beat(at(0), resting=True)
    platform.expected = ""  # it has cancelled and forgotten
    heart.beat(at(20), resting=True)
    assert heart.failure == "" and heart.healthy(at(20))


def test_it_is_unhealthy_when_the_beats_do_not_count_and_tries_sooner():
    for broken in (
        PlatformError("away"),
        Reply(425, {}, b'{"error":"restarting"}'),
        Reply(200, {}, b"<html>"),
    ):
        platform = Platform()
        heart = Heartbeat(platform)
        heart.beat(at(0), resting=True)
        platform.broken = broken
        heart.beat(at(5), resting=True)
        assert heart.failure and heart.healthy(at(8.9)) and not heart.healthy(at(9))
        heart.beat(at(6), resting=True)
        assert len(platform.beats) == 3
        platform.broken = None
        heart.beat(at(10), resting=True)
        assert heart.failure == "" and heart.healthy(at(10))


def test_a_switch_that_could_not_be_armed_is_unhealthy():
    platform = Platform()
    platform.broken = PlatformError("away")
    heart = Heartbeat(platform)
    heart.beat(at(0), resting=True)
    assert not heart.healthy(at(0)) and not heart.armed
