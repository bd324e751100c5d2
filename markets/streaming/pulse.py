"""When a connection last proved that its books are current: a plain value, without clock or socket.

A pong proves the socket, not the data behind it: streams were seen to answer pings and send nothing else for hours. A
quiet connection is therefore believed on the strength of its pongs only while its silence is plausible, measured by
how busy it has been. After that its word ends with its last data, and its books grow old like any others. Where frames
carry no numbers, nobody knows what such a silence swallowed: when data flows again, the connection is `doubted` until
it was opened anew.
"""

ENOUGH = 10  # batches of data before anything is concluded from their rhythm
WEIGHT = 1 / 32  # of the newest pause in the average
BATCH_MS = 50  # data closer together than this came as one
FACTOR = 8.0  # pauses of independent updates pass eight times their mean once in 3,000: then books rest for a moment
PATIENCE_MS = (
    1_500  # the least silence that says anything: below the greatest age of a book that is traded on
)
DOUBT_FACTOR, DOUBT_MS = (
    40.0,
    3_000,
)  # a pause that quiet after a burst does not explain: it is worth a new connection


class Pulse:
    """The rhythm of one connection. Times are Unix milliseconds of the receiver's clock."""

    __slots__ = ("_batches", "_data_ms", "_heard_ms", "_mean_ms", "_numbered", "doubted")

    def __init__(self, *, numbered: bool) -> None:
        """`numbered`: the feed sees a loss by itself, from the numbers of its frames."""
        self._numbered = numbered
        self.doubted = False  # only a new connection helps
        self._heard_ms = self._data_ms = self._batches = 0
        self._mean_ms = 0.0

    def opened(self, at_ms: int) -> None:
        """A fresh socket: its rhythm is not known yet."""
        self._heard_ms, self._data_ms, self._batches, self._mean_ms = at_ms, at_ms, 0, 0.0
        self.doubted = False

    def alive(self, at_ms: int) -> None:
        """Something was heard, be it only a pong."""
        self._heard_ms = at_ms

    def data(self, at_ms: int) -> None:
        """Market data came."""
        self._heard_ms = at_ms
        pause = at_ms - self._data_ms
        if pause < BATCH_MS or self.doubted:
            return
        doubtful = pause > max(DOUBT_MS, DOUBT_FACTOR * self._mean_ms)
        if doubtful and not self._numbered and self._batches >= ENOUGH:
            self.doubted = True
            return
        self._data_ms = at_ms
        self._batches += 1
        weight = max(WEIGHT, 1 / self._batches)
        self._mean_ms += (pause - self._mean_ms) * weight

    def vouched_ms(self, at_ms: int) -> int:
        """The latest moment of which the connection's books are known to be current."""
        if not self.doubted and self._plausible(at_ms - self._data_ms):
            return self._heard_ms
        return self._data_ms

    def _plausible(self, silence_ms: int) -> bool:
        return self._batches < ENOUGH or silence_ms <= max(PATIENCE_MS, FACTOR * self._mean_ms)
