"""A seeded press: stories, the same in disguise, and other stories that share most of their words."""

import html
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 11, 20, tzinfo=UTC)
OUTLETS = (
    "Reuters",
    "CNBC",
    "CoinDesk",
    "The Block",
    "Bloomberg",
    "Yahoo Finance",
    "Financial Times",
    "BBC News",
)
PLACES = (
    "Iowa", "Ohio", "Texas", "Florida", "Nevada", "Georgia", "Arizona", "Michigan", "Wisconsin", "Pennsylvania", "Germany",
    "France", "Japan", "Brazil", "Canada", "Mexico", "Poland", "Austria", "Australia", "Iran", "Iraq",
)  # fmt: skip
PEOPLE = (
    "Trump", "Harris", "Newsom", "Vance", "DeSantis", "Obama", "Powell", "Lagarde", "Musk", "Altman", "Whitmer", "Shapiro",
    "Buttigieg", "Rubio", "Haley", "Moreno", "Okafor", "Lindqvist", "Tanaka", "Petrov",
)  # fmt: skip
COINS = (
    "Bitcoin",
    "Ethereum",
    "Solana",
    "Dogecoin",
    "Cardano",
    "Litecoin",
    "Avalanche",
    "Chainlink",
    "Polkadot",
)
FIRMS = (
    "Tesla", "Apple", "Nvidia", "Boeing", "Amazon", "Microsoft", "Coinbase", "Kraken", "BlackRock", "Fidelity", "Intel",
    "Siemens", "Pfizer", "Walmart", "Netflix", "Uber", "Ford", "Shell", "Nestle", "Toyota",
)  # fmt: skip
BANKS = (
    "Fed",
    "ECB",
    "Bank of England",
    "Bank of Japan",
    "Riksbank",
    "Swiss National Bank",
    "Bank of Canada",
)
MONTHS = ("January", "March", "April", "June", "July", "September", "October", "December")
THINGS = (
    "battery plant", "data center", "pension fund", "trade pact", "chip factory", "privacy bill", "border law",
    "gas pipeline", "climate rule", "tax plan", "drug trial", "rail merger", "port strike", "water treaty", "school budget",
)  # fmt: skip
# One template a kind of news; a number, place, name, date or negation of it makes another story
TEMPLATES = (
    "{bank} cuts interest rates by {bps} basis points in {month} meeting",
    "{bank} raises interest rates by {bps} basis points amid inflation worries",
    "{person} wins {place} primary with {percent}% of the vote",
    "{person} leads {person2} by {percent} points in new {place} poll",
    "{coin} rises above ${price} as ETF inflows reach ${millions} million",
    "{coin} falls below ${price} after exchange outflows of ${millions} million",
    "SEC approves {coin} ETF proposed by {firm} after {weeks} week review",
    "{firm} announces {thing} in {place} worth ${billions} billion",
    "{firm} to cut {jobs} jobs in {place} by {month}",
    "{place} parliament approves {thing} in {votes} to {votes2} vote",
    "Judge blocks {place} {thing} backed by {person}",
    "{firm} sues {firm2} over {thing} contract in {place}",
    "{place} inflation rises to {percent}.{tenth}% in {month}",
    "{place} unemployment falls to {percent}.{tenth}% in {month} as hiring picks up",
    "{person} endorses {person2} for {place} governor ahead of {month} runoff",
    "Magnitude {magnitude}.{tenth} earthquake hits {place}, killing at least {dead} people",
)
SWAPS = {
    "cuts": "lowers", "raises": "hikes", "rises above": "climbs past", "falls below": "drops under", "announces": "unveils",
    "basis points": "bps", "%": " percent", "wins": "won", "approves": "greenlights", "reach": "hit", "hits": "strikes",
    "million": "mln", "Fed ": "Federal Reserve ", "SEC ": "Securities and Exchange Commission ", "after": "following",
    "jobs": "job", "falls to": "dropped to", "rises to": "climbs to", "Bitcoin": "BTC", "poll": "survey",
    "to cut": "will cut",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Piece:
    """One item: what it is, and which story it tells."""

    story: int
    title: str
    outlet: str
    url: str
    at: datetime


def press(seed: int, count: int = 10_000, duplicates: float = 0.3, near: float = 0.35) -> list[Piece]:
    """`count` items of which `duplicates` (a share) repeat an earlier one in disguise; `near` of the stories are close to
    another. Dated within two days, in order.
    """
    chance = random.Random(seed)
    titles: list[str] = []
    known: set[str] = set()
    pieces: list[Piece] = []
    originals: list[Piece] = []
    for number in range(count):
        at = START + timedelta(hours=46) * number / count
        if originals and chance.random() < duplicates:
            # Mostly of what is young, as in life
            of = _young(chance, originals, 400)
            pieces.append(disguised(of, at, chance))
            continue
        title = _near(chance, titles) if titles and chance.random() < near else _title(chance)
        while title in known:
            title = _title(chance)
        known.add(title)
        titles.append(title)
        story = Piece(len(titles), title, chance.choice(OUTLETS), _url(chance, len(titles)), at)
        originals.append(story)
        pieces.append(story)
    return pieces


def _young(chance: random.Random, of: list, typical: int) -> Any:
    """One of these, mostly from the end of the list: `typical` places back on average."""
    back = int(chance.expovariate(1 / typical))
    return of[-1 - back] if back < len(of) else chance.choice(of)


def disguised(of: Piece, at: datetime, chance: random.Random) -> Piece:
    """The same story by somebody else: one to three disguises. Half of the time at an address of its own."""
    outlet = chance.choice([name for name in OUTLETS if name != of.outlet])
    title = of.title
    chosen = chance.sample(DISGUISES, chance.choice((1, 1, 2, 2, 3)))
    for disguise in sorted(chosen, key=DISGUISES.index):
        title = disguise(title, outlet, chance)
    url = _tracked(of.url, chance) if chance.random() < 0.3 else _url(chance, of.story)
    return Piece(of.story, title, outlet, url, at)


def _suffix(title: str, outlet: str, chance: random.Random) -> str:
    return title + chance.choice((" - ", " | ", " – ")) + outlet


def _punctuation(title: str, outlet: str, chance: random.Random) -> str:
    return chance.choice(
        (title + ".", title.replace(" in ", ", in "), f"“{title}”", title.replace(" ", "  "), f"{title}!")
    )


def _case(title: str, outlet: str, chance: random.Random) -> str:
    return chance.choice((title.upper(), title.lower(), title.title()))


def _reordered(title: str, outlet: str, chance: random.Random) -> str:
    for joint in (" after ", " as ", " amid ", " in ", " by ", " over "):
        head, found, tail = title.partition(joint)
        if found and len(tail.split()) > 1:
            return f"{joint.strip().capitalize()} {tail}, {head}"
    return title


def _entities(title: str, outlet: str, chance: random.Random) -> str:
    return (
        html.escape(title)
        .replace("$", "&#36;")
        .replace("'", "&rsquo;")
        .replace(" ", chance.choice((" ", "&nbsp;")))
    )


def _cut(title: str, outlet: str, chance: random.Random) -> str:
    """Cut off as feeds do, but not before its last number: without that nobody could tell which story it was."""
    last = max((at for at, sign in enumerate(title) if sign.isdigit()), default=0)
    at = max(int(len(title) * chance.uniform(0.7, 0.95)), last + 1)
    if at >= len(title) - 1:
        return title
    return title[:at].rstrip() + chance.choice(("…", "...", " ..."))


def _reworded(title: str, outlet: str, chance: random.Random) -> str:
    fitting = [old for old in SWAPS if old in title]
    for old in chance.sample(fitting, min(len(fitting), 2)):
        title = title.replace(old, SWAPS[old], 1)
    return title


def _led(title: str, outlet: str, chance: random.Random) -> str:
    return chance.choice(("BREAKING: ", "UPDATE 1-", "Exclusive: ", "JUST IN: ", "Live updates: ")) + title


# In the order in which a newsroom and its software would do it
DISGUISES = (_reworded, _reordered, _cut, _case, _punctuation, _led, _suffix, _entities)


def _near(chance: random.Random, titles: list[str]) -> str:
    """Another story that shares most words with a known one."""
    title = _young(chance, titles, 300)
    for change in chance.sample((_other_number, _other_place, _other_name, _negated, _hedged), 5):
        made = change(title, chance)
        if made != title:
            return made
    return title


def _other_number(title: str, chance: random.Random) -> str:
    words = title.split(" ")
    at = [number for number, word in enumerate(words) if any(sign.isdigit() for sign in word)]
    if not at:
        return title
    place = chance.choice(at)
    digit = next(sign for sign in words[place] if sign.isdigit())
    words[place] = words[place].replace(digit, chance.choice([d for d in "123456789" if d != digit]), 1)
    return " ".join(words)


def _other(title: str, chance: random.Random, names: tuple[str, ...]) -> str:
    found = [name for name in names if f"{name} " in f"{title} "]
    if not found:
        return title
    return title.replace(
        chance.choice(found), chance.choice([name for name in names if name not in title]), 1
    )


def _other_place(title: str, chance: random.Random) -> str:
    return _other(title, chance, PLACES if chance.random() < 0.7 else MONTHS)


def _other_name(title: str, chance: random.Random) -> str:
    for names in chance.sample((PEOPLE, FIRMS, COINS, BANKS, THINGS), 5):
        made = _other(title, chance, names)
        if made != title:
            return made
    return title


def _negated(title: str, chance: random.Random) -> str:
    for verb, negated in (
        (" approves ", " does not approve "), (" cuts ", " doesn't cut "), (" wins ", " fails to win "),
        (" announces ", " denies "), (" endorses ", " refuses to endorse "), (" raises ", " won't raise "),
        (" blocks ", " refuses to block "), (" sues ", " will not sue "),
    ):  # fmt: skip
        if verb in title and negated not in title:
            return title.replace(verb, negated, 1)
    return title


def _hedged(title: str, chance: random.Random) -> str:
    for verb, hedged in (
        (" cuts ", " may cut "),
        (" approves ", " could approve "),
        (" raises ", " might raise "),
    ):
        if verb in title:
            return title.replace(verb, hedged, 1)
    return title


def _title(chance: random.Random) -> str:
    person, person2 = chance.sample(PEOPLE, 2)
    firm, firm2 = chance.sample(FIRMS, 2)
    return chance.choice(TEMPLATES).format(
        bank=chance.choice(BANKS), bps=chance.choice((10, 25, 50, 75, 100)), month=chance.choice(MONTHS), person=person,
        person2=person2, firm=firm, firm2=firm2, place=chance.choice(PLACES), percent=chance.randint(2, 67),
        coin=chance.choice(COINS), price=f"{chance.randint(1, 120) * 1000:,}", millions=chance.randint(101, 999),
        weeks=chance.randint(2, 40), thing=chance.choice(THINGS), billions=chance.randint(2, 60),
        jobs=f"{chance.randint(3, 99) * 100:,}", votes=chance.randint(200, 390), votes2=chance.randint(20, 199),
        tenth=chance.randint(0, 9), magnitude=chance.randint(4, 8), dead=chance.randint(2, 90),
    )  # fmt: skip


def _url(chance: random.Random, story: int) -> str:
    return f"https://www.site{chance.randint(1, 40)}.com/{story}/{chance.getrandbits(48):x}"


def _tracked(url: str, chance: random.Random) -> str:
    return chance.choice((
        url + "?utm_source=rss&utm_medium=feed", url.replace(".com/", ".com:443/"), url + "#comments", url + "/amp/",
        url.replace("https://www.", "http://"), url + "?fbclid=abc123", url + "/",
    ))  # fmt: skip
