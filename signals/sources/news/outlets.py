"""Who owns the outlet that carries a story: confirmation counts owners. An aggregator owns nothing of what it carries."""

from functools import cache
from pathlib import Path

import yaml

from signals.sources.news import titles
from signals.sources.news.addresses import site_of

_FILE = Path(__file__).with_name("outlets.yaml")
LONGEST = 64
# Their names are more often what a headline is about than who wrote it
ALSO_ACT = frozenset({"federal-reserve", "us-bls", "us-sec", "okx", "binance", "reddit", "x"})


@cache
def _owners() -> dict[str, str]:
    table = yaml.load(_FILE.read_text(), yaml.BaseLoader)
    return {_name(outlet): owner for owner, outlets in table.items() for outlet in outlets}


@cache
def names() -> frozenset[str]:
    """Every outlet's name and domain that may stand behind a headline, as `titles.plain_name` makes them."""
    found = {titles.plain_name(outlet) for outlet, owner in _owners().items() if owner not in ALSO_ACT}
    return frozenset(name for name in found if len(name) > 2)


def owner_of(outlet: str, url: str = "") -> str:
    """The owner of an outlet, by its name or its address; where unknown the site itself, or the outlet.

    Empty for an aggregator without the address of who wrote it: it confirms nothing.
    """
    known, site = _owners(), site_of(url)
    host = url.split("//", 1)[-1].split("/", 1)[0].removeprefix("www.")
    for key in (_name(outlet), _name(host), _name(site)):
        if key in known and (known[key] or key != _name(outlet)):
            return known[key]
    if _name(outlet) in known:  # an aggregator: the page it points to says whose it is
        return site[:LONGEST]
    return (site or _name(outlet))[:LONGEST]


def _name(text: str) -> str:
    return " ".join(text.casefold().removeprefix("the ").split())
