"""Lanes that run beside each other must not see each other's books."""

from contextlib import ExitStack

import pytest

from tests.faults import lane


def test_no_two_lanes_and_no_worker_share_a_redis_database(monkeypatch, tmp_path):
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "3")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")

    def number(claims):
        return int(lane._own_redis(claims, tmp_path).rpartition("/")[2])

    with ExitStack() as one_file, ExitStack() as another:
        taken = [number(claims) for claims in (one_file, another, one_file, another)]
        assert taken == [15, 14, 13, 12]
        one_file.close()
        assert number(another) == 15  # it was given back
    with ExitStack() as everything:
        assert {number(everything) for _ in range(12)} == set(range(4, 16))  # 1 to 3 are the workers'
        with pytest.raises(AssertionError, match="beside 3 workers"):
            lane._own_redis(everything, tmp_path)
