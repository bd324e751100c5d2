"""Every source that is polled, by name. A kind's package adds its maker; makers read the settings each time."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from signals.sources.base import Spec

Maker = Callable[[], Iterable[Spec]]
_makers: dict[str, Maker] = {}


class UnknownSource(ValueError):
    """No such source; the message lists those there are."""


def add(package: str, maker: Maker) -> None:
    """Have a package's sources polled; called from `signals.doors`."""
    _makers[package] = maker


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
