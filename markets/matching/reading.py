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
                kind, value = fact
                if kind.startswith(tables.OPPOSITE):
                    kind = kind.removeprefix(tables.OPPOSITE)
                    kinds.setdefault("neg", set()).add(f"opposite of {value}")
                for one in f"{kind}:{value}".split("+"):  # `scoring title` is to lead, in points, per game
                    kind, _, value = one.partition(":")
                    if kind == tables.WORD:
                        words.append(value)
                    elif kind != tables.DROPPED:
                        kinds.setdefault(kind, set()).add(value)
                        aliases.setdefault(one, alias)
                place += size
                break
        else:
            words.append(token)
            place += 1
    return kinds, tuple(dict.fromkeys(words)), aliases
