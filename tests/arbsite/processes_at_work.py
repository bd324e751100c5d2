"""Help for tests that start, kill and look for real processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def until(condition, seconds=120.0):
    """The first true answer of `condition`; fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {condition}")


def python(code, *args, **options):
    """A Python process of this checkout that runs `code`; its output can be read line by line."""
    options.setdefault("env", {**os.environ, "PYTHONPATH": str(ROOT)})
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, args)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        start_new_session=True, **options,
    )  # fmt: skip


def kill(process):
    """kill -9, and no zombie left."""
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
