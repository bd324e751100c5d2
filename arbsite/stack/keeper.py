"""A thread that keeps one child process running.

The child is tied to this thread by its lifeline, so the thread lives exactly as long as the child is wanted.
It blocks in `wait`, which costs nothing and reaps the child at once: no zombie is ever taken for a server.
"""

import logging
import signal
import subprocess
import threading
import time
from collections.abc import Callable

from arbsite.stack.errors import StackError

logger = logging.getLogger(__name__)

STEADY_SECONDS = 10  # who lived this long starts with a clean record
FIRST_DELAY, LONGEST_DELAY = 0.1, 5.0
MAX_FIRST_ATTEMPTS = 4

StopStep = tuple[signal.Signals, float]


class Keeper(threading.Thread):
    """Starts a child by calling `launch`, starts it again whenever it ends, and stops it on request.

    `launch` may raise StackError or OSError. Until `settle()` was called a child that keeps failing is given
    up and the reason left in `error`; afterwards it is tried for ever.
    """

    def __init__(
        self, name: str, launch: Callable[[], subprocess.Popen], stop_steps: tuple[StopStep, ...]
    ) -> None:
        super().__init__(name=f"keeper-{name}", daemon=True)
        self.title = name
        self.process: subprocess.Popen | None = None
        self.error: Exception | None = None
        self.restarts = 0
        self._launch = launch
        self._stop_steps = stop_steps
        self._unwanted = threading.Event()
        self._settled = False

    def settle(self) -> None:
        """The child has proved that it works: never give it up from now on."""
        self._settled = True

    @property
    def pid(self) -> int | None:
        """The living child, if there is one."""
        process = self.process
        return process.pid if process is not None and process.returncode is None else None

    def run(self) -> None:
        """Start, wait, start again."""
        failures = 0
        while not self._unwanted.is_set():
            began = time.monotonic()
            self._one_life()
            if self._unwanted.is_set():
                return
            lived = time.monotonic() - began
            failures = 1 if lived > STEADY_SECONDS else failures + 1
            if not self._settled and failures >= MAX_FIRST_ATTEMPTS:
                return
            logger.warning("%s: %s; starting it again", self.title, self.error)
            self.restarts += 1
            # The first restart is immediate: a killed server is back before most clients have noticed.
            self._unwanted.wait(0 if failures == 1 else min(FIRST_DELAY * 2 ** (failures - 1), LONGEST_DELAY))

    def request_stop(self) -> None:
        """Ask the child to end, politely and without waiting."""
        self._unwanted.set()
        self._send(self._stop_steps[0][0])

    def stop(self) -> None:
        """End the child, ever more firmly, and wait for it."""
        if not self._unwanted.is_set():
            self.request_stop()
        for number, (signum, seconds) in enumerate(self._stop_steps):
            if number:
                self._send(signum)
            self.join(seconds)
            if not self.is_alive():
                return
        self.join()

    def _one_life(self) -> None:
        try:
            self.process = self._launch()
        except (OSError, StackError) as error:
            self.error = error
            return
        if (
            self._unwanted.is_set()
        ):  # stop() came while the child was being started and found nobody to signal
            self._send(self._stop_steps[0][0])
        status = self.process.wait()
        self.error = StackError(f"{self.title} ended with status {status}")

    def _send(self, signum: signal.Signals) -> None:
        process = self.process
        if process is not None:
            process.send_signal(signum)
