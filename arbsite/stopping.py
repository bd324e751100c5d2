"""SIGTERM and SIGINT as an event: what a long-lived command waits on."""

import signal
import threading


def stop_event() -> threading.Event:
    """An event that is set by SIGTERM or SIGINT. Call it from the main thread."""
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    return stop
