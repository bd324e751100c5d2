"""Games: `A vs. B`, `A at B`, `Will A beat B?` as two sides, and the side that YES stands for."""

import re
from dataclasses import dataclass

from rapidfuzz import fuzz

from markets.matching import tables
from markets.matching.text import shown

_VERSUS = re.compile(r"\s(?:vs?\.?|versus|@)\s")
_BEAT = re.compile(
    r"^(?:[^:?]{2,30}: )?will (?:the )?(.+?) (?:beat|defeat|win against|win over) (?:the )?(.+?)(?:\?| on | in |\(|$)"
)
_AT = re.compile(
    r"^(?:[\w ]{1,12}: )?((?!will|what|who|how|highest|lowest)[\w .'-]{2,40}?)"
    r" at (?!the\b|end\b)([\w .'-]{2,40}?)(?= winner|:|\?|$)"
)
_WILL = re.compile(r"^will (?:the )?(.+?) (?:win|beat|defeat)\b")
_LEFT_CUT = re.compile(r":|\bin the\b|\bwin the\b|\?| - |\bwill\b")
_RIGHT_CUT = re.compile(
    r":| - |\?|\(|\bmatch\b|\bgame\b|\bend in\b|\bwinner\b|\bseries\b| on |\bpart__|\b20\d\d\b"
)
_TAIL = re.compile(r"\(([^()]{2,50})\)\s*\??$")
# What clubs write around their name; it tells no club from another
FILLERS = frozenset(
    [
        "fc",
        "sc",
        "cf",
        "ac",
        "afc",
        "as",
        "ssc",
        "sv",
        "vfl",
        "vfb",
        "tsg",
        "bv",
        "fk",
        "sk",
        "nk",
        "if",
        "bk",
        "ca",
        "cd",
        "ud",
        "rc",
        "rcd",
        "us",
        "ss",
        "acf",
        "cfc",
        "club",
        "de",
        "del",
        "the",
        "clube",
        "esports",
        "gaming",
        "team",
        "e",
        "sports",
        "saudi",
        "futbol",
        "football",
        "deportivo",
        "sporting",
        "real",
        "borussia",
        "olympique",
        "racing",
        "athletic",
        "atletico",
        "united",
        "city",
        "town",
        "hotspur",
        "balompie",
        "calcio",
        "bsc",
        "kv",
        "rsc",
        "fbc",
        "ec",
        "sd",
        "og",
        "kfum",
        "ik",
        "hk",
    ]
)

Side = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fixture:
    """Two sides as words; `yes` are the words of the side that YES stands for, empty where unknown."""

    first: Side
    second: Side
    yes: Side = ()

    def __str__(self) -> str:
        return f"{shown(' '.join(self.first))} v {shown(' '.join(self.second))}"


def side(text: str) -> Side:
    """The words of one side, without numbers, years of foundation and the like."""
    words = re.findall(r"[a-z][a-z0-9_.]*|\d+ers", re.sub(r"\b\w+ers__word\b", lambda m: m[0], text))
    kept = tuple(word for word in words if word not in FILLERS and word != "and")
    return kept or tuple(words)


def read(title: str, label: str) -> Fixture | None:
    """The game a folded title is about; `label` is the folded name of the YES outcome, if it has one."""
    beat = _BEAT.search(title)
    yes: Side = ()
    if beat:
        first, second, yes = side(beat[1]), side(beat[2]), side(beat[1])
    elif split := _VERSUS.split(title, maxsplit=1)[1:] and _VERSUS.split(title, maxsplit=1):
        first = side(_LEFT_CUT.split(split[0])[-1])
        second = side(_RIGHT_CUT.split(split[1])[0])
    elif at := _AT.search(title):
        first, second = side(at[1]), side(at[2])
    else:
        return None
    if not first or not second:
        return None
    will, tail = _WILL.search(title), _TAIL.search(title)
    if will and not yes and not _VERSUS.search(will[1]):
        yes = side(will[1])
    if label:
        yes = side(label)
    elif tail and not beat:
        yes = side(tail[1])
    return Fixture(first, second, yes)


def team_names(words: Side, league: str) -> set[str]:
    """Teams of a league that the words can mean: by nickname, by city, by city and first letter of the nickname."""
    found = set()
    held = set(words)
    for team in tables.teams():
        if league and team.league != league:
            continue
        named = any(set(nick) <= held for nick in team.nicknames)
        rest = [word for word in words if word not in team.city]
        city = set(team.city) - FILLERS
        in_city = (
            bool(city)
            and city <= held
            and all(
                len(word) <= 2 and any(nick[0].startswith(word[0]) for nick in team.nicknames)
                for word in rest
            )
        )
        if named or in_city:
            found.add(team.name)
    return found


def alike(one: Side, two: Side, league: str = "") -> bool:
    """Whether two sides are the same team, as far as names tell."""
    if not one or not two:
        return False
    if "".join(one) == "".join(two):
        return True
    small, large = sorted((one, two), key=len)
    if all(any(close(word, other) for other in large) for word in small if len(word) > 1):
        letters = {word for word in one + two if len(word) == 1}
        if not letters or all(
            any(w.startswith(letter) for w in one + two if len(w) > 1) for letter in letters
        ):
            return any(len(word) > 1 for word in small)
    first, second = team_names(one, league), team_names(two, league)
    return len(first & second) == 1


_SHORT = {("st", "state"), ("st", "saint"), ("utd", "united"), ("intl", "international"), ("u", "university"),
          ("uni", "university"), ("mt", "mount"), ("ft", "fort"), ("gov", "governor")}  # fmt: skip


def close(one: str, two: str) -> bool:
    """Whether two words are one word in two spellings."""
    if one == two:
        return True
    if (one, two) in _SHORT or (two, one) in _SHORT:
        return True
    if max(len(one), len(two)) <= 3:
        return len(one) + len(two) > 2 and (one.startswith(two) or two.startswith(one)) and not one.isdigit()
    if min(len(one), len(two)) < 4 or one.isdigit() or two.isdigit():
        return False
    if one.startswith(two) or two.startswith(one):
        return True
    return one[0] == two[0] and fuzz.ratio(one, two) >= 82  # `descheduled` is not `rescheduled`


def pairing(one: Fixture, two: Fixture, league: str = "") -> bool | None:
    """True: same order of sides; False: crossed; None: another game."""
    if alike(one.first, two.first, league) and alike(one.second, two.second, league):
        return True
    if alike(one.first, two.second, league) and alike(one.second, two.first, league):
        return False
    return None
