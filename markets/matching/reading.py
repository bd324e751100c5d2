"""Words into facts by the alias tables: what titles and conditions have in common."""

import re

from markets.matching import tables

_WORD = re.compile(r"[a-z][a-z0-9]*(?:__[a-z0-9_.]+)?|\d+[a-z]+|[a-z0-9]+__word")


def canonical(text: str) -> tuple[dict[str, set[str]], tuple[str, ...], dict[str, tuple[str, ...]]]:
    """Kinds, left words, and where each fact came from. The longest alias wins."""
    tokens = _WORD.findall(text)
    table, longest = tables.phrases(), tables.longest()
    kinds: dict[str, set[str]] = {}
    aliases: dict[str, tuple[str, ...]] = {}
    words: list[str] = []
    place = 0
    while place < len(tokens):
        token = tokens[place]
        if "__" in token:
            kind, _, value = token.partition("__")
            if value == "word":
                words.append(kind)
            else:
                kinds.setdefault(kind, set()).add(value)
            place += 1
            continue
        for size in range(min(longest.get(token, 0), len(tokens) - place), 0, -1):
            alias = tuple(tokens[place : place + size])
            fact = table.get(alias)
            if fact is not None:
                if fact[0] != tables.DROPPED:
                    kinds.setdefault(fact[0], set()).add(fact[1])
                    aliases.setdefault(f"{fact[0]}:{fact[1]}", alias)
                place += size
                break
        else:
            words.append(token)
            place += 1
    return kinds, tuple(dict.fromkeys(words)), aliases
