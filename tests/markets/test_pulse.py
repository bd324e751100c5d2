"""How long a silent connection is believed because it answers pings."""

import pytest

from markets.streaming.pulse import FACTOR, PATIENCE_MS, Pulse

START = 1_790_000_000_000


def beating(every_ms: int, count: int = 100, *, numbered: bool = True) -> tuple[Pulse, int]:
    pulse = Pulse(numbered=numbered)
    pulse.opened(START)
    for number in range(1, count + 1):
        pulse.data(START + number * every_ms)
    return pulse, START + count * every_ms


@pytest.mark.parametrize("every_ms", [60, 100])
def test_a_busy_stream_that_falls_silent_is_not_believed_for_two_seconds(every_ms: int) -> None:
    pulse, last = beating(every_ms)
    for silence in range(0, 10_000, 100):
        pulse.alive(last + silence)
        if silence > PATIENCE_MS:
            assert pulse.vouched_ms(last + silence) == last
        else:
            assert pulse.vouched_ms(last + silence) == last + silence


def test_a_quiet_stream_is_believed_as_long_as_its_silence_is_usual() -> None:
    pulse, last = beating(20_000)
    for silence in (5_000, 60_000, 150_000):
        pulse.alive(last + silence)
        assert pulse.vouched_ms(last + silence) == last + silence
    late = last + round(FACTOR * 20_000) + 1_000
    pulse.alive(late)
    assert pulse.vouched_ms(late) == last


def test_a_stream_that_calms_down_is_believed_again() -> None:
    pulse, last = beating(100)
    for number in range(1, 60):
        pulse.data(last + number * 20_000)
    now = last + 59 * 20_000 + 30_000
    pulse.alive(now)
    assert pulse.vouched_ms(now) == now


def test_frames_of_one_batch_say_nothing_about_the_rhythm() -> None:
    pulse = Pulse(numbered=False)
    pulse.opened(START)
    for second in range(1, 40):
        for ms in range(20):
            pulse.data(START + second * 10_000 + ms)
    now = START + 39 * 10_000 + 60_000
    pulse.alive(now)
    assert pulse.vouched_ms(now) == now


def test_nothing_is_concluded_from_a_fresh_connection() -> None:
    pulse, last = beating(100, count=5)
    pulse.alive(last + 20_000)
    assert pulse.vouched_ms(last + 20_000) == last + 20_000
    pulse, last = beating(100)
    pulse.opened(last + 5_000)
    pulse.alive(last + 15_000)
    assert pulse.vouched_ms(last + 15_000) == last + 15_000


def test_without_numbers_nobody_knows_what_a_silence_swallowed() -> None:
    pulse, last = beating(100, numbered=False)
    back = last + 5_000
    for ms in range(0, 3_000, 100):
        pulse.data(back + ms)
        assert pulse.doubted and pulse.vouched_ms(back + ms) == last
    pulse.opened(back + 3_000)
    assert not pulse.doubted and pulse.vouched_ms(back + 3_000) == back + 3_000


def test_with_numbers_the_feed_itself_sees_a_loss() -> None:
    pulse, last = beating(100, numbered=True)
    pulse.data(last + 5_000)
    assert not pulse.doubted and pulse.vouched_ms(last + 5_000) == last + 5_000
