"""Every chain of the system on one screen.

A step passes the window's id, never data: each looks for its work in Redis or the database, claims it, commits, and
stops quietly when there is none. The chain is the fast road; the sweep rings again for what nobody served.
"""

from celery import chain, signature
from celery.canvas import Signature

STEPS = ("markets.normalize", "signals.detect", "signals.decide", "execution.execute")


def step(task: str, **ids: str) -> Signature:
    """One link: a task by name, with ids as keyword arguments, deaf to the result of the link before."""
    return signature(task, kwargs=ids, immutable=True)


def on_window(window_id: str) -> Signature:
    """A window of price changes, from the connector to the orders it leads to."""
    return chain(*(step(name, window_id=window_id) for name in STEPS))


def on_poll(platform: str) -> Signature:
    """Prices of a platform fetched over REST: `fetch` closes a window, which goes through `on_window`."""
    return step("markets.fetch", platform=platform)


def from_detection(window_id: str) -> Signature:
    """What the sweep rings for a window whose chain died after its prices were written."""
    return chain(*(step(name, window_id=window_id) for name in STEPS[1:]))
