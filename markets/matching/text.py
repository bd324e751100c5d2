"""Folding text, and words that look like numbers but are names (`Top 10`, `CA-15`, `Season 50`)."""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache

from markets.matching import tables

_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "−": "-", "‐": "-", "‑": "-",
                         "‒": "-", "…": " ", "°": " deg ", "≥": ">=", "≤": "<=", "ø": "o", "Ø": "o", "ł": "l",
                         "Ł": "l", "ß": "ss", "ı": "i", "đ": "d", "æ": "ae", "œ": "oe", "↑": " above ",
                         "↓": " below "})  # fmt: skip
STATES = frozenset(
    [
        "al",
        "ak",
        "az",
        "ar",
        "ca",
        "co",
        "ct",
        "de",
        "fl",
        "ga",
        "hi",
        "id",
        "il",
        "in",
        "ia",
        "ks",
        "ky",
        "la",
        "me",
        "md",
        "ma",
        "mi",
        "mn",
        "ms",
        "mo",
        "mt",
        "ne",
        "nv",
        "nh",
        "nj",
        "nm",
        "ny",
        "nc",
        "nd",
        "oh",
        "ok",
        "or",
        "pa",
        "ri",
        "sc",
        "sd",
        "tn",
        "tx",
        "ut",
        "vt",
        "va",
        "wa",
        "wv",
        "wi",
        "wy",
    ]
)
_DISTRICT = re.compile(r"\b([a-z]{2})[- ]?0*(\d{1,2}|al)\b(?! ?(?:am|pm))")
_NUMBERED_NAMES = (  # what is told apart by a number, in digits or in Roman ones
    "gta|grand theft auto|artemis|wrestlemania|final fantasy|half life|elder scrolls|pope leo|king charles"
)
_LABELS = (
    (re.compile(r"\btop ?-?(\d{1,3})\b(?!\.)"), r" rank__top\1 "),
    (re.compile(r"\b(\d{1,2})(?:st|nd|rd|th) overall\b"), r" rank__\1 "),
    *((re.compile(rf"\b(?:{word})(?: overall)? (?=pick|place|seed|overall)(?:overall\b)?"), f" rank__{number} ")
      for number, word in enumerate(("1st|first", "2nd|second", "3rd|third", "4th|fourth", "5th|fifth"), start=1)),
    (re.compile(r"(?:#|\bno\. ?|\bnumber )(\d{1,3})\b"), r" rank__\1 "),
    (re.compile(r"\b(\d{1,2})[- ]?(?:year|yr)\b(?= (?:fixed|mortgage|treasur|us treas|yield|note|bond|t-|gilt))"),
     r" tenor__\1 "),
    (re.compile(r"\bwomens? march madness\b"), " title__ncaaw "),
    (re.compile(r"\bmarch madness\b"), " title__ncaab "),
    (re.compile(rf"\b({_NUMBERED_NAMES}) (\d{{1,2}})\b"),
     r" \1 edition__\2 "),
    (re.compile(r"\b(season|super bowl|ufc) (\d{1,3})\b"), r" \1 edition__\2 "),
    (re.compile(r"\b(map|game|set|week|round|matchday|leg|inning|stage|heat|race|period) ?(\d{1,2})\b"),
     r" part__\1\2 "),
    (re.compile(r"\b(\d)(?:st|nd|rd|th) round\b"), r" part__round\1 "),
    *((re.compile(rf"\b{word} round\b"), f" part__round{number} ")
      for number, word in enumerate(("first", "second", "third", "fourth"), start=1)),
    (re.compile(r"\bgroup ([a-l])\b"), r" group__\1 "),
    (re.compile(r"\bbo(\d)\b|\bbest of (\d)\b"), " "),
    (re.compile(r"\b1\. ?fc\b"), " fc "),
)  # fmt: skip


# `Tesla's` is Tesla; `men's`, `driver's` and the like are written without the apostrophe as well
_POSSESSIVE = re.compile(
    r"(?<!\bmen)(?<!\bwomen)(?<!\bworld)(?<!\bdriver)(?<!\bplayer)(?<!\bconstructor)(?<=[a-z]{3})'s\b"
)
LONGEST = 20_000  # characters of a text that are read; the longest real rule text has a tenth of it
_ENDLESS = re.compile(r"\d{25,}")  # token ids and the like, which no question means


@lru_cache(maxsize=256)  # a rule text is folded by every reader in turn
def fold(text: str) -> str:
    """Lower case, without accents, one kind of dash and quote; apostrophes vanish, `A's` is the Athletics."""
    text = _ENDLESS.sub(" ", text[:LONGEST]).translate(_QUOTES).lower()
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
        text = "".join(char for char in text if not unicodedata.combining(char)).translate(_QUOTES).lower()
    text = re.sub(r"\ba's\b", "athletics", text)
    text = re.sub(r"\bu\.s\.a?\.?(?=\W|$)", "us", text)
    text = _POSSESSIVE.sub("", text)
    return re.sub(r"[^\S\n]+", " ", text.replace("'", "")).strip()


def flat(text: str) -> str:
    """Folded words with single blanks, and a blank at both ends: for `in` tests on whole words."""
    return f" {' '.join(re.findall(r'[a-z0-9]+', fold(text)))} "


@cache
def _digit_phrases() -> re.Pattern[str]:
    parts = ["[^a-z0-9]{0,3}".join(map(re.escape, alias)) for alias in tables.with_digits()]
    return re.compile(r"(?<![a-z0-9])(?:" + "|".join(parts) + r")(?![a-z0-9])")


def _name(match: re.Match[str]) -> str:
    words = tuple(re.findall(r"[a-z0-9]+", match.group()))
    fact = tables.phrases().get(words)
    return f" {fact[0]}__{fact[1]} " if fact else " " + "".join(words) + "__word "


# The year of the edition 0 of what counts its editions
_EDITIONS = (
    (r"academy|oscars?", 1928), (r"grammys?", 1958), (r"primetime|emmys?", 1948), (r"golden", 1943), (r"tonys?", 1947),
    (r"cannes", 1947), (r"eurovision", 1956), (r"tour de france", 1913), (r"screen actors|sag", 1994),
    (r"bafta|british academy", 1947), (r"brit awards?", 1980),
)  # fmt: skip
_EDITION = re.compile(
    r"\b(\d{1,3})(?:st|nd|rd|th) (?:annual )?(?="
    + "|".join(f"(?P<e{zero}_{n}>{name})\\b" for n, (name, zero) in enumerate(_EDITIONS))
    + ")"
)
_ROMAN = re.compile(r"\bsuper bowl ([lxvi]+)\b")
_NUMBERED = re.compile(rf"\b({_NUMBERED_NAMES}) ([xvi]+)\b")
_SUPER_BOWL = 1966


def _edition_year(match: re.Match[str]) -> str:
    return f"{int((match.lastgroup or 'e0_')[1:].split('_')[0]) + int(match[1])} "


def _edition_years(text: str) -> str:
    """`98th Academy Awards` and `Super Bowl LX` by the year in which they are held."""
    text = _EDITION.sub(_edition_year, text)
    text = _NUMBERED.sub(lambda match: f"{match[1]} {_roman(match[2])}", text)
    return _ROMAN.sub(lambda match: f"{_SUPER_BOWL + _roman(match[1])} super bowl", text)


def _roman(text: str) -> int:
    values = [{"i": 1, "v": 5, "x": 10, "l": 50}[char] for char in text]
    return sum(-v if any(v < w for w in values[i + 1 :]) else v for i, v in enumerate(values))


AT_LARGE = {"ak", "de", "nd", "sd", "vt", "wy"}  # one seat: written AL, 00 or 01


@cache
def _state_seat() -> re.Pattern[str]:
    names = {" ".join(alias): fact[1] for alias, fact in tables.phrases().items() if fact[0] == "state"}
    names |= {"new york": "ny", "washington": "wa"}
    _STATE_CODES.update(names)
    return re.compile(
        rf"\b({'|'.join(sorted(names, key=len, reverse=True))})s? (\d{{1,2}})(?:st|nd|rd|th)?\b"
        r"(?! ?(?:%|seats|am|pm|point))"
    )


_STATE_CODES: dict[str, str] = {}


def _spelled_district(match: re.Match[str]) -> str:
    state, number = _STATE_CODES[match[1]], int(match[2])
    return f" seat__{state}{'al' if state in AT_LARGE else number} " if 1 <= number <= 52 else match.group()


def _district(match: re.Match[str]) -> str:
    state, number = match.groups()
    if state not in STATES or (" " in match.group() or "-" not in match.group()):
        return match.group()
    return f" seat__{state}{'al' if state in AT_LARGE else number} "


def name_numbers(folded: str) -> str:
    """Write what only looks like a number as a word of its own: `kind__value`."""
    text = _edition_years(folded)
    text = _digit_phrases().sub(_name, text) if any(map(str.isdigit, text)) else text
    text = _DISTRICT.sub(_district, text)
    if "district" in text or "house" in text:
        text = _state_seat().sub(_spelled_district, text)
    for pattern, replacement in _LABELS:
        text = pattern.sub(replacement, text)
    return text


def shown(text: str) -> str:
    """A word of ours as a person reads it."""
    return text.replace("__", " ").replace("_", " ")


def say(values: Iterable[str]) -> str:
    """Several values as a person reads them."""
    return ", ".join(shown(value) for value in sorted(values)) or "nothing"
