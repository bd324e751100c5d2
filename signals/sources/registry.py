"""Every source that is polled, by name. A kind's package adds its maker; makers read the settings each time."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from signals.sources.base import Spec

Maker = Callable[[], Iterable[Spec]]
Teller = Callable[[datetime], dict[str, Any]]
_makers: dict[str, Maker] = {}
_tellers: dict[str, Teller] = {}


class UnknownSource(ValueError):
    """No such source; the message lists those there are."""


def add(package: str, maker: Maker) -> None:
    """Have a package's sources polled; called from `signals.doors`."""
    _makers[package] = maker


def tell(name: str, teller: Teller) -> None:
    """Have what a source keeps in its place shown with it: of one that makes no rows there is nothing else to see."""
    _tellers[name] = teller


def told(name: str, now: datetime) -> dict[str, Any]:
    """What a source's place says, for people and machines; empty where it says nothing or is too old."""
    return _tellers[name](now) if name in _tellers else {}


def all_specs() -> dict[str, Spec]:
    """Every source, those that are off as well.

    A name that an earlier package has taken gets its kind in front: the Fed has a feed (`fed`) and a calendar
    (`calendar-fed`), and each keeps a row, a breaker and quotas of its own.
    """
    found: dict[str, Spec] = {}
    for maker in _makers.values():
        for spec in maker():
            name = spec.name if spec.name not in found else f"{spec.kind}-{spec.name}"
            found[name] = spec if name == spec.name else replace(spec, name=name)
    return found


def spec(name: str) -> Spec:
    """One source. Raises UnknownSource."""
    known = all_specs()
    if name not in known:
        raise UnknownSource(f"No source is called {name!r}; there are: {', '.join(sorted(known)) or 'none'}.")
    return known[name]
