"""How the sandbox's outlets word things: headlines that name a market's subject, number and day, and disguises of them.

The words of true and of worthless stories come from the same lists: only what happens afterwards tells them apart.
"""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Noun:
    """What outlets call the subject of a topic; `market`: it is traded, so it rallies and slides."""

    name: str
    market: bool = False
    tags: tuple[str, ...] = ()


NOUNS = {
    "KXSBXBTC": Noun("Bitcoin", True, ("BTC",)),
    "KXSBXETH": Noun("Ether", True, ("ETH",)),
    "KXSBXSPX": Noun("Large-cap index", True),
    "KXSBXHIGHNY": Noun("New York high temperature"),
    "KXSBXCPI": Noun("US consumer price inflation"),
    "KXSBXSENATE": Noun("Senate majority seat count"),
    "KXSBXGAME": Noun("Featured game total points"),
    "KXSBXTREATY": Noun("Treaty signatory count"),
    "KXSBXLAUNCH": Noun("Orbital launches this year"),
    "KXSBXFED": Noun("Policy rate upper bound"),
    "KXSBXRAIN": Noun("Seattle monthly rainfall"),
    "KXSBXFILM": Noun("Featured film opening weekend"),
}
UP, DOWN = 1, -1
MARKET = {
    UP: (
        "{noun} rallies, traders now see it above {x} on {day}",
        "{noun} surges toward {x} as buyers return",
        "{noun} jumps on strong demand; {x} within reach by {day}",
        "{noun} climbs sharply, bets on more than {x} gain",
    ),
    DOWN: (
        "{noun} slides, traders now see it below {x} on {day}",
        "{noun} plunges away from {x} as sellers take over",
        "{noun} drops on weak demand; {x} out of reach by {day}",
        "{noun} falls sharply, bets on more than {x} lose",
    ),
}
FIGURE = {
    UP: (
        "{noun} likely to be above {x} on {day}, new figures show",
        "{noun}: forecast raised above {x} for {day}",
        "{noun} rises faster than expected, {x} will be exceeded",
        "{noun} up strongly, experts expect more than {x} by {day}",
    ),
    DOWN: (
        "{noun} unlikely to be above {x} on {day}, new figures show",
        "{noun}: forecast cut below {x} for {day}",
        "{noun} falls short of expectations, {x} will not be reached",
        "{noun} down sharply, experts expect less than {x} by {day}",
    ),
}
SUMMARIES = {
    UP: "The latest readings point higher. Anything above {x} on {day} is now seen as more likely than before.",
    DOWN: "The latest readings point lower. Anything above {x} on {day} is now seen as less likely than before.",
}
ANNOUNCEMENTS = (
    "Notice on the scheduled wallet maintenance of the {noun} network",
    "Support for the {noun} network upgrade",
    "Updates on fee tiers for {noun} spot trading pairs",
    "New {noun} learning quiz: what to know before {day}",
)
DRESSES = (
    "{title} - {outlet}",
    "JUST IN: {title}",
    "{title} | {outlet}",
    "UPDATE: {title}",
    "{spaced}",
    "{title} ...",
)


def headline(series: str, direction: int, x: str, day: str, rng: random.Random) -> tuple[str, str]:
    """A title and a summary that say a number will be higher or lower than thought."""
    noun = NOUNS[series]
    lists = MARKET if noun.market else FIGURE
    title = rng.choice(lists[direction]).format(noun=noun.name, x=x, day=day)
    return title, SUMMARIES[direction].format(x=x, day=day)


def announcement(series: str, day: str, rng: random.Random) -> str:
    """Something an exchange announces that moves nothing."""
    return rng.choice(ANNOUNCEMENTS).format(noun=NOUNS[series].name, day=day)


def disguised(title: str, outlet: str, rng: random.Random) -> str:
    """The same title as another outlet would put it."""
    return rng.choice(DRESSES).format(title=title, outlet=outlet, spaced=title.replace(",", " ,"))
